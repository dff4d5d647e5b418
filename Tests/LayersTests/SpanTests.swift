// The parts below a layer's reads, each alone: spans between seek points, the cache that holds
// them, checksums of blocks, numbers of index files.

import FlatArrays
import Offsets
import SeekableCompression
import Synchronization
import TestKit
import Testing

@testable import Layers

private func point(_ tar: UInt64, blob: UInt64 = 0) -> SeekPoint {
  SeekPoint(blobOffset: BlobOffset(blob), tarOffset: TarOffset(tar))
}

private let mebibyte: UInt64 = 1 << 20

struct SpanTableTests {
  /// Where points are, how long the stream is, and the spans as start and length.
  static let rows: [([UInt64], UInt64, [[UInt64]])] = [
    ([0], 0, []),
    ([0], 1, [[0, 1]]),
    ([0, 100, 300], 350, [[0, 100], [100, 200], [300, 50]]),
    // Exactly the longest span, and one byte more.
    ([0], 4 * mebibyte, [[0, 4 * mebibyte]]),
    ([0], 4 * mebibyte + 1, [[0, 4 * mebibyte], [4 * mebibyte, 1]]),
    (
      [0, 10 * mebibyte], 11 * mebibyte,
      [
        [0, 4 * mebibyte], [4 * mebibyte, 4 * mebibyte], [8 * mebibyte, 2 * mebibyte],
        [10 * mebibyte, mebibyte],
      ]
    ),
    // Points that stand together, at the start and at the end: no span of no bytes is ever met.
    ([0, 0, 5, 5, 9], 9, [[0, 5], [5, 4]]),
  ]

  @Test(arguments: rows)
  func `spans cover the stream once, in order`(
    points: [UInt64],
    end: UInt64,
    spans: [[UInt64]]
  ) {
    let points = FlatArray(points.map { point($0) })
    let table = SpanTable(points: points, tarByteCount: end)
    var found: [[UInt64]] = []
    var position: UInt64 = 0
    while position < end {
      let number = table.number(at: TarOffset(position))
      #expect(number == found.count)
      let span = table[number]
      found.append([span.start.bytes, UInt64(span.byteCount)])
      // Every byte of the span belongs to it, and decoding begins at or before it.
      #expect(table.number(at: TarOffset(span.start.bytes + UInt64(span.byteCount) - 1)) == number)
      #expect(span.point.tarOffset <= span.start)
      position += UInt64(span.byteCount)
      if span.byteCount == 0 { break }
    }
    #expect(found == spans)
  }

  @Test(arguments: [.max, .max - 1, 1 << 63, (1 << 63) - 1] as [UInt64])
  func `a stream of any claimed length has spans of bounded size`(end: UInt64) {
    let table = SpanTable(points: FlatArray([point(0), point(end - 5)]), tarByteCount: end)
    for position in [0, mebibyte, end / 2, end - 6, end - 5, end - 1] {
      let span = table[table.number(at: TarOffset(position))]
      #expect(span.byteCount > 0 && span.byteCount <= 4 << 20)
      #expect(span.start.bytes <= position)
      #expect(position - span.start.bytes < UInt64(span.byteCount))
    }
  }

  static let pointRows: [([SeekPoint], Bool)] = [
    ([point(0)], true), ([], false), ([point(1)], false), ([point(0), point(100)], true),
    ([point(0), point(101)], false), ([point(0), point(9), point(8)], false),
    ([point(0), point(8, blob: 50), point(9, blob: 49)], false),
    ([point(0, blob: 50)], true), ([point(0, blob: 51)], false),
    ([point(0), point(.max)], false), ([point(0, blob: .max)], false),
  ]

