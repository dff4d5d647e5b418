// Decoded spans of all layers, bounded in bytes. Knows nothing of decoding: see DecodedSpan.

import Threading

/// The spans that were used last.
///
/// A span that was evicted while somebody reads it lives on until that read ends, so the memory in
/// use is the bound plus one span for each reader.
package final class SpanCache: Sendable {
  /// 64 MiB: some thirty spans.
  package static let defaultByteLimit = 64 << 20

  struct Key: Hashable {
    var layer: Int
    /// Whether `span` counts in the layer's seekable copy.
    var isCopy: Bool
    var span: Int
  }

  private struct Entry {
    var span: DecodedSpan
    var lastUse: UInt64
  }

  private struct State {
    var entries: [Key: Entry] = [:]
    var byteCount = 0
    var clock: UInt64 = 0
  }

  private let memory = SpanMemoryPool()
  /// What decodes them, while nobody does.
  let idleDecoders: IdleDecoders
  private let byteLimit: Int
  private let state = Mutex(State())

  /// A cache of so many bytes, and as many for decoders that nobody uses just now.
  package init(
    byteLimit: Int = SpanCache.defaultByteLimit,
    decoderByteLimit: Int = SpanCache.defaultByteLimit
  ) {
    self.byteLimit = byteLimit
    idleDecoders = IdleDecoders(byteLimit: decoderByteLimit)
  }

  /// The bytes of all spans here, decoded or not.
  var byteCount: Int { state.withLock { $0.byteCount } }

  /// The span if it is here.
  func span(_ key: Key) -> DecodedSpan? {
    state.withLock { state in
      state.clock += 1
      state.entries[key]?.lastUse = state.clock
      return state.entries[key]?.span
    }
  }

  /// The span, made when it is not here.
  ///
  /// Two that ask at once get the same one.
  func span(_ key: Key, otherwise make: () -> LayerSpan) -> DecodedSpan {
    if let span = span(key) { return span }
    return state.withLock { state in
      if let entry = state.entries[key] { return entry.span }
      let wanted = make()
      // First, so that the new one takes the memory of an old one.
      evict(&state, toFit: wanted.byteCount)
      let span = DecodedSpan(wanted, in: memory)
      state.entries[key] = Entry(span: span, lastUse: state.clock)
      state.byteCount += span.span.byteCount
      return span
    }
  }

  private func evict(_ state: inout State, toFit byteCount: Int) {
    while state.byteCount + byteCount > byteLimit,
      let oldest = state.entries.min(by: { $0.value.lastUse < $1.value.lastUse })
    {
      state.entries[oldest.key] = nil
      state.byteCount -= oldest.value.span.span.byteCount
    }
  }
}
