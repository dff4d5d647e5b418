// Archives and blobs as odd writers make them, through the whole program: the rows T and B of
// docs/SEMANTICS.md. What is accepted is one image, looked at by three witnesses beside an image that says the
// same plainly; what is refused is an image each.

import Foundation
import TestKit
import Testing

extension MountedImageTests {
  @Suite struct Dialects {
    /// The rows as an image, and what they mean as another.
    private struct Images {
      let odd: String
      let plain: String

      init(in place: Workplace) throws {
        let fixture = try ImageFixture.image(
          DialectRow.all.map(\.layer),
          at: place.appending("odd")
        )
        odd = "oci:\(fixture.path):latest"
        plain = try place.image(DialectRow.all.map(\.meaning), .plain)
      }
    }

    @Test(arguments: Role.all)
    func `archives of every dialect mean the same in tree, mount and ext4`(role: Role) throws {
      let place = try Workplace(role)
      let images = try Images(in: place)
      let meant = try place.dump(of: images.plain)
      #expect(try place.dump(of: images.odd).differences(from: meant) == [])

      let mount = try MountedImage(images.odd, in: place)
      #expect(try mount.dump().differences(from: meant.shown(to: role)) == [])
      let names = DialectRow.sparsePaths.map(\.path).joined(separator: " ")
      #expect(
        try mount.shell("cd \"$1\"; stat -c %b \(names)")
          == DialectRow.sparsePaths.map { "\($0.byteCount / 512)\n" }.joined()
      )
      try mount.end()

      let file = place.home + "/image.ext4"
      try place.materialize(images.odd, to: file)
      let ext4 = DumpText(try Ext4Witness.rows(of: URL(fileURLWithPath: file)))
      #expect(ext4.differences(from: meant) == [])
      for sparse in DialectRow.sparsePaths {
        let text = try HostTool.run("debugfs", ["-R", "stat \"/\(sparse.path)\"", file]).output
        let count = String(decoding: text, as: UTF8.self).firstMatch(of: /Blockcount: ([0-9]+)/)
        // The map of more than four runs takes a block of its own.
        let map = sparse.byteCount == 0 ? 0 : 4096
        #expect(count?.output.1 == "\((sparse.byteCount + map) / 512)", "\(sparse.path)")
      }
    }

    @Test func `each oddity is a warning of its layer`() throws {
      struct Answer: Decodable {
        struct Layer: Decodable {
          var warnings: [Warning]
        }
        struct Warning: Decodable {
          var code: String
          var count: Int
          var stream: String
          var offset: Int
        }
        var layers: [Layer]
      }
      let place = try Workplace()
      let command = ["layers", "--warnings", "--format", "json", try Images(in: place).odd]
      let output = try place.succeed(try place.start(command))
      let layers = try JSONDecoder().decode(Answer.self, from: Data(output)).layers
      try #require(layers.count == DialectRow.all.count)
      for (row, layer) in zip(DialectRow.all, layers) {
        let warnings = layer.warnings.map {
          DialectRow.Warning($0.code, count: $0.count, stream: $0.stream, at: $0.offset)
        }
        #expect(warnings == row.warnings, "\(row.rule)")
      }
    }
  }
}

/// A layer that no command takes, and what is said of it behind its digest.
struct RefusedLayer: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let layer: ImageFixture.Layer
  let message: String

  init(_ rule: String, _ layer: ImageFixture.Layer, _ message: String) {
    testDescription = rule
    self.layer = layer
    self.message = message
  }

  init(_ archive: RefusedArchive) {
    self.init(archive.rule, .plain(archive.bytes), archive.message)
  }

  /// A blob that is said to be the archive `tar`, compressed.
  init(_ rule: String, blob: [UInt8], of tar: [UInt8], _ message: String) {
    self.init(
      rule,
      ImageFixture.Layer(blob: blob, diffID: ImageFixture.sha256(tar)),
      message
    )
  }
}

