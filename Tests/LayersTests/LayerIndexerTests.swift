// The one pass over a blob: the same table out of every encoding, and which error is told of a blob
// with several.

import FileTree
import FlatArrays
import ImageStore
import OCISpec
import Offsets
import SeekableCompression
import TarFormat
import TestKit
import Testing

@testable import Layers
import Threading

/// Some members of every kind, and two megabytes that take several seek points.
let variedTar = TarBytes.archive([
  .directory("./"), .directory("d"), .file("d/a", "some bytes"), .symlink("d/s", to: "a"),
  .hardLink("d/h", to: "d/a"), .whiteout("gone"), .opaque("d"),
  TarEntry.file("x").attribute("user.a", "1").attribute("security.selinux", "no"),
  .sparse("sparse", size: 5_000_000, segments: [(4096, "abc"), (4_000_000, "z")], format: .oldGNU),
  .file("big", TarText(CompressedBytes.sample(byteCount: 2_500_000, seed: 1))),
  .paxHeader([("path", "ignored")], type: "g"), .characterDevice("null", major: 1, minor: 3),
])

struct LayerIndexerTests {
  @Test(arguments: LayerEncoding.allCases)
  func `the index of a layer does not depend on how the blob is compressed`(
    encoding: LayerEncoding
  ) throws {
    let blob = encoding.blob(of: variedTar)
    let plain = try index(variedTar, tar: variedTar)
    let read = Mutex(0)
    let index = try index(blob, tar: variedTar) { count in read.withLock { $0 += count } }

    #expect(index.table.lines == plain.table.lines)
    #expect(index.table.lines.count == 11)
    #expect(index.blobDigest == sha256(blob))
    #expect(index.diffID == sha256(variedTar))
    #expect(index.blobByteCount == UInt64(blob.count))
    #expect(index.tarByteCount == UInt64(variedTar.count))
    let blocks = stride(from: 0, to: blob.count, by: 65536).map {
      CompressedBytes.checksum(Array(blob[$0..<min($0 + 65536, blob.count)]))
    }
    #expect(Array(index.blockChecksums) == blocks)
    let padding = LayerWarning(
      kind: .compression(.trailingPadding),
      count: 1,
      first: .blob(BlobOffset(UInt64(blob.count - 700)))
    )
    #expect(index.warnings == (encoding.isPadded ? [padding] : []) + plain.warnings)
    #expect(read.withLock { $0 } == blob.count)
  }

