// The decoders that nobody uses just now, of all layers of an image, bounded in memory. Knows nothing of
// decoding, nor which decoder is good for what: see DecoderPool.

import Threading

/// Keeps what the pools of one image put aside, and drops the oldest where that is too much.
final class IdleDecoders: Sendable {
  /// Of one layer, as many as there may be readers at once in it.
  static let limitPerLayer = 4

  private struct Entry {
    var decoder: PooledDecoder
    var byteCount: Int
    /// Counts up from one that was put aside to the next.
    var age: UInt64
  }

  private struct State {
    /// By the layers' numbers, which `addLayer` gives; the oldest of each first.
    var entries: [[Entry]] = []
    var byteCount = 0
    var clock: UInt64 = 0

    mutating func remove(at place: Int, of layer: Int) -> PooledDecoder {
      let entry = entries[layer].remove(at: place)
      byteCount -= entry.byteCount
      return entry.decoder
    }

    /// The layer whose first decoder is older than all others.
    var layerOfOldest: Int? {
      let layers = entries.indices.filter { !entries[$0].isEmpty }
      return layers.min { entries[$0][0].age < entries[$1][0].age }
    }
  }

  private let byteLimit: Int
  private let state = Mutex(State())

  /// An image may have a thousand layers that make a decoder take 128 MiB each: `byteLimit` is what all
  /// may take together.
  init(byteLimit: Int) {
    self.byteLimit = byteLimit
  }

  /// What all of them take.
  var byteCount: Int { state.withLock { $0.byteCount } }

  /// The number by which a layer's decoders are known here.
  func addLayer() -> Int {
    state.withLock { state in
      state.entries.append([])
      return state.entries.count - 1
    }
  }

  /// Puts a decoder aside that takes so many bytes: kept in any case, for whoever goes on reading there.
  func put(_ decoder: PooledDecoder, byteCount: Int, of layer: Int) {
    // Freed behind the lock.
    var dropped: [PooledDecoder] = []
    state.withLock { state in
      if state.entries[layer].count == Self.limitPerLayer {
        dropped.append(state.remove(at: 0, of: layer))
      }
      state.clock += 1
      state.entries[layer].append(Entry(decoder: decoder, byteCount: byteCount, age: state.clock))
      state.byteCount += byteCount
      while state.byteCount > max(byteLimit, byteCount), let oldest = state.layerOfOldest {
        dropped.append(state.remove(at: 0, of: oldest))
      }
    }
  }

  /// The one that was put aside first.
  func takeOldest(of layer: Int) -> PooledDecoder? {
    state.withLock { state in
      state.entries[layer].isEmpty ? nil : state.remove(at: 0, of: layer)
    }
  }

  /// The one that `value` gives the most for; `nil` where it gives nothing for any.
  func takeBest<Value: Comparable>(
    of layer: Int,
    _ value: (PooledDecoder) -> Value?
  ) -> PooledDecoder? {
    state.withLock { state in
      let values = state.entries[layer].enumerated().compactMap { place, entry in
        value(entry.decoder).map { (place: place, value: $0) }
      }
      guard let best = values.max(by: { $0.value < $1.value }) else { return nil }
      return state.remove(at: best.place, of: layer)
    }
  }
}
