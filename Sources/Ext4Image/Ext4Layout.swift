// The blocks that mkfs.ext4 takes for itself, before any content: superblocks, group descriptors,
// bitmaps, inode tables, the journal. Pure arithmetic on block and inode counts.
// Sources: e2fsprogs, lib/ext2fs/initialize.c and mkjournal.c; Linux Documentation/filesystems/ext4.

/// What an empty file system of 4 KiB blocks and 256-byte inodes looks like inside.
package struct Ext4Layout: Hashable, Sendable {
  package static let blockByteCount: UInt64 = 4096
  /// A group's bitmap is one block: 8 × 4096.
  static let blocksPerGroup: UInt64 = 8 * 4096
  /// A block of an inode table holds 4096 / 256.
  static let inodesPerBlock: UInt64 = 4096 / 256
  /// Inodes 1 to 10 are reserved, 11 is lost+found.
  package static let reservedInodeCount: UInt64 = 11

  /// Blocks in use by groups: a last group too small for its own tables is left out.
  package let blockCount: UInt64
  package let groupCount: UInt64
  package let inodesPerGroup: UInt64
  package let journalBlockCount: UInt64
  /// Blocks that are in use before any content, the root directory's first block included.
  package let fixedBlockCount: UInt64

  package var inodeCount: UInt64 { inodesPerGroup * groupCount }
  package var freeBlockCount: UInt64 { blockCount - fixedBlockCount }

  /// - Returns: `nil` where mkfs.ext4 would refuse: too few blocks for the tables.
  package init?(blocks: UInt64, inodes: UInt64) {
    guard let shape = Self.shape(blocks: blocks, inodes: inodes) else { return nil }
    let backups = UInt64((0..<shape.groups).count { Self.hasSuperblock(group: $0) })
    let tables = shape.groups * (2 + shape.inodesPerGroup / Self.inodesPerBlock)
    let journal = Self.journalBlocks(of: shape.blocks)
    let copies =
      backups
      * (1 + Self.descriptorBlocks(shape.groups) + Self.reservedBlocks(shape.blocks, shape.groups))
    // the root directory 1, lost+found 4, the resize inode's index 1
    let fixed = copies + tables + journal + Self.extentBlocks(runs: Self.runs(ofFile: journal)) + 6
    guard fixed < shape.blocks else { return nil }
    blockCount = shape.blocks
    groupCount = shape.groups
    inodesPerGroup = shape.inodesPerGroup
    journalBlockCount = journal
    fixedBlockCount = fixed
  }

  private struct Shape {
    var blocks: UInt64
    var groups: UInt64
    var inodesPerGroup: UInt64
  }

  private static func shape(blocks: UInt64, inodes: UInt64) -> Shape? {
    let groups = dividedUp(blocks, by: blocksPerGroup)
    // one bitmap block holds 8 × 4096 inodes
    let perGroup =
      dividedUp(dividedUp(inodes, by: max(groups, 1)), by: inodesPerBlock) * inodesPerBlock
    guard groups > 0, perGroup <= 8 * blockByteCount else { return nil }
    let rest = blocks % blocksPerGroup
    var overhead = 2 + perGroup / inodesPerBlock
    if hasSuperblock(group: groups - 1) {
      overhead += 1 + descriptorBlocks(groups) + reservedBlocks(blocks, groups)
    }
    if rest == 0 || rest >= overhead + 50 {
      return Shape(blocks: blocks, groups: groups, inodesPerGroup: perGroup)
    }
    // mkfs leaves out a last group that has not 50 blocks beside its tables
    return groups == 1 ? nil : shape(blocks: blocks - rest, inodes: inodes)
  }

  /// Superblocks are copied to the groups 0, 1 and the powers of 3, 5 and 7: sparse_super.
  private static func hasSuperblock(group: UInt64) -> Bool {
    if group <= 1 { return true }
    return [3, 5, 7].contains { (base: UInt64) in
      var rest = group
      while rest % base == 0 { rest /= base }
      return rest == 1
    }
  }

  /// 64 bytes a group.
  private static func descriptorBlocks(_ groups: UInt64) -> UInt64 {
    dividedUp(groups * 64, by: blockByteCount)
  }

  /// Room for the descriptors of a file system 1024 times as large, at most 1024 blocks.
  private static func reservedBlocks(_ blocks: UInt64, _ groups: UInt64) -> UInt64 {
    let ceiling: UInt64 = (1 << 32) - 1
    let grown = blocks < ceiling / 1024 ? blocks * 1024 : ceiling
    let wanted = descriptorBlocks(dividedUp(grown, by: blocksPerGroup))
    let present = descriptorBlocks(groups)
    return wanted <= present ? 0 : min(wanted - present, blockByteCount / 4)
  }

  private static func journalBlocks(of blocks: UInt64) -> UInt64 {
    let sizes: [(below: UInt64, journal: UInt64)] = [
      (2048, 0), (32_768, 1024), (262_144, 4096), (524_288, 8192), (4_194_304, 16_384),
      (8_388_608, 32_768), (16_777_216, 65_536), (33_554_432, 131_072),
    ]
    return sizes.first { blocks < $0.below }?.journal ?? 262_144
  }

  /// The most runs in which mkfs lays down a file of so many blocks.
  ///
  /// A run ends with its group, and may be broken once by the tables inside it. It has at most 32768
  /// blocks.
  static func runs(ofFile blocks: UInt64) -> UInt64 {
    blocks == 0 ? 0 : 2 * dividedUp(blocks, by: blocksPerGroup) + 1
  }

  /// Blocks of a file's extent tree beside the inode, which holds 4 runs itself.
  ///
  /// A tree block holds
  /// 340: (4096 − 12 header − 4 checksum) / 12, but may be left half full when it is split.
  static func extentBlocks(runs: UInt64) -> UInt64 {
    if runs <= 4 { return 0 }
    let leaves = runs <= 340 ? 1 : dividedUp(runs, by: 340 / 2)
    return leaves + extentBlocks(runs: leaves)
  }

  static func dividedUp(_ count: UInt64, by divisor: UInt64) -> UInt64 {
    count / divisor + (count % divisor == 0 ? 0 : 1)
  }
}
