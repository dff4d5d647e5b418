// The cache as Debian's skopeo and umoci see it, and what they put there as we see it.

import Foundation
import OCISpec
import SystemPackage
import TestKit
import Testing

@testable import ImageStore

struct CacheInteropTests {
  private let place: CachePlace
  private let cache: ImageCache
  private let name = ImageName(
    domain: "example.com:5000",
    path: "team/app",
    tag: "1.0",
    digest: nil
  )

  init() throws {
    place = try CachePlace()
    cache = try place.open()
  }

  /// An image of one real layer: `etc/name` with a text.
  private func image(_ text: String, docker: Bool = false) throws -> RealImageParts {
    try RealImageParts(text, in: place.appending("tree-\(text)"), docker: docker)
  }

  /// Downloads the image into the cache as a pull does.
  private func pull(_ image: RealImageParts, as name: ImageName) throws {
    var held: [BlobFile] = []
    for (bytes, descriptor) in image.parts {
      let ingest = try #require(try cache.tryIngest(descriptor))
      try ingest.append(bytes)
      held.append(try ingest.finish())
    }
    try cache.record(
      RecordedImage(name: name, manifest: image.manifest, platform: .linuxAMD64)
    )
    withExtendedLifetime(held) {}
  }

  @Test(arguments: [false, true])
  func `skopeo copies what we pulled`(docker: Bool) throws {
    let image = try image("hello", docker: docker)
    try pull(image, as: name)
    let target = place.appending("copy")
    try Tool.run("skopeo", "copy", "oci:\(place.path):\(name.text)", "dir:\(target)")
    for (bytes, descriptor) in image.parts.dropLast() {
      #expect(try read(target + "/" + descriptor.digest.hex) == bytes)
    }
    let manifest = try ImageManifest(
      parsing: read(target + "/manifest.json"),
      as: MediaType("application/vnd.oci.image.manifest.v1+json")
    )
    #expect(manifest.layers.map(\.digest) == [image.parts[0].1.digest])
  }

  @Test(arguments: [false, true])
  func `umoci lists, unpacks and collects what we pulled`(docker: Bool) throws {
    let image = try image("hello", docker: docker)
    try pull(image, as: name)
    let tags = String(decoding: try Tool.run("umoci", "ls", "--layout", place.path), as: UTF8.self)
    #expect(tags == name.text + "\n")
    let reference = "\(place.path):\(name.text)"
    let facts = try Tool.run("umoci", "stat", "--json", "--image", reference)
    #expect(String(decoding: facts, as: UTF8.self).contains(image.parts[0].1.digest.description))
    let bundle = place.appending("bundle")
    try Tool.run("umoci", "unpack", "--rootless", "--image", reference, bundle)
    #expect(try read(bundle + "/rootfs/etc/name") == Array("hello".utf8))
    // It removes what it knows no use for, and none of that is ours.
    let stray = try cache.store([1, 2, 3], as: Descriptor(of: [1, 2, 3]))
    try Tool.run("umoci", "gc", "--layout", place.path)
    #expect(!exists(place.blob(stray.digest)))
    #expect(try cache.image(name, platform: .linuxAMD64)?.digest == image.manifest.digest)
    #expect(try cache.verify().faults.isEmpty)
  }

  @Test func `what skopeo puts there is found, used, replaced and kept`() throws {
    let source = place.appending("source")
    let theirs = try image("theirs")
    let fixture = try ImageFixture(at: source)
    for (bytes, _) in theirs.parts { _ = try fixture.addBlob(bytes, mediaType: "x") }
    try fixture.write(index: [
      ImageFixture.Entry(
        mediaType: theirs.manifest.mediaType.rawValue,
        digest: theirs.manifest.digest.description,
        size: Int(theirs.manifest.byteCount)
      ).named("x")
    ])
    let other = ImageName(domain: "docker.io", path: "library/other", tag: "latest", digest: nil)
    for target in [name, other] {
      try Tool.run("skopeo", "copy", "oci:\(source):x", "oci:\(place.path):\(target.text)")
    }
    let found = try #require(try cache.image(name, platform: .linuxAMD64))
    #expect(found.digest == theirs.manifest.digest)
    #expect(try found.layers.map { try found.open($0).bytes } == [theirs.parts[0].0])
    #expect(
      try cache.image(name, platform: Platform(os: "linux", architecture: "s390x")) == nil
    )
    let images = try cache.images()
    #expect(Set(images.map(\.platform)) == [.linuxAMD64])
    #expect(images.map(\.isComplete) == [true, true])

