// Archives of image layouts, as the tools in use write them. Needs skopeo, umoci, tar, bsdtar,
// gzip, zstd.

import Foundation
import ImageStore
import OCISpec
import SystemPackage
import TestKit
import Testing

struct ArchiveLayoutTests {
  private let scratch: ArchiveScratch

  init() throws {
    scratch = try ArchiveScratch()
  }

  /// A way to make an archive of a layout directory.
  enum Writer: CaseIterable {
    case gnu, gnuNames, gnuPosix, v7, bsd, bsdPax, skopeo

    func write(_ layout: String, to archive: String) throws {
      switch self {
      case .gnu: try Tool.run("tar", "-C", layout, "-cf", archive, ".")
      case .gnuNames:
        try Tool.run("tar", "-C", layout, "-cf", archive, "oci-layout", "index.json", "blobs")
      case .gnuPosix:
        try Tool.run("tar", "-C", layout, "--format=posix", "-cf", archive, ".")
      case .v7: try Tool.run("tar", "-C", layout, "--format=v7", "-cf", archive, ".")
      case .bsd: try Tool.run("bsdtar", "-C", layout, "-cf", archive, ".")
      case .bsdPax: try Tool.run("bsdtar", "-C", layout, "--format=pax", "-cf", archive, ".")
      case .skopeo:
        try Tool.run(
          "skopeo",
          "--insecure-policy",
          "copy",
          "--quiet",
          "--preserve-digests",
          "oci:\(layout):v1",
          "oci-archive:\(archive):v1"
        )
      }
    }
  }

