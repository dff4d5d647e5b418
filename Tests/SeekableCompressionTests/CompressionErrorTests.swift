// What the errors of the target say.

import Offsets
import SeekableCompression
import Testing

struct CompressionErrorTests {
  @Test(
    arguments: [
      (.truncated(.gzip, at: BlobOffset(7), from: nil), "gzip: truncated at blob byte 7"),
      (
        .truncated(.gzip, at: BlobOffset(7), from: BlobOffset(3)),
        "gzip: member at blob byte 3: truncated at blob byte 7"
      ),
      (
        .truncated(.zstd, at: BlobOffset(7), from: BlobOffset(3)),
        "zstd: frame at blob byte 3: truncated at blob byte 7"
      ),
      (
        .badMemberHeader(.reservedFlags(0xe0), memberAt: BlobOffset(3)),
        "gzip: member at blob byte 3: reserved flags in 0xe0"
      ),
      (
        .corruptDeflate(at: BlobOffset(9), memberAt: BlobOffset(3)),
        "gzip: member at blob byte 3: corrupt deflate data before blob byte 9"
      ),
      (.checksumMismatch(memberAt: .zero), "gzip: member at blob byte 0: wrong CRC-32"),
      (.sizeMismatch(memberAt: .zero), "gzip: member at blob byte 0: wrong size in trailer"),
      (
        .windowTooLarge(byteCount: 256, limit: 128, frameAt: BlobOffset(1)),
        "zstd: frame at blob byte 1: needs a window of 256 bytes, more than 128"
      ),
      (
        .unknownFrame(magic: 0x10, at: BlobOffset(1)),
        "zstd: no frame at blob byte 1: magic number 0x10"
      ),
      (
        .tooLarge(.ratio(1100), limit: 5, at: BlobOffset(1)),
        "decodes to more than 5 bytes by blob byte 1: the limit for a blob of this size, 1100 to 1"
      ),
      (.corruptWindow(pointAt: TarOffset(4)), "seek point at tar byte 4: damaged window"),
      (.badSeekPoint(at: TarOffset(4)), "seek point at tar byte 4: not one of this blob"),
      (
        .source(.unreadable(at: BlobOffset(4), errno: 5)),
        "cannot read blob byte 4: errno 5"
      ),
      (.outOfMemory, "out of memory"),
    ] as [(CompressionError, String)]
  )
  func `an error names the thing and the place`(error: CompressionError, text: String) {
    #expect("\(error)" == text)
  }

  @Test func `a damaged frame is told in the library's words`() throws {
    let blob: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0x28, 0x00, 0x01, 0x00, 0x00]
    let error = #expect(throws: CompressionError.self) { try indexed(blob) }
    let text = error.map { "\($0)" }
    #expect(text?.hasPrefix("zstd: frame at blob byte 0: unsupported") == true, "\(text ?? "")")
  }

  @Test func `limits that would overflow are no limits`() {
    var limits = CompressionLimits()
    limits.ratio = .max
    #expect(limits.exceeded(decoded: 1 << 36, stored: 2) == nil)
    #expect(limits.exceeded(decoded: (1 << 36) + 1, stored: 2)?.bound == .decodedByteCount)
  }
}
