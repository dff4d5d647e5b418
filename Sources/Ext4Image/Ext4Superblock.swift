// The superblock and group descriptors of an ext4 file system: what is needed to find inodes and to say
// how full it is. Source: Linux Documentation/filesystems/ext4/{super,group_descr}.rst.

/// The superblock, as far as reading an image needs it.
package struct Ext4Superblock: Hashable, Sendable {
  /// Where it begins, and how long it is.
  static let offset: UInt64 = 1024
  static let byteCount = 1024

  package let inodeCount: UInt32
  package let freeInodeCount: UInt32
  package let blockCount: UInt64
  package let freeBlockCount: UInt64
  package let inodesPerGroup: UInt32
  let blocksPerGroup: UInt32
  let descriptorByteCount: Int
  package let hasOrphanFile: Bool
  /// 16 bytes.
  package let uuid: [UInt8]
  /// Without the NUL bytes that fill it up.
  package let label: [UInt8]
  /// What every checksum of metadata begins with; `nil` where metadata has none.
  let checksumSeed: UInt32?

  /// - Throws: `.malformedImage` for anything but 4 KiB blocks, 256-byte inodes and extents.
  init(_ record: [UInt8]) throws(Ext4Error) {
    precondition(record.count == Self.byteCount, "superblock of a wrong size")
    try Self.check(record)
    let incompatible = record.little(UInt32.self, at: 0x60)
    let is64Bit = incompatible & 0x80 != 0
    inodeCount = record.little(UInt32.self, at: 0x0)
    freeInodeCount = record.little(UInt32.self, at: 0x10)
    inodesPerGroup = record.little(UInt32.self, at: 0x28)
    blocksPerGroup = record.little(UInt32.self, at: 0x20)
    let high: (blocks: UInt32, free: UInt32) =
      is64Bit
      ? (record.little(UInt32.self, at: 0x150), record.little(UInt32.self, at: 0x158)) : (0, 0)
    blockCount = UInt64(high.blocks) << 32 | UInt64(record.little(UInt32.self, at: 0x4))
    freeBlockCount = UInt64(high.free) << 32 | UInt64(record.little(UInt32.self, at: 0xC))
    descriptorByteCount = is64Bit ? Int(record.little(UInt16.self, at: 0xFE)) : 32
    hasOrphanFile = record.little(UInt32.self, at: 0x5C) & 0x1000 != 0
    uuid = Array(record[0x68..<0x78])
    label = Array(record[0x78..<0x88].prefix { $0 != 0 })
    let hasChecksums = record.little(UInt32.self, at: 0x64) & 0x400 != 0
    let storesSeed = incompatible & 0x2000 != 0
    checksumSeed =
      !hasChecksums
      ? nil : storesSeed ? record.little(UInt32.self, at: 0x270) : CRC32C.update(.max, uuid)
    if inodesPerGroup == 0 || blocksPerGroup == 0 || ![32, 64].contains(descriptorByteCount) {
      throw .malformedImage(what: "unusable group sizes", byte: Self.offset + 0x20)
    }
  }

  private static func check(_ record: [UInt8]) throws(Ext4Error) {
    // each field with the value that this program asks mkfs.ext4 for
    let magic = record.little(UInt16.self, at: 0x38)
    if magic != 0xEF53 { throw .malformedImage(what: "no superblock", byte: offset + 0x38) }
    if record.little(UInt32.self, at: 0x18) != 2 {
      throw .malformedImage(what: "blocks are not of 4 KiB", byte: offset + 0x18)
    }
    if record.little(UInt16.self, at: 0x58) != 256 {
      throw .malformedImage(what: "inodes are not of 256 bytes", byte: offset + 0x58)
    }
    if record.little(UInt32.self, at: 0x60) & 0x40 == 0 {
      throw .malformedImage(what: "no extents", byte: offset + 0x60)
    }
  }

  /// Where an inode's record lies: its group, and its index in the group's table.
  func place(of inode: UInt32) -> (group: UInt32, index: UInt32) {
    ((inode - 1) / inodesPerGroup, (inode - 1) % inodesPerGroup)
  }

  var groupCount: UInt64 {
    Ext4Layout.dividedUp(blockCount, by: UInt64(blocksPerGroup))
  }

  /// The first block of a group's inode table, from the group's descriptor.
  func inodeTable(in descriptor: [UInt8]) -> UInt64 {
    let high = descriptorByteCount == 64 ? descriptor.little(UInt32.self, at: 0x28) : 0
    return UInt64(high) << 32 | UInt64(descriptor.little(UInt32.self, at: 0x8))
  }
}