    let ours = try image("ours")
    try pull(ours, as: name)
    #expect(try cache.image(name, platform: .linuxAMD64)?.digest == ours.manifest.digest)
    // And the other way round.
    try Tool.run("skopeo", "copy", "oci:\(source):x", "oci:\(place.path):\(name.text)")
    #expect(try cache.image(name, platform: .linuxAMD64)?.digest == theirs.manifest.digest)
    #expect(try cache.verify().faults.isEmpty)
    _ = try cache.prune()
    #expect(try cache.image(name, platform: .linuxAMD64)?.digest == theirs.manifest.digest)
  }

  @Test func `what umoci makes there is found`() throws {
    try pull(try image("base"), as: name)
    let reference = "\(place.path):\(name.text)"
    try Tool.run("umoci", "tag", "--image", reference, "example.com/team/tagged:2")
    try Tool.run(
      "umoci",
      "config",
      "--image",
      reference,
      "--tag",
      "example.com/team/new:1",
      "--config.user",
      "nobody"
    )
    let tagged = ImageName(domain: "example.com", path: "team/tagged", tag: "2", digest: nil)
    let new = ImageName(domain: "example.com", path: "team/new", tag: "1", digest: nil)
    let first = try #require(try cache.image(name, platform: .linuxAMD64))
    #expect(try cache.image(tagged, platform: .linuxAMD64)?.digest == first.digest)
    let changed = try #require(try cache.image(new, platform: .linuxAMD64))
    #expect(changed.digest != first.digest)
    #expect(changed.layers.map(\.descriptor.digest) == first.layers.map(\.descriptor.digest))
    #expect(try cache.images().count == 3)
    #expect(try cache.verify().faults.isEmpty)
  }
}

/// The blobs of an image whose layer is a real tar: layer, configuration, manifest.
private struct RealImageParts {
  let parts: [([UInt8], Descriptor)]

  var manifest: Descriptor { parts[2].1 }

  init(_ text: String, in tree: String, docker: Bool) throws {
    try FileManager.default.createDirectory(
      atPath: tree + "/etc",
      withIntermediateDirectories: true
    )
    try write(Array(text.utf8), to: tree + "/etc/name", mode: 0o644)
    try Tool.run("tar", "-C", tree, "-cf", tree + ".tar", ".")
    let types: ImageFixture.MediaTypes = docker ? .docker : .oci
    let layer = try Tool.run("gzip", "-nc", tree + ".tar")
    let diffID = ImageFixture.sha256(try read(tree + ".tar"))
    let configuration = Array(
      """
      {"architecture":"amd64","os":"linux","config":{},"history":[{"created_by":"test"}],\
      "rootfs":{"type":"layers","diff_ids":["\(diffID)"]}}
      """.utf8
    )
    let parts = [
      (layer, Descriptor(of: layer, types.gzipLayer)),
      (configuration, Descriptor(of: configuration, types.configuration)),
    ]
    let manifest = Array(
      """
      {"schemaVersion":2,"mediaType":"\(types.manifest)","config":\(Self.json(parts[1].1)),\
      "layers":[\(Self.json(parts[0].1))]}
      """.utf8
    )
    self.parts = parts + [(manifest, Descriptor(of: manifest, types.manifest))]
  }

  private static func json(_ descriptor: Descriptor) -> String {
    """
    {"mediaType":"\(descriptor.mediaType.rawValue)","digest":"\(descriptor.digest)",\
    "size":\(descriptor.byteCount)}
    """
  }
}
