// Memory for decoded spans, used again and again: a page that the process has had is there at once, one that
// it asks for costs a fault, and what malloc gets back in pieces of odd sizes it keeps.

import Threading

/// Room for one span.
final class SpanMemory: Sendable {
  // Safe: whoever holds the span's lock uses it; the pool only keeps it.
  nonisolated(unsafe) let bytes: UnsafeMutableRawBufferPointer

  fileprivate init(byteCount: Int) {
    bytes = .allocate(byteCount: byteCount, alignment: 16)
  }

  deinit { bytes.deallocate() }
}

/// What spans have left behind and others can take.
final class SpanMemoryPool: Sendable {
  /// Sizes are multiples of this, 256 KiB, so that one span's room suits the next: most are 1 MiB and
  /// the rest of a deflate block.
  static let unit = 256 << 10
  /// Kept at most: 8 MiB, a few spans.
  ///
  /// What the cache drops is taken again at once.
  static let byteLimit = 8 << 20

  private struct Idle {
    var memories: [SpanMemory] = []
    var byteCount = 0
  }

  private let idle = Mutex(Idle())

  /// What nobody uses.
  var byteCount: Int { idle.withLock { $0.byteCount } }

  /// Room for `byteCount` bytes or a little more; what is in it is of no meaning.
  func take(byteCount: Int) -> SpanMemory {
    let size = max(1, (byteCount + Self.unit - 1) / Self.unit) * Self.unit
    let kept = idle.withLock { idle -> SpanMemory? in
      guard let place = idle.memories.lastIndex(where: { $0.bytes.count == size }) else {
        return nil
      }
      idle.byteCount -= size
      return idle.memories.remove(at: place)
    }
    return kept ?? SpanMemory(byteCount: size)
  }

  func putBack(_ memory: SpanMemory) {
    // Freed behind the lock.
    var dropped: [SpanMemory] = []
    idle.withLock { idle in
      idle.memories.append(memory)
      idle.byteCount += memory.bytes.count
      while idle.byteCount > Self.byteLimit {
        let oldest = idle.memories.removeFirst()
        idle.byteCount -= oldest.bytes.count
        dropped.append(oldest)
      }
    }
  }
}
