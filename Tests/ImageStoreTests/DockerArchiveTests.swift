// Docker archives: as skopeo writes them, and in the forms that Docker, podman and others write,
// made by hand. Needs skopeo, gzip and zstd.

import Foundation
import ImageStore
import OCISpec
import SystemPackage
import TestKit
import Testing

struct DockerArchiveTests {
  private let scratch: ArchiveScratch

  init() throws {
    scratch = try ArchiveScratch()
  }

  /// What is the same of an image whose layers may be packed otherwise.
  private struct Content: Equatable {
    let configuration: [UInt8]
    let diffIDs: [String]
    /// SHA-256 of each layer's tar stream.
    let tars: [String]

    init(_ image: ResolvedImage, in scratch: ArchiveScratch) throws {
      configuration = image.configurationBytes
      diffIDs = image.layers.map(\.diffID.description)
      tars = try image.layers.map { layer in
        let bytes = try ImageFacts.bytes(of: layer, in: image)
        #expect(ImageFixture.sha256(bytes) == layer.descriptor.digest.description)
        guard bytes.starts(with: [0x1f, 0x8b]) || bytes.starts(with: [0x28, 0xb5]) else {
          return ImageFixture.sha256(bytes)
        }
        let tool = bytes[0] == 0x1f ? "gzip" : "zstd"
        return ImageFixture.sha256(try Tool.run(tool, "-dc", scratch.write(bytes, "layer")))
      }
    }
  }

  private func content(_ text: String) throws -> Content {
    try Content(scratch.resolve(text), in: scratch)
  }

