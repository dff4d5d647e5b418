// Manifests, indexes and configurations that are too large, damaged, or not what they are said to be.

import Foundation
import ImageStore
import OCISpec
import Registry
import TestKit
import TestRegistry
import Testing

// One after another: all at once, suspended half-way, they would hold thousands of files open.
@Suite(.serialized) struct DocumentFaultTests {
  static let image = TestImage(layerByteCounts: [3000])
  static let ociManifest = ImageFixture.MediaTypes.oci.manifest
  static let ociIndex = ImageFixture.MediaTypes.oci.index

  static func digest(_ text: String) -> Digest {
    do { return try Digest(text) } catch { preconditionFailure("\(error)") }
  }

  /// An answer to the request for the manifest and how the pull fails; it ends well without.
  struct Row: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let answer: Answer
    var fault: RequestFault?
  }

  private static let damaged: [UInt8] = {
    var bytes = image.manifest.bytes.all
    bytes[bytes.count - 1] = UInt8(ascii: " ")
    return bytes
  }()

  static let rows = [
    Row(
      testDescription: "a hundred megabytes",
      answer: .changing { $0.body = .noise(byteCount: 100 << 20) },
      fault: .tooLarge(limit: 4 << 20)
    ),
    Row(
      testDescription: "a terabyte in chunks",
      answer: .chunked.changing { $0.body = .noise(byteCount: 1 << 40) },
      fault: .tooLarge(limit: 4 << 20)
    ),
    Row(
      testDescription: "a terabyte until the end",
      answer: .untilClose.changing { $0.body = .noise(byteCount: 1 << 40) },
      fault: .tooLarge(limit: 4 << 20)
    ),
    Row(
      testDescription: "other bytes than the header says",
      answer: .body(damaged),
      fault: .wrongDigest(
        expected: digest(image.manifest.digest),
        actual: digest(ImageFixture.sha256(damaged))
      )
    ),
    Row(
      testDescription: "a wrong Docker-Content-Digest",
      answer: .header("Docker-Content-Digest", image.configuration.digest),
      fault: .wrongDigest(
        expected: digest(image.configuration.digest),
        actual: digest(image.manifest.digest)
      )
    ),
    Row(
      testDescription: "no Docker-Content-Digest",
      answer: .header("Docker-Content-Digest", nil)
    ),
    Row(
      testDescription: "a Docker-Content-Digest that is none",
      answer: .header("Docker-Content-Digest", "../../etc/passwd")
    ),
    Row(
      testDescription: "another kind of document by its header",
      answer: .header("Content-Type", ociIndex),
      fault: .contentType(ociIndex, document: ociManifest)
    ),
    Row(testDescription: "no Content-Type", answer: .header("Content-Type", nil)),
    Row(
      testDescription: "a Content-Type that says nothing",
      answer: .header("Content-Type", "text/plain")
    ),
    Row(
      testDescription: "a Content-Type with a parameter",
      answer: .header("Content-Type", "\(ociManifest); charset=utf-8")
    ),
    Row(
      testDescription: "schema 1 by its header",
      answer: .header("Content-Type", "application/vnd.docker.distribution.manifest.v1+prettyjws"),
      fault: .document(.schema1Manifest)
    ),
    Row(
      testDescription: "chunks",
      answer: .chunked
    ),
  ]

  @Test(arguments: rows)
  func `a manifest is what it is said to be`(_ row: Row) async throws {
    let registry = try ScriptedRegistry()
    Self.image.push(to: registry.contents, "app")
    registry.on(.manifest("latest"), row.answer)
    let place = try PullPlace()
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    guard let fault = row.fault else {
      #expect(outcome.error == nil)
      #expect(try place.blobs() == Self.image.parts)
      return
    }
    let failure = RequestFailure(
      fault,
      target: .manifest("latest"),
      host: registry.domain,
      repository: "app"
    )
    #expect(outcome.error == .failed(failure, mirrors: []))
    #expect(outcome.error?.kind == .invalid)
    #expect(registry.requests(.anyManifest).map(\.line) == ["GET /v2/app/manifests/latest"])
    #expect(try place.blobs() == [:])
  }

  @Test func `I21: a digest is believed more than anything the registry says`() async throws {
    let registry = try ScriptedRegistry()
    let other = TestImage(layerByteCounts: [3000], seed: 9)
    Self.image.push(to: registry.contents, "app")
    other.push(to: registry.contents, "app", tag: "other")
    // Another image, in good order, under the digest that is asked for.
    registry.contents.put(
      manifest: other.manifest.bytes.all,
      other.manifest.mediaType,
      as: Self.image.manifest.digest,
      in: "app"
    )
    registry.on(.anyManifest, .header("Docker-Content-Digest", Self.image.manifest.digest))
    let place = try PullPlace()
    let outcome = try await place.pull("\(registry.domain)/app@\(Self.image.manifest.digest)")
    #expect(
      outcome.fault
        == .wrongDigest(
          expected: Self.digest(Self.image.manifest.digest),
          actual: Self.digest(other.manifest.digest)
        )
    )
    #expect(try place.blobs() == [:])
  }

  @Test func `a page for people is no manifest`() async throws {
    let registry = try ScriptedRegistry()
    registry.on(.any, .status(200, [HeaderField("Content-Type", "text/html")], text: "<html>"))
    let outcome = try await PullPlace().pull("\(registry.domain)/app:latest")
    #expect(outcome.fault == .malformed("not a manifest"))
  }

  // MARK: Configurations

  static let configurationRows = [
    Row(
      testDescription: "another bit",
      answer: .flippingBit(ofByte: 20),
      fault: .wrongDigest(
        expected: digest(image.configuration.digest),
        actual: digest(
          ImageFixture.sha256(
            image.configuration.bytes.all.enumerated().map {
              $0.offset == 20 ? $0.element ^ 1 : $0.element
            }
          )
        )
      )
    ),
    Row(
      testDescription: "less",
      answer: .changing { $0.body = $0.body.slice(0..<10) },
      fault: .wrongLength(expected: UInt64(image.configuration.bytes.byteCount), actual: 10)
    ),
    Row(
      testDescription: "more",
      answer: .chunked.changing { $0.body = $0.body + .noise(byteCount: 1 << 40) },
      fault: .tooLarge(limit: UInt64(image.configuration.bytes.byteCount))
    ),
  ]

  @Test(arguments: configurationRows)
  func `a configuration is what the manifest says`(_ row: Row) async throws {
    let registry = try ScriptedRegistry()
    Self.image.push(to: registry.contents, "app")
    registry.on(.blob(Self.image.configuration.digest), row.answer)
    let place = try PullPlace()
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.fault == row.fault)
    #expect(outcome.failure?.target == .configuration(Self.digest(Self.image.configuration.digest)))
    #expect(Array(try place.blobs().keys) == [Self.image.manifest.digest])
  }

  @Test func `X21: a configuration of gigabytes is not asked for`() async throws {
    let registry = try ScriptedRegistry()
    let text = String(decoding: Self.image.manifest.bytes.all, as: UTF8.self).replacing(
      "\"size\":\(Self.image.configuration.bytes.byteCount)",
      with: "\"size\":5000000000"
    )
    registry.contents.put(manifest: Array(text.utf8), Self.ociManifest, in: "app", tag: "latest")
    let place = try PullPlace()
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.fault == .tooLarge(limit: 4 << 20))
    #expect(registry.requests(.anyBlob).isEmpty)
  }

  // MARK: Indexes

  @Test func `the platform that is asked for is fetched, and nothing else`() async throws {
    let registry = try ScriptedRegistry()
    let images = (0..<3).map { TestImage(layerByteCounts: [3000], seed: UInt64(20 + $0)) }
    for image in images { image.push(to: registry.contents, "app", tag: nil) }
    let index = TestImage.index(
      Array(zip(["linux/amd64", "linux/arm/v7", "linux/arm64/v8"], images))
    )
    registry.contents.put(
      manifest: index.bytes.all,
      index.mediaType,
      in: "app",
      tag: "latest"
    )
    let place = try PullPlace()
    let outcome = try await place.pull("\(registry.domain)/app:latest", platform: "linux/arm64")
    #expect(outcome.error == nil)
    #expect(outcome.image?.digest == Self.digest(images[2].manifest.digest))
    var blobs = try place.blobs()
    // Whether the index is kept is the cache's business.
    blobs[index.digest] = nil
    #expect(blobs == images[2].parts)
    let story = registry.story(images[2]).sorted()
    #expect(
      story == [
        "GET /v2/", "GET /v2/app/blobs/C", "GET /v2/app/blobs/L0", "GET /v2/app/manifests/M",
        "GET /v2/app/manifests/latest",
      ]
    )
    let missing = try await place.pull("\(registry.domain)/app:latest", platform: "linux/s390x")
    #expect(missing.error?.kind == .notFound)
    #expect(
      missing.error
        == .noSuchPlatform(
          "\(registry.domain)/app:latest",
          Platform(os: "linux", architecture: "s390x"),
          available: [
            Platform(os: "linux", architecture: "amd64"),
            Platform(os: "linux", architecture: "arm", variant: "v7"),
            Platform(os: "linux", architecture: "arm64", variant: "v8"),
          ]
        )
    )
  }

  @Test func `an index that names itself ends`() async throws {
    let registry = try ScriptedRegistry()
    // Its digest cannot be right, so the registry says what it likes.
    let digest = Self.image.manifest.digest
    let text =
      #"{"schemaVersion":2,"mediaType":"\#(Self.ociIndex)","manifests":[{"mediaType":"#
      + #""\#(Self.ociIndex)","digest":"\#(digest)","size":300}]}"#
    for name in ["latest", digest] {
      registry.on(
        .manifest(name),
        .status(200, [HeaderField("Content-Type", Self.ociIndex)], text: text)
      )
    }
    let outcome = try await PullPlace().pull("\(registry.domain)/app:latest")
    #expect(
      outcome.fault
        == .wrongDigest(
          expected: Self.digest(digest),
          actual: Self.digest(ImageFixture.sha256(Array(text.utf8)))
        )
    )
    #expect(registry.requests(.anyManifest).count == 2)
  }

  @Test func `I3: indexes in indexes end at the limit`() async throws {
    let registry = try ScriptedRegistry()
    Self.image.push(to: registry.contents, "app", tag: nil)
    var part = TestImage.index([("linux/amd64", Self.image)])
    registry.contents.put(manifest: part.bytes.all, part.mediaType, in: "app")
    for _ in 0..<20 {
      part = TestImage.Part(
        #"{"schemaVersion":2,"mediaType":"\#(Self.ociIndex)","manifests":[\#(part.descriptor())]}"#,
        Self.ociIndex
      )
      registry.contents.put(manifest: part.bytes.all, part.mediaType, in: "app")
    }
    registry.contents.tag(part.digest, "latest", in: "app")
    let outcome = try await PullPlace().pull("\(registry.domain)/app:latest")
    #expect(outcome.error == .tooManyIndexes("\(registry.domain)/app:latest"))
    #expect(registry.requests(.anyManifest).count < 20)
  }

  // MARK: Manifests that lie about layers

  @Test func `a layer that has another size than the manifest says is refused`() async throws {
    let registry = try ScriptedRegistry()
    var layer = Self.image.layers[0]
    let whole = layer.bytes
    layer.bytes = whole.slice(0..<whole.byteCount - 1)
    let image = TestImage(layers: [layer], diffIDs: Self.image.diffIDs)
    image.push(to: registry.contents, "app")
    registry.contents.put(blob: whole, as: layer.digest, in: "app")
    let outcome = try await PullPlace().pull("\(registry.domain)/app:latest")
    #expect(
      outcome.fault
        == .wrongLength(
          expected: UInt64(whole.byteCount - 1),
          actual: UInt64(whole.byteCount)
        )
    )
  }

  @Test func `a layer that is there twice is fetched once`() async throws {
    let registry = try ScriptedRegistry()
    let layer = Self.image.layers[0]
    let image = TestImage(
      layers: [layer, layer, layer],
      diffIDs: Array(repeating: Self.image.diffIDs[0], count: 3)
    )
    image.push(to: registry.contents, "app")
    let place = try PullPlace()
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.error == nil)
    #expect(outcome.image?.manifest.layers.count == 3)
    #expect(registry.ranges(layer.digest) == ["all"])
  }
}
