// The bounds that people can move: an image beyond each is refused with a hint, and taken where the
// hint is followed.

import Foundation
import TestKit
import Testing

/// An image that goes beyond a bound.
struct LimitRow: Sendable, CustomTestStringConvertible {
  var testDescription: String
  /// The bound as it is to begin with; `nil` for the usual one.
  var lowered: String?
  var layers: [ImageFixture.Layer]
  /// What is wrong, without the layer in front of it.
  var message: String
  /// Which layer it is said of; `nil` for none.
  var layer: Int? = 0
  /// The bound that the hint names, with its value.
  var raised: String

  var failure: Outcome {
    let subject = layer.map { "layer \(ImageFixture.sha256(layers[$0].blob)): " } ?? ""
    return .failure(65, subject + message, hint: LimitTests.hint(raised))
  }

  var options: [String] { lowered.map { ["--limit", $0] } ?? [] }
}

struct LimitTests {
  static func hint(_ setting: String) -> String {
    "if you trust the image, let it have more with --limit \(setting)"
  }

  private static func plain(_ entries: TarEntry...) -> ImageFixture.Layer {
    .plain(TarBytes.archive(entries))
  }

  private static func remark(_ byteCount: Int) -> TarEntry {
    let key: TarText = "comment"
    return .paxHeader([(key, TarText([UInt8](repeating: 0x78, count: byteCount)))])
  }

  static let rows = [
    LimitRow(
      testDescription: "the size of a layer",
      lowered: "layer-size=1M",
      layers: [plain(.file("a", TarText(TarBytes.zeros(3 << 19))))],
      message: "decodes to more than 1048576 bytes by blob byte 1310720: "
        + "the limit for one tar stream",
      raised: "layer-size=2M"
    ),
    LimitRow(
      testDescription: "a window of zstd",
      lowered: "zstd-window=1M",
      layers: [windowed],
      message: "zstd: frame at blob byte 0: needs a window of 2097152 bytes, more than 1048576",
      raised: "zstd-window=2M"
    ),
    LimitRow(
      testDescription: "a file of holes",
      layers: [plain(.sparse("a", size: 2 << 40, segments: [(0, "x")], format: .pax10))],
      message: "a: tar: file is larger than 1099511627776 bytes at tar byte 0",
      raised: "file-size=2T"
    ),
    LimitRow(
      testDescription: "entries of a layer",
      lowered: "entries=3",
      layers: [plain(.file("a"), .file("b"), .file("c"), .file("d"))],
      message: "more than 3 entries in one layer (member at tar byte 1536)",
      raised: "entries=6"
    ),
    LimitRow(
      testDescription: "files of an image",
      lowered: "entries=4",
      layers: [plain(.file("a"), .file("b")), plain(.file("c"), .file("d"))],
      message: "more than 4 files or names in one tree",
      layer: nil,
      raised: "entries=8"
    ),
    LimitRow(
      testDescription: "the table of a layer",
      lowered: "table-size=200",
      layers: [plain(.file("a"), .file("b"), .file("c"))],
      message: "more than 200 bytes of entries, names, attributes and sparse files' runs in one "
        + "layer (member at tar byte 1024)",
      raised: "table-size=400"
    ),
    LimitRow(
      testDescription: "an extension header",
      layers: [plain(remark(3 << 19), .file("a"))],
      message: "tar: extension header is larger than 1048576 bytes at tar byte 0",
      raised: "extension-header=2M"
    ),
    LimitRow(
      testDescription: "extension headers of one member",
      lowered: "extension-header=1K",
      layers: [plain(remark(900), remark(900), remark(900), remark(900), remark(900), .file("a"))],
      message: "tar: extension headers of one member are larger than 4096 bytes at tar byte 6144",
      raised: "extension-header=2K"
    ),
    LimitRow(
      testDescription: "segments of a sparse file",
      lowered: "sparse-segments=2",
      layers: [
        plain(
          .sparse("a", size: 9000, segments: [(0, "x"), (4096, "y"), (8192, "z")], format: .pax01)
        )
      ],
      message: "a: tar: sparse map is larger than 2 segments at tar byte 612",
      raised: "sparse-segments=4"
    ),
  ]

  private static var windowed: ImageFixture.Layer {
    let tar = TarBytes.archive([.file("a", TarText(TarBytes.zeros(3 << 20)))])
    let shape = CompressedBytes.ZstdShape {
      $0.windowLog = 21
      $0.hasContentSize = false
    }
    return ImageFixture.Layer(
      blob: CompressedBytes.zstd(tar, shape),
      mediaType: "application/vnd.oci.image.layer.v1.tar+zstd",
      diffID: ImageFixture.sha256(tar)
    )
  }