  @Test(arguments: Writer.allCases, ["none", "gzip", "zstd"])
  func `I18: an archived layout is the layout`(writer: Writer, tool: String) throws {
    let layout = try scratch.layout()
    try writer.write(layout, to: scratch.path("archive.tar"))
    let archive = try scratch.compress(scratch.path("archive.tar"), tool)
    let expected = try ImageFacts(scratch.resolve(layout: layout))
    for suffix in ["", ":v1", "@\(expected.digest)"] {
      #expect(
        try ImageFacts(scratch.resolve("oci-archive:\(archive)\(suffix)")) == expected
      )
    }
  }

  @Test func `a layout of umoci is the same in an archive`() throws {
    let layout = scratch.path("umoci")
    let tree = scratch.path("insert")
    try FileManager.default.createDirectory(atPath: tree, withIntermediateDirectories: true)
    try Tool.run("umoci", "init", "--layout", layout)
    try Tool.run("umoci", "new", "--image", "\(layout):v1")
    try Tool.run("umoci", "config", "--image", "\(layout):v1", "--architecture", "amd64")
    for name in ["one", "two"] {
      try Data(name.utf8).write(to: URL(fileURLWithPath: tree + "/" + name))
      try Tool.run("umoci", "insert", "--rootless", "--image", "\(layout):v1", tree, "/" + name)
    }
    try Writer.gnu.write(layout, to: scratch.path("umoci.tar"))
    let expected = try ImageFacts(scratch.resolve(layout: layout))
    #expect(expected.blobs.count == 2)
    for tool in ["none", "gzip"] {
      let archive = try scratch.compress(scratch.path("umoci.tar"), tool)
      #expect(try ImageFacts(scratch.resolve("oci-archive:\(archive)")) == expected)
    }
  }

  @Test func `an index in an archive gives each of its platforms`() throws {
    let platforms = ["linux/amd64", "linux/arm64"]
    let fixture = try ImageFixture(at: scratch.path("layout"))
    let images = try platforms.map { platform in
      try fixture.addImage([.plain(Array(platform.utf8))], platform: platform)
        .forPlatform(platform)
    }
    try fixture.write(index: [try fixture.addIndex(images).named("v1")])
    try Writer.gnu.write(fixture.path, to: scratch.path("all.tar"))
    for (platform, entry) in zip(platforms, images) {
      let image = try scratch.resolve("oci-archive:\(scratch.path("all.tar"))", platform: platform)
      #expect(image.digest.description == entry.digest)
      #expect(try ImageFacts.bytes(of: image.layers[0], in: image) == Array(platform.utf8))
    }
    let expected = ImageStoreError.noSuchPlatform(
      try Platform(parsing: "linux/s390x"),
      available: try platforms.map { try Platform(parsing: $0) }
    )
    #expect(throws: expected) {
      try scratch.resolve("oci-archive:\(scratch.path("all.tar"))", platform: "linux/s390x")
    }
  }

  @Test func `of two members with one name the later counts`() throws {
    let layout = try scratch.layout()
    let entries = try scratch.members(of: layout)
    let stale = entries.map { TarEntry.file(TarText(Array("./".utf8) + $0.path), "stale") }
    let expected = try ImageFacts(scratch.resolve(layout: layout))
    let archive = try scratch.write(TarBytes.archive(stale + entries))
    #expect(try ImageFacts(scratch.resolve("oci-archive:\(archive)")) == expected)
    let packed = try scratch.compress(archive, "zstd")
    #expect(try ImageFacts(scratch.resolve("oci-archive:\(packed)")) == expected)
  }

  @Test func `blobs may be links within the archive`() throws {
    let layout = try scratch.layout()
    var entries: [TarEntry] = []
    for (index, entry) in try scratch.members(of: layout).enumerated() {
      let name = "store/\(index)"
      entries.append(.file(TarText(Array(name.utf8)), TarText(entry.content)))
      let depth = entry.path.split(separator: UInt8(ascii: "/")).count - 1
      let up = String(repeating: "../", count: depth)
      entries.append(
        index.isMultiple(of: 2)
          ? .symlink(TarText(entry.path), to: TarText(Array((up + name).utf8)))
          : .hardLink(TarText(entry.path), to: TarText(Array(name.utf8)))
      )
    }
    let expected = try ImageFacts(scratch.resolve(layout: layout))
    let archive = try scratch.write(TarBytes.archive(entries))
    #expect(try ImageFacts(scratch.resolve("oci-archive:\(archive)")) == expected)
    let packed = try scratch.compress(archive, "gzip")
    #expect(try ImageFacts(scratch.resolve("oci-archive:\(packed)")) == expected)
  }

  @Test func `an archive that is replaced goes on being read as it was`() throws {
    let layout = try scratch.layout()
    try Writer.gnu.write(layout, to: scratch.path("archive.tar"))
    let expected = try ImageFacts(scratch.resolve(layout: layout))
    let image = try scratch.resolve("oci-archive:\(scratch.path("archive.tar"))")
    _ = try scratch.write([1, 2, 3], "other")
    #expect(rename(scratch.path("other"), scratch.path("archive.tar")) == 0)
    #expect(try ImageFacts(image) == expected)
  }

  @Test func `an archive that becomes shorter is noticed`() throws {
    let layout = try scratch.layout()
    try Writer.gnu.write(layout, to: scratch.path("archive.tar"))
    let image = try scratch.resolve("oci-archive:\(scratch.path("archive.tar"))")
    let blob = try image.open(image.layers[0])
    #expect(truncate(scratch.path("archive.tar"), 0) == 0)
    var byte: [UInt8] = [0]
    #expect(
      throws: ImageStoreError.blobSizeMismatch(
        blob.digest,
        expected: blob.byteCount,
        actual: 0
      )
    ) { try byte.withUnsafeMutableBytes { try blob.read(at: 0, into: $0) } }
    #expect(try blob.currentIdentity() != blob.identity)
  }

  @Test func `two blobs of an archive are told apart`() throws {
    let layout = try scratch.layout()
    try Writer.gnu.write(layout, to: scratch.path("archive.tar"))
    let image = try scratch.resolve("oci-archive:\(scratch.path("archive.tar"))")
    let (base, top) = (try image.open(image.layers[0]), try image.open(image.layers[1]))
    #expect(base.identity != top.identity)
    #expect(base.identity == (try image.open(image.layers[0]).identity))
    #expect(try base.currentIdentity() == base.identity)
  }
}
