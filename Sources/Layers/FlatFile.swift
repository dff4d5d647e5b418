// The form that files of flat arrays share: a head of one page, then arrays that are mapped as they
// are, each at a multiple of 16 bytes. Knows neither what the arrays hold nor whether that is sound.
// docs/FORMATS.md has the layout.

import FlatArrays
import ImageStore
import OCISpec

/// Such a file on its way to the disk.
struct FlatFileWriter {
  static let headByteCount = 4096
  /// Digest of everything behind it but the arrays that have checksums of their own, and padding.
  static let checksumRange = 8..<40
  /// Arrays begin at multiples of this.
  private static let alignment = 16

  private var parts: [Part] = []

  private struct Part {
    let offset: Int
    let count: Int
    let bytes: ByteSlice
    let isCovered: Bool

    var end: Int { offset + bytes.count }
  }

  /// Adds the next array; the file's checksum covers it unless told otherwise.
  mutating func append<Element>(_ array: FlatArray<Element>, isCovered: Bool = true) {
    let offset = (byteCount + Self.alignment - 1) / Self.alignment * Self.alignment
    parts.append(
      Part(offset: offset, count: array.count, bytes: array.byteSlice, isCovered: isCovered)
    )
  }

  /// Bytes of the file.
  var byteCount: Int { parts.last?.end ?? Self.headByteCount }

  /// Calls `write` with the pieces of the file, in order.
  ///
  /// The head is `magic`, the checksum, `fields`, then place and count of each array.
  func write<Failure: Error>(
    _ magic: UInt64,
    _ fields: ByteEncoder,
    to write: (UnsafeRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    try FlatArray(head(magic, fields)).withUnsafeBytes(write)
    var position = Self.headByteCount
    for part in parts {
      let padding = [UInt8](repeating: 0, count: part.offset - position)
      try FlatArray(padding).withUnsafeBytes(write)
      try part.bytes.withUnsafeBytes(write)
      position = part.end
    }
  }

  private func head(_ magic: UInt64, _ fields: ByteEncoder) -> [UInt8] {
    var head = ByteEncoder()
    head.append(magic)
    for _ in 0..<(Self.checksumRange.count / 8) { head.append(UInt64(0)) }
    head.append(fields)
    for part in parts {
      head.append(UInt64(part.offset))
      head.append(UInt64(part.count))
    }
    var bytes = head.bytes
    bytes += [UInt8](repeating: 0, count: Self.headByteCount - bytes.count)
    let covered = parts.filter(\.isCovered).map(\.bytes)
    bytes.replaceSubrange(Self.checksumRange, with: Self.checksum(of: covered, head: bytes))
    return bytes
  }

  fileprivate static func checksum(of parts: [ByteSlice], head: [UInt8]) -> [UInt8] {
    var hash = DigestHasher(.sha256)
    FlatArray(Array(head[checksumRange.upperBound...])).withUnsafeBytes { hash.update($0) }
    for part in parts { part.withUnsafeBytes { hash.update($0) } }
    return hash.finalize().bytes
  }
}

/// Such a file, mapped.
struct FlatFileReader {
  /// What of the head has not been taken yet.
  var fields: ByteDecoder
  private let head: [UInt8]
  private let block: ByteBlock
  private var covered: [ByteSlice] = []

  /// Maps the first `byteCount` bytes of an open file; `nil` where they do not begin as such a file.
  init?(descriptor: Int32, byteCount: Int, magic: UInt64) {
    guard byteCount >= FlatFileWriter.headByteCount,
      let block = ByteBlock(mapping: descriptor, byteCount: byteCount),
      let head = block.array(of: UInt8.self, at: 0, count: FlatFileWriter.headByteCount)
    else { return nil }
    self.block = block
    self.head = Array(head)
    fields = ByteDecoder(self.head)
    guard fields.next() == magic else { return nil }
    for _ in 0..<(FlatFileWriter.checksumRange.count / 8) { _ = fields.next(UInt64.self) }
  }

  /// The next array, by the place and count that the head has for it; `nil` where it does not lie in
  /// the file.
  mutating func next<Element>(
    _ type: Element.Type = Element.self,
    isCovered: Bool = true
  ) -> FlatArray<Element>? {
    guard let offset = fields.next(UInt64.self).flatMap(Int.init(exactly:)),
      let count = fields.next(UInt64.self).flatMap(Int.init(exactly:)),
      let array = block.array(of: type, at: offset, count: count)
    else { return nil }
    if isCovered { covered.append(array.byteSlice) }
    return array
  }

  /// Whether the head and the arrays that were taken are as they were written.
  ///
  /// Reads all of them.
  var isIntact: Bool {
    FlatFileWriter.checksum(of: covered, head: head) == Array(head[FlatFileWriter.checksumRange])
  }
}
