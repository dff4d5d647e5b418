// A run of bytes in a ByteBlock: a file name, a path, a link target. Compared as bytes, never as text.

import Glibc

/// An immutable run of bytes that keeps the memory it points into alive.
///
/// Ordered as `memcmp` orders, a prefix before what it begins: the order of `LC_ALL=C sort`.
package struct ByteSlice: Hashable, Comparable, @unchecked Sendable {
  // Sendable: the block is immutable and `start` points into it for as long as `block` is held.
  @usableFromInline let block: ByteBlock
  @usableFromInline let start: UnsafeRawPointer
  package let count: Int

  @inlinable
  init(block: ByteBlock, start: UnsafeRawPointer, count: Int) {
    self.block = block
    self.start = start
    self.count = count
  }

  /// Copies `bytes` into memory of their own.
  package init(_ bytes: [UInt8]) {
    self = FlatArray(bytes).slice(at: 0, count: bytes.count)
  }

  @inlinable package var isEmpty: Bool { count == 0 }

  @inlinable
  package subscript(index: Int) -> UInt8 {
    precondition(index >= 0 && index < count, "index out of range")
    return start.load(fromByteOffset: index, as: UInt8.self)
  }

  /// The bytes from `offset` on, `length` of them; traps when they do not lie in the slice.
  @inlinable
  package func slice(at offset: Int, count length: Int) -> ByteSlice {
    precondition(
      offset >= 0 && length >= 0 && offset <= count && length <= count - offset,
      "slice out of range"
    )
    return ByteSlice(block: block, start: start + offset, count: length)
  }

  /// The bytes in an array of their own.
  package var array: [UInt8] {
    withUnsafeBytes { Array($0) }
  }

  /// Copies as many of the bytes as `buffer` holds to its start, and returns the count.
  package func copy(to buffer: UnsafeMutableRawBufferPointer) -> Int {
    let length = min(count, buffer.count)
    if length > 0 {
      buffer.baseAddress?.copyMemory(from: start, byteCount: length)
    }
    return length
  }

  package func append(to array: inout [UInt8]) {
    withUnsafeBytes { array.append(contentsOf: $0) }
  }

  @inlinable
  package func withUnsafeBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(UnsafeRawBufferPointer(start: start, count: count))
  }

  /// Negative, zero or positive as these bytes sort before, with or after `other`.
  package func compare(to other: UnsafeRawBufferPointer) -> Int {
    let common = min(count, other.count)
    if common > 0, let otherStart = other.baseAddress {
      let order = memcmp(start, otherStart, common)
      if order != 0 { return Int(order) }
    }
    return count - other.count
  }

  /// Negative, zero or positive as these bytes sort before, with or after `other`.
  package func compare(to other: ByteSlice) -> Int {
    other.withUnsafeBytes { compare(to: $0) }
  }

  package static func == (left: ByteSlice, right: ByteSlice) -> Bool {
    left.count == right.count && memcmp(left.start, right.start, left.count) == 0
  }

  package static func == (left: ByteSlice, right: StaticString) -> Bool {
    left.count == right.utf8CodeUnitCount
      && memcmp(left.start, right.utf8Start, left.count) == 0
  }

  package func hasPrefix(_ prefix: StaticString) -> Bool {
    count >= prefix.utf8CodeUnitCount
      && memcmp(start, prefix.utf8Start, prefix.utf8CodeUnitCount) == 0
  }

  package static func < (left: ByteSlice, right: ByteSlice) -> Bool {
    left.compare(to: right) < 0
  }

  package func hash(into hasher: inout Hasher) {
    withUnsafeBytes { hasher.combine(bytes: $0) }
  }

  /// A hash of `seed` and the bytes, for tables that live no longer than the process.
  ///
  /// Keyed per process by `Hasher`, so that chosen names cannot pile up in one slot.
  package func tableHash(seed: UInt64) -> UInt64 {
    var hasher = Hasher()
    hasher.combine(seed)
    withUnsafeBytes { hasher.combine(bytes: $0) }
    return UInt64(truncatingIfNeeded: hasher.finalize())
  }
}