struct RefusedLayerTests {
  private static let tar = TarBytes.archive([.file("a", "x")])
  private static let gzip = CompressedBytes.gzip(tar)
  private static let otherDiffID =
    "the diffID is \(ImageFixture.sha256(tar)), the image's configuration says "
    + ImageFixture.sha256([])

  static let blobs: [RefusedLayer] = [
    RefusedLayer(
      "B5: cut short",
      blob: Array(gzip.dropLast(9)),
      of: tar,
      "gzip: member at blob byte 0: truncated at blob byte \(gzip.count - 9)"
    ),
    RefusedLayer(
      "B5: a second member cut short",
      blob: gzip + gzip.dropLast(9),
      of: tar,
      "gzip: member at blob byte \(gzip.count): truncated at blob byte \(2 * gzip.count - 9)"
    ),
    RefusedLayer(
      "B5: a wrong CRC-32",
      blob: gzip.dropLast(8) + [0, 0, 0, 0] + gzip.suffix(4),
      of: tar,
      "gzip: member at blob byte 0: wrong CRC-32"
    ),
    RefusedLayer(
      "B5: a wrong size",
      blob: gzip.dropLast(4) + [0, 0, 0, 0],
      of: tar,
      "gzip: member at blob byte 0: wrong size in trailer"
    ),
    RefusedLayer(
      "B6: a window of 256 MiB",
      blob: [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x90, 1, 0, 0],
      of: [],
      "zstd: frame at blob byte 0: needs a window of 268435456 bytes, more than 134217728"
    ),
    RefusedLayer(
      "B8: an archive whose diffID is not its digest",
      ImageFixture.Layer(
        blob: tar,
        mediaType: "application/vnd.oci.image.layer.v1.tar",
        diffID: ImageFixture.sha256([])
      ),
      otherDiffID
    ),
    RefusedLayer(
      "B9: another archive than the configuration says",
      blob: gzip,
      of: [],
      otherDiffID
    ),
    RefusedLayer(
      "B11: bzip2",
      blob: Array("BZh91AY&SY".utf8) + gzip,
      of: tar,
      "the blob is bzip2, which is not supported"
    ),
    RefusedLayer(
      "B11: xz",
      blob: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0] + gzip,
      of: tar,
      "the blob is xz, which is not supported"
    ),
    RefusedLayer(
      "B11: lz4",
      blob: [0x04, 0x22, 0x4d, 0x18] + gzip,
      of: tar,
      "the blob is lz4, which is not supported"
    ),
  ]

  @Test(arguments: RefusedArchive.all.map(RefusedLayer.init) + blobs)
  func `a layer that is none is refused with its digest and the byte`(row: RefusedLayer) throws {
    let place = try Workplace()
    let fixture = try ImageFixture.image([row.layer], at: place.appending("image"))
    let outcome = try place.run("ls", "oci:\(fixture.path):latest")
    #expect(outcome.status == 65)
    #expect(outcome.output == [])
    let digest = ImageFixture.sha256(row.layer.blob)
    #expect(outcome.errors.contains("layer \(digest): \(row.message)"), "\(outcome.errors)")
  }

  /// Blobs whose size is not what the manifest says.
  @Test(
    arguments: [
      ("B10: a byte too many", gzip + [0]), ("B10: a byte too few", gzip.dropLast()),
      ("B15: no bytes, where some are said", []),
    ] as [(String, [UInt8])]
  )
  func `a blob of another size is refused`(rule: String, blob: [UInt8]) throws {
    let place = try Workplace()
    let layer = ImageFixture.Layer(blob: Self.gzip, diffID: ImageFixture.sha256(Self.tar))
    let fixture = try ImageFixture.image([layer], at: place.appending("image"))
    let digest = ImageFixture.sha256(Self.gzip)
    try fixture.replaceBlob(digest, with: blob)
    expect(
      try place.run("ls", "oci:\(fixture.path):latest"),
      is: .failure(
        65,
        "layer \(digest): \(blob.count) bytes, expected \(Self.gzip.count)",
        hint: "copy the image into the layout again"
      )
    )
  }
}