  @Test(arguments: rows)
  func `an image beyond a bound is refused, and taken where the bound is moved`(
    row: LimitRow
  ) throws {
    let place = try Workplace()
    _ = try ImageFixture.image(row.layers, at: place.appending("image"))
    let list = ["ls", "oci:../image"]
    expect(try place.start(list + row.options).finish(), is: row.failure)
    let moved = try place.start(list + row.options + ["--limit", row.raised]).finish()
    #expect((moved.status, moved.errors) == (0, ""))
    #expect(moved.text.hasPrefix("a\n"))
    // Whoever has the index of a layer has let it pass; trees are made, and bounded, each time.
    let later = try place.start(list + row.options).finish()
    if row.raised.hasPrefix("entries=") {
      #expect(later.status == 65 && later.errors.contains(" files or names in one tree\n"))
    } else {
      #expect(later == moved)
    }
  }

  @Test func `a mount in the background is bounded alike`() throws {
    let row = try #require(Self.rows.first { $0.raised == "file-size=2T" })
    let place = try Workplace()
    _ = try ImageFixture.image(row.layers, at: place.appending("image"))
    let mountpoint = try place.makeDirectory("mnt")
    let mount = ["mount", "oci:../image", mountpoint]
    expect(try place.start(mount).finish(), is: row.failure)
    expect(
      try place.start(mount + ["--limit", row.raised]).finish(),
      is: .success("")
    )
    let size = try place.runTool("stat", "-c", "%s", mountpoint + "/a")
    expect(size, is: .success("\(2 << 40)\n"))
    expect(try place.run("umount", mountpoint), is: .success())
  }

  @Test func `what is laid over an image is bounded alike`() throws {
    let place = try Workplace()
    _ = try ImageFixture.image([Self.plain(.file("a"))], at: place.appending("image"))
    let tar = place.appending("over.tar")
    try Data(TarBytes.archive([.file("b"), .file("c"), .file("d")]))
      .write(to: URL(fileURLWithPath: tar))
    let list = ["ls", "oci:../image", "--overlay", tar, "--limit", "entries=2"]
    expect(
      try place.start(list).finish(),
      is: .failure(
        65,
        "--overlay \(tar): more than 2 entries in one layer (member at tar byte 1024)",
        hint: Self.hint("entries=4")
      )
    )
    let moved = try place.start(list + ["--limit", "entries=9"]).finish()
    #expect((moved.status, moved.errors) == (0, ""))
  }

  // MARK: Documents

  /// An image whose configuration is as long as that, in a layout.
  private func longImage(_ byteCount: Int, in place: Workplace) throws -> ImageFixture.Entry {
    let fixture = try ImageFixture(at: place.appending("image"))
    let layer = Self.plain(.file("a"))
    let blob = try fixture.addBlob(layer.blob, mediaType: layer.mediaType)
    let text = """
      {"architecture":"amd64","os":"linux","rootfs":{"type":"layers",\
      "diff_ids":["\(layer.diffID)"]}}
      """
    let config = try fixture.addBlob(
      Array(text.utf8) + [UInt8](repeating: 0x20, count: byteCount - text.utf8.count),
      mediaType: ImageFixture.MediaTypes.oci.configuration
    )
    try fixture.write(index: [try fixture.addManifest(config: config, layers: [blob])])
    return config
  }

  @Test func `a long document is refused, and taken where the bound is moved`() throws {
    let place = try Workplace()
    let config = try longImage(5_000_000, in: place)
    expect(
      try place.run("ls", "oci:../image"),
      is: .failure(
        65,
        "blob \(config.digest): 5000000 bytes, more than 4194304",
        hint: Self.hint("document-size=5000000")
      )
    )
    let moved = try place.run("ls", "oci:../image", "--limit", "document-size=5000000")
    #expect((moved.status, moved.errors) == (0, ""))
    let tooFar = try longImage((64 << 20) + 1, in: place)
    expect(
      try place.run("ls", "oci:../image"),
      is: .failure(65, "blob \(tooFar.digest): 67108865 bytes, more than 4194304")
    )
  }

