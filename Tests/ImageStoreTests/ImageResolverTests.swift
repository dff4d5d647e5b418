// Which image a reference means, over layouts of every shape.

import ImageStore
import OCISpec
import SystemPackage
import TestKit
import Testing

/// A layout in a temporary directory, and the shortest way to resolve references in it.
struct Scratch {
  let directory: TemporaryDirectory
  let fixture: ImageFixture

  init() throws {
    directory = try TemporaryDirectory()
    fixture = try ImageFixture(at: directory.appending("layout"))
  }

  func resolve(_ suffix: String = "", platform: String = "linux/amd64") throws -> ResolvedImage {
    try ImageResolver(platform: Platform(parsing: platform))
      .resolve(try LayoutReference("oci:\(fixture.path)\(suffix)"))
  }

  /// The digest of the image that a reference means.
  func digest(_ suffix: String = "", platform: String = "linux/amd64") throws -> String {
    try resolve(suffix, platform: platform).digest.description
  }

  /// An image that no other call makes.
  func image(_ content: String, platform: String = "linux/amd64") throws -> ImageFixture.Entry {
    try fixture.addImage([.plain(Array(content.utf8))], platform: platform)
  }
}

struct ImageResolverTests {
  // Kept by the suite, because a directory that only a test's body knew might go before its end.
  private let scratch: Scratch

  init() throws {
    scratch = try Scratch()
  }

