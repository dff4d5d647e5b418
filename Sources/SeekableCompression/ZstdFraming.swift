// The headers of zstd frames and skippable frames, from the bytes gathered so far. Knows sizes and
// what must be refused; blocks and checksums are the library's. Source: RFC 8878 §3.1.

import Offsets

/// The first bytes of a frame, gathered until they say what frame it is.
struct ZstdHeaderReader {
  /// Magic 4, descriptor 1, window 1, dictionary 4, content size 8 (a window excludes nothing).
  static let longestByteCount = 18

  /// What the gathered bytes are.
  enum Meaning: Equatable {
    /// Not enough of them yet.
    case incomplete
    /// A frame's whole header.
    case frame
    /// A skippable frame's whole header: skip this many bytes.
    case skippable(byteCount: UInt32)
  }

  private(set) var bytes: [UInt8] = []
  /// The largest window that a frame may need.
  private let windowByteLimit: UInt64

  init(windowByteLimit: UInt64) {
    self.windowByteLimit = windowByteLimit
    bytes.reserveCapacity(ZstdHeaderReader.longestByteCount)
  }

  mutating func clear() {
    bytes.removeAll(keepingCapacity: true)
  }

  /// Takes the next byte of a frame that begins at `start`.
  mutating func push(
    _ byte: UInt8,
    frameAt start: BlobOffset
  ) throws(CompressionError) -> Meaning {
    bytes.append(byte)
    guard bytes.count >= 4 else { return .incomplete }
    let magic = UInt32(truncatingIfNeeded: number(at: 0, byteCount: 4))
    if magic & 0xffff_fff0 == 0x184d_2a50 {
      guard bytes.count == 8 else { return .incomplete }
      return .skippable(byteCount: UInt32(truncatingIfNeeded: number(at: 4, byteCount: 4)))
    }
    guard magic == 0xfd2f_b528 else { throw .unknownFrame(magic: magic, at: start) }
    guard bytes.count > 4, bytes.count == Layout(descriptor: bytes[4]).byteCount else {
      return .incomplete
    }
    try checkFrame(at: start)
    return .frame
  }

  private func checkFrame(at start: BlobOffset) throws(CompressionError) {
    let layout = Layout(descriptor: bytes[4])
    let dictionary = number(at: layout.dictionaryAt, byteCount: layout.dictionaryByteCount)
    guard dictionary == 0 else {
      throw .dictionaryNeeded(identifier: UInt32(truncatingIfNeeded: dictionary), frameAt: start)
    }
    let window = windowByteCount(layout)
    guard window <= windowByteLimit else {
      throw .windowTooLarge(byteCount: window, limit: windowByteLimit, frameAt: start)
    }
  }

  /// RFC 8878 §3.1.1.1.2; a single-segment frame's window is its content.
  private func windowByteCount(_ layout: Layout) -> UInt64 {
    guard layout.isSingleSegment else {
      let base = UInt64(1) << (10 + UInt64(bytes[5] >> 3))
      return base + base / 8 * UInt64(bytes[5] & 7)
    }
    return number(at: layout.contentSizeAt, byteCount: layout.contentSizeByteCount)
  }

  /// A little-endian number; an absent one is zero.
  private func number(at index: Int, byteCount: Int) -> UInt64 {
    bytes[index..<index + byteCount].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// Where the fields stand, as the frame header descriptor says.
  private struct Layout {
    let isSingleSegment: Bool
    let dictionaryByteCount: Int
    let contentSizeByteCount: Int

    init(descriptor: UInt8) {
      isSingleSegment = descriptor & 0x20 != 0
      dictionaryByteCount = [0, 1, 2, 4][Int(descriptor & 3)]
      contentSizeByteCount = [isSingleSegment ? 1 : 0, 2, 4, 8][Int(descriptor >> 6)]
    }

    var dictionaryAt: Int { isSingleSegment ? 5 : 6 }
    var contentSizeAt: Int { dictionaryAt + dictionaryByteCount }
    var byteCount: Int { contentSizeAt + contentSizeByteCount }
  }
}
