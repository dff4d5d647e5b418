// Immutable memory that outlives everything that points into it: a mapped file, or bytes of our own.
// Knows nothing of what is stored there. Source: mmap(2).

import Glibc

/// An immutable block of bytes: mapped from a file, or copied into memory of its own.
///
/// Usable from any thread. Whoever holds a view of the block keeps it alive.
package final class ByteBlock: Sendable {
  @usableFromInline nonisolated(unsafe) let base: UnsafeRawPointer
  package let byteCount: Int
  private let isMapped: Bool

  /// Copies `bytes` to memory that is aligned for every record.
  package init(copying bytes: UnsafeRawBufferPointer) {
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: max(bytes.count, 1),
      alignment: ByteBlock.alignment
    )
    if let source = bytes.baseAddress {
      memory.copyMemory(from: source, byteCount: bytes.count)
    }
    base = UnsafeRawPointer(memory)
    byteCount = bytes.count
    isMapped = false
  }

  /// Maps the first `byteCount` bytes of an open file, read-only and shared.
  ///
  /// The file must never shrink while the block lives: a read beyond its end is SIGBUS. Files that
  /// are written once, renamed into place and only ever unlinked keep that promise.
  ///
  /// - Returns: `nil`, with the reason in `errno`, when the file cannot be mapped.
  /// The corresponding C function is `mmap`.
  package init?(mapping descriptor: Int32, byteCount: Int) {
    guard byteCount > 0,
      let memory = mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor, 0),
      memory != MAP_FAILED
    else { return nil }
    base = UnsafeRawPointer(memory)
    self.byteCount = byteCount
    isMapped = true
  }

  deinit {
    let memory = UnsafeMutableRawPointer(mutating: base)
    if isMapped {
      munmap(memory, byteCount)
    } else {
      memory.deallocate()
    }
  }

  /// Large enough for any fixed-width record: 8-byte integers are the widest members.
  private static let alignment = 16

  /// A view of `count` records from byte `offset`, or `nil` when they do not lie in the block or
  /// are not aligned.
  package func array<Element: BitwiseCopyable>(
    of type: Element.Type,
    at offset: Int,
    count: Int
  ) -> FlatArray<Element>? {
    let (size, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
    guard !overflow, offset >= 0, count >= 0, offset <= byteCount, size <= byteCount - offset,
      offset % MemoryLayout<Element>.alignment == 0
    else { return nil }
    return FlatArray(
      block: self,
      start: (base + offset).assumingMemoryBound(to: Element.self),
      count: count
    )
  }
}