  @Test func `a resolved image has its documents, layers and platform`() throws {
    let base = ImageFixture.Layer.plain(Array("base".utf8))
    let top = ImageFixture.Layer(blob: [1, 2, 3], diffID: ImageFixture.sha256([9]))
    let entry = try scratch.fixture.addImage(
      [base, top],
      platform: "linux/amd64",
      labels: ["a": "b"]
    )
    try scratch.fixture.write(index: [entry.named("latest")])

    let image = try scratch.resolve(":latest")
    #expect(image.digest.description == entry.digest)
    #expect(image.platform == .linuxAMD64)
    #expect(image.configuration.execution.labels == ["a": "b"])
    #expect(
      try ImageManifest(
        parsing: image.manifestBytes,
        as: image.manifestDescriptor.mediaType
      ) == image.manifest
    )
    #expect(try ImageConfiguration(parsing: image.configurationBytes) == image.configuration)
    #expect(image.layers.map(\.index) == [0, 1])
    #expect(image.layers.map(\.diffID.description) == [base.diffID, top.diffID])
    #expect(
      image.layers.map(\.path)
        == image.layers.map {
          FilePath(scratch.fixture.path + "/blobs/sha256/" + $0.descriptor.digest.hex)
        }
    )
    let blob = try image.open(image.layers[1])
    #expect(blob.byteCount == 3)
    #expect(blob.digest.description == ImageFixture.sha256([1, 2, 3]))
  }

  @Test func `I9: an image without layers resolves`() throws {
    try scratch.fixture.write(index: [try scratch.fixture.addImage([])])
    #expect(try scratch.resolve().layers.isEmpty)
  }

  @Test func `I1: Docker media types are as good as those of OCI`() throws {
    let image = try scratch.fixture.addImage(
      [
        ImageFixture.Layer(
          blob: [1],
          mediaType: ImageFixture.MediaTypes.docker.gzipLayer,
          diffID: ImageFixture.sha256([2])
        )
      ],
      types: .docker
    )
    let list = try scratch.fixture.addIndex(
      [image.forPlatform("linux/amd64")],
      mediaType: ImageFixture.MediaTypes.docker.index
    )
    try scratch.fixture.write(index: [list.named("a"), image.named("b")])
    #expect(try scratch.digest(":a") == image.digest)
    #expect(try scratch.digest(":b") == image.digest)
  }

  // MARK: Names

  @Test func `I17: a tag chooses among images and its absence lists them`() throws {
    let (one, two) = (try scratch.image("1"), try scratch.image("2"))
    try scratch.fixture.write(index: [one.named("v1"), two.named("v2"), two.named("latest")])
    #expect(try scratch.digest(":v1") == one.digest)
    #expect(try scratch.digest(":v2") == two.digest)
    #expect(throws: ImageStoreError.severalImages(names: ["v1", "v2", "latest"])) {
      try scratch.resolve()
    }
    #expect(throws: ImageStoreError.noSuchName("v3", available: ["v1", "v2", "latest"])) {
      try scratch.resolve(":v3")
    }
  }

  @Test func `one image under several tags needs none`() throws {
    let image = try scratch.image("1")
    try scratch.fixture.write(index: [image.named("v1"), image.named("latest")])
    #expect(try scratch.digest() == image.digest)
  }

  @Test(arguments: [
    ("debian:12", ":debian:12"),
    ("docker.io/library/debian:12", ":docker.io/library/debian:12"),
    ("docker.io/library/debian:12", ":debian:12"),
    ("docker.io/library/debian:12", ":12"),
    ("debian:12", ":12"),
    ("localhost:5000/debian", ":debian"),
  ])
  func `a whole name is found by its whole, its last part and its tag`(
    name: String,
    suffix: String
  ) throws {
    let (image, other) = (try scratch.image("1"), try scratch.image("2"))
    try scratch.fixture.write(index: [other.named("example.com/other:11"), image.named(name)])
    #expect(try scratch.digest(suffix) == image.digest)
  }

  @Test(arguments: ["docker.io/library/debia", "5000", "library/debian:12", "ebian:12", "2"])
  func `another part of a name finds nothing`(tag: String) throws {
    let name = "docker.io:5000/library/debian:12"
    try scratch.fixture.write(index: [try scratch.image("1").named(name)])
    #expect(throws: ImageStoreError.noSuchName(tag, available: [name])) {
      try scratch.resolve(":" + tag)
    }
  }

  @Test func `an exact name wins over the tag of a whole name`() throws {
    let (one, two) = (try scratch.image("1"), try scratch.image("2"))
    try scratch.fixture.write(index: [one.named("example.com/x:v1"), two.named("v1")])
    #expect(try scratch.digest(":v1") == two.digest)
  }

  @Test func `a tag that two whole names share is refused with both`() throws {
    let (one, two) = (try scratch.image("1"), try scratch.image("2"))
    try scratch.fixture.write(index: [one.named("a/x:v1"), two.named("a/y:v1")])
    #expect(throws: ImageStoreError.severalImages(names: ["a/x:v1", "a/y:v1"])) {
      try scratch.resolve(":v1")
    }
  }

  @Test func `containerd's annotation names an image beside its tag`() throws {
    func named(_ entry: ImageFixture.Entry, _ name: String) -> ImageFixture.Entry {
      entry.named("latest").annotated("io.containerd.image.name", name)
    }
    let (one, two) = (try scratch.image("1"), try scratch.image("2"))
    try scratch.fixture.write(
      index: [named(one, "docker.io/library/a:latest"), named(two, "docker.io/library/b:latest")])
    #expect(try scratch.digest(":docker.io/library/b:latest") == two.digest)
    let names = ["docker.io/library/a:latest", "docker.io/library/b:latest"]
    #expect(throws: ImageStoreError.severalImages(names: names)) {
      try scratch.resolve(":latest")
    }
  }

  @Test func `a name is compared as bytes`() throws {
    // U+212A is canonically equivalent to K.
    try scratch.fixture.write(index: [try scratch.image("1").named("\u{212A}")])
    #expect(throws: ImageStoreError.noSuchName("K", available: ["\u{212A}"])) {
      try scratch.resolve(":K")
    }
  }

  // MARK: Digests

  @Test func `I14: a digest chooses at any depth, whatever name and platform`() throws {
    let amd = try scratch.image("1")
    let arm = try scratch.image("2", platform: "linux/arm64")
    let index = try scratch.fixture.addIndex(
      [amd.forPlatform("linux/amd64"), arm.forPlatform("linux/arm64")])
    let other = try scratch.image("3")
    try scratch.fixture.write(index: [other.named("other"), index.named("latest")])
    #expect(try scratch.digest("@" + arm.digest) == arm.digest)
    #expect(try scratch.resolve("@" + arm.digest).platform.description == "linux/arm64/v8")
    #expect(try scratch.digest("@" + index.digest) == amd.digest)
    #expect(try scratch.digest("@" + index.digest, platform: "linux/arm64") == arm.digest)
    #expect(try scratch.digest(":latest@" + other.digest) == other.digest)
  }

  @Test func `a digest that is no image of the layout is refused`() throws {
    let image = try scratch.image("1")
    try scratch.fixture.write(index: [image])
    let layer = ImageFixture.sha256(Array("1".utf8))
    #expect(throws: ImageStoreError.noSuchDigest(try Digest(layer))) {
      try scratch.resolve("@" + layer)
    }
  }

  // MARK: Platforms

  @Test func `I6: the platform chooses in an index and its absence lists them`() throws {
    let platforms = ["linux/arm/v7", "linux/arm64", "linux/amd64", "linux/amd64/v3"]
    let images = try platforms.map { try scratch.image($0, platform: $0) }
    let index = try scratch.fixture.addIndex(
      zip(images, platforms).map { $0.forPlatform($1) }
    )
    try scratch.fixture.write(index: [index.named("latest")])
    #expect(try scratch.digest(":latest") == images[2].digest)
    #expect(try scratch.digest(platform: "linux/aarch64") == images[1].digest)
    #expect(try scratch.digest(platform: "linux/amd64/v4") == images[3].digest)
    #expect(try scratch.digest(platform: "linux/arm") == images[0].digest)
    let missing = try Platform(parsing: "linux/riscv64")
    let available = try platforms.map { try Platform(parsing: $0) }
    #expect(throws: ImageStoreError.noSuchPlatform(missing, available: available)) {
      try scratch.resolve(platform: "linux/riscv64")
    }
  }

  @Test func `I6: of two images for one platform in an index the first is taken`() throws {
    let (one, two) = (try scratch.image("1"), try scratch.image("2"))
    let index = try scratch.fixture.addIndex(
      [one.forPlatform("linux/amd64"), two.forPlatform("linux/amd64")])
    try scratch.fixture.write(index: [index])
    #expect(try scratch.digest() == one.digest)
  }

  @Test func `platforms of one name may stand in index json itself`() throws {
    let amd = try scratch.image("1").forPlatform("linux/amd64")
    let arm = try scratch.image("2", platform: "linux/arm64").forPlatform("linux/arm64")
    try scratch.fixture.write(index: [arm.named("v1"), amd.named("v1")])
    #expect(try scratch.digest(":v1") == amd.digest)
    try scratch.fixture.write(index: [arm, amd])
    #expect(try scratch.digest(platform: "linux/arm64") == arm.digest)
  }

  @Test func `I7: unnamed images that no platform tells apart are refused`() throws {
    let (one, two) = (try scratch.image("1"), try scratch.image("2"))
    let error = ImageStoreError.severalImages(names: [one.digest, two.digest])
    try scratch.fixture.write(index: [one, two])
    #expect(throws: error) { try scratch.resolve() }
    try scratch.fixture.write(
      index: [one.forPlatform("linux/amd64"), two.forPlatform("linux/amd64")])
    #expect(throws: error) { try scratch.resolve() }
    try scratch.fixture.write(index: [try scratch.fixture.addIndex([one, two])])
    #expect(throws: error) { try scratch.resolve() }
  }

  @Test func `I7: a sole image without a platform must prove its own`() throws {
    let image = try scratch.image("1", platform: "linux/arm64")
    try scratch.fixture.write(index: [image.named("latest")])
    #expect(try scratch.digest(":latest", platform: "linux/arm64") == image.digest)
    let available = [try Platform(parsing: "linux/arm64")]
    #expect(throws: ImageStoreError.noSuchPlatform(.linuxAMD64, available: available)) {
      try scratch.resolve(":latest")
    }
  }

  // MARK: Indexes

  @Test func `I4: attestations, signatures and unknown types are passed over`() throws {
    let image = try scratch.image("1")
    var unknown = try scratch.fixture.addBlob([0], mediaType: "application/x-unknown")
    unknown.platform = "linux/amd64"
    let index = try scratch.fixture.addIndex([
      unknown, try scratch.fixture.addAttestation(of: image), image.forPlatform("linux/amd64"),
    ])
    var signature = try scratch.image("signature")
    signature.artifactType = "application/vnd.dev.example.signature"
    try scratch.fixture.write(index: [unknown, signature, index])
    #expect(try scratch.digest() == image.digest)
  }

  @Test func `I5: a layout of nothing but attestations has no image`() throws {
    let attestation = try scratch.fixture.addAttestation(of: try scratch.image("1"))
    let none = ImageStoreError.noImages(FilePath(scratch.fixture.path))
    try scratch.fixture.write(index: [attestation.named("latest")])
    #expect(throws: none) { try scratch.resolve(":latest") }
    try scratch.fixture.write(index: [try scratch.fixture.addIndex([attestation])])
    #expect(throws: none) { try scratch.resolve() }
    try scratch.fixture.write(index: [])
    #expect(throws: none) { try scratch.resolve() }
  }

  @Test func `I3: indexes nest to depth 4 and no further`() throws {
    let image = try scratch.image("1").forPlatform("linux/amd64")
    var nested = try scratch.fixture.addIndex([image])
    for _ in 1..<4 { nested = try scratch.fixture.addIndex([nested]) }
    try scratch.fixture.write(index: [nested])
    #expect(try scratch.digest() == image.digest)
    #expect(try scratch.digest("@" + image.digest) == image.digest)

    let innermost = try scratch.fixture.addIndex([image])
    try scratch.fixture.write(index: [try scratch.fixture.addIndex([nested])])
    let error = ImageStoreError.indexTooDeep(try Digest(innermost.digest), limit: 4)
    #expect(throws: error) { try scratch.resolve() }
    #expect(throws: error) { try scratch.resolve("@" + image.digest) }
  }

  @Test func `I3: an index that stands in many places is read once`() throws {
    let image = try scratch.image("1").forPlatform("linux/amd64")
    // Without the set of visited digests these are 300^4 readings.
    var nested = try scratch.fixture.addIndex([image])
    for _ in 1..<4 {
      nested = try scratch.fixture.addIndex(Array(repeating: nested, count: 300))
    }
    try scratch.fixture.write(index: Array(repeating: nested, count: 300))
    #expect(try scratch.digest() == image.digest)
    #expect(throws: ImageStoreError.self) {
      try scratch.resolve("@" + ImageFixture.sha256(Array("absent".utf8)))
    }
  }

  @Test func `an image whose other platforms are missing resolves`() throws {
    let amd = try scratch.image("1")
    let arm = try scratch.image("2", platform: "linux/arm64")
    try scratch.fixture.write(
      index: [
        try scratch.fixture.addIndex([
          arm.forPlatform("linux/arm64"), amd.forPlatform("linux/amd64"),
        ])
      ])
    try scratch.fixture.removeBlob(arm.digest)
    #expect(try scratch.digest() == amd.digest)
    #expect(throws: ImageStoreError.blobMissing(try Digest(arm.digest))) {
      try scratch.resolve(platform: "linux/arm64")
    }
  }

  @Test func `B14: embedded content is used where its digest agrees`() throws {
    let text = Array(#"{"schemaVersion":2,"manifests":[]}"#.utf8)
    var index = try scratch.fixture.addBlob(text, mediaType: ImageFixture.MediaTypes.oci.index)
    try scratch.fixture.removeBlob(index.digest)
    index.data = text
    try scratch.fixture.write(index: [index])
    #expect(throws: ImageStoreError.noImages(FilePath(scratch.fixture.path))) {
      try scratch.resolve()
    }
    index.data = text.map { $0 == 0x32 ? 0x33 : $0 }
    try scratch.fixture.write(index: [index])
    let error = ImageStoreError.embeddedMismatch(try Digest(index.digest))
    #expect(throws: error) { try scratch.resolve() }
    index.data = text + [0x20]
    try scratch.fixture.write(index: [index])
    #expect(throws: error) { try scratch.resolve() }
  }
}
