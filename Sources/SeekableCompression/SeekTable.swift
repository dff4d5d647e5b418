// Where decoding of a blob can begin: the points, their windows, and what the pass that found them
// learned. Plain values; does not decode.

package import Offsets

/// A place where decoding can begin; a fixed-width record of 40 bytes without padding.
///
/// Gzip: a place in a member's deflate data; zstd: a frame's first byte; plain: the blob's. In a
/// gzip blob `blobOffset` is the first byte that belongs to the point whole, and `bitCount` high
/// bits of the byte before it come first.
package struct SeekPoint: BitwiseCopyable, Sendable, Equatable {
  package var blobOffset: BlobOffset
  package var tarOffset: TarOffset
  /// Where the stored window begins in the table's `windows`.
  package var windowOffset: UInt64
  /// The stored window's size in bytes; 0 when none is needed.
  package var windowByteCount: UInt32
  /// The CRC-32 of the stored window's bytes.
  package var windowChecksum: UInt32
  /// 0 to 7.
  package var bitCount: UInt32
  /// Zero: rounds the record up to a multiple of 8 bytes, with no byte of it left undefined.
  package var reserved: UInt32 = 0

  package init(blobOffset: BlobOffset, tarOffset: TarOffset, bitCount: UInt8 = 0) {
    self.blobOffset = blobOffset
    self.tarOffset = tarOffset
    self.bitCount = UInt32(bitCount)
    windowOffset = 0
    windowByteCount = 0
    windowChecksum = 0
  }
}

/// What one pass over a blob finds.
package struct SeekTable: Sendable, Equatable {
  package var codec: Codec
  /// In rising order of both offsets; the first is at tar byte 0.
  package var points: [SeekPoint] = []
  /// The stored windows of all points, one after another.
  package var windows: [UInt8] = []
  package var decodedByteCount: UInt64 = 0
  package var blobByteCount: UInt64 = 0
  package var warnings: [CompressionWarning] = []

  package init(codec: Codec) {
    self.codec = codec
  }

  /// Decoded bytes between two seek points, as wished: 1 MiB.
  ///
  /// On 350 MB of a Debian /usr (gzip -6, 120 MB) a stored window takes 2.1 KB (11.9 KB deflated
  /// alone, before what nothing refers to is zeroed). At 1 MiB there were 315 points:
  /// 315 × (2,096 + 40) bytes = 0.56 % of the blob; 512 KiB costs 1.05 %, 2 MiB 0.27 %. A random
  /// read decodes half of this, on average.
  package static let defaultSpacing: UInt64 = 1 << 20

  /// The smallest spacing: the 64 KiB that hold a window's worth of bytes after a point twice over.
  package static let smallestSpacing: UInt64 = 64 << 10

  /// The longest span that random reads should have to live with: 16 MiB.
  ///
  /// Above what ordinary compressors make: 8 MiB of zeros in one deflate block + 1 MiB of spacing,
  /// and pzstd's frames of 8 MiB. See docs/decisions/0002-single-frame-zstd.md.
  package static let longestTolerableSpan: UInt64 = 16 << 20

  /// Whether the blob is better read through a seekable copy; see `ZstdFrameWriter`.
  package var needsSeekableCopy: Bool { longestSpan > SeekTable.longestTolerableSpan }

  /// The stored window of `point`; empty when it needs none or its range is not inside the pool.
  package func window(of point: SeekPoint) -> ArraySlice<UInt8> {
    let (end, overflow) = point.windowOffset.addingReportingOverflow(UInt64(point.windowByteCount))
    guard !overflow, end <= UInt64(windows.count) else { return [] }
    return windows[Int(point.windowOffset)..<Int(end)]
  }

  /// The most decoded bytes between a point and the next, or the end.
  ///
  /// For gzip it exceeds the spacing by what is left of a deflate block, which has no bound in the
  /// format: common compressors end one after at most 8 MiB, of zeros; zlib's stored blocks end
  /// after 64 KiB. For zstd it is a frame, plus the spacing. A plain blob has spans of any size: 0.
  package var longestSpan: UInt64 {
    codec == .identity ? 0 : points.longestSpan(decodedByteCount: decodedByteCount)
  }
}

extension RandomAccessCollection where Element == SeekPoint {
  /// The most decoded bytes between a point and the next, or the end of the stream.
  package func longestSpan(decodedByteCount: UInt64) -> UInt64 {
    var longest: UInt64 = 0
    var end = TarOffset(decodedByteCount)
    for point in reversed() {
      longest = Swift.max(longest, end.distance(from: point.tarOffset) ?? 0)
      end = point.tarOffset
    }
    return longest
  }

  /// The position of the last point at or before `offset`; `nil` when all lie behind it.
  package func index(atOrBefore offset: TarOffset) -> Index? {
    var (low, count) = (startIndex, count)
    while count > 0 {
      let middle = index(low, offsetBy: count / 2)
      if self[middle].tarOffset <= offset {
        low = index(after: middle)
        count -= count / 2 + 1
      } else {
        count /= 2
      }
    }
    return low == startIndex ? nil : index(before: low)
  }
}

/// Something about a blob that is odd, and was passed over.
package enum CompressionWarning: Equatable, Sendable {
  /// NUL bytes after the last gzip member.
  case trailingPadding(at: BlobOffset)
  /// Other bytes after the last gzip member, or after its padding.
  case trailingJunk(at: BlobOffset)
}

extension CompressionWarning {
  /// Raw values are the codes that programs know the kinds by; they never change.
  package enum Kind: String, Sendable, CaseIterable {
    case trailingPadding = "trailing-padding"
    case trailingJunk = "trailing-junk"
  }

  package var kind: Kind {
    switch self {
    case .trailingPadding: .trailingPadding
    case .trailingJunk: .trailingJunk
    }
  }

  package var position: BlobOffset {
    switch self {
    case .trailingPadding(let offset), .trailingJunk(let offset): offset
    }
  }
}

extension CompressionWarning.Kind {
  /// The kind as people read it.
  package var text: String {
    switch self {
    case .trailingPadding: "padding after the last gzip member"
    case .trailingJunk: "ignored bytes after the last gzip member"
    }
  }
}

extension CompressionWarning: CustomStringConvertible {
  package var description: String {
    switch self {
    case .trailingPadding(let offset): "gzip: padding from blob byte \(offset) on"
    case .trailingJunk(let offset): "gzip: ignored bytes from blob byte \(offset) on"
    }
  }
}
