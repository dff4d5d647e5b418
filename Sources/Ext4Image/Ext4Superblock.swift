// The superblock and group descriptors of an ext2, ext3 or ext4 file system: what is needed to find
// inodes, to say how full it is and whether it may be changed.
// Source: Linux Documentation/filesystems/ext4/{super,group_descr}.rst.

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
  /// 1024 << n bytes are a block: 10 + n, from 10 to 16.
  let blockShift: UInt32
  /// The block of the superblock: 1 where a block is as large as what comes before it.
  let firstBlock: UInt32
  /// 128 to 4096, a power of 2.
  package let inodeByteCount: Int
  /// The first inode that is not reserved.
  package let firstInode: UInt32
  let descriptorByteCount: Int
  package let features: Ext4FeatureBits
  /// `s_state`: 1, cleanly unmounted; 2, errors were found.
  let state: UInt16
  /// Seconds since 1970.
  let lastMounted: UInt32
  let lastChecked: UInt32
  /// Blocks for descriptors of groups to come, where there is a resize inode.
  let reservedDescriptorBlocks: UInt16
  /// The first of the inodes whose removal was under way; 0: none.
  let lastOrphan: UInt32
  /// 16 bytes.
  package let uuid: [UInt8]
  /// Without the NUL bytes that fill it up.
  package let label: [UInt8]
  /// What every checksum of metadata begins with; `nil` where metadata has none.
  let checksumSeed: UInt32?

  package var blockByteCount: Int { 1 << blockShift }
  package var byteCount: UInt64 { blockCount << blockShift }
  package var hasOrphanFile: Bool { features.compatible & 0x1000 != 0 }

  /// - Throws: `.malformedImage`.
  init(_ record: [UInt8]) throws(Ext4Error) {
    precondition(record.count == Self.byteCount, "superblock of a wrong size")
    func word(_ offset: Int) -> UInt32 { record.little(UInt32.self, at: offset) }
    func half(_ offset: Int) -> UInt16 { record.little(UInt16.self, at: offset) }
    if !Self.isOne(record) { throw Self.malformed("no superblock", 0x38) }
    guard word(0x18) <= 6 else { throw Self.malformed("unknown block size", 0x18) }
    blockShift = 10 + word(0x18)
    // revision 0 has no fields for what later ones may choose
    let isFirstRevision = word(0x4C) == 0
    inodeByteCount = isFirstRevision ? 128 : Int(half(0x58))
    firstInode = isFirstRevision ? 11 : word(0x54)
    features = Ext4FeatureBits(superblock: record)
    let is64Bit = features.incompatible & Ext4FeatureBits.is64Bit != 0
    inodeCount = word(0x0)
    freeInodeCount = word(0x10)
    inodesPerGroup = word(0x28)
    blocksPerGroup = word(0x20)
    firstBlock = word(0x14)
    blockCount = UInt64(is64Bit ? word(0x150) : 0) << 32 | UInt64(word(0x4))
    freeBlockCount = UInt64(is64Bit ? word(0x158) : 0) << 32 | UInt64(word(0xC))
    descriptorByteCount = is64Bit ? Int(half(0xFE)) : 32
    state = half(0x3A)
    lastMounted = word(0x2C)
    lastChecked = word(0x40)
    reservedDescriptorBlocks = half(0xCE)
    lastOrphan = word(0xE8)
    uuid = Array(record[0x68..<0x78])
    label = Array(record[0x78..<0x88].prefix { $0 != 0 })
    let hasChecksums = features.readOnlyCompatible & 0x400 != 0
    let storesSeed = features.incompatible & 0x2000 != 0
    checksumSeed =
      !hasChecksums ? nil : storesSeed ? word(0x270) : CRC32C.update(.max, uuid)
    try check()
  }

  /// Whether `record` has the magic number.
  static func isOne(_ record: [UInt8]) -> Bool { record.little(UInt16.self, at: 0x38) == 0xEF53 }

  private static func malformed(_ what: String, _ field: UInt64) -> Ext4Error {
    .malformedImage(what: what, byte: offset + field)
  }

  private func check() throws(Ext4Error) {
    let isPowerOf2 = { (number: Int) in number.nonzeroBitCount == 1 }
    guard (128...4096).contains(inodeByteCount), isPowerOf2(inodeByteCount),
      inodeByteCount <= blockByteCount
    else { throw Self.malformed("unknown inode size", 0x58) }
    guard (32...1024).contains(descriptorByteCount), isPowerOf2(descriptorByteCount),
      descriptorByteCount >= (features.incompatible & Ext4FeatureBits.is64Bit != 0 ? 64 : 32)
    else { throw Self.malformed("unknown size of group descriptors", 0xFE) }
    // so many bytes that a position in the file is a number that files can have
    guard blockCount <= UInt64(Int64.max) >> blockShift else {
      throw Self.malformed("too many blocks", 0x4)
    }
    // a bitmap of one block says which inodes and which blocks of a group are in use
    let bits = UInt32(8 * blockByteCount)
    guard inodesPerGroup > 0, inodesPerGroup <= bits, blocksPerGroup > 0,
      // with clusters of blocks, a bit stands for a cluster
      blocksPerGroup <= bits || features.readOnlyCompatible & 0x200 != 0,
      firstBlock <= 1, UInt64(firstBlock) < blockCount
    else { throw Self.malformed("unusable group sizes", 0x20) }
    // group numbers and inode numbers have 32 bits
    guard groupCount <= UInt64(UInt32.max),
      UInt64(inodeCount) <= groupCount * UInt64(inodesPerGroup)
    else { throw Self.malformed("more inodes than its groups have", 0x0) }
    if let unknown = features.names(outside: .readable).first {
      throw Self.malformed("a feature that is not known here: \(unknown)", 0x60)
    }
  }

  /// Why the file system must not be worked on as it is, in words; `nil` where nothing is the
  /// matter.
  var whatIsUnclean: String? {
    if features.incompatible & Ext4FeatureBits.needsRecovery != 0 {
      return "its journal waits to be replayed, or it is mounted"
    }
    // state: 1, cleanly unmounted; 2, errors were found
    if state & 1 == 0 { return "was not unmounted, or is mounted" }
    if state & 2 != 0 { return "has errors" }
    if lastOrphan != 0 || features.readOnlyCompatible & Ext4FeatureBits.orphanPresent != 0 {
      return "has files whose removal was under way"
    }
    return nil
  }

  /// Where an inode's record lies: its group, and its index in the group's table.
  func place(of inode: UInt32) -> (group: UInt32, index: UInt32) {
    ((inode - 1) / inodesPerGroup, (inode - 1) % inodesPerGroup)
  }

  var groupCount: UInt64 {
    Ext4Layout.dividedUp(blockCount - UInt64(firstBlock), by: UInt64(blocksPerGroup))
  }

  /// Where a group's descriptor begins: they follow the superblock's block.
  func descriptorOffset(ofGroup group: UInt32) -> UInt64 {
    // 1 KiB in, whatever the first block is called
    let superblock = max(firstBlock, blockShift == 10 ? 1 : 0)
    return UInt64(superblock + 1) << blockShift + UInt64(group) * UInt64(descriptorByteCount)
  }

  /// The first block of a group's inode table, from the group's descriptor.
  func inodeTable(in descriptor: [UInt8]) -> UInt64 {
    let high = descriptorByteCount >= 64 ? descriptor.little(UInt32.self, at: 0x28) : 0
    return UInt64(high) << 32 | UInt64(descriptor.little(UInt32.self, at: 0x8))
  }
}
