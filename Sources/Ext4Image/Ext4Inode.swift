// One inode record. Source: Linux Documentation/filesystems/ext4/{inodes,ifork}.rst.

/// An inode, as it is stored.
package struct Ext4Inode: Hashable, Sendable {
  static let byteCount = 256

  /// Type and permission bits.
  package let mode: UInt16
  package let uid: UInt32
  package let gid: UInt32
  package let size: UInt64
  package let linkCount: UInt16
  package let accessed: Ext4Time
  package let changed: Ext4Time
  package let modified: Ext4Time
  /// Part of the checksums of the inode's blocks.
  let generation: UInt32
  /// The block of extended attributes; 0: none.
  let attributeBlock: UInt64
  let usesExtents: Bool
  /// The root of the extent tree; a short link's target; a device's numbers.
  let blockArea: [UInt8]
  /// What lies behind the fields: extended attributes, where it begins with their magic number.
  let attributeArea: [UInt8]

  init(_ record: [UInt8]) {
    precondition(record.count == Self.byteCount, "inode of a wrong size")
    func half(_ offset: Int) -> UInt32 { UInt32(record.little(UInt16.self, at: offset)) }
    func word(_ offset: Int) -> UInt32 { record.little(UInt32.self, at: offset) }
    mode = record.little(UInt16.self, at: 0x0)
    uid = half(0x2) | half(0x78) << 16
    gid = half(0x18) | half(0x7A) << 16
    size = UInt64(word(0x4)) | UInt64(word(0x6C)) << 32
    linkCount = record.little(UInt16.self, at: 0x1A)
    // the fields behind the first 128 bytes count only as far as this says
    let extra = Int(half(0x80))
    func time(_ low: Int, _ high: Int) -> Ext4Time {
      Ext4Time(low: word(low), extra: high + 4 <= 128 + extra ? word(high) : 0)
    }
    accessed = time(0x8, 0x8C)
    changed = time(0xC, 0x84)
    modified = time(0x10, 0x88)
    generation = word(0x64)
    attributeBlock = UInt64(word(0x68)) | UInt64(half(0x76)) << 32
    usesExtents = word(0x20) & 0x80000 != 0
    blockArea = Array(record[0x28..<0x64])
    attributeArea = extra <= 128 ? Array(record[(128 + extra)...]) : []
  }

  package var type: UInt16 { mode & 0o170000 }

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

/// A run of a file's blocks.
struct Ext4Extent: Hashable, Sendable {
  var firstFileBlock: UInt32
  var blockCount: UInt64
  var firstBlock: UInt64
}

/// One node of an extent tree: runs, or blocks of further nodes.
enum Ext4ExtentNode {
  case leaf([Ext4Extent])
  case index([UInt64])

  /// - Returns: `nil` for anything malformed.
  init?(_ node: [UInt8]) {
    // header of 12 bytes: magic, entries, capacity, depth, generation; then entries of 12 bytes
    guard node.count >= 12, node.little(UInt16.self, at: 0) == 0xF30A else { return nil }
    let count = Int(node.little(UInt16.self, at: 2))
    guard 12 + 12 * count <= node.count else { return nil }
    let starts = (0..<count).map { 12 + 12 * $0 }
    if node.little(UInt16.self, at: 6) == 0 {
      self = .leaf(starts.map { Self.extent(node, at: $0) })
    } else {
      self = .index(
        starts.map {
          UInt64(node.little(UInt32.self, at: $0 + 4))
            | UInt64(node.little(UInt16.self, at: $0 + 8)) << 32
        }
      )
    }
  }

  private static func extent(_ node: [UInt8], at start: Int) -> Ext4Extent {
    let length = UInt64(node.little(UInt16.self, at: start + 4))
    return Ext4Extent(
      firstFileBlock: node.little(UInt32.self, at: start),
      // above 32768: a run that is allocated but not written
      blockCount: length > 32_768 ? length - 32_768 : length,
      firstBlock: UInt64(node.little(UInt16.self, at: start + 6)) << 32
        | UInt64(node.little(UInt32.self, at: start + 8))
    )
  }
}

/// A name in a directory of the image.
struct Ext4DirectoryEntry: Hashable, Sendable {
  var name: [UInt8]
  var inode: UInt32

  /// The entries of one directory block, `.` and `..` included; `nil` for anything malformed.
  ///
  /// Source: Linux Documentation/filesystems/ext4/directory.rst.
  static func parse(_ block: [UInt8]) -> [Ext4DirectoryEntry]? {
    var entries: [Ext4DirectoryEntry] = []
    var position = 0
    while position < block.count {
      guard position + 8 <= block.count else { return nil }
      let length = Int(block.little(UInt16.self, at: position + 4))
      let nameEnd = position + 8 + Int(block[position + 6])
      guard length >= 8, position + length <= block.count, nameEnd <= position + length
      else { return nil }
      // 0: a gap, or the checksum at the end
      let inode = block.little(UInt32.self, at: position)
      if inode != 0 {
        entries.append(
          Ext4DirectoryEntry(name: Array(block[(position + 8)..<nameEnd]), inode: inode)
        )
      }
      position += length
    }
    return entries
  }
}
