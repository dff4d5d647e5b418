// Layers in odd blobs: the rows B1 to B15 of docs/SEMANTICS.md that make a tree.

extension DialectRow {
  /// All rows, as the layers of one image.
  package static let all = archives + blobs

  /// The row as a layer.
  package var layer: ImageFixture.Layer {
    switch written {
    case .archive(let tar): .plain(tar)
    case .blob(let blob, let tar, let mediaType):
      ImageFixture.Layer(blob: blob, mediaType: mediaType, diffID: ImageFixture.sha256(tar))
    }
  }

  private static let gzipType = ImageFixture.MediaTypes.oci.gzipLayer
  private static let zstdType = "application/vnd.oci.image.layer.v1.tar+zstd"

  /// A row whose layer is an archive of one file, encoded by `encode`.
  private static func blob(
    _ rule: String,
    _ path: TarText,
    mediaType: String = gzipType,
    warnings: (_ blob: [UInt8]) -> [Warning] = { _ in [] },
    _ encode: ([UInt8]) -> [UInt8]
  ) -> DialectRow {
    let meaning: [TarEntry] = [
      .file(path, TarText(CompressedBytes.sample(byteCount: 150_000, seed: 5)))
    ]
    let tar = TarBytes.archive(meaning)
    let blob = encode(tar)
    return DialectRow(
      rule,
      blob: blob,
      of: tar,
      mediaType: mediaType,
      means: meaning,
      warnings: warnings(blob)
    )
  }

  private static func otherCompression(_ blob: [UInt8]) -> [Warning] {
    [Warning("other-compression", stream: "blob", at: 0)]
  }

  static let blobs: [DialectRow] = [
    blob("B1: plain bytes that are called gzip", "B1/plain", warnings: otherCompression) {
      $0
    },
    blob("B1: zstd that is called gzip", "B1/zstd", warnings: otherCompression) {
      CompressedBytes.zstd($0)
    },
    blob(
      "B1: gzip that is called zstd",
      "B1/gzip",
      mediaType: zstdType,
      warnings: otherCompression
    ) { CompressedBytes.gzip($0) },
    blob("B2: many gzip members", "B2/members") {
      CompressedBytes.gzip($0, .init { $0.memberByteCount = 20_000 })
    },
    blob("B2: flushes, as pigz -i writes", "B2/flushes") {
      CompressedBytes.gzip($0, .init { $0.flush = .full })
    },
    blob(
      "B3: NULs behind the last member",
      "B3/padded",
      warnings: { [Warning("trailing-padding", stream: "blob", at: $0.count - 700)] }
    ) {
      CompressedBytes.gzip($0, .init { $0.tail = [UInt8](repeating: 0, count: 700) })
    },
    blob(
      "B3: other bytes behind the last member",
      "B3/junk",
      warnings: { [Warning("trailing-junk", stream: "blob", at: $0.count - 4)] }
    ) {
      CompressedBytes.gzip($0, .init { $0.tail = Array("junk".utf8) })
    },
    blob("B4: everything that a gzip header can have, and empty members", "B4/f") {
      let shape = CompressedBytes.GzipShape {
        $0.extra = Array("SG".utf8) + [0, 0]
        $0.name = Array("layer.tar".utf8)
        $0.comment = Array("x".utf8)
        $0.hasHeaderChecksum = true
        $0.memberByteCount = 50_000
      }
      return CompressedBytes.gzip([], shape) + CompressedBytes.gzip($0, shape)
        + CompressedBytes.gzip([], shape)
    },
    blob("B6: frames, and skippable ones between", "B6/frames", mediaType: zstdType) {
      CompressedBytes.zstd(
        $0,
        .init {
          $0.frameByteCount = 30_000
          $0.hasContentSize = false
          $0.skippable = [1, 2, 3]
        }
      )
    },
    blob("B6: a window of 128 MiB", "B6/window", mediaType: zstdType) {
      CompressedBytes.zstd(
        $0,
        .init {
          $0.windowLog = 27
          $0.hasContentSize = false
        }
      )
    },
    DialectRow(
      "B7: what eStargz adds for itself",
      [.file(".prefetch.landmark", "\u{f}"), .file("stargz.index.json", "{}")],
      means: [.file(".prefetch.landmark", "\u{f}"), .file("stargz.index.json", "{}")]
    ),
    blob(
      "B8: an archive that is its own blob",
      "B8/f",
      mediaType: "application/vnd.oci.image.layer.v1.tar"
    ) { $0 },
    DialectRow("B15: a blob of no bytes", [], end: .nothing, means: []),
    DialectRow(
      "B15: an archive of nothing, compressed, as Docker writes for empty layers",
      blob: CompressedBytes.gzip(TarBytes.archive([])),
      of: TarBytes.archive([]),
      mediaType: gzipType,
      means: []
    ),
    DialectRow(
      "B15: no bytes, compressed",
      blob: CompressedBytes.gzip([]),
      of: [],
      mediaType: gzipType,
      means: []
    ),
  ]
}
