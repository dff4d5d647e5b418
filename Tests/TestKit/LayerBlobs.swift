// One tar stream in every form in which a layer is stored.

/// The ways to store a tar stream as a layer's blob, ordinary and odd.
package enum LayerEncoding: String, CaseIterable, Sendable {
  case plain
  case gzip
  /// Members of a megabyte and a bit.
  case gzipMembers
  /// Zeros behind the last member.
  case gzipPadded
  /// Stored blocks, as `gzip -0` would make.
  case gzipStored
  case zstd
  /// Frames of 300,000 bytes.
  case zstdFrames
  /// The same with skippable frames between.
  case zstdSkippable

  /// `tar` as a blob.
  package func blob(of tar: [UInt8]) -> [UInt8] {
    switch self {
    case .plain: tar
    case .gzip: CompressedBytes.gzip(tar)
    case .gzipMembers: CompressedBytes.gzip(tar, .init { $0.memberByteCount = 1_200_007 })
    case .gzipPadded:
      CompressedBytes.gzip(tar, .init { $0.tail = [UInt8](repeating: 0, count: 700) })
    case .gzipStored: CompressedBytes.gzip(tar, .init { $0.level = 0 })
    case .zstd: CompressedBytes.zstd(tar)
    case .zstdFrames: CompressedBytes.zstd(tar, .init { $0.frameByteCount = 300_000 })
    case .zstdSkippable:
      CompressedBytes.zstd(
        tar,
        .init {
          $0.frameByteCount = 300_000
          $0.skippable = [1, 2, 3]
        }
      )
    }
  }

  /// The warnings that reading it gives, besides the tar stream's own.
  package var isPadded: Bool { self == .gzipPadded }
}

/// A gzip member of one deflate block, however long: no ordinary compressor makes such.
///
/// Only literals and runs of the byte before, in the fixed code. Source: RFC 1951 §3.2.6.
package enum OneBlockGzip {
  package static func blob(of bytes: [UInt8]) -> [UInt8] {
    var bits = BitWriter()
    // The last block, of type 1.
    bits.append(0b011, count: 3)
    var place = 0
    while place < bytes.count {
      bits.appendLiteral(bytes[place])
      var end = place + 1
      while end < bytes.count, bytes[end] == bytes[place] { end += 1 }
      var run = end - place - 1
      while run >= 258 {
        // Length symbol 285, 258 bytes, is 8 bits 11000101; distance symbol 0, one byte back.
        bits.appendReversed(0b1100_0101, count: 8)
        bits.append(0, count: 5)
        run -= 258
      }
      for _ in 0..<run { bits.appendLiteral(bytes[place]) }
      place = end
    }
    // Symbol 256, the block's end.
    bits.append(0, count: 7)
    let sum = CompressedBytes.checksum(bytes)
    let trailer = [sum, UInt32(truncatingIfNeeded: bytes.count)].flatMap { number in
      (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }
    return [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3] + bits.finished + trailer
  }

  private struct BitWriter {
    private var bytes: [UInt8] = []
    private var pending: UInt32 = 0
    private var count = 0

    /// Appends the low bits of a number, lowest first.
    mutating func append(_ value: UInt32, count added: Int) {
      pending |= value << UInt32(count)
      count += added
      while count >= 8 {
        bytes.append(UInt8(truncatingIfNeeded: pending))
        pending >>= 8
        count -= 8
      }
    }

    /// Appends a Huffman code, whose highest bit comes first.
    mutating func appendReversed(_ code: UInt32, count added: Int) {
      for shift in (0..<added).reversed() { append(code >> UInt32(shift) & 1, count: 1) }
    }

    /// 0 to 143 are 8 bits from 00110000, 144 to 255 are 9 bits from 110010000.
    mutating func appendLiteral(_ byte: UInt8) {
      if byte < 144 {
        appendReversed(0x30 + UInt32(byte), count: 8)
      } else {
        appendReversed(0x190 + UInt32(byte) - 144, count: 9)
      }
    }

    var finished: [UInt8] { count == 0 ? bytes : bytes + [UInt8(truncatingIfNeeded: pending)] }
  }
}
