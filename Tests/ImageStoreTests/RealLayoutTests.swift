// Layouts as the tools in use write them. Needs skopeo, umoci, tar and gzip.

import Foundation
import ImageStore
import OCISpec
import SystemPackage
import TestKit
import Testing

struct RealLayoutTests {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  /// A layout of a real tar, gzipped, for other tools to copy from.
  private func source(tags: [String], platforms: [String] = ["linux/amd64"]) throws -> ImageFixture
  {
    let tree = directory.appending("tree")
    try FileManager.default.createDirectory(
      atPath: tree + "/etc",
      withIntermediateDirectories: true
    )
    let fixture = try ImageFixture(at: directory.appending("source"))
    var entries: [ImageFixture.Entry] = []
    for platform in platforms {
      try Data(platform.utf8).write(to: URL(fileURLWithPath: tree + "/etc/platform"))
      let file = directory.appending("layer.tar")
      try Tool.run("tar", "-C", tree, "-cf", file, ".")
      let tar = Array(try Data(contentsOf: URL(fileURLWithPath: file)))
      let layer = ImageFixture.Layer(
        blob: try Tool.run("gzip", "-nc", file),
        diffID: ImageFixture.sha256(tar)
      )
      entries.append(try fixture.addImage([layer], platform: platform).forPlatform(platform))
    }
    let image = entries.count == 1 ? entries[0] : try fixture.addIndex(entries)
    try fixture.write(index: tags.map { image.named($0) })
    return fixture
  }

  private func resolve(_ reference: String, platform: String = "linux/amd64") throws
    -> ResolvedImage
  {
    try ImageResolver(platform: Platform(parsing: platform)).resolve(LayoutReference(reference))
  }

  /// Checks every layer of an image with tools of its own: stored digest, size and diffID.
  private func verify(_ image: ResolvedImage) throws {
    for layer in image.layers {
      let blob = try image.open(layer)
      var bytes = [UInt8](repeating: 0, count: Int(blob.byteCount))
      let count = try bytes.withUnsafeMutableBytes { try blob.read(at: 0, into: $0) }
      #expect(count == bytes.count)
      #expect(ImageFixture.sha256(bytes) == layer.descriptor.digest.description)
      let tar = try Tool.run("gzip", "-dc", layer.path.string)
      #expect(ImageFixture.sha256(tar) == layer.diffID.description)
    }
  }

  @Test func `a layout written by skopeo resolves by its tag, its whole name and alone`() throws {
    let source = try source(tags: ["v1"])
    for (index, suffix) in [":v1", ":docker.io/library/test:v1", ""].enumerated() {
      let target = directory.appending("copy\(index)")
      try Tool.run(
        "skopeo",
        "--insecure-policy",
        "copy",
        "--quiet",
        "oci:\(source.path):v1",
        "oci:\(target)\(suffix)"
      )
      let image = try resolve("oci:\(target)\(suffix)")
      #expect(image.layers.count == 1)
      #expect(image.digest == (try resolve("oci:\(target)").digest))
      try verify(image)
    }
    let whole = directory.appending("copy1")
    #expect(try resolve("oci:\(whole):v1").layers.count == 1)
    #expect(try resolve("oci:\(whole):test:v1").layers.count == 1)
  }

  @Test func `two images copied by skopeo into one layout need a tag`() throws {
    let source = try source(tags: ["v1"])
    let other = try ImageFixture.image([], tag: "v2", at: directory.appending("other"))
    let target = directory.appending("both")
    for (fixture, tag) in [(source, "v1"), (other, "v2")] {
      try Tool.run(
        "skopeo",
        "--insecure-policy",
        "copy",
        "--quiet",
        "oci:\(fixture.path):\(tag)",
        "oci:\(target):\(tag)"
      )
    }
    #expect(throws: ImageStoreError.severalImages(names: ["v1", "v2"])) {
      try resolve("oci:\(target)")
    }
    #expect(try resolve("oci:\(target):v1").layers.count == 1)
    #expect(try resolve("oci:\(target):v2").layers.isEmpty)
  }

  @Test func `an index copied whole by skopeo gives each of its platforms`() throws {
    let platforms = ["linux/amd64", "linux/arm64"]
    let source = try source(tags: ["v1"], platforms: platforms)
    let target = directory.appending("all")
    try Tool.run(
      "skopeo",
      "--insecure-policy",
      "copy",
      "--quiet",
      "--all",
      "oci:\(source.path):v1",
      "oci:\(target):v1"
    )
    for platform in platforms {
      let image = try resolve("oci:\(target):v1", platform: platform)
      #expect(image.platform == (try Platform(parsing: platform)))
      try verify(image)
      let content = try Tool.run(
        "tar",
        "-xzOf",
        image.layers[0].path.string,
        "./etc/platform"
      )
      #expect(content == Array(platform.utf8))
    }
  }

  @Test func `skopeo reads a layout that the fixture wrote`() throws {
    let source = try source(tags: ["v1"])
    let output = try Tool.run(
      "skopeo",
      "inspect",
      "--format",
      "{{.Digest}}",
      "oci:\(source.path):v1"
    )
    let digest = try resolve("oci:\(source.path):v1").digest.description
    #expect(String(decoding: output, as: UTF8.self) == digest + "\n")
  }

  @Test func `a layout written by umoci resolves at each of its tags`() throws {
    let layout = directory.appending("umoci")
    let tree = directory.appending("insert")
    try FileManager.default.createDirectory(atPath: tree, withIntermediateDirectories: true)
    try Tool.run("umoci", "init", "--layout", layout)
    try Tool.run("umoci", "new", "--image", "\(layout):empty")
    try Tool.run("umoci", "config", "--image", "\(layout):empty", "--architecture", "amd64")
    #expect(try resolve("oci:\(layout)").layers.isEmpty)
    try Tool.run("umoci", "tag", "--image", "\(layout):empty", "grown")
    for name in ["one", "two", "three"] {
      try Data(name.utf8).write(to: URL(fileURLWithPath: tree + "/" + name))
      try Tool.run(
        "umoci",
        "insert",
        "--rootless",
        "--image",
        "\(layout):grown",
        tree,
        "/data-" + name
      )
    }
    let image = try resolve("oci:\(layout):grown")
    #expect(image.layers.count == 3)
    try verify(image)
    let names = try Tool.run("umoci", "list", "--layout", layout)
    #expect(String(decoding: names, as: UTF8.self) == "empty\ngrown\n")
    #expect(throws: ImageStoreError.severalImages(names: ["empty", "grown"])) {
      try resolve("oci:\(layout)")
    }
    #expect(try resolve("oci:\(layout)@\(image.digest)").digest == image.digest)
  }
}
