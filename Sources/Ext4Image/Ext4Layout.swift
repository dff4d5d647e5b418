// The blocks that mkfs.ext4 takes for itself, before any content: superblocks, group descriptors,
// bitmaps, inode tables, the journal, the first directories; and where each of them is. Pure.
// Sources: e2fsprogs, lib/ext2fs/{initialize,alloc_tables,mkjournal,orphan}.c; Linux
// Documentation/filesystems/ext4.

/// What an empty file system of 4 KiB blocks and 256-byte inodes looks like inside.
package struct Ext4Layout: Hashable, Sendable {
  package static let blockByteCount: UInt64 = 4096
  /// A group's bitmap is one block: 8 × 4096.
  static let blocksPerGroup: UInt64 = 8 * 4096
  /// A block of an inode table holds 4096 / 256.
  static let inodesPerBlock: UInt64 = 4096 / 256
  /// Inodes 1 to 10 are reserved, 11 is lost+found.
  package static let reservedInodeCount: UInt64 = 11
  /// With flex_bg the tables of so many groups lie together: mke2fs's default.
  static let groupsPerFlexibleGroup: UInt64 = 16

  /// Blocks in use by groups: a last group too small for its own tables is left out.
  package let blockCount: UInt64
  package let groupCount: UInt64
  package let inodesPerGroup: UInt64
  /// Superblocks and group descriptors with all their copies.
  package let superblockBlockCount: UInt64
  /// Room for more group descriptors, with all copies, and the block that lists it.
  package let reservedBlockCount: UInt64
  package let bitmapBlockCount: UInt64
  package let tableBlockCount: UInt64
  /// With its extent tree.
  package let journalBlockCount: UInt64
  /// With its extent tree.
  package let orphanFileBlockCount: UInt64
  /// The root directory and lost+found: 1 and 4.
  package let directoryBlockCount: UInt64
  /// Inodes that are in use before any content.
  package let fixedInodeCount: UInt64
  let hasFlexibleGroups: Bool
  let free: FreeBlocks
  let root: FileBlocks
  let lostAndFound: FileBlocks

  package var inodeCount: UInt64 { inodesPerGroup * groupCount }
  package var freeBlockCount: UInt64 { blockCount - fixedBlockCount }
  /// Blocks that are in use before any content.
  package var fixedBlockCount: UInt64 {
    superblockBlockCount + reservedBlockCount + bitmapBlockCount + tableBlockCount
      + journalBlockCount + orphanFileBlockCount + directoryBlockCount
  }

  /// - Returns: `nil` where mkfs.ext4 would refuse: too few blocks for the tables or the journal.
  package init?(blocks: UInt64, inodes: UInt64, options: Ext4Options, version: E2fsVersion) {
    guard let shape = Ext4Shape(blocks: blocks, inodes: inodes, features: options.features),
      var empty = EmptyFileSystem(shape, version), empty.makeFiles(journal: options.journal)
    else { return nil }
    blockCount = shape.blockCount
    groupCount = shape.groupCount
    inodesPerGroup = shape.inodesPerGroup
    superblockBlockCount = shape.backupCount * (1 + shape.descriptorBlocks)
    reservedBlockCount =
      shape.backupCount * shape.reservedBlocks
      + (options.features.contains(.resizeInode) ? 1 : 0)
    bitmapBlockCount = 2 * shape.groupCount
    tableBlockCount = shape.groupCount * shape.tableBlocks
    journalBlockCount = empty.journal.count + empty.journal.treeBlockCount
    orphanFileBlockCount = empty.orphanFile.count + empty.orphanFile.treeBlockCount
    directoryBlockCount = empty.root.count + empty.lostAndFound.count
    fixedInodeCount = Self.reservedInodeCount + (empty.orphanFile.count > 0 ? 1 : 0)
    hasFlexibleGroups = options.features.contains(.flexibleGroups)
    free = empty.free
    root = empty.root
    lostAndFound = empty.lostAndFound
  }

  static func dividedUp(_ count: UInt64, by divisor: UInt64) -> UInt64 {
    count / divisor + (count % divisor == 0 ? 0 : 1)
  }
}

