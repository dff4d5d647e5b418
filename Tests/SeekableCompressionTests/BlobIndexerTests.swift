// The pass over a blob: every encoding, cut in every way, gives the same table and the same bytes.

import Offsets
import SeekableCompression
import Testing
import TestKit

struct BlobIndexerTests {
  @Test(arguments: Encoding.all, [64 << 10, 200_000, SeekTable.defaultSpacing])
  func `the bytes and the table do not depend on how the input is cut`(
    encoding: Encoding,
    spacing: UInt64
  ) throws {
    let blob = encoding.encode(Encoding.sample)
    let whole = try indexed(blob, spacing: spacing)
    #expect(whole.bytes == Encoding.sample)
    #expect(whole.table.codec == encoding.codec)
    #expect(whole.table.decodedByteCount == UInt64(Encoding.sample.count))
    #expect(whole.table.blobByteCount == UInt64(blob.count))
    for size in [1021, 65_537] {
      #expect(
        try indexed(blob, spacing: spacing, pieceByteCount: size) == whole,
        "pieces of \(size)"
      )
    }
  }

  @Test(arguments: Encoding.all)
  func `a small blob can come byte by byte`(encoding: Encoding) throws {
    let blob = encoding.encode(Encoding.smallSample)
    let whole = try indexed(blob)
    #expect(whole.bytes == Encoding.smallSample)
    #expect(try indexed(blob, pieceByteCount: 1) == whole)
  }

  @Test(arguments: Encoding.all)
  func `points rise from zero, and no nearer than half the spacing`(encoding: Encoding) throws {
    let table = try indexed(encoding.encode(Encoding.sample), spacing: 64 << 10).table
    #expect(table.points.first?.tarOffset == .zero)
    for (point, next) in zip(table.points, table.points.dropFirst()) {
      #expect(next.tarOffset.bytes >= point.tarOffset.bytes + (32 << 10))
      #expect(next.blobOffset > point.blobOffset)
    }
  }

  /// How many points 1,200,000 bytes get at a spacing of 64 KiB, and how long the longest span is: by
  /// zlib, which stops at every boundary.
  @Test(
    arguments: [
      ("plain", 1...1, 0...0),
      // Blocks of tens of kilobytes: a point is late by up to one of them.
      ("gzip", 8...18, 65_536...200_000),
      // 65,535 bytes per block: the second boundary is the first at the wished distance.
      ("gzip, stored blocks", 9...18, 65_536...131_072),
      ("gzip, members of 20,000 bytes", 30...30, 40_000...40_000),
      ("zstd, one frame", 1...1, 1_200_000...1_200_000),
      ("zstd, frames of 10,000 bytes", 30...30, 40_000...40_000),
      ("zstd, frames of 150,000 bytes", 8...8, 150_000...150_000),
    ] as [(String, ClosedRange<Int>, ClosedRange<UInt64>)]
  )
  func `the distance between points follows the encoding`(
    name: String,
    count: ClosedRange<Int>,
    longest: ClosedRange<UInt64>
  ) throws {
    let encoding = try #require(Encoding.all.first { $0.testDescription == name })
    let blob = encoding.encode(Encoding.sample)
    let table = try indexed(blob, spacing: 64 << 10, library: .zlib).table
    #expect(count.contains(table.points.count), "\(table.points.count) points")
    #expect(longest.contains(table.longestSpan), "longest span \(table.longestSpan)")
  }

  @Test(arguments: [
    "gzip, full flushes, as pigz -i", "gzip, members of 20,000 bytes",
    "zstd, frames of 150,000 bytes",
  ])
  func `no window is stored where nothing refers back`(name: String) throws {
    let encoding = try #require(Encoding.all.first { $0.testDescription == name })
    // ISA-L's points lie between flushes too.
    let blob = encoding.encode(Encoding.sample)
    let table = try indexed(blob, spacing: 64 << 10, library: .zlib).table
    #expect(table.points.count > 5)
    #expect(table.windows == [])
    #expect(table.points.allSatisfy { $0.windowByteCount == 0 })
  }

  @Test func `a window keeps what is referred to and nothing else`() throws {
    // 64 KiB of noise in stored blocks, then its byte range 40,000..<40,100 again and letters.
    var generator = SeededGenerator(seed: 9)
    let noise = (0..<65_536).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    let after = Array(noise[40_000..<40_100]) + [UInt8](repeating: 97, count: 100_000)
    let blob = CompressedBytes.gzip(noise + after)
    let table = try indexed(blob, spacing: 64 << 10, library: .zlib).table
    let stored = try #require(table.points.dropFirst().first).windowByteCount
    // The 100 bytes, the block's own beginning, and little for zeros: not 32 KiB of noise.
    #expect(stored > 0 && stored < 2000, "\(stored) bytes")
  }

  @Test(
    arguments: [
      ([0, 0, 0], [.trailingPadding(at: BlobOffset(20))]),
      ([5, 6], [.trailingJunk(at: BlobOffset(20))]),
      ([0x1f, 0x8c, 8], [.trailingJunk(at: BlobOffset(20))]),
      ([0, 0, 9], [.trailingPadding(at: BlobOffset(20)), .trailingJunk(at: BlobOffset(22))]),
    ] as [([UInt8], [CompressionWarning])]
  )
  func `what follows the last gzip member is ignored with a warning`(
    tail: [UInt8],
    warnings: [CompressionWarning]
  ) throws {
    let blob = CompressedBytes.gzip([])
    #expect(blob.count == 20)
    let pass = try indexed(blob + tail)
    #expect(pass.bytes == [])
    #expect(pass.table.warnings == warnings)
    #expect(pass.table.blobByteCount == UInt64(20 + tail.count))
  }

  @Test func `empty members and frames are passed over`() throws {
    let sample = Encoding.smallSample
    let gzip = CompressedBytes.gzip([]) + CompressedBytes.gzip(sample) + CompressedBytes.gzip([])
    #expect(try indexed(gzip).bytes == sample)
    let zstd = CompressedBytes.zstd([]) + CompressedBytes.zstd(sample) + CompressedBytes.zstd([])
    #expect(try indexed(zstd).bytes == sample)
    let none = try indexed(CompressedBytes.skippableFrame([1, 2, 3]))
    #expect(none.bytes == [] && none.table.codec == .zstd && none.table.points.count == 1)
  }

  @Test func `an empty blob is plain and empty`() throws {
    let table = try indexed([]).table
    #expect(table.codec == .identity)
    #expect(table.points == [SeekPoint(blobOffset: .zero, tarOffset: .zero)])
    #expect(table.decodedByteCount == 0)
  }

  @Test func `a limit on decoded bytes holds`() throws {
    var limits = CompressionLimits()
    limits.decodedByteCount = 1_000_000
    let blob = CompressedBytes.gzip(Encoding.sample)
    let error = try #require(throws: CompressionError.self) { try indexed(blob, limits: limits) }
    guard case .tooLarge(.decodedByteCount, limit: 1_000_000, at: _) = error else {
      Issue.record("\(error)")
      return
    }
    limits.decodedByteCount = 1_200_000
    #expect(try indexed(blob, limits: limits).bytes.count == 1_200_000)
  }

  @Test func `a limit on the ratio stops a zstd bomb`() throws {
    var limits = CompressionLimits()
    limits.freeByteCount = 1 << 20
    let bomb = CompressedBytes.zstd([UInt8](repeating: 0, count: 8 << 20))
    #expect(bomb.count < 1000)
    let error = try #require(throws: CompressionError.self) { try indexed(bomb, limits: limits) }
    guard case .tooLarge(.ratio(1100), let limit, let offset) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(limit == (1 << 20) + 1100 * offset.bytes)
    #expect(try indexed(bomb).bytes.count == 8 << 20)
  }
}
