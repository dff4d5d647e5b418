// How layers' blobs are framed: the rows B2 to B6 and B11 of docs/SEMANTICS.md.

import Foundation
import Offsets
import SeekableCompression
import TestKit
import Testing

/// A blob and what comes of it, however it is cut into pieces.
struct FramingRow: CustomTestStringConvertible, Sendable {
  /// What a pass gives: the sample and these warnings, or an error.
  enum Result: Sendable {
    case sample([CompressionWarning] = [])
    case nothing
    case error(CompressionError)
  }

  let testDescription: String
  let blob: [UInt8]
  let result: Result

  init(_ name: String, _ blob: [UInt8], _ result: Result) {
    testDescription = name
    self.blob = blob
    self.result = result
  }

  func check() throws {
    for library in InflateLibrary.allCases {
      for pieceByteCount in [1 << 20, 1, 13] {
        try check("\(library), pieces of \(pieceByteCount)") {
          try indexed(blob, pieceByteCount: pieceByteCount, library: library)
        }
      }
    }
  }

  private func check(_ name: Comment, pass: () throws -> Pass) throws {
    switch result {
    case .sample(let warnings):
      let pass = try pass()
      #expect(pass.bytes == FramingTests.sample, name)
      #expect(pass.table.warnings == warnings, name)
      #expect(pass.table.blobByteCount == UInt64(blob.count), name)
    case .nothing: #expect(try pass().bytes == [], name)
    case .error(let error): #expect(throws: error, name) { try pass() }
    }
  }
}

struct FramingTests {
  static let sample = Encoding.smallSample

  private static func gzip(
    _ change: (inout CompressedBytes.GzipShape) -> Void = { _ in }
  ) -> [UInt8] {
    CompressedBytes.gzip(sample, CompressedBytes.GzipShape(change))
  }

  private static func zstd(
    _ change: (inout CompressedBytes.ZstdShape) -> Void = { _ in }
  ) -> [UInt8] {
    CompressedBytes.zstd(sample, CompressedBytes.ZstdShape(change))
  }

  /// The end of an eStargz blob: an empty member of stored data, with 22 bytes of extra field.
  ///
  /// Source: the eStargz specification, "Footer".
  private static let estargzFooter: [UInt8] = {
    let field = Array("SG".utf8) + [22, 0] + Array("0000000000000400STARGZ".utf8)
    return CompressedBytes.gzip([], CompressedBytes.GzipShape { $0.extra = field })
  }()

  private static func end(_ blob: [UInt8]) -> BlobOffset { BlobOffset(UInt64(blob.count)) }

  static let gzipRows: [FramingRow] = [
    FramingRow("B2: one member", gzip(), .sample()),
    FramingRow("B2: many members", gzip { $0.memberByteCount = 300 }, .sample()),
    FramingRow(
      "B2: members and the footer of eStargz",
      gzip { $0.memberByteCount = 500 } + estargzFooter,
      .sample()
    ),
    FramingRow(
      "B2: one deflate stream with flushes, as pigz -i writes",
      gzip {
        $0.flush = .full
        $0.flushByteCount = 400
      },
      .sample()
    ),
    FramingRow(
      "B3: NULs behind the last member",
      gzip { $0.tail = [0, 0, 0] },
      .sample([.trailingPadding(at: end(gzip()))])
    ),
    FramingRow(
      "B3: other bytes behind the last member",
      gzip { $0.tail = Array("junk".utf8) },
      .sample([.trailingJunk(at: end(gzip()))])
    ),
    FramingRow(
      "B3: half a magic number behind the last member",
      gzip { $0.tail = [0x1f, 0x8c, 8, 0, 0] },
      .sample([.trailingJunk(at: end(gzip()))])
    ),
    FramingRow(
      "B3: NULs, then other bytes",
      gzip { $0.tail = [0, 0, 0x1f, 0x8b] },
      .sample([
        .trailingPadding(at: end(gzip())), .trailingJunk(at: BlobOffset(end(gzip()).bytes + 2)),
      ])
    ),
    FramingRow(
      "B4: an extra field, name, comment and header checksum",
      gzip {
        $0.extra = [UInt8](repeating: 0x1f, count: 300)
        $0.name = Array("layer.tar".utf8)
        $0.comment = Array("\u{1f}\u{8b}".utf8)
        $0.hasHeaderChecksum = true
        $0.memberByteCount = 700
      },
      .sample()
    ),
    FramingRow(
      "B4: an empty extra field and empty names",
      gzip {
        $0.extra = []
        $0.name = []
        $0.comment = []
      },
      .sample()
    ),
    FramingRow(
      "B4: empty members in front and behind",
      CompressedBytes.gzip([]) + gzip() + CompressedBytes.gzip([]),
      .sample()
    ),
    FramingRow("B4: nothing but an empty member", CompressedBytes.gzip([]), .nothing),
    FramingRow(
      "B5: cut short in the data",
      Array(gzip().dropLast(30)),
      .error(.truncated(.gzip, at: end(Array(gzip().dropLast(30))), from: .zero))
    ),
    FramingRow(
      "B5: cut short in the trailer",
      Array(gzip().dropLast()),
      .error(.truncated(.gzip, at: end(Array(gzip().dropLast())), from: .zero))
    ),
    FramingRow(
      "B5: cut short in the second header",
      gzip() + [0x1f, 0x8b, 8],
      .error(.truncated(.gzip, at: end(gzip() + [0x1f, 0x8b, 8]), from: end(gzip())))
    ),
    FramingRow(
      "B5: cut short in the data of the second member",
      gzip() + gzip().dropLast(30),
      .error(.truncated(.gzip, at: end(gzip() + gzip().dropLast(30)), from: end(gzip())))
    ),
    FramingRow(
      "B5: a wrong CRC-32",
      changed(gzip(), at: -8),
      .error(.checksumMismatch(memberAt: .zero))
    ),
    FramingRow(
      "B5: a wrong size in the trailer",
      changed(gzip(), at: -4),
      .error(.sizeMismatch(memberAt: .zero))
    ),
    FramingRow(
      "B5: a wrong CRC-32 in a later member",
      gzip() + changed(gzip(), at: -8),
      .error(.checksumMismatch(memberAt: end(gzip())))
    ),
  ]

