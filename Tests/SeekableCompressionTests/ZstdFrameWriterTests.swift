// Recompressing a stream into frames that can be entered everywhere.

import Offsets
import SeekableCompression
import Testing
import TestKit

struct ZstdFrameWriterTests {
  /// Writes `bytes`, pushed in pieces of `pieceByteCount`.
  private func written(
    _ bytes: [UInt8],
    pieceByteCount: Int,
    frameByteCount: Int
  ) throws -> (blob: [UInt8], table: SeekTable) {
    var writer = try ZstdFrameWriter(frameByteCount: frameByteCount)
    var blob: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: pieceByteCount) {
      try bytes[start..<min(start + pieceByteCount, bytes.count)].withUnsafeBytes { buffer in
        var rest = buffer
        while true {
          let frame = try writer.write(&rest)
          if frame.isEmpty { break }
          blob.append(contentsOf: frame)
        }
      }
    }
    blob.append(contentsOf: try writer.finish())
    return (blob, writer.table)
  }

  @Test(arguments: [1000, 100_000, 2_000_000], [7777, 1 << 21])
  func `the frames decode to the bytes, from every point of the table`(
    pieceByteCount: Int,
    frameByteCount: Int
  ) throws {
    let sample = Encoding.sample
    let (blob, table) = try written(
      sample,
      pieceByteCount: pieceByteCount,
      frameByteCount: frameByteCount
    )
    #expect(try indexed(blob).bytes == sample)
    #expect(table.codec == .zstd)
    #expect(table.blobByteCount == UInt64(blob.count))
    #expect(table.decodedByteCount == UInt64(sample.count))
    #expect(table.longestSpan == UInt64(min(frameByteCount, sample.count)))
    #expect(table.points.count == (sample.count + frameByteCount - 1) / frameByteCount)
    for point in table.points {
      let start = Int(point.tarOffset.bytes)
      var decoder = try decoder(of: MemoryBlob(blob), table, at: point.tarOffset.bytes)
      #expect(try decoder.bytes(20_000) == Array(sample[start..<min(start + 20_000, sample.count)]))
    }
  }

  @Test func `a pass over the frames finds the same table`() throws {
    let (blob, table) = try written(
      Encoding.sample,
      pieceByteCount: 5000,
      frameByteCount: 100_000
    )
    #expect(try indexed(blob, spacing: 100_000).table == table)
  }

  @Test func `nothing written is an empty blob that reads as empty`() throws {
    let (blob, table) = try written([], pieceByteCount: 1, frameByteCount: 100)
    #expect(blob == [])
    var decoder = try decoder(of: MemoryBlob(blob), table)
    #expect(try decoder.bytes(10) == [])
  }
}
