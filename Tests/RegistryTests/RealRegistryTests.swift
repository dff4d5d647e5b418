// Pulls from a registry that others wrote, held against what skopeo copies from it.

import Foundation
import ImageStore
import OCISpec
import Registry
import TestKit
import TestRegistry
import Testing

// One after another: all at once, suspended half-way, they would hold thousands of files open.
@Suite(.serialized) struct RealRegistryTests {
  /// How the registry is reached.
  enum Access: String, CaseIterable, Sendable {
    case plain, plainWithPassword, protected, protectedWithPassword

    var isProtected: Bool { self == .protected || self == .protectedWithPassword }
    var hasPassword: Bool { self == .plainWithPassword || self == .protectedWithPassword }
  }

  /// A registry and a machine that may pull from it.
  private struct Site {
    let registry: RealRegistry
    let place: PullPlace

    init(_ access: Access) throws {
      let authority = try TestAuthority.shared
      registry = try RealRegistry(
        authority: access.isProtected ? authority : nil,
        account: access.hasPassword ? ("anna", "secret") : nil
      )
      place = try PullPlace()
      if access.isProtected { try place.trust(authority, for: registry.domain) }
      if access.hasPassword { try place.logIn(registry.domain) }
    }
  }

  /// Two platforms, three layers each, the base of both the same.
  private static func layout(
    at path: String
  ) throws -> (fixture: ImageFixture, images: [ImageFixture.Entry]) {
    let fixture = try ImageFixture(at: path)
    let images = try ["linux/amd64", "linux/arm64"].enumerated().map { index, platform in
      let layers = (0..<3).map { layer in
        let seed = layer == 0 ? 7 : UInt64(10 * index + layer)
        let bytes = CompressedBytes.sample(byteCount: 150_000 * (layer + 1), seed: seed)
        let tar = TarBytes.archive([.file("file\(layer)", TarText(bytes))])
        return ImageFixture.Layer(
          blob: LayerEncoding.gzip.blob(of: tar),
          diffID: ImageFixture.sha256(tar)
        )
      }
      return try fixture.addImage(layers, platform: platform).forPlatform(platform)
    }
    return (fixture, images)
  }

