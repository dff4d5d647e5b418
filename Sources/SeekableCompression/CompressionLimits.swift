// Bounds on what a small hostile blob can cost. Knows no format beyond their natural ratios.

/// How much a blob may decode to.
package struct CompressionLimits: Sendable, Equatable {
  /// The largest tar stream: 64 GiB, several times the largest layers in public use.
  package var decodedByteCount: UInt64 = 64 << 30

  /// Decoded bytes per stored byte, beyond `freeByteCount`: 1,100.
  ///
  /// Deflate cannot exceed 1,032 (258 bytes from two bits), so this bounds zstd, where one block of
  /// 4 bytes makes 128 KiB (32,768 to one).
  package var ratio: UInt64 = 1100

  /// Decoded bytes that no ratio is asked for: 4 GiB.
  ///
  /// A disk image full of zeros is a plausible member of a layer, and zstd stores it at its
  /// extreme.
  package var freeByteCount: UInt64 = 4 << 30

  /// The largest zstd window: 128 MiB, what `zstd --long` makes and `zstd -d` accepts.
  ///
  /// A decoder allocates this much for a frame that asks for it.
  package var zstdWindowByteCount: UInt64 = 1 << 27

  /// What `zstdWindowByteCount` may be raised to: 2 GiB, all that the library can do.
  ///
  /// Source: zstd.h, ZSTD_WINDOWLOG_MAX_64.
  package static let largestZstdWindowByteCount: UInt64 = 1 << 31

  package init() {}

  /// The bound that was met.
  package enum Bound: Equatable, Sendable {
    case decodedByteCount
    /// With the value of `ratio`.
    case ratio(UInt64)
  }

  /// The bound that `decoded` bytes out of `stored` exceed, and its value in bytes.
  package func exceeded(decoded: UInt64, stored: UInt64) -> (bound: Bound, limit: UInt64)? {
    if decoded > decodedByteCount { return (.decodedByteCount, decodedByteCount) }
    let (scaled, overflow) = stored.multipliedReportingOverflow(by: ratio)
    let (limit, carried) = scaled.addingReportingOverflow(freeByteCount)
    return overflow || carried || decoded <= limit ? nil : (.ratio(ratio), limit)
  }
}

extension CompressionLimits.Bound: CustomStringConvertible {
  package var description: String {
    switch self {
    case .decodedByteCount: "the limit for one tar stream"
    case .ratio(let ratio): "the limit for a blob of this size, \(ratio) to 1"
    }
  }
}
