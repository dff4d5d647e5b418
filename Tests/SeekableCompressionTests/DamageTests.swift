// Flipped bytes and cuts at every place of small blobs: an error with its offset, never other bytes.

import Offsets
import SeekableCompression
import Testing
import TestKit

struct DamageTests {
  private static let checked = Encoding.all.filter {
    $0.codec != .identity && $0.testDescription != "zstd, one frame of unknown size"
  }

  @Test(arguments: checked)
  func `no flipped bit yields wrong bytes in silence`(encoding: Encoding) throws {
    let plain = Array(Encoding.smallSample[..<300])
    let blob = encoding.encode(plain)
    for position in blob.indices {
      for mask in [0x01, 0x04, 0x20, 0x80, 0xff] as [UInt8] {
        var damaged = blob
        damaged[position] ^= mask
        guard let pass = decodedOrNil(damaged) else { continue }
        // A later member whose magic number is gone becomes junk, which is said. Without the first
        // one the blob is plain.
        let isSaid = pass.table.warnings.contains {
          if case .trailingJunk = $0 { true } else { false }
        }
        #expect(
          pass.bytes == plain || isSaid || pass.table.codec != encoding.codec,
          "byte \(position) ^ \(mask)"
        )
      }
    }
  }

  @Test(arguments: Encoding.all)
  func `no flipped bit traps or hangs a span decoder`(encoding: Encoding) throws {
    let blob = encoding.encode(Encoding.smallSample)
    let table = try indexed(blob).table
    for position in blob.indices {
      var damaged = blob
      damaged[position] ^= UInt8(1) << UInt8(position % 8)
      var decoder = try decoder(of: MemoryBlob(damaged), table)
      do {
        #expect(try decoder.bytes(4000).count <= 4000)
      } catch {
        #expect(error is CompressionError)
      }
    }
  }

  @Test(arguments: Encoding.all.filter { $0.codec != .identity })
  func `every truncation is an error at the blob's end`(encoding: Encoding) throws {
    // Small, so that it is one member or frame: a cut between two of them is a whole blob.
    let blob = encoding.encode(Array(Encoding.smallSample[..<400]))
    let padding = encoding.testDescription == "gzip, padded" ? 90 : 0
    let skippable = encoding.testDescription == "zstd, skippable frames" ? 68 : 0
    let whole = blob.count - padding - skippable
    for length in 1..<whole where length != skippable {
      let start = BlobOffset(length > skippable ? UInt64(skippable) : 0)
      let end = BlobOffset(UInt64(length))
      #expect(throws: CompressionError.truncated(encoding.codec, at: end, from: start)) {
        try indexed(Array(blob[..<length]))
      }
    }
  }

  /// A member with one thing wrong, and what is said of it.
  @Test(
    arguments: [
      (2, 7, .badMemberHeader(.unknownMethod(7), memberAt: BlobOffset(20))),
      (3, 0x20, .badMemberHeader(.reservedFlags(0x20), memberAt: BlobOffset(20))),
      (3, 0x80, .badMemberHeader(.reservedFlags(0x80), memberAt: BlobOffset(20))),
      // BTYPE 3 does not exist.
      (10, 0x07, .corruptDeflate(at: BlobOffset(31), memberAt: BlobOffset(20))),
      (12, 1, .checksumMismatch(memberAt: BlobOffset(20))),
      (16, 1, .sizeMismatch(memberAt: BlobOffset(20))),
    ] as [(Int, UInt8, CompressionError)]
  )
  func `a bad second member is an error with its offset`(
    index: Int,
    value: UInt8,
    error: CompressionError
  ) throws {
    let good = CompressedBytes.gzip([])
    var bad = good
    bad[index] = value
    for library in InflateLibrary.allCases {
      #expect(throws: error, "\(library)") { try indexed(good + bad, library: library) }
    }
  }

  @Test func `a wrong header checksum is an error`() {
    var shape = CompressedBytes.GzipShape()
    shape.hasHeaderChecksum = true
    var blob = CompressedBytes.gzip([1], shape)
    blob[10] ^= 1
    #expect(throws: CompressionError.badMemberHeader(.checksumMismatch, memberAt: .zero)) {
      try indexed(blob)
    }
  }

  /// What may not stand after a whole frame of 9 bytes (magic, descriptor, size, block) in a zstd
  /// blob.
  @Test(
    arguments: [
      ([0, 0, 0, 0], .unknownFrame(magic: 0, at: BlobOffset(9))),
      ([0x1f, 0x8b, 8, 0], .unknownFrame(magic: 0x0008_8b1f, at: BlobOffset(9))),
      ([0x27, 0xb5, 0x2f, 0xfd], .unknownFrame(magic: 0xfd2f_b527, at: BlobOffset(9))),
      ([0], .truncated(.zstd, at: BlobOffset(10), from: BlobOffset(9))),
      // Descriptor 0x01: a dictionary identifier of one byte, after the window byte.
      (
        [0x28, 0xb5, 0x2f, 0xfd, 0x01, 0x00, 0x09],
        .dictionaryNeeded(identifier: 9, frameAt: BlobOffset(9))
      ),
      // Window byte: exponent 18, so 2^28 bytes.
      (
        [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x90],
        .windowTooLarge(byteCount: 1 << 28, limit: 1 << 27, frameAt: BlobOffset(9))
      ),
      // Window byte: exponent 17, mantissa 1, so 2^27 + 2^24 bytes.
      (
        [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x89],
        .windowTooLarge(byteCount: (1 << 27) + (1 << 24), limit: 1 << 27, frameAt: BlobOffset(9))
      ),
      // Descriptor 0xe0: one segment of 2^40 bytes, all of which is window.
      (
        [0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 1, 0, 0],
        .windowTooLarge(byteCount: 1 << 40, limit: 1 << 27, frameAt: BlobOffset(9))
      ),
    ] as [([UInt8], CompressionError)]
  )
  func `a bad second frame is an error with its offset`(
    bytes: [UInt8],
    error: CompressionError
  ) throws {
    // Magic, descriptor (one segment, size in one byte), size 0, last raw block of 0 bytes.
    let good: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x00, 0x01, 0x00, 0x00]
    #expect(try indexed(good).bytes == [])
    #expect(throws: error) { try indexed(good + bytes) }
  }

  @Test func `a frame with reserved bits or a bad block is the library's to refuse`() throws {
    let reserved: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0x28, 0x00, 0x01, 0x00, 0x00]
    let block: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x00, 0x07, 0x00, 0x00]
    for blob in [reserved, block] {
      let error = try #require(throws: CompressionError.self) { try indexed(blob) }
      guard case .corruptFrame(_, at: _, frameAt: .zero) = error else {
        Issue.record("\(error)")
        return
      }
    }
  }

  private func decodedOrNil(_ blob: [UInt8]) -> Pass? {
    do {
      return try indexed(blob)
    } catch {
      #expect(error is CompressionError)
      return nil
    }
  }
}