  @Test(arguments: pointRows)
  func `points from a file must begin, rise and lie inside`(points: [SeekPoint], isSound: Bool) {
    #expect(
      FlatArray(points).areSound(blobByteCount: 50, tarByteCount: 100, windowByteCount: 0)
        == isSound
    )
  }

  @Test(
    arguments: [
      (0, 10, true), (10, 0, true), (3, 7, true), (3, 8, false), (11, 0, false),
      (.max, 1, false), (.max, .max, false),
    ] as [(UInt64, UInt32, Bool)]
  )
  func `windows must lie in their pool`(offset: UInt64, count: UInt32, isSound: Bool) {
    var window = point(0)
    window.windowOffset = offset
    window.windowByteCount = count
    #expect(
      FlatArray([window]).areSound(blobByteCount: 0, tarByteCount: 0, windowByteCount: 10)
        == isSound
    )
  }
}

struct SpanCacheTests {
  private func span(_ byteCount: Int) -> LayerSpan {
    LayerSpan(start: .zero, byteCount: byteCount, point: point(0))
  }

  private func key(_ span: Int) -> SpanCache.Key {
    SpanCache.Key(layer: 0, isCopy: false, span: span)
  }

  @Test func `the same span is made once`() {
    let cache = SpanCache(byteLimit: 100)
    let first = cache.span(key(1)) { span(10) }
    #expect(cache.span(key(1)) { span(10) } === first)
    #expect(cache.span(key(1)) === first)
    #expect(cache.span(SpanCache.Key(layer: 1, isCopy: false, span: 1)) == nil)
    #expect(cache.span(SpanCache.Key(layer: 0, isCopy: true, span: 1)) == nil)
    #expect(cache.byteCount == 10)
  }

  @Test func `the span that was used longest ago goes first`() {
    let cache = SpanCache(byteLimit: 30)
    for number in 1...3 { _ = cache.span(key(number)) { span(10) } }
    _ = cache.span(key(1))
    _ = cache.span(key(4)) { span(10) }
    #expect([1, 2, 3, 4].map { cache.span(key($0)) != nil } == [true, false, true, true])
    // As many as it takes.
    _ = cache.span(key(5)) { span(25) }
    #expect([1, 3, 4, 5].map { cache.span(key($0)) != nil } == [false, false, false, true])
    #expect(cache.byteCount == 25)
  }

  @Test func `a span beyond the limit is held alone`() {
    let cache = SpanCache(byteLimit: 30)
    for number in 1...3 { _ = cache.span(key(number)) { span(10) } }
    _ = cache.span(key(4)) { span(31) }
    #expect(cache.byteCount == 31)
    _ = cache.span(key(5)) { span(1) }
    #expect(cache.byteCount == 1)
  }
}

struct SpanMemoryTests {
  @Test func `memory that was put back is taken again by whom it suits`() {
    let pool = SpanMemoryPool()
    let memory = pool.take(byteCount: SpanMemoryPool.unit + 1)
    #expect(memory.bytes.count == 2 * SpanMemoryPool.unit)
    pool.putBack(memory)
    #expect(pool.byteCount == 2 * SpanMemoryPool.unit)
    #expect(pool.take(byteCount: SpanMemoryPool.unit) !== memory)
    #expect(pool.take(byteCount: 2 * SpanMemoryPool.unit) === memory)
    #expect(pool.byteCount == 0)
    #expect(pool.take(byteCount: 0).bytes.count == SpanMemoryPool.unit)
  }

  @Test func `what nobody uses is bounded, and the oldest goes`() {
    let pool = SpanMemoryPool()
    let memories = (0..<10).map { _ in pool.take(byteCount: 1 << 20) }
    memories.forEach(pool.putBack)
    #expect(pool.byteCount == SpanMemoryPool.byteLimit)
    let kept = (0..<8).map { _ in pool.take(byteCount: 1 << 20) }
    #expect(kept.allSatisfy { taken in memories[2...].contains { $0 === taken } })
    // More than all of the room, from a span that was made whole: gone at once.
    let largest = pool.take(byteCount: SpanMemoryPool.byteLimit + 1)
    pool.putBack(largest)
    #expect(pool.byteCount == 0)
  }

  @Test func `a span gives its memory back when the last who has it is done`() {
    let pool = SpanMemoryPool()
    var span: DecodedSpan? = DecodedSpan(
      LayerSpan(start: .zero, byteCount: 1, point: point(0)),
      in: pool
    )
    #expect(span != nil && pool.byteCount == 0)
    span = nil
    #expect(pool.byteCount == SpanMemoryPool.unit)
  }
}

