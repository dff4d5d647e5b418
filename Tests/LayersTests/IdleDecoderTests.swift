// Decoders that nobody uses: which of them an image keeps.

import FlatArrays
import Offsets
import SeekableCompression
import TestKit
import Testing

@testable import Layers

struct IdleDecoderTests {
  private func decoder() throws -> PooledDecoder {
    let point = SeekPoint(blobOffset: .zero, tarOffset: .zero)
    let source = MemorySource(bytes: [])
    return PooledDecoder(
      try SpanDecoder(
        codec: .identity,
        at: point,
        window: UnsafeRawBufferPointer(start: nil, count: 0),
        source: source
      )
    )
  }

  /// All of a layer's decoders, the one that was put aside first in front.
  private func all(of layer: Int, in idle: IdleDecoders) -> [ObjectIdentifier] {
    var found: [ObjectIdentifier] = []
    while let next = idle.takeOldest(of: layer) { found.append(ObjectIdentifier(next)) }
    return found
  }

  @Test func `what takes too much together makes room, the oldest of any layer first`() throws {
    let idle = IdleDecoders(byteLimit: 100)
    let layers = [idle.addLayer(), idle.addLayer(), idle.addLayer()]
    let decoders = try (0..<5).map { _ in try decoder() }
    for (number, layer) in [1, 0, 1, 2].enumerated() {
      idle.put(decoders[number], byteCount: 30, of: layers[layer])
    }
    // The first of layer 1 is gone.
    #expect(idle.byteCount == 90)
    idle.put(decoders[4], byteCount: 65, of: layers[2])
    // And then that of layer 0 and the other one of layer 1.
    #expect(idle.byteCount == 95)
    #expect(layers.map { all(of: $0, in: idle).count } == [0, 0, 2])
    #expect(idle.byteCount == 0)
  }

  @Test func `one that is larger than the bound is kept alone, until the next comes`() throws {
    let idle = IdleDecoders(byteLimit: 100)
    let layers = [idle.addLayer(), idle.addLayer()]
    idle.put(try decoder(), byteCount: 50, of: layers[0])
    idle.put(try decoder(), byteCount: 101, of: layers[1])
    #expect(idle.byteCount == 101)
    idle.put(try decoder(), byteCount: 1, of: layers[0])
    #expect(idle.byteCount == 1)
    #expect(layers.map { all(of: $0, in: idle).count } == [1, 0])
  }

  @Test func `a layer keeps its newest four`() throws {
    let idle = IdleDecoders(byteLimit: 512 << 20)
    let layers = [idle.addLayer(), idle.addLayer()]
    let decoders = try (0..<6).map { _ in try decoder() }
    idle.put(decoders[0], byteCount: 1, of: layers[1])
    for decoder in decoders[1...] { idle.put(decoder, byteCount: 1, of: layers[0]) }
    #expect(idle.byteCount == 5)
    #expect(all(of: layers[0], in: idle) == decoders[2...].map { ObjectIdentifier($0) })
    #expect(all(of: layers[1], in: idle) == [ObjectIdentifier(decoders[0])])
  }

  @Test func `the one that is worth most is taken, if any is worth something`() throws {
    let idle = IdleDecoders(byteLimit: 512 << 20)
    let layer = idle.addLayer()
    let decoders = try (0..<3).map { _ in try decoder() }
    let values = Dictionary(
      uniqueKeysWithValues: zip(decoders.map { ObjectIdentifier($0) }, [3, 7, 5])
    )
    for decoder in decoders { idle.put(decoder, byteCount: 1, of: layer) }
    #expect(idle.takeBest(of: layer) { _ in nil as Int? } == nil)
    let best = idle.takeBest(of: layer) { values[ObjectIdentifier($0)] }
    #expect(best === decoders[1])
    #expect(idle.byteCount == 2)
  }

  /// As whoever reads a tree in its order needs it.
  @Test func `25 layers as zstd makes them by itself keep one decoder each`() throws {
    let idle = SpanCache().idleDecoders
    let layers = (0..<25).map { _ in idle.addLayer() }
    // A window of 2 MiB, tables, and room for input.
    for layer in layers { idle.put(try decoder(), byteCount: 5 << 19, of: layer) }
    #expect(layers.allSatisfy { idle.takeOldest(of: $0) != nil })
  }

  @Test func `a decoder counts with its window, and all readers of an image share the bound`()
    throws
  {
    let cache = SpanCache()
    for number in 0..<3 {
      let content = [UInt8](repeating: UInt8(number), count: 3 << 20)
      let tar = TarBytes.archive([.file("a", TarText(content))])
      let shape = CompressedBytes.ZstdShape {
        $0.windowLog = 21
        $0.hasContentSize = false
      }
      let blob = CompressedBytes.zstd(tar, shape)
      let reader = LayerReader(
        try index(blob, tar: tar),
        number: number,
        source: MemorySource(bytes: blob),
        copy: nil,
        cache: cache
      )
      var bytes = [UInt8](repeating: 0, count: tar.count)
      let isDecoded = try bytes.withUnsafeMutableBytes {
        try reader.read(at: .zero, into: $0, decoding: .asNeeded)
      }
      #expect(isDecoded)
      #expect(isSame(bytes, tar[...]))
      #expect(cache.idleDecoders.byteCount > (number + 1) * (2 << 20))
      #expect(cache.idleDecoders.byteCount < (number + 1) * (3 << 20))
    }
  }
}
