// One span in the course of being decoded: the bytes so far, and the decoder that goes on from
// there.

import Offsets
import SeekableCompression
import Threading

/// A span's memory and decoder.
///
/// Whoever holds its lock decodes; the others wait for the bytes.
///
/// A read that needs the span's first bytes does not wait for its last ones: decoding goes as far
/// as it must and is taken up again by the next read. So one decoder serves a sequential reader,
/// and readers that come together decode once.
final class DecodedSpan: Sendable {
  let span: LayerSpan
  private let state: Mutex<State>

  private struct State: ~Copyable, Sendable {
    let memory: SpanMemory
    private let pool: SpanMemoryPool
    var decodedCount = 0
    /// Present from the first read until the span is complete.
    var decoder: PooledDecoder?
    /// Kept, so that many readers of a broken span find out once.
    var failure: LayersError?

    init(byteCount: Int, from pool: SpanMemoryPool) {
      memory = pool.take(byteCount: byteCount)
      self.pool = pool
    }

    deinit { pool.putBack(memory) }

    var bytes: UnsafeMutableRawBufferPointer { memory.bytes }
  }

  init(_ span: LayerSpan, in pool: SpanMemoryPool) {
    self.span = span
    state = Mutex(State(byteCount: span.byteCount, from: pool))
  }

  /// Copies the span's bytes from `offset` on, decoding them first where that is still to do.
  func copy(
    from offset: Int,
    to buffer: UnsafeMutableRawBufferPointer,
    using pool: DecoderPool
  ) throws(LayersError) {
    try state.withLock { state throws(LayersError) in
      try decode(&state, upTo: offset + buffer.count, using: pool)
      DecodedSpan.copy(from: offset, of: state.bytes, to: buffer)
    }
  }

  /// Copies if the bytes are there already and nobody is decoding.
  ///
  /// Never waits.
  func copyIfDecoded(from offset: Int, to buffer: UnsafeMutableRawBufferPointer) -> Bool {
    state.withLockIfAvailable { state in
      guard offset + buffer.count <= state.decodedCount else { return false }
      DecodedSpan.copy(from: offset, of: state.bytes, to: buffer)
      return true
    } ?? false
  }

  private static func copy(
    from offset: Int,
    of bytes: UnsafeMutableRawBufferPointer,
    to buffer: UnsafeMutableRawBufferPointer
  ) {
    let source = UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + buffer.count)])
    buffer.copyMemory(from: source)
  }

  private func decode(
    _ state: inout State,
    upTo end: Int,
    using pool: DecoderPool
  ) throws(LayersError) {
    if end <= state.decodedCount { return }
    if let failure = state.failure { throw failure }
    do throws(LayersError) {
      try advance(&state, to: end, using: pool)
    } catch {
      state.decoder = nil
      // What the disk refuses now it may give later; damage stays.
      if !error.mayPass { state.failure = error }
      throw error
    }
  }

  private func advance(
    _ state: inout State,
    to end: Int,
    using pool: DecoderPool
  ) throws(LayersError) {
    let decoder: PooledDecoder
    if let own = state.decoder {
      decoder = own
    } else {
      decoder = try pool.decoder(for: span, from: state.decodedCount)
      state.decoder = decoder
    }
    let target = UnsafeMutableRawBufferPointer(rebasing: state.bytes[state.decodedCount..<end])
    try pool.fill(target, from: decoder)
    state.decodedCount = end
    if end == span.byteCount {
      state.decoder = nil
      pool.takeBack(decoder)
    }
  }
}

extension LayersError {
  /// Whether the same read may succeed another time.
  var mayPass: Bool {
    switch self {
    case .compression(_, .source(.unreadable)), .compression(_, .outOfMemory): true
    default: false
    }
  }
}
