// What is written behind the image in a kept file, and whether an image is the one that it is about.
// docs/FORMATS.md has the layout.

import Glibc
import SystemPackage

/// What is written behind a kept image, so that both appear and go together.
struct KeptFacts {
  var key: [UInt8]
  var byteCount: UInt64
  var joinedLinkCount: UInt32
  var correctedInodeCount: UInt32
  /// The checksum of the image's superblock.
  var superblock: UInt32

  /// `BNGRRES` and a line feed.
  private static let magic = Array("BNGRRES\n".utf8)
  private static let keyByteCount = 32
  /// Magic, key, size (8), three numbers (4 each), the checksum of all before (4): 64.
  static let encodedByteCount = 8 + keyByteCount + 8 + 3 * 4 + 4

  /// - Returns: `nil` where `image`, a clone of the result's file, is not what the result says.
  /// - Throws: `.systemCall`.
  init?(of result: Ext4Result, in image: OpenFile, key: [UInt8]) throws(Ext4Error) {
    precondition(key.count == Self.keyByteCount, "a key of a wrong size")
    self.key = key
    byteCount = result.byteCount
    joinedLinkCount = UInt32(clamping: result.joinedLinkCount)
    correctedInodeCount = UInt32(clamping: result.correctedInodeCount)
    superblock = 0
    // somebody may have begun to use the file
    do throws(Ext4Error) {
      let found = try Ext4Result(of: image, at: result.path)
      let now = try Ext4Superblock(of: image)
      guard found.byteCount == result.byteCount, found.uuid == result.uuid,
        found.freeBlockCount == result.freeBlockCount,
        found.freeInodeCount == result.freeInodeCount, now.whatIsUnclean == nil
      else { return nil }
      superblock = try Self.checksum(of: image)
    } catch .malformedImage {
      return nil
    }
  }

  /// From behind a kept image; `nil` where there is anything else.
  ///
  /// - Throws: `.systemCall`.
  init?(of file: OpenFile, key: [UInt8]) throws(Ext4Error) {
    let end = UInt64(max(try file.status().st_size, 0))
    guard end > UInt64(Self.encodedByteCount) else { return nil }
    let start = end - UInt64(Self.encodedByteCount)
    let bytes: [UInt8]
    do { bytes = try file.bytes(Self.encodedByteCount, at: start) } catch .malformedImage {
      return nil
    }
    let checked = Array(bytes.dropLast(4))
    guard bytes.starts(with: Self.magic), Array(bytes[8..<40]) == key,
      bytes.little(UInt64.self, at: 40) == start,
      bytes.little(UInt32.self, at: checked.count) == CRC32C.update(.max, checked)
    else { return nil }
    self.key = key
    byteCount = start
    joinedLinkCount = bytes.little(UInt32.self, at: 48)
    correctedInodeCount = bytes.little(UInt32.self, at: 52)
    superblock = bytes.little(UInt32.self, at: 56)
  }

  var bytes: [UInt8] {
    var bytes = Self.magic + key
    func append(_ number: some FixedWidthInteger) {
      withUnsafeBytes(of: number.littleEndian) { bytes += $0 }
    }
    append(byteCount)
    append(joinedLinkCount)
    append(correctedInodeCount)
    append(superblock)
    append(CRC32C.update(.max, bytes))
    return bytes
  }

  /// Whether `image` is a file system of this size with this superblock.
  ///
  /// - Throws: `.systemCall`.
  func describe(_ image: OpenFile) throws(Ext4Error) -> Bool {
    do throws(Ext4Error) {
      let found = try Ext4Superblock(of: image)
      let checksum = try Self.checksum(of: image)
      return found.byteCount <= byteCount && checksum == superblock
    } catch .malformedImage {
      return false
    }
  }

  private static func checksum(of image: OpenFile) throws(Ext4Error) -> UInt32 {
    CRC32C.update(.max, try image.bytes(Ext4Superblock.byteCount, at: Ext4Superblock.offset))
  }
}
