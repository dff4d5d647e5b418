// A bounds-checked view of fixed-width records in a ByteBlock. The records are stored as they are in
// memory: little-endian, no padding that carries meaning.

/// An immutable array of fixed-width records, in memory or in a mapped file.
///
/// Reading one copies it out; nothing is parsed and nothing is allocated. An index out of range is
/// a programmer's error and traps: offsets that come from a file are checked when it is loaded.
package struct FlatArray<Element: BitwiseCopyable>: RandomAccessCollection, @unchecked Sendable {
  // Sendable: the block is immutable and `start` points into it for as long as `block` is held.
  @usableFromInline let block: ByteBlock
  @usableFromInline let start: UnsafePointer<Element>
  package let count: Int

  @inlinable
  init(block: ByteBlock, start: UnsafePointer<Element>, count: Int) {
    self.block = block
    self.start = start
    self.count = count
  }

  /// Copies `elements` into memory of their own.
  package init(_ elements: [Element]) {
    let block = elements.withUnsafeBytes { ByteBlock(copying: $0) }
    self.init(
      block: block,
      start: block.base.assumingMemoryBound(to: Element.self),
      count: elements.count
    )
  }

  @inlinable package var startIndex: Int { 0 }
  @inlinable package var endIndex: Int { count }

  // The library's own versions of these are not specialised outside this module.
  @inlinable package func index(after index: Int) -> Int { index + 1 }
  @inlinable package func index(before index: Int) -> Int { index - 1 }

  @inlinable
  package subscript(index: Int) -> Element {
    precondition(index >= 0 && index < count, "index out of range")
    return start[index]
  }

  /// Calls `body` with the records' bytes, as they would be written to a file.
  @inlinable
  package func withUnsafeBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(
      UnsafeRawBufferPointer(start: start, count: count * MemoryLayout<Element>.stride)
    )
  }

  /// The records' bytes, as they would be written to a file.
  package var byteSlice: ByteSlice {
    ByteSlice(
      block: block,
      start: UnsafeRawPointer(start),
      count: count * MemoryLayout<Element>.stride
    )
  }
}

extension FlatArray where Element == UInt8 {
  /// A view of `count` bytes from `offset`; traps when they do not lie in the array.
  @inlinable
  package func slice(at offset: Int, count length: Int) -> ByteSlice {
    precondition(
      offset >= 0 && length >= 0 && offset <= count && length <= count - offset,
      "slice out of range"
    )
    return ByteSlice(block: block, start: UnsafeRawPointer(start + offset), count: length)
  }
}
