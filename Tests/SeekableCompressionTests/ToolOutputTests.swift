// The outputs of the real tools, from Debian's gzip and zstd packages, decode to what went in.

import Offsets
import SeekableCompression
import Testing
import TestKit

struct ToolOutputTests {
  @Test(
    arguments: [
      (["gzip", "-1"], .gzip), (["gzip", "-6"], .gzip), (["gzip", "-9", "--rsyncable"], .gzip),
      (["zstd", "-1"], .zstd), (["zstd", "-19"], .zstd), (["zstd", "--no-check"], .zstd),
      (["zstd", "--long=27"], .zstd), (["zstd", "-T2", "-B200000"], .zstd),
      (["pzstd", "-p", "2"], .zstd), (["zstd", "--format=gzip"], .gzip),
    ] as [([String], Codec)]
  )
  func `a tool's output decodes right, from the start and from every point`(
    command: [String],
    codec: Codec
  ) throws {
    let blob = try output(of: command + ["-c"], input: Encoding.sample)
    let pass = try indexed(blob, spacing: 64 << 10)
    #expect(pass.bytes == Encoding.sample)
    #expect(pass.table.codec == codec)
    #expect(pass.table.warnings == [])
    for point in pass.table.points {
      let start = Int(point.tarOffset.bytes)
      var decoder = try decoder(of: MemoryBlob(blob), pass.table, at: point.tarOffset.bytes)
      let end = min(start + 100_000, Encoding.sample.count)
      #expect(try decoder.bytes(100_000) == Array(Encoding.sample[start..<end]))
    }
  }

  @Test func `the tools read what the test kit and the frame writer make`() throws {
    for encoding in Encoding.all where encoding.codec != .identity {
      let blob = encoding.encode(Encoding.smallSample)
      let command = encoding.codec == .gzip ? ["gzip", "-dcq"] : ["zstd", "-dcq", "--long=27"]
      #expect(try output(of: command, input: blob) == Encoding.smallSample, "\(encoding)")
    }
  }

  @Test func `a window larger than allowed is refused by name`() throws {
    let blob = try output(of: ["zstd", "--long=28", "-c"], input: Encoding.smallSample)
    #expect(
      throws: CompressionError.windowTooLarge(
        byteCount: 1 << 28,
        limit: 1 << 27,
        frameAt: .zero
      )
    ) { try indexed(blob) }
  }

  private func output(of command: [String], input: [UInt8]) throws -> [UInt8] {
    let outcome = try Program.run(command, input: input)
    // gzip exits 2 for a warning, as for padding.
    #expect([0, 2].contains(outcome.status), "\(command): \(outcome.errors)")
    return outcome.output
  }
}