  private static func blobs(_ layout: String) throws -> [String: [UInt8]] {
    let directory = layout + "/blobs/sha256"
    var blobs: [String: [UInt8]] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
      let url = URL(fileURLWithPath: directory + "/" + name)
      blobs["sha256:\(name)"] = Array(try Data(contentsOf: url))
    }
    return blobs
  }

  @Test(arguments: Access.allCases)
  func `a pull brings what skopeo copies`(_ access: Access) async throws {
    let site = try Site(access)
    let directory = try TemporaryDirectory()
    let (fixture, images) = try Self.layout(at: directory.appending("source"))
    try fixture.write(index: [images[0].named("v1")])
    try site.registry.push(layout: fixture.path + ":v1", as: "team/app:v1")
    let outcome = try await site.place.pull("\(site.registry.domain)/team/app:v1")
    #expect(outcome.error == nil)
    #expect(outcome.image?.digest == (try Digest(images[0].digest)))
    try site.registry.pull("team/app:v1", to: "oci:\(directory.appending("copy")):v1")
    #expect(try site.place.blobs() == Self.blobs(directory.appending("copy")))
    #expect(try site.place.names() == ["\(site.registry.domain)/team/app:v1"])
  }

  @Test(arguments: ["linux/amd64", "linux/arm64"])
  func `a pull chooses from an index as skopeo does`(_ platform: String) async throws {
    let site = try Site(.protectedWithPassword)
    let directory = try TemporaryDirectory()
    let (fixture, images) = try Self.layout(at: directory.appending("source"))
    try fixture.write(index: [try fixture.addIndex(images).named("v1")])
    try site.registry.push(layout: fixture.path + ":v1", as: "app:v1")
    let outcome = try await site.place.pull(
      "\(site.registry.domain)/app:v1",
      platform: platform
    )
    #expect(outcome.error == nil)
    try site.registry.pull(
      "app:v1",
      to: "oci:\(directory.appending("copy")):v1",
      platform: platform
    )
    var blobs = try site.place.blobs()
    let copy = try Self.blobs(directory.appending("copy"))
    // We may keep the index too.
    blobs = blobs.filter { copy[$0.key] != nil }
    #expect(blobs == copy)
    #expect(outcome.image?.manifest.layers.count == 3)
  }

  /// skopeo converts what it copies into a layout; as it is, it copies to a directory of files.
  @Test func `a pull of a Docker image brings what skopeo copies`() async throws {
    let site = try Site(.plain)
    let directory = try TemporaryDirectory()
    let (fixture, images) = try Self.layout(at: directory.appending("source"))
    try fixture.write(index: [images[0].named("v1")])
    try site.registry.push("oci:\(fixture.path):v1", as: "app:v1", options: ["--format", "v2s2"])
    let outcome = try await site.place.pull("\(site.registry.domain)/app:v1")
    #expect(outcome.error == nil)
    try site.registry.pull("app:v1", to: "dir:" + directory.appending("copy"))
    let blobs = try site.place.blobs()
    var copied: Set<String> = []
    for name in try FileManager.default.contentsOfDirectory(atPath: directory.appending("copy"))
    where name != "version" {
      let url = URL(fileURLWithPath: directory.appending("copy/" + name))
      let bytes = Array(try Data(contentsOf: url))
      copied.insert(ImageFixture.sha256(bytes))
      if name == "manifest.json" {
        #expect(outcome.image?.digest == (try Digest(ImageFixture.sha256(bytes))))
      }
      #expect(blobs[ImageFixture.sha256(bytes)] == bytes)
    }
    #expect(copied.count == 5)
  }

  @Test func `what is not there is not found`() async throws {
    let site = try Site(.plain)
    let directory = try TemporaryDirectory()
    let (fixture, images) = try Self.layout(at: directory.appending("source"))
    try fixture.write(index: [images[0].named("v1")])
    try site.registry.push(layout: fixture.path + ":v1", as: "app:v1")
    for name in ["app:v2", "other:v1", "app@sha256:" + String(repeating: "0", count: 64)] {
      let outcome = try await site.place.pull("\(site.registry.domain)/\(name)")
      guard case .notFound? = outcome.fault else {
        Issue.record("\(name): \(String(describing: outcome.error))")
        continue
      }
      #expect(outcome.error?.kind == .notFound)
    }
  }

  @Test(arguments: [Access.plainWithPassword, .protectedWithPassword])
  func `nobody gets in with a wrong password, or with none`(_ access: Access) async throws {
    let site = try Site(access)
    let name = "\(site.registry.domain)/app:v1"
    try site.place.logIn(site.registry.domain, password: "wrong")
    let wrong = try await site.place.pull(name)
    #expect(wrong.fault?.credentialUse == .from("~/.docker/config.json"))
    #expect(wrong.error?.kind == .notPermitted)
    try site.place.logIn("127.0.0.1:1")
    let none = try await site.place.pull(name)
    #expect(none.fault?.credentialUse == .anonymous)
    #expect(none.error?.kind == .notPermitted)
  }

  @Test func `an authority that is not ours is not trusted`() async throws {
    let registry = try RealRegistry(authority: try TestAuthority.shared)
    let outcome = try await PullPlace().pull("\(registry.domain)/app:v1")
    #expect(outcome.fault?.isCertificate == true)
  }

  @Test func `skopeo reads our cache`() async throws {
    let site = try Site(.plain)
    let directory = try TemporaryDirectory()
    let (fixture, images) = try Self.layout(at: directory.appending("source"))
    try fixture.write(index: [images[0].named("v1")])
    try site.registry.push(layout: fixture.path + ":v1", as: "app:v1")
    let name = "\(site.registry.domain)/app:v1"
    #expect(try await site.place.pull(name).error == nil)
    try Program.succeed(
      [
        "skopeo", "--insecure-policy", "copy", "oci:\(site.place.cachePath):\(name)",
        "oci:\(directory.appending("copy")):v1",
      ]
    )
    #expect(try site.place.blobs() == Self.blobs(directory.appending("copy")))
  }
}

extension RequestFault {
  var credentialUse: CredentialUse? {
    switch self {
    case .notAuthorised(let use, _), .denied(let use, _): use
    default: nil
    }
  }
}