  /// `blob` with one byte changed, counted from its end.
  private static func changed(_ blob: [UInt8], at index: Int) -> [UInt8] {
    var copy = blob
    copy[blob.count + index] ^= 1
    return copy
  }

  @Test(arguments: gzipRows)
  func `gzip members`(row: FramingRow) throws { try row.check() }

  static let zstdRows: [FramingRow] = [
    FramingRow("B6: one frame", zstd(), .sample()),
    FramingRow(
      "B6: frames without content size and checksum",
      zstd {
        $0.frameByteCount = 600
        $0.hasContentSize = false
        $0.hasChecksum = false
      },
      .sample()
    ),
    FramingRow(
      "B6: skippable frames in front, between and behind, as zstd:chunked has",
      zstd {
        $0.frameByteCount = 600
        $0.skippable = [UInt8](repeating: 0x28, count: 64)
      },
      .sample()
    ),
    FramingRow(
      "B6: empty skippable frames",
      zstd { $0.skippable = [] },
      .sample()
    ),
    FramingRow("B6: empty frames", CompressedBytes.zstd([]) + zstd(), .sample()),
    FramingRow(
      "B6: nothing but a skippable frame",
      CompressedBytes.skippableFrame([1, 2, 3]),
      .nothing
    ),
    FramingRow(
      "B6: a window of 128 MiB, as zstd --long=27 makes",
      zstd {
        $0.windowLog = 27
        $0.hasContentSize = false
      },
      .sample()
    ),
    FramingRow(
      "B6: a window of 256 MiB",
      zstd() + [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x90],
      .error(
        .windowTooLarge(byteCount: 1 << 28, limit: 1 << 27, frameAt: end(zstd()))
      )
    ),
    FramingRow(
      "B6: a dictionary",
      [0x28, 0xb5, 0x2f, 0xfd, 0x01, 0x00, 0x09],
      .error(.dictionaryNeeded(identifier: 9, frameAt: .zero))
    ),
    FramingRow(
      "B6: anything else behind a frame",
      zstd() + Array("junk".utf8),
      .error(.unknownFrame(magic: 0x6b6e_756a, at: end(zstd())))
    ),
    FramingRow(
      "B6: a skippable frame cut short",
      zstd() + CompressedBytes.skippableFrame([1, 2, 3]).dropLast(),
      .error(
        .truncated(
          .zstd,
          at: end(zstd() + CompressedBytes.skippableFrame([1, 2, 3]).dropLast()),
          from: end(zstd())
        )
      )
    ),
  ]

  @Test(arguments: zstdRows)
  func `zstd frames`(row: FramingRow) throws { try row.check() }

  static let foreignRows: [FramingRow] = [
    FramingRow(
      "B11: bzip2",
      Array("BZh91AY&SY".utf8) + sample,
      .error(.unsupported(.bzip2))
    ),
    FramingRow("B11: xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0] + sample, .error(.unsupported(.xz))),
    FramingRow("B11: lz4", [0x04, 0x22, 0x4d, 0x18] + sample, .error(.unsupported(.lz4))),
    FramingRow(
      "B11: zstd before its format was settled",
      [0x25, 0xb5, 0x2f, 0xfd] + sample,
      .error(.unsupported(.legacyZstd))
    ),
  ]

  @Test(arguments: foreignRows)
  func `formats that no layer is in`(row: FramingRow) throws { try row.check() }

  /// 4 GiB and 70,000 bytes of zeros, in 4 MB.
  @Test func `B5: sizes in trailers count modulo 2^32`() throws {
    let chunk = [UInt8](repeating: 0, count: 1 << 20)
    // One block for each MiB, none of which refers to the one before.
    let shape = CompressedBytes.GzipShape {
      $0.flush = .full
      $0.flushByteCount = 1 << 20
    }
    let open = CompressedBytes.deflate(chunk + [0], shape)
    let block = Array(open.dropLast(CompressedBytes.deflate([0]).count))
    var crc: UInt32 = 0
    var blob: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]
    for _ in 0..<4096 {
      blob += block
      crc = CompressedBytes.checksum(chunk, after: crc)
    }
    let rest = [UInt8](repeating: 0, count: 70_000)
    blob += CompressedBytes.deflate(rest)
    crc = CompressedBytes.checksum(rest, after: crc)
    for number in [crc, 70_000] {
      blob += withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }
    // Few points: they take longer than the rest.
    var indexer = try BlobIndexer(spacing: 1 << 30)
    var count = 0
    try blob.withUnsafeBytes { bytes in
      var input = bytes
      while true {
        let decoded = try indexer.decode(&input)
        if decoded.isEmpty { break }
        count += decoded.count
      }
    }
    #expect(count == (1 << 32) + 70_000)
    #expect(try indexer.finish().decodedByteCount == (1 << 32) + 70_000)
  }
}