struct BlockChecksumTests {
  @Test(arguments: [0, 1, 65535, 65536, 65537, 200_000])
  func `each block has its checksum however the bytes arrive`(byteCount: Int) {
    let bytes = CompressedBytes.sample(byteCount: byteCount, seed: 3)
    let expected = stride(from: 0, to: byteCount, by: 65536).map {
      CompressedBytes.checksum(Array(bytes[$0..<min($0 + 65536, byteCount)]))
    }
    for piece in [1000, 65536, 1 << 20] {
      var builder = BlockChecksumBuilder()
      for start in stride(from: 0, to: byteCount, by: piece) {
        Array(bytes[start..<min(start + piece, byteCount)]).withUnsafeBytes { builder.update($0) }
      }
      builder.finish()
      #expect(builder.checksums == expected)
      #expect(BlockChecksums.blockCount(UInt64(byteCount)) == UInt64(expected.count))
    }
  }

  @Test func `a read is checked wherever it begins and ends`() throws {
    var bytes = CompressedBytes.sample(byteCount: 200_000, seed: 4)
    var builder = BlockChecksumBuilder()
    bytes.withUnsafeBytes { builder.update($0) }
    builder.finish()
    bytes[70_000] ^= 1
    let source = CheckedSource(
      MemorySource(bytes: bytes),
      checksums: FlatArray(builder.checksums)
    )
    let bad = ByteSourceError.changed(at: BlobOffset(65536))
    let rows: [(Int, Int, Result<Int, ByteSourceError>)] = [
      (0, 65536, .success(65536)), (0, 65537, .failure(bad)), (65535, 1, .success(1)),
      (131_071, 1, .failure(bad)), (131_072, 100_000, .success(68928)),
      (199_999, 2, .success(1)), (200_000, 1, .success(0)), (10, 0, .success(0)),
    ]
    for (offset, count, expected) in rows {
      var buffer = [UInt8](repeating: 0, count: count)
      let result = buffer.withUnsafeMutableBytes { raw in
        Result { () throws(ByteSourceError) in
          try source.read(at: BlobOffset(UInt64(offset)), into: raw)
        }
      }
      #expect(result == expected, "\(offset) \(count)")
      if case .success(let filled) = result {
        #expect(Array(buffer[..<filled]) == Array(bytes[offset..<(offset + filled)]))
      }
    }
  }

  @Test func `a blob that is longer than its checksums is not read there`() {
    let source = CheckedSource(
      MemorySource(bytes: [1, 2, 3]),
      checksums: FlatArray([] as [UInt32])
    )
    var byte: UInt8 = 0
    #expect(throws: ByteSourceError.changed(at: .zero)) {
      try withUnsafeMutableBytes(of: &byte) { try source.read(at: .zero, into: $0) }
    }
  }
}

struct ByteCodingTests {
  @Test func `numbers and runs come back, and nothing is read behind the end`() {
    var encoder = ByteEncoder()
    encoder.append(UInt16(0x1234))
    encoder.append([7, 8] as [UInt8])
    encoder.append(Int64(-2))
    #expect(
      encoder.bytes == [
        0x34, 0x12, 2, 0, 0, 0, 7, 8, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
      ]
    )
    var decoder = ByteDecoder(encoder.bytes)
    #expect(decoder.next(UInt16.self) == 0x1234)
    #expect(decoder.nextRun() == [7, 8])
    #expect(decoder.next(Int64.self) == -2)
    #expect(decoder.next(UInt8.self) == nil)
    for count in 0..<encoder.bytes.count {
      var cut = ByteDecoder(Array(encoder.bytes[..<count]))
      let values: [Any?] = [cut.next(UInt16.self), cut.nextRun(), cut.next(Int64.self)]
      #expect(values.contains { $0 == nil })
    }
  }

  @Test func `a run longer than the bytes is none`() {
    var decoder = ByteDecoder([0xFF, 0xFF, 0xFF, 0xFF, 1])
    #expect(decoder.nextRun() == nil)
  }
}
