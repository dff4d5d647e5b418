// Decoding from every seek point, and random reads held against the whole stream.

import Offsets
import SeekableCompression
import Testing
import TestKit

struct SpanDecoderTests {
  private let sample = Encoding.sample

  @Test(arguments: Encoding.all, [64 << 10, 200_000, SeekTable.defaultSpacing])
  func `decoding from every point gives the bytes from there on`(
    encoding: Encoding,
    spacing: UInt64
  ) throws {
    let blob = encoding.encode(sample)
    let table = try indexed(blob, spacing: spacing).table
    for point in table.points {
      let start = Int(point.tarOffset.bytes)
      var decoder = try decoder(of: MemoryBlob(blob), table, at: point.tarOffset.bytes)
      // Past the next point, so that what a window lacks would show, and over members and frames.
      let expected = Array(sample[start..<min(start + 250_000, sample.count)])
      #expect(try decoder.bytes(250_000) == expected, "from tar byte \(start)")
      #expect(decoder.position == TarOffset(UInt64(start + expected.count)))
    }
  }

  @Test(arguments: Encoding.all)
  func `random reads give the same slice of the whole stream`(encoding: Encoding) throws {
    let seed: UInt64 = 77
    var generator = SeededGenerator(seed: seed)
    let blob = encoding.encode(sample)
    let table = try indexed(blob, spacing: 64 << 10).table
    let source = MemoryBlob(blob)
    var decoder = try decoder(of: source, table)
    var scratch = [UInt8](repeating: 0, count: 5000)
    for round in 0..<40 {
      let start = UInt64.random(in: 0...UInt64(sample.count), using: &generator)
      let count = Int.random(in: 0...9000, using: &generator)
      // Forward without a reset every third time, when it is forward.
      if round % 3 != 0 || decoder.position.bytes > start {
        let point = table.points[try #require(table.points.index(atOrBefore: TarOffset(start)))]
        try table.window(of: point).withUnsafeBytes {
          try decoder.reset(codec: table.codec, at: point, window: $0, source: source)
        }
      }
      let isThere = try scratch.withUnsafeMutableBytes {
        try decoder.skip(to: TarOffset(start), using: $0)
      }
      #expect(isThere)
      let expected = sample[Int(start)..<min(Int(start) + count, sample.count)]
      #expect(try decoder.bytes(count) == Array(expected), "seed \(seed), round \(round)")
    }
  }

  @Test(arguments: Encoding.all)
  func `the stream ends once, and stays ended`(encoding: Encoding) throws {
    let blob = encoding.encode(Encoding.smallSample)
    var decoder = try decoder(of: MemoryBlob(blob), try indexed(blob).table)
    #expect(try decoder.bytes(5000) == Encoding.smallSample)
    #expect(try decoder.bytes(5000) == [])
    var scratch: [UInt8] = [0]
    let isThere = try scratch.withUnsafeMutableBytes {
      try decoder.skip(to: TarOffset(2001), using: $0)
    }
    #expect(!isThere)
    #expect(decoder.position == TarOffset(2000))
  }

  @Test func `one decoder serves blobs of all codecs in turn`() throws {
    let blobs = Encoding.all.map { $0.encode(Encoding.smallSample) }
    let tables = try blobs.map { try indexed($0).table }
    var decoder = try decoder(of: MemoryBlob(blobs[0]), tables[0])
    for (blob, table) in zip(blobs, tables) + zip(blobs, tables) {
      try decoder.reset(
        codec: table.codec,
        at: table.points[0],
        window: UnsafeRawBufferPointer(start: nil, count: 0),
        source: MemoryBlob(blob)
      )
      #expect(try decoder.bytes(1000) == Array(Encoding.smallSample[..<1000]))
    }
  }

  @Test func `a damaged window is refused, and the decoder lives on`() throws {
    let blob = CompressedBytes.gzip(sample)
    let table = try indexed(blob, spacing: 64 << 10).table
    let point = table.points[3]
    var window = Array(table.window(of: point))
    window[window.count / 2] ^= 1
    var decoder = try decoder(of: MemoryBlob(blob), table)
    for bad in [window, window.dropLast(), []] {
      #expect(throws: CompressionError.corruptWindow(pointAt: point.tarOffset)) {
        try bad.withUnsafeBytes {
          try decoder.reset(codec: .gzip, at: point, window: $0, source: MemoryBlob(blob))
        }
      }
    }
    try table.window(of: point).withUnsafeBytes {
      try decoder.reset(codec: .gzip, at: point, window: $0, source: MemoryBlob(blob))
    }
    let start = Int(point.tarOffset.bytes)
    #expect(try decoder.bytes(1000) == Array(sample[start..<start + 1000]))
  }

  @Test func `a window that is not deflate is refused even with the right checksum`() throws {
    let blob = CompressedBytes.gzip(sample)
    let noise = [UInt8](repeating: 0xff, count: 100)
    var point = try indexed(blob, spacing: 64 << 10).table.points[1]
    point.windowByteCount = 100
    point.windowChecksum = CompressedBytes.checksum(noise)
    #expect(throws: CompressionError.corruptWindow(pointAt: point.tarOffset)) {
      try noise.withUnsafeBytes {
        _ = try SpanDecoder(codec: .gzip, at: point, window: $0, source: MemoryBlob(blob))
      }
    }
  }

  @Test func `a point with impossible bits is refused`() throws {
    let blob = CompressedBytes.gzip(Encoding.smallSample)
    let none = UnsafeRawBufferPointer(start: nil, count: 0)
    for (offset, bits) in [(0, 3), (20, 8)] as [(UInt64, UInt8)] {
      let point = SeekPoint(
        blobOffset: BlobOffset(offset),
        tarOffset: TarOffset(5),
        bitCount: bits
      )
      #expect(throws: CompressionError.badSeekPoint(at: TarOffset(5))) {
        _ = try SpanDecoder(codec: .gzip, at: point, window: none, source: MemoryBlob(blob))
      }
    }
  }

  @Test(arguments: Encoding.all)
  func `a source that fails fails the read with its own error`(encoding: Encoding) throws {
    var source = MemoryBlob(encoding.encode(sample))
    let table = try indexed(source.bytes).table
    source.failingFrom = 100_000
    var decoder = try decoder(of: source, table)
    let fault = ByteSourceError.unreadable(at: BlobOffset(100_000), errno: 5)
    let error = #expect(throws: CompressionError.self) {
      while try !decoder.bytes(50_000).isEmpty {}
    }
    #expect(error == .source(fault))
  }

  @Test(arguments: Encoding.all.filter { $0.codec != .identity })
  func `a blob that became shorter is truncated`(encoding: Encoding) throws {
    let blob = encoding.encode(Encoding.smallSample)
    let table = try indexed(blob).table
    let error = #expect(throws: CompressionError.self) {
      var decoder = try decoder(of: MemoryBlob(Array(blob[..<600])), table)
      _ = try decoder.bytes(5000)
    }
    guard case .truncated(encoding.codec, at: BlobOffset(600), let start) = error else {
      return #expect(Bool(false), "\(String(describing: error))")
    }
    // Decoding of gzip begins behind a member's header, of zstd at a frame.
    #expect((start == nil) == (encoding.codec == .gzip))
  }
}

private func + <Left: Sequence>(
  left: Left,
  right: some Sequence<Left.Element>
) -> [Left.Element] {
  Array(left) + Array(right)
}