/// The sizes that follow from blocks, inodes and features alone.
struct Ext4Shape {
  private(set) var blockCount: UInt64
  private(set) var groupCount: UInt64
  private(set) var inodesPerGroup: UInt64
  let features: Ext4Features

  var tableBlocks: UInt64 { inodesPerGroup / Ext4Layout.inodesPerBlock }

  init?(blocks: UInt64, inodes: UInt64, features: Ext4Features) {
    self.features = features
    blockCount = blocks
    groupCount = Ext4Layout.dividedUp(blocks, by: Ext4Layout.blocksPerGroup)
    inodesPerGroup = 0
    // mke2fs refuses tables that are larger than the file system
    guard groupCount > 0, inodes / Ext4Layout.inodesPerBlock < blocks else { return nil }
    while true {
      let perGroup = Ext4Layout.dividedUp(inodes, by: groupCount)
      let unit = Ext4Layout.inodesPerBlock
      inodesPerGroup = Ext4Layout.dividedUp(max(perGroup, 1), by: unit) * unit
      // one bitmap block holds 8 × 4096 inodes
      guard inodesPerGroup <= 8 * Ext4Layout.blockByteCount,
        inodesPerGroup * groupCount <= UInt64(UInt32.max)
      else { return nil }
      let rest = blockCount % Ext4Layout.blocksPerGroup
      let overhead = 2 + tableBlocks + superblockBlocks(ofGroup: groupCount - 1)
      if rest == 0 || rest >= overhead + 50 { return }
      // mkfs leaves out a last group that has not 50 blocks beside its tables
      if groupCount == 1 { return nil }
      blockCount -= rest
      groupCount -= 1
    }
  }

  /// Superblocks are copied to the groups 0, 1 and the powers of 3, 5 and 7: sparse_super.
  static func hasSuperblock(group: UInt64) -> Bool {
    if group <= 1 { return true }
    return [3, 5, 7].contains { (base: UInt64) in
      var rest = group
      while rest % base == 0 { rest /= base }
      return rest == 1
    }
  }

  var backupCount: UInt64 { UInt64((0..<groupCount).count { Self.hasSuperblock(group: $0) }) }

  /// A superblock, the descriptors and the room for more of them, where the group has a copy.
  func superblockBlocks(ofGroup group: UInt64) -> UInt64 {
    Self.hasSuperblock(group: group) ? 1 + descriptorBlocks + reservedBlocks : 0
  }

  var descriptorBlocks: UInt64 { descriptorBlocks(of: groupCount) }

  /// 64 bytes a group; 32 without 64-bit block numbers.
  private func descriptorBlocks(of groups: UInt64) -> UInt64 {
    let byteCount: UInt64 = features.contains(.sixtyFourBit) ? 64 : 32
    return Ext4Layout.dividedUp(groups * byteCount, by: Ext4Layout.blockByteCount)
  }

  /// Room for the descriptors of a file system 1024 times as large, at most 1024 blocks.
  var reservedBlocks: UInt64 {
    guard features.contains(.resizeInode) else { return 0 }
    let ceiling: UInt64 = (1 << 32) - 1
    let grown = blockCount < ceiling / 1024 ? blockCount * 1024 : ceiling
    let wanted = descriptorBlocks(of: Ext4Layout.dividedUp(grown, by: Ext4Layout.blocksPerGroup))
    // one block lists them, by numbers of 4 bytes
    return min(wanted - min(wanted, descriptorBlocks), Ext4Layout.blockByteCount / 4)
  }

  /// The blocks of a group.
  func blocks(ofGroup group: UInt64) -> Range<UInt64> {
    let start = group * Ext4Layout.blocksPerGroup
    return start..<min(start + Ext4Layout.blocksPerGroup, blockCount)
  }
}
