// One inode record. Source: Linux Documentation/filesystems/ext4/{inodes,ifork}.rst.

/// An inode, as it is stored.
package struct Ext4Inode: Hashable, Sendable {
  /// The oldest form; what lies behind it counts only as far as a field there says.
  private static let smallestByteCount = 128

  /// Type and permission bits.
  package let mode: UInt16
  package let uid: UInt32
  package let gid: UInt32
  package let size: UInt64
  package let linkCount: UInt16
  package let accessed: Ext4Time
  package let changed: Ext4Time
  package let modified: Ext4Time
  /// Whether the inode has room for nanoseconds, and for seconds after 2038.
  package let hasExtraTimes: Bool
  /// Units of 512 bytes that it takes, its blocks of attributes and block numbers among them.
  let sectorCount: UInt64
  /// Checksums of its blocks begin with it.
  let generation: UInt32
  /// The block of extended attributes; 0: none.
  let attributeBlock: UInt64
  let flags: UInt32
  /// The root of the extent tree; block numbers; a short link's target; a device's numbers.
  let blockArea: [UInt8]
  /// What lies behind the fields: extended attributes, where it begins with their magic number.
  let attributeArea: [UInt8]

  /// `record` is as long as the file system's inodes are: at least 128 bytes.
  init(_ record: [UInt8]) {
    precondition(record.count >= Self.smallestByteCount, "inode of a wrong size")
    func half(_ offset: Int) -> UInt32 { UInt32(record.little(UInt16.self, at: offset)) }
    func word(_ offset: Int) -> UInt32 { record.little(UInt32.self, at: offset) }
    mode = record.little(UInt16.self, at: 0x0)
    uid = half(0x2) | half(0x78) << 16
    gid = half(0x18) | half(0x7A) << 16
    size = UInt64(word(0x4)) | UInt64(word(0x6C)) << 32
    linkCount = record.little(UInt16.self, at: 0x1A)
    let smallest = Self.smallestByteCount
    let extra = record.count > smallest ? Int(half(0x80)) : 0
    let fieldsEnd = min(smallest + extra, record.count)
    func time(_ low: Int, _ high: Int) -> Ext4Time {
      Ext4Time(low: word(low), extra: high + 4 <= fieldsEnd ? word(high) : 0)
    }
    accessed = time(0x8, 0x8C)
    changed = time(0xC, 0x84)
    modified = time(0x10, 0x88)
    hasExtraTimes = fieldsEnd >= 0x8C + 4
    sectorCount = UInt64(word(0x1C)) | UInt64(half(0x74)) << 32
    generation = word(0x64)
    attributeBlock = UInt64(word(0x68)) | UInt64(half(0x76)) << 32
    flags = word(0x20)
    blockArea = Array(record[0x28..<0x64])
    let hasArea = extra > 0 && smallest + extra < record.count
    attributeArea = hasArea ? Array(record[fieldsEnd...]) : []
  }

  package var type: UInt16 { mode & 0o170000 }
  package var isDirectory: Bool { type == 0o040000 }
  package var isRegular: Bool { type == 0o100000 }
  package var isSymbolicLink: Bool { type == 0o120000 }

  var usesExtents: Bool { flags & 0x80000 != 0 }
  /// The content is in the inode itself, in a way that is not read here.
  var hasInlineData: Bool { flags & 0x1000_0000 != 0 }

  /// A device's numbers, in the old form or in the new one.
  ///
  /// Source: Linux include/linux/kdev_t.h.
  package var device: (major: UInt32, minor: UInt32) {
    let old = blockArea.little(UInt32.self, at: 0)
    if old != 0 { return (old >> 8 & 0xFF, old & 0xFF) }
    let new = blockArea.little(UInt32.self, at: 4)
    return (new >> 8 & 0xFFF, new & 0xFF | new >> 12 & 0xFFF00)
  }

  /// A symbolic link's target, where the inode itself holds it.
  var shortTarget: [UInt8]? {
    usesExtents || size >= 60 ? nil : Array(blockArea.prefix(Int(size)))
  }
}
