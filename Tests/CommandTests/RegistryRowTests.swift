// What registries say, and what is believed of it: the rows of docs/SEMANTICS.md that only a registry can try,
// through whole commands.

import Foundation
import TestKit
import TestRegistry
import Testing

struct RegistryRowTests {
  @Test func `I2: schema 1 from a registry`() throws {
    let here = try RegistryPlace()
    let type = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    try here.running.on(.anyManifest, .header("Content-Type", type))
    let outcome = try here.place.run("ls", here.reference)
    #expect((outcome.status, outcome.text) == (65, ""))
    #expect(outcome.errors.contains("Docker schema 1 manifests are not supported"))
  }

  @Test func `I12: an index that a registry calls a manifest`() throws {
    let here = try RegistryPlace()
    try here.running.on(.anyManifest, .header("Content-Type", ImageFixture.MediaTypes.oci.index))
    let outcome = try here.place.run("ls", here.reference)
    #expect((outcome.status, outcome.text) == (65, ""))
    #expect(outcome.errors.contains(ImageFixture.MediaTypes.oci.index))
    #expect(try here.blobs() == [])
  }

  @Test func `I14: a digest beside a tag, in a registry`() throws {
    let here = try RegistryPlace()
    let digest = here.image.manifest.digest
    let outcome = try here.place.run("ls", "\(here.domain)/team/app:none@\(digest)")
    #expect((outcome.status, outcome.text) == (0, "file0\nfile1\nfile2\n"))
    let lines = try here.running.requests(.anyManifest).map(\.line)
    #expect(lines == ["GET /v2/team/app/manifests/\(digest)"])
  }

  @Test(arguments: [nil, "", "../../etc/passwd"] as [String?])
  func `I21: no Docker-Content-Digest, or none that is one`(_ value: String?) throws {
    let here = try RegistryPlace()
    try here.running.on(.anyManifest, .header("Docker-Content-Digest", value))
    let outcome = try here.place.run("ls", here.reference)
    #expect((outcome.status, outcome.text) == (0, "file0\nfile1\nfile2\n"))
  }

  @Test func `I21: another Docker-Content-Digest than that of what was sent`() throws {
    let here = try RegistryPlace()
    let other = ImageFixture.sha256([])
    try here.running.on(.anyManifest, .header("Docker-Content-Digest", other))
    let outcome = try here.place.run("ls", here.reference)
    #expect((outcome.status, outcome.text) == (65, ""))
    #expect(outcome.errors.contains(other))
    #expect(outcome.errors.contains(here.image.manifest.digest))
    #expect(try here.blobs() == [])
  }

  @Test func `I21: another image than the digest that was asked for`() throws {
    let here = try RegistryPlace()
    let other = TestImage(layerByteCounts: [3000], seed: 9)
    let contents = try here.running.contents
    other.push(to: contents, "team/app", tag: nil)
    contents.put(
      manifest: other.manifest.bytes.all,
      other.manifest.mediaType,
      as: here.image.manifest.digest,
      in: "team/app"
    )
    let outcome = try here.place.run("ls", here.pinned)
    #expect((outcome.status, outcome.text) == (65, ""))
    #expect(outcome.errors.contains(here.image.manifest.digest))
    #expect(outcome.errors.contains(other.manifest.digest))
    #expect(try here.blobs() == [])
  }

  @Test func `B13: a layer that the registry may not hand on`() throws {
    let here = try RegistryPlace()
    var layer = here.image.layers[0]
    layer.mediaType = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
    let image = TestImage(
      layers: [layer],
      diffIDs: [here.image.diffIDs[0]],
      layerExtras: #","urls":["http://127.0.0.9/x"]"#
    )
    let contents = try here.running.contents
    image.push(to: contents, "team/foreign", tag: "1")
    let reference = "\(here.domain)/team/foreign:1"
    contents.removeBlob(layer.digest, in: "team/foreign")
    let refused = try here.place.run("ls", reference)
    #expect((refused.status, refused.text) == (69, ""))
    #expect(refused.errors.contains(layer.digest))
    #expect(refused.errors.contains("--allow-foreign-layers"))
    contents.put(blob: layer.bytes, as: layer.digest, in: "team/foreign")
    expect(
      try here.place.run("ls", "--progress", "none", reference),
      is: .success("file0\n")
    )
  }

  /// The blobs of a cache that an algorithm names.
  private func blobs(_ place: Workplace, _ algorithm: String) throws -> [String] {
    try place.names(in: "\(place.cache)/blobs/\(algorithm)").map { "\(algorithm):\($0)" }
  }

  @Test func `B16: digests by SHA-512 from a registry`() throws {
    let place = try Workplace()
    let registry = try ScriptedRegistry()
    let fixture = try ImageFixture(at: place.appending("image"), algorithm: .sha512)
    let tar = TarBytes.archive([.file("a", "text")])
    let layer = ImageFixture.Layer(
      blob: CompressedBytes.gzip(tar),
      diffID: ImageFixture.digest(of: tar, .sha512)
    )
    let image = try fixture.addImage([layer])
    try registry.contents.push(fixture, image, to: "app")
    let reference = "\(registry.domain)/app@\(image.digest)"
    let pulled = try place.run("pull", "--progress", "none", reference)
    #expect((pulled.status, pulled.errors) == (0, ""))
    #expect(pulled.text.contains(image.digest))
    #expect(try blobs(place, "sha512").contains(image.digest))
    #expect(try blobs(place, "sha512").contains(ImageFixture.digest(of: layer.blob, .sha512)))
    expect(try place.run("cat", "--offline", reference, "a"), is: .success("text"))
    let verified = try place.run("cache", "verify", "--progress", "none")
    #expect(verified.status == 0, "\(verified)")
  }

  @Test func `B16: other bytes than a digest by SHA-512 says, from a registry`() throws {
    let place = try Workplace()
    let registry = try ScriptedRegistry()
    let fixture = try ImageFixture(at: place.appending("image"), algorithm: .sha512)
    let image = try fixture.addImage([ImageFixture.layer("a")])
    try registry.contents.push(fixture, image, to: "app")
    let layer = ImageFixture.digest(of: ImageFixture.layer("a").blob, .sha512)
    registry.on(.blob(layer), .flippingBit(ofByte: 7))
    let outcome = try place.run("ls", "\(registry.domain)/app@\(image.digest)")
    #expect((outcome.status, outcome.text) == (65, ""))
    #expect(outcome.errors.contains(layer))
    #expect(try !blobs(place, "sha512").contains(layer))
  }
}