  @Test func `a long index of a layout is refused by its bound, too`() throws {
    let place = try Workplace()
    let reference = try place.image([[.file("a")]])
    let layout = reference.dropFirst("oci:".count).prefix { $0 != ":" }
    let index = URL(fileURLWithPath: layout + "/index.json")
    let bytes = try Data(contentsOf: index)
    try (bytes + Data(repeating: 0x20, count: 5_000_000 - bytes.count)).write(to: index)
    expect(
      try place.run("ls", reference),
      is: .failure(
        65,
        "\(layout)/index.json: 5000000 bytes, more than 4194304",
        hint: Self.hint("document-size=5000000")
      )
    )
    let moved = try place.run("ls", reference, "--limit", "document-size=5000000")
    #expect((moved.status, moved.errors) == (0, ""))
  }

  @Test func `many layers are refused, and taken where the bound is moved`() throws {
    let place = try Workplace()
    let layers = Array(repeating: Self.plain(.file("a")), count: 3)
    let fixture = try ImageFixture(at: place.appending("image"))
    let manifest = try fixture.addImage(layers)
    try fixture.write(index: [manifest])
    expect(
      try place.run("ls", "oci:../image", "--limit", "layers=2"),
      is: .failure(
        65,
        "blob \(manifest.digest): 3 layers, more than 2",
        hint: Self.hint("layers=3")
      )
    )
    let moved = try place.run("ls", "oci:../image", "--limit", "layers=3")
    #expect((moved.status, moved.errors) == (0, ""))
  }

  @Test func `a pull is bounded alike, and what it brought in stays in`() throws {
    let remote = try RegistryPlace(layerByteCounts: [2000, 2000])
    let place = remote.place
    let refused = try place.run("pull", remote.reference, "--limit", "document-size=100")
    #expect((refused.status, refused.text) == (65, ""))
    #expect(refused.errors.contains("larger than 100 bytes"))
    #expect(refused.errors.hasSuffix("hint: \(Self.hint("document-size=200"))\n"))
    let few = try place.run("pull", remote.reference, "--limit", "layers=1")
    #expect((few.status, few.text) == (65, ""))
    #expect(few.errors.contains("2 layers, more than 1"))
    #expect(few.errors.hasSuffix("hint: \(Self.hint("layers=2"))\n"))
    expect(try place.run("pull", remote.reference, "-q"), is: .success(remote.pinned + "\n"))
    let held = try place.run("ls", remote.reference, "--offline", "--limit", "document-size=100")
    #expect((held.status, held.errors) == (0, ""))
  }

  // MARK: Usage

  static let mistakes = [
    ("size=1", "NAME=VALUE, where NAME is one of layer-size, layer-ratio, zstd-window, "),
    ("layers", "NAME=VALUE, where NAME is one of layer-size, "),
    ("layers=", "a number from 1 to 65000"), ("layers=0", "a number from 1 to 65000"),
    ("layers=65001", "a number from 1 to 65000"), ("layers=1K", "a number from 1 to 65000"),
    ("entries=-1", "a number from 1 to 2147483648"),
    ("zstd-window=3G", "a number from 1 to 2G bytes, or with K, M, G or T"),
    ("document-size=1G", "a number from 1 to 64M bytes, or with K, M, G or T"),
    ("file-size=99999999999T", "a number from 1 to 9223372036854775807 bytes"),
  ]

  @Test(arguments: mistakes)
  func `a bound that there is not, or that does not go so far, is a usage error`(
    setting: String,
    message: String
  ) throws {
    let place = try Workplace()
    let outcome = try place.run("ls", "oci:../image", "--limit", setting)
    #expect((outcome.status, outcome.text) == (64, ""))
    #expect(outcome.errors.contains(message), "\(outcome.errors)")
  }

  @Test func `the help lists each bound with its usual value and its reason`() throws {
    let help = try Workplace().run("--help").text.split(separator: "\n").map(String.init)
    let start = try #require(help.firstIndex { $0.hasPrefix("  layer-size=64G ") })
    let lines = help[start...].prefix { $0.hasPrefix("  ") }
    let settings = lines.map { $0.split(separator: " ")[0] }
    #expect(
      settings == [
        "layer-size=64G", "layer-ratio=1100", "zstd-window=128M", "file-size=1T",
        "entries=16777216", "table-size=2G", "extension-header=1M", "sparse-segments=1048576",
        "document-size=4M", "layers=1000",
      ]
    )
    #expect(lines.filter { $0.count > 80 || $0.split(separator: " ").count < 4 } == [])
  }
}
