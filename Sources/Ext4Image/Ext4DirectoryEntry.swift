// The names in one block of a directory. Source: Linux Documentation/filesystems/ext4/directory.rst.

/// A name in a directory of the image.
struct Ext4DirectoryEntry: Hashable, Sendable {
  var name: [UInt8]
  var inode: UInt32
  /// Where the entry begins in its block: with the inode number.
  var offset = 0

  /// The entries of one directory block, `.` and `..` included; `nil` for anything malformed.
  ///
  /// The blocks of a directory's index look like blocks without entries.
  static func parse(_ block: [UInt8]) -> [Ext4DirectoryEntry]? {
    var entries: [Ext4DirectoryEntry] = []
    var position = 0
    while position < block.count {
      guard position + 8 <= block.count else { return nil }
      let length = Self.length(block.little(UInt16.self, at: position + 4), in: block.count)
      let nameEnd = position + 8 + Int(block[position + 6])
      guard length >= 8, length % 4 == 0, position + length <= block.count,
        nameEnd <= position + length
      else { return nil }
      // 0: a gap, or the checksum at the end
      let inode = block.little(UInt32.self, at: position)
      if inode != 0 {
        entries.append(
          Ext4DirectoryEntry(
            name: Array(block[(position + 8)..<nameEnd]),
            inode: inode,
            offset: position
          )
        )
      }
      position += length
    }
    return entries
  }

  /// In blocks of 64 KiB, lengths that 16 bits cannot say are said otherwise.
  private static func length(_ stored: UInt16, in blockByteCount: Int) -> Int {
    if blockByteCount < 1 << 16 { return Int(stored) }
    return stored == 0 || stored == .max ? blockByteCount : Int(stored & ~3) | Int(stored & 3) << 16
  }
}