  @Test func `oddities of the tar stream and of attributes become warnings with a place`() throws {
    let warnings = try index(variedTar, tar: variedTar).warnings.map {
      "\($0.kind.text) ×\($0.count)"
    }
    #expect(
      warnings == ["global pax header ignored ×1", "label or overlay mark left out ×1"]
    )
  }

  @Test(
    arguments: [
      ("no bytes", [], []),
      ("gzip of nothing", CompressedBytes.gzip([]), []),
      ("zstd of nothing", CompressedBytes.zstd([]), []),
      ("a skippable frame", CompressedBytes.skippableFrame([1, 2, 3]), []),
      ("two zero blocks", TarBytes.zeros(1024), TarBytes.zeros(1024)),
      (
        "gzip of two zero blocks", CompressedBytes.gzip(TarBytes.zeros(1024)),
        TarBytes.zeros(1024)
      ),
    ] as [(String, [UInt8], [UInt8])]
  )
  func `a layer may be empty`(name: String, blob: [UInt8], tar: [UInt8]) throws {
    let index = try index(blob, tar: tar)
    #expect(index.table.lines == [])
    #expect(index.warnings == [])
    #expect(index.tarByteCount == UInt64(tar.count))
    #expect(index.blobByteCount == UInt64(blob.count))
    #expect(index.longestSpan == (index.codec == .identity ? 0 : UInt64(tar.count)))
  }

  @Test(arguments: LayerEncoding.allCases)
  func `a blob of other bytes is a wrong digest, whatever else is wrong with it`(
    encoding: LayerEncoding
  ) {
    let wanted = sha256([1])
    var blob = encoding.blob(of: variedTar)
    for damage in [{}, { blob[blob.count / 2] ^= 0x10 }, { blob.removeLast(blob.count / 3) }] {
      damage()
      #expect(
        failure { try index(blob, tar: variedTar, digest: wanted) }
          == .digestMismatch(layer: wanted, actual: sha256(blob))
      )
    }
  }

  @Test(arguments: [LayerEncoding.plain, .gzip, .zstd])
  func `another tar stream than the configuration lists is refused`(encoding: LayerEncoding) {
    let blob = encoding.blob(of: variedTar)
    #expect(
      failure { try index(blob, tar: [1, 2]) }
        == .diffIDMismatch(
          layer: sha256(blob),
          expected: sha256([1, 2]),
          actual: sha256(variedTar)
        )
    )
  }

  @Test func `what is wrong in the blob is told before a wrong diffID`() {
    let blob = CompressedBytes.gzip(TarBytes.archive([.file("../a")]))
    #expect(
      failure { try index(blob, tar: [1]) }
        == .entries(
          layer: sha256(blob),
          .invalidPath(.leavesRoot, path: Array("../a".utf8), member: .zero)
        )
    )
  }

  struct BadBlob: CustomTestStringConvertible {
    var testDescription: String
    var blob: [UInt8]
    /// Behind "layer DIGEST: ".
    var text: String

    init(_ name: String, _ blob: [UInt8], _ text: String) {
      testDescription = name
      self.blob = blob
      self.text = text
    }
  }

  private static let small = TarBytes.archive([.file("a", "content")])

  static let badBlobs: [BadBlob] = [
    BadBlob(
      "gzip cut in its trailer",
      CompressedBytes.gzip(small).dropLast(3),
      "gzip: member at blob byte 0: truncated at blob byte \(CompressedBytes.gzip(small).count - 3)"
    ),
    BadBlob(
      "a lone first byte of gzip",
      [0x1F],
      "gzip: member at blob byte 0: truncated at blob byte 1"
    ),
    BadBlob(
      "zstd cut in its frame",
      CompressedBytes.zstd(small).dropLast(),
      "zstd: frame at blob byte 0: truncated at blob byte \(CompressedBytes.zstd(small).count - 1)"
    ),
    BadBlob(
      "xz",
      [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00, 1, 2],
      "the blob is xz, which is not supported"
    ),
    BadBlob(
      "a tar stream cut in a file",
      Array(small[..<515]),
      "a: tar: the stream ends too early at tar byte 515"
    ),
    BadBlob(
      "a name of bytes that are no text",
      TarBytes.archive([.file("a"), .member("Z", [0x0A, 0xFF, 0x62])]),
      "\\x0a\\xffb: tar: unknown type flag 'Z' at tar byte 668"
    ),
    BadBlob(
      "a cut tar stream in gzip",
      CompressedBytes.gzip(Array(small[..<300])),
      "tar: the stream ends too early at tar byte 300"
    ),
    BadBlob(
      "no tar stream at all",
      [UInt8](repeating: 0x61, count: 5000),
      "tar: header checksum does not match at tar byte 0"
    ),
    BadBlob(
      "a second header that is none",
      CompressedBytes.zstd(
        TarBytes.archive([.file("a"), .verbatim([UInt8](repeating: 1, count: 512))])
      ),
      "tar: header checksum does not match at tar byte 512"
    ),
    BadBlob(
      "NUL in the name of a pax record",
      TarBytes.archive([.paxHeader([("path", [0x61, 0, 0x62])]), .file("x")]),
      "tar: NUL in a pax record at tar byte 521"
    ),
    BadBlob(
      "a whiteout of nothing",
      CompressedBytes.gzip(TarBytes.archive([.file("a"), .file(".wh.")])),
      ".wh.: whiteout that names nothing (member at tar byte 512)"
    ),
  ]

  @Test(arguments: badBlobs)
  func `an error names the layer, the stream and the byte`(row: BadBlob) {
    // The diffID is one that the blob cannot have: it must not matter.
    #expect(
      failure { try index(row.blob, tar: [9]) }.map { "\($0)" }
        == "layer \(sha256(row.blob)): \(row.text)"
    )
  }

  @Test func `a blob that cannot be read says which byte and why`() {
    let digest = sha256([1])
    #expect(
      failure {
        try LayerIndexer.index(
          RefusingSource(byteCount: 100),
          blobDigest: digest,
          diffID: digest
        )
      } == .compression(layer: digest, .source(.unreadable(at: .zero, errno: 5)))
    )
  }

  @Test func `a blob that decodes to more than the limits allow is refused`() {
    let tar = TarBytes.archive([.file("zeros", TarText(TarBytes.zeros(3 << 20)))])
    let blob = CompressedBytes.gzip(tar)
    var limits = LayerLimits()
    limits.compression.decodedByteCount = 1 << 20
    let error = failure {
      try LayerIndexer.index(
        MemorySource(bytes: blob),
        blobDigest: sha256(blob),
        diffID: sha256(tar),
        limits: limits
      )
    }
    guard
      case .compression(sha256(blob), .tooLarge(.decodedByteCount, limit: 1 << 20, _)) = error
    else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func `digests may be SHA-512`() throws {
    let tar = TarBytes.archive([.file("a", "b")])
    let blob = CompressedBytes.gzip(tar)
    let digest = DigestHasher.digest(of: blob, .sha512)
    let diffID = DigestHasher.digest(of: tar, .sha512)
    let index = try LayerIndexer.index(
      MemorySource(bytes: blob),
      blobDigest: digest,
      diffID: diffID
    )
    #expect(index.blobDigest == digest)
    #expect(index.diffID == diffID)
  }
}