  @Test(arguments: ["none", "gzip", "zstd"])
  func `what skopeo writes has the content of the layout and the digest that skopeo sees`(
    tool: String
  ) throws {
    let layout = try scratch.layout()
    let file = scratch.path("docker.tar")
    try Tool.run(
      "skopeo",
      "--insecure-policy",
      "copy",
      "--quiet",
      "oci:\(layout):v1",
      "docker-archive:\(file):example.com/team/app:1"
    )
    let archive = try scratch.compress(file, tool)
    let image = try scratch.resolve("docker-archive:\(archive):example.com/team/app:1")
    #expect(
      try Content(image, in: scratch)
        == Content(scratch.resolve(layout: layout), in: scratch)
    )
    let manifest = try Tool.run("skopeo", "inspect", "--raw", "docker-archive:\(file)")
    #expect(image.manifestBytes == manifest)
    #expect(image.digest.description == ImageFixture.sha256(manifest))
    #expect(image.platform == .linuxAMD64)
  }

  // MARK: Forms made by hand

  /// One image of an archive under construction.
  private struct Saved {
    var tags: String
    var layers: [[UInt8]] = ArchiveScratch.layers.map(\.tar)
    var platform = "amd64"

    var configuration: [UInt8] {
      let digests = layers.map { "\"\(ImageFixture.sha256($0))\"" }.joined(separator: ",")
      return Array(
        (#"{"os":"linux","architecture":"\#(platform)","config":{"Labels":{"tags":""}},"#
          + #""rootfs":{"type":"layers","diff_ids":[\#(digests)]}}"#).utf8
      )
    }

    func entry(config: String, layers: [String]) -> String {
      let list = layers.map { "\"\($0)\"" }.joined(separator: ",")
      return #"{"Config":"\#(config)","RepoTags":\#(tags),"Layers":[\#(list)]}"#
    }
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    String(ImageFixture.sha256(bytes).dropFirst("sha256:".count))
  }

  private static func file(_ path: String, _ bytes: [UInt8]) -> TarEntry {
    .file(TarText(Array(path.utf8)), TarText(bytes))
  }

  private static func manifest(_ entries: [String]) -> TarEntry {
    file("manifest.json", Array("[\(entries.joined(separator: ","))]\n".utf8))
  }

  /// What Docker wrote up to version 24; a layer that was there before is a link to it.
  private func old(
    _ images: [Saved],
    link: (TarText, TarText) -> TarEntry = { .symlink($0, to: $1) }
  ) -> [UInt8] {
    var members: [TarEntry] = []
    var entries: [String] = []
    var places: [String: String] = [:]
    for (index, image) in images.enumerated() {
      var names: [String] = []
      for (place, layer) in image.layers.enumerated() {
        let directory = Self.hex(Array("\(index) \(place)".utf8))
        let name = "\(directory)/layer.tar"
        members += [
          .directory(TarText(Array("\(directory)/".utf8))),
          Self.file("\(directory)/VERSION", Array("1.0".utf8)),
          Self.file("\(directory)/json", Array(#"{"id":"\#(directory)"}"#.utf8)),
        ]
        let digest = Self.hex(layer)
        if let known = places[digest] {
          members.append(
            link(TarText(Array(name.utf8)), TarText(Array("../\(known)/layer.tar".utf8)))
          )
        } else {
          members.append(Self.file(name, layer))
          places[digest] = directory
        }
        names.append(name)
      }
      let config = Self.hex(image.configuration) + ".json"
      members.append(Self.file(config, image.configuration))
      entries.append(image.entry(config: config, layers: names))
    }
    members += [Self.manifest(entries), Self.file("repositories", Array("{}".utf8))]
    return TarBytes.archive(members)
  }

  private func archives(_ bytes: [UInt8]) throws -> [String] {
    let plain = try scratch.write(bytes)
    return [plain, try scratch.compress(plain, "gzip")]
  }

  @Test func `I19: the old form is read with its links`() throws {
    let first = Saved(tags: #"["first:1"]"#)
    var second = Saved(tags: #"["second:1","second:2"]"#)
    second.layers = [first.layers[0], first.layers[0], TarBytes.archive([.file("x", "y")])]
    for link in [
      { .symlink($0, to: $1) }, { .hardLink($0, to: $1) },
      { .hardLink($0, to: TarText(Array($1.bytes.dropFirst(3)))) },
    ] as [(TarText, TarText) -> TarEntry] {
      for archive in try archives(old([first, second], link: link)) {
        let images = [(":first:1", first), (":second:2", second), (":@1", second)]
        for (suffix, saved) in images {
          let content = try content("docker-archive:\(archive)\(suffix)")
          #expect(content.configuration == saved.configuration)
          #expect(content.tars == saved.layers.map(ImageFixture.sha256))
          #expect(content.diffIDs == content.tars)
        }
      }
    }
  }

  /// The form with an image layout inside; `packed` is what Docker writes of images in containerd's
  /// store.
  @Test(arguments: [false, true])
  func `I19: the new form is read by its names of blobs`(isPacked: Bool) throws {
    let image = Saved(tags: #"["new:1"]"#)
    let blobs = isPacked ? image.layers.map { CompressedBytes.gzip($0) } : image.layers
    let names = blobs.map { "blobs/sha256/" + Self.hex($0) }
    let config = "blobs/sha256/" + Self.hex(image.configuration)
    let members =
      zip(names, blobs).map(Self.file) + [
        Self.file(config, image.configuration), Self.file("index.json", Array("{}".utf8)),
        Self.file("oci-layout", Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8)),
        Self.manifest([image.entry(config: config, layers: names)]),
      ]
    for archive in try archives(TarBytes.archive(members)) {
      let resolved = try scratch.resolve("docker-archive:\(archive)")
      #expect(
        resolved.layers.map(\.descriptor.digest.description) == blobs.map(ImageFixture.sha256)
      )
      #expect(
        try Content(resolved, in: scratch).tars == image.layers.map(ImageFixture.sha256)
      )
    }
  }

  @Test func `packed layers are hashed once`() throws {
    let image = Saved(tags: "null")
    let blobs = [CompressedBytes.gzip(image.layers[0]), CompressedBytes.zstd(image.layers[1])]
    let names = ["a.tar.gz", "b.tar"]
    let members =
      zip(names, blobs).map(Self.file) + [
        Self.file("sha256:config", image.configuration),
        Self.manifest([image.entry(config: "sha256:config", layers: names)]),
      ]
    let archive = try scratch.write(TarBytes.archive(members))
    let first = try scratch.resolve("docker-archive:\(archive)")
    #expect(first.layers.map(\.descriptor.digest.description) == blobs.map(ImageFixture.sha256))
    #expect(
      first.layers.map(\.descriptor.mediaType.kind)
        == [.layer(.gzip, isDistributable: true), .layer(.zstd, isDistributable: true)]
    )
    #expect(try Content(first, in: scratch).tars == image.layers.map(ImageFixture.sha256))
    // Whatever is remembered must be what another reading of the file would find.
    let second = try scratch.resolve("docker-archive:\(archive)")
    #expect(try ImageFacts(second) == ImageFacts(first))
    let packed = try scratch.compress(archive, "zstd")
    #expect(try ImageFacts(scratch.resolve("docker-archive:\(packed)")) == ImageFacts(first))
    // A changed file is another file.
    var other = members
    other[0] = Self.file(names[0], CompressedBytes.gzip(image.layers[0], .init { $0.level = 1 }))
    _ = try scratch.write(TarBytes.archive(other))
    let third = try scratch.resolve("docker-archive:\(archive)")
    #expect(
      third.layers[0].descriptor.digest.description == ImageFixture.sha256(other[0].content)
    )
  }

  // MARK: Choice

  @Test
  func `a name is completed as Docker does, and a choice that is missing lists what there is`()
    throws
  {
    var arm = Saved(tags: #"["docker.io/library/other:latest","<none>:<none>"]"#)
    arm.platform = "arm64"
    let nameless = Saved(tags: "null", layers: [])
    let archive = try scratch.write(old([Saved(tags: #"["debian:12"]"#), arm, nameless]))
    let names = ["docker.io/library/debian:12", "docker.io/library/other:latest", "@2"]
    for name in ["debian:12", "library/debian:12", "docker.io/debian:12"] {
      #expect(try scratch.resolve("docker-archive:\(archive):\(name)").layers.count == 2)
    }
    #expect(try scratch.resolve("docker-archive:\(archive):@2").layers.isEmpty)
    #expect(
      try scratch.resolve("docker-archive:\(archive):other", platform: "linux/arm64")
        .platform.description == "linux/arm64/v8"
    )
    let refused: [(String, ImageStoreError)] = [
      ("", .severalImages(names: names)),
      (":debian", .noSuchName("docker.io/library/debian:latest", available: names)),
      (":@3", .noSuchName("@3", available: names)),
      (
        ":other",
        .noSuchPlatform(.linuxAMD64, available: [Platform(os: "linux", architecture: "arm64")])
      ),
    ]
    for (suffix, error) in refused {
      #expect(throws: error) { try scratch.resolve("docker-archive:\(archive)\(suffix)") }
    }
  }

  @Test func `an archive without images says so`() throws {
    let archive = try scratch.write(TarBytes.archive([Self.manifest([])]))
    #expect(throws: ImageStoreError.noImages(FilePath(archive))) {
      try scratch.resolve("docker-archive:\(archive)")
    }
  }

  // MARK: What is wrong

  private func fault(_ members: [TarEntry]) throws -> ArchiveFault? {
    let archive = try scratch.write(TarBytes.archive(members))
    do {
      _ = try scratch.open("docker-archive:\(archive)")
      return nil
    } catch ImageStoreError.badArchive(FilePath(archive), let fault) {
      return fault
    }
  }

  @Test func `documents that do not fit are named`() throws {
    let image = Saved(tags: "null")
    let config = Self.file("config.json", image.configuration)
    let layer = Self.file("layer.tar", image.layers[0])
    func manifest(_ layers: [String]) -> TarEntry {
      Self.manifest([image.entry(config: "config.json", layers: layers)])
    }
    #expect(try fault([manifest([])]) == .memberMissing("config.json"))
    #expect(
      try fault([manifest(["layer.tar"]), config, layer])
        == .invalidDocument("config.json", .diffIDCountMismatch(layers: 1, diffIDs: 2))
    )
    #expect(
      try fault([manifest([]), Self.file("config.json", Array("[]".utf8))])
        == .invalidDocument("config.json", .badJSON(.notAnObject, at: 0))
    )
    #expect(
      try fault([Self.file("manifest.json", Array("{}".utf8))])
        == .invalidDocument("manifest.json", .badJSON(.notAnArray, at: 0))
    )
    #expect(
      try fault([manifest(["layer.tar", "gone.tar"]), config, layer])
        == .memberMissing("gone.tar")
    )
  }

  @Test func `I20: a layer of another content is found by its digest`() throws {
    let image = Saved(tags: "null", layers: [ArchiveScratch.layers[0].tar])
    let wrong = ArchiveScratch.layers[1].tar
    let members = [
      Self.manifest([image.entry(config: "config.json", layers: ["layer.tar"])]),
      Self.file("config.json", image.configuration), Self.file("layer.tar", wrong),
    ]
    let archive = try scratch.write(TarBytes.archive(members))
    let resolved = try scratch.resolve("docker-archive:\(archive)")
    // The size is the member's; whoever reads the layer compares it with the digest.
    #expect(resolved.layers[0].descriptor.digest == resolved.layers[0].diffID)
    #expect(resolved.layers[0].descriptor.byteCount == UInt64(wrong.count))
    let packed = try scratch.compress(archive, "gzip")
    let decoded = try scratch.resolve("docker-archive:\(packed)")
    #expect(decoded.digest == resolved.digest)
    #expect(
      throws: ImageStoreError.digestMismatch(
        expected: decoded.layers[0].diffID,
        actual: DigestHasher.digest(of: wrong, .sha256)
      )
    ) { try decoded.open(decoded.layers[0]) }
  }
}
