// Byte positions that cannot be mixed up. Knows nothing of what the bytes mean.

/// A byte position in one particular stream; `Space` names the stream.
///
/// Counted in bytes from the start of the stream. Two offsets of different spaces do not compare,
/// add or assign to each other.
package struct Offset<Space>: Comparable, Hashable, Sendable, BitwiseCopyable {
  package var bytes: UInt64

  @inlinable
  package init(_ bytes: UInt64) {
    self.bytes = bytes
  }

  package static var zero: Self { Self(0) }

  @inlinable
  package static func < (left: Self, right: Self) -> Bool {
    left.bytes < right.bytes
  }

  /// The position `count` bytes further on, or `nil` when it would not fit in 64 bits.
  @inlinable
  package func advanced(by count: UInt64) -> Self? {
    let (sum, overflow) = bytes.addingReportingOverflow(count)
    return overflow ? nil : Self(sum)
  }

  /// The number of bytes from `start` to here, or `nil` when `start` lies behind.
  @inlinable
  package func distance(from start: Self) -> UInt64? {
    bytes < start.bytes ? nil : bytes - start.bytes
  }
}

extension Offset: CustomStringConvertible {
  package var description: String { String(bytes) }
}
