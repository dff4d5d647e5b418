// What the tests of this target share: every encoding of one sample, a source in memory, and a pass
// that keeps the bytes. See also TestKit/CompressedBytes.

import Offsets
import SeekableCompression
import Testing
import TestKit

/// A blob in memory; reads fail from byte `failingFrom` on.
struct MemoryBlob: ByteSource {
  var bytes: [UInt8]
  var failingFrom = UInt64.max

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var byteCount: UInt64 { UInt64(bytes.count) }

  func read(
    at offset: BlobOffset,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(ByteSourceError) -> Int {
    guard offset.bytes < byteCount else { return 0 }
    let count = min(buffer.count, bytes.count - Int(offset.bytes))
    if offset.bytes + UInt64(count) > failingFrom {
      throw .unreadable(at: BlobOffset(failingFrom), errno: 5)
    }
    bytes.withUnsafeBytes {
      buffer.copyMemory(
        from: UnsafeRawBufferPointer(rebasing: $0[Int(offset.bytes)..<Int(offset.bytes) + count])
      )
    }
    return count
  }
}

/// One way to store bytes.
struct Encoding: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let codec: Codec
  let encode: @Sendable ([UInt8]) -> [UInt8]

  init(_ name: String, _ codec: Codec, _ encode: @escaping @Sendable ([UInt8]) -> [UInt8]) {
    testDescription = name
    self.codec = codec
    self.encode = encode
  }

  private static func gzip(
    _ name: String,
    _ change: @escaping @Sendable (inout CompressedBytes.GzipShape) -> Void
  ) -> Encoding {
    Encoding(name, .gzip) { CompressedBytes.gzip($0, CompressedBytes.GzipShape(change)) }
  }

  private static func zstd(
    _ name: String,
    _ change: @escaping @Sendable (inout CompressedBytes.ZstdShape) -> Void
  ) -> Encoding {
    Encoding(name, .zstd) { CompressedBytes.zstd($0, CompressedBytes.ZstdShape(change)) }
  }

  static let all: [Encoding] = [
    Encoding("plain", .identity) { $0 },
    gzip("gzip") { _ in },
    gzip("gzip, fastest") { $0.level = 1 },
    gzip("gzip, stored blocks") { $0.level = 0 },
    gzip("gzip, fixed codes") { $0.strategy = .fixed },
    gzip("gzip, no references") { $0.strategy = .huffmanOnly },
    gzip("gzip, sync flushes") { $0.flush = .sync },
    gzip("gzip, full flushes, as pigz -i") { $0.flush = .full },
    gzip("gzip, members of 20,000 bytes") { $0.memberByteCount = 20_000 },
    gzip("gzip, members of 300,000 bytes") { $0.memberByteCount = 300_000 },
    gzip("gzip, padded") { $0.tail = [UInt8](repeating: 0, count: 90) },
    gzip("gzip, full headers") {
      $0.extra = [1, 2, 0, 0]
      $0.name = Array("layer.tar".utf8)
      $0.comment = Array("x".utf8)
      $0.hasHeaderChecksum = true
      $0.memberByteCount = 250_000
    },
    zstd("zstd, one frame") { _ in },
    zstd("zstd, one frame of unknown size") {
      $0.hasContentSize = false
      $0.hasChecksum = false
    },
    zstd("zstd, frames of 10,000 bytes") { $0.frameByteCount = 10_000 },
    zstd("zstd, frames of 150,000 bytes") {
      $0.frameByteCount = 150_000
      $0.hasContentSize = false
    },
    zstd("zstd, skippable frames") {
      $0.frameByteCount = 90_000
      $0.skippable = [UInt8](repeating: 7, count: 60)
    },
    zstd("zstd, window of 128 MiB") {
      $0.windowLog = 27
      $0.hasContentSize = false
    },
  ]

  /// 1.2 MB: several spans at the smallest spacings, little enough for unoptimised builds.
  static let sample = CompressedBytes.sample(byteCount: 1_200_000, seed: 2)

  static let smallSample = CompressedBytes.sample(byteCount: 2000, seed: 3)
}

/// What a pass over a blob gives.
struct Pass: Equatable {
  var bytes: [UInt8] = []
  var table = SeekTable(codec: .identity)
}

/// Indexes `blob`, pushed in pieces of `pieceByteCount`.
func indexed(
  _ blob: [UInt8],
  spacing: UInt64 = SeekTable.defaultSpacing,
  pieceByteCount: Int = 1 << 20,
  limits: CompressionLimits = CompressionLimits(),
  library: InflateLibrary = .standard
) throws -> Pass {
  var indexer = try BlobIndexer(spacing: spacing, limits: limits, library: library)
  var pass = Pass()
  for start in stride(from: 0, to: blob.count, by: pieceByteCount) {
    let piece = Array(blob[start..<min(start + pieceByteCount, blob.count)])
    try piece.withUnsafeBytes { buffer in
      var rest = buffer
      while true {
        let decoded = try indexer.decode(&rest)
        if decoded.isEmpty { break }
        pass.bytes.append(contentsOf: decoded.bindMemory(to: UInt8.self))
      }
    }
  }
  pass.table = try indexer.finish()
  return pass
}

/// A decoder at the last point at or before `offset`.
func decoder(
  of blob: some ByteSource,
  _ table: SeekTable,
  at offset: UInt64 = 0,
  library: InflateLibrary = .standard
) throws -> SpanDecoder {
  let index = try #require(table.points.index(atOrBefore: TarOffset(offset)))
  let point = table.points[index]
  return try table.window(of: point).span.bytes.withUnsafeBytes {
    try SpanDecoder(
      codec: table.codec,
      at: point,
      window: $0,
      source: blob,
      library: library
    )
  }
}

extension SpanDecoder {
  /// The next `count` bytes, fewer at the end.
  mutating func bytes(_ count: Int) throws -> [UInt8] {
    var result = [UInt8](repeating: 0xee, count: count)
    let read = try result.withUnsafeMutableBytes { try self.read(into: $0) }
    return Array(result[..<read])
  }
}
