// Which bytes of which directory blocks have to change for all names of a symbolic link to have one inode.
// mkfs.ext4 gives each name its own. Knows directory blocks and their checksums; writes nothing.
// Source: Linux Documentation/filesystems/ext4/directory.rst, checksums.rst.

package import FileTree

/// The names of symbolic links that are to share an inode.
package struct LinkJoining: Hashable, Sendable {
  /// A byte of a block, as it is to be.
  package struct Patch: Hashable, Sendable {
    package var block: UInt64
    package var offset: Int
    package var byte: UInt8

    package init(block: UInt64, offset: Int, byte: UInt8) {
      self.block = block
      self.offset = offset
      self.byte = byte
    }
  }

  /// An inode that nothing refers to afterwards.
  package struct Spare: Hashable, Sendable {
    package var inode: UInt32
    /// All blocks that it has, if one of them is for its extended attributes: debugfs gives back only
    /// those of its content.
    package var blocks: [UInt64]

    package init(inode: UInt32, blocks: [UInt64] = []) {
      self.inode = inode
      self.blocks = blocks
    }
  }

  package private(set) var patches: [Patch] = []
  package private(set) var spares: [Spare] = []

  package init(patches: [Patch] = [], spares: [Spare] = []) {
    self.patches = patches
    self.spares = spares
  }

  /// What has to be done to an image that has been compared with `tree` and found to be numbered so.
  ///
  /// - Throws: `.malformedImage`, `.systemCall`.
  package init(
    of tree: Tree,
    numbering: InodeNumbering,
    in reader: Ext4ImageReader
  ) throws(Ext4Error) {
    let further = numbering.assignments.filter { $0.joins != nil }
    if further.isEmpty { return }
    var reader = reader
    for assignment in further { spares.append(try Self.spare(assignment.inode, &reader)) }
    let kept = Dictionary(further.map { ($0.inode, $0.joins ?? 0) }, uniquingKeysWith: { $1 })
    let places = further.compactMap(\.place).sorted()
    for assignment in numbering.assignments where tree[assignment.node].kind == .directory {
      let range = tree.childRange(of: tree[assignment.node])
      let next = places.partitioningIndex { $0 >= range.lowerBound }
      guard next < places.count, places[next] < range.upperBound else { continue }
      try join(kept, inDirectory: assignment.inode, &reader)
    }
  }

  private static func spare(
    _ number: UInt32,
    _ reader: inout Ext4ImageReader
  ) throws(Ext4Error) -> Spare {
    let inode = try reader.inode(number)
    guard let block = try reader.attributeBlock(of: inode) else { return Spare(inode: number) }
    // mkfs gives each inode a block of its own, and no other's may be given back
    guard block.little(UInt32.self, at: 4) == 1 else {
      throw reader.malformed("a shared attribute block", block: inode.attributeBlock)
    }
    // a target takes one block at most
    let content = inode.shortTarget == nil ? try reader.extents(of: inode).map(\.firstBlock) : []
    return Spare(inode: number, blocks: [inode.attributeBlock] + content)
  }

  private mutating func join(
    _ kept: [UInt32: UInt32],
    inDirectory number: UInt32,
    _ reader: inout Ext4ImageReader
  ) throws(Ext4Error) {
    let directory = try reader.inode(number)
    let seed = reader.superblock.checksumSeed.map {
      CRC32C.update(CRC32C.update($0, number), directory.generation)
    }
    for block in try reader.blocks(of: directory) {
      guard let joined = Self.joined(block.bytes, kept, seed: seed) else {
        throw reader.malformed("malformed directory block", block: block.number)
      }
      for offset in joined.indices where joined[offset] != block.bytes[offset] {
        patches.append(Patch(block: block.number, offset: offset, byte: joined[offset]))
      }
    }
  }

  /// The end of a block that has a checksum: 12 bytes that look like an entry without a name, of a type
  /// that there is not; the checksum of all before them is their last four.
  private static let tail: [UInt8] = [0, 0, 0, 0, 12, 0, 0, 0xDE]

  /// A directory block with the kept inodes in place of the others.
  ///
  /// - Returns: `nil` for a block that is malformed.
  private static func joined(
    _ block: [UInt8],
    _ kept: [UInt32: UInt32],
    seed: UInt32?
  ) -> [UInt8]? {
    guard let entries = Ext4DirectoryEntry.parse(block) else { return nil }
    var joined = block
    var isChanged = false
    for entry in entries {
      guard let inode = kept[entry.inode] else { continue }
      joined.setLittle(inode, at: entry.offset)
      isChanged = true
    }
    guard isChanged, let seed else { return joined }
    let end = block.count - tail.count - 4
    guard end >= 0, block[end...].starts(with: tail) else { return nil }
    joined.setLittle(CRC32C.update(seed, joined[..<end]), at: block.count - 4)
    return joined
  }
}

extension [Int] {
  /// The first index of a sorted array whose element satisfies `belongs`, as all behind it do.
  fileprivate func partitioningIndex(where belongs: (Int) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = low + (high - low) / 2
      if belongs(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}

extension [UInt8] {
  /// Writes a number, least significant byte first, into a place that the caller knows to be there.
  fileprivate mutating func setLittle(_ number: UInt32, at offset: Int) {
    for index in 0..<4 { self[offset + index] = UInt8(truncatingIfNeeded: number >> (index * 8)) }
  }
}
