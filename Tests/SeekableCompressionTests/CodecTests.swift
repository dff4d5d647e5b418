// Which format a blob is in, told by its first bytes.

import SeekableCompression
import Testing

struct CodecTests {
  @Test(
    arguments: [
      ([0x1f, 0x8b], .known(.gzip)),
      ([0x28, 0xb5, 0x2f, 0xfd], .known(.zstd)),
      ([0x50, 0x2a, 0x4d, 0x18], .known(.zstd)),
      ([0x5f, 0x2a, 0x4d, 0x18], .known(.zstd)),
      ([0x22, 0xb5, 0x2f, 0xfd], .foreign(.legacyZstd)),
      ([0x27, 0xb5, 0x2f, 0xfd], .foreign(.legacyZstd)),
      ([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], .foreign(.xz)),
      ([0x04, 0x22, 0x4d, 0x18], .foreign(.lz4)),
      (Array("BZh91AY&SY".utf8), .foreign(.bzip2)),
      (Array("BZh".utf8), .undecided),
      (Array("BZhome/".utf8), .known(.identity)),
      (Array("usr/".utf8), .known(.identity)),
      ([0x60, 0x2a, 0x4d, 0x18], .known(.identity)),
      ([0x1f], .undecided),
      ([0x1f, 0x9d], .known(.identity)),
      ([0x28, 0xb5, 0x2f], .undecided),
      ([0], .known(.identity)),
      ([], .undecided),
    ] as [([UInt8], Codec.Sniffed)]
  )
  func `the first bytes tell the format`(bytes: [UInt8], expected: Codec.Sniffed) {
    #expect(Codec.sniff(bytes) == expected)
  }

  @Test func `a format we do not read is refused by name`() throws {
    let error = #expect(throws: CompressionError.self) {
      try indexed(Array("BZh91AY&SY".utf8) + [0, 0])
    }
    #expect(error.map { "\($0)" } == "the blob is bzip2, which is not supported")
  }
}
