// One pull from end to end: what is told on the way, who reads along, and what is in the cache.

import ImageStore
import OCISpec
import Registry
import Synchronization
import TestKit
import TestRegistry
import Testing

struct PullTests {
  private static let image = TestImage(layerByteCounts: [300_000, 2_000])

  /// What followers read, by diffID.
  private final class Followers: Sendable {
    struct Reading: Equatable {
      var bytes: [UInt8] = []
      var wasEnded = false
    }

    private let readings = Mutex<[Digest: Reading]>([:])
    private let running = Mutex(0)

    var all: [Digest: Reading] { readings.withLock(\.self) }
    var runningCount: Int { running.withLock(\.self) }

    /// Reads a blob to its end, as an indexer does.
    func follow(_ ingest: BlobIngest, _ diffID: Digest) {
      running.withLock { $0 += 1 }
      defer { running.withLock { $0 -= 1 } }
      var reading = Reading()
      var buffer = [UInt8](repeating: 0, count: 10_000)
      do throws(ImageStoreError) {
        while true {
          let result = buffer.withUnsafeMutableBytes { target in
            Result { () throws(ImageStoreError) in
              try ingest.read(at: UInt64(reading.bytes.count), into: target)
            }
          }
          let count = try result.get()
          if count == 0 { break }
          reading.bytes += buffer.prefix(count)
        }
      } catch {
        reading.wasEnded = true
      }
      readings.withLock { $0[diffID] = reading }
    }
  }

  private static func digests(_ texts: [String]) throws -> [Digest] {
    try texts.map { try Digest($0) }
  }

  /// Events without the sizes of pieces, which are up to the network; one of many for each layer.
  private static func outline(_ events: [PullEvent], of digest: Digest?) -> [PullEvent] {
    var outline: [PullEvent] = []
    for event in events {
      let isMeant =
        switch event {
        case .resolved, .layers: digest == nil
        case .present(let own), .waiting(let own), .started(let own, _), .restarted(let own),
          .finished(let own):
          own == digest
        case .received(let own, _): own == digest
        case .retrying(let own, _, _): own == digest
        }
      guard isMeant else { continue }
      if case .received(let own, _) = event {
        if case .received? = outline.last { continue }
        outline.append(.received(own, 0))
      } else {
        outline.append(event)
      }
    }
    return outline
  }

  @Test func `followers read along and have ended when the image is there`() async throws {
    let registry = try ScriptedRegistry()
    let index = TestImage.index([("linux/amd64", Self.image)])
    Self.image.push(to: registry.contents, "team/app", tag: nil)
    registry.contents.put(
      manifest: index.bytes.all,
      index.mediaType,
      in: "team/app",
      tag: "v1"
    )
    let place = try PullPlace()
    let puller = ImagePuller(try place.settings(), cache: try place.cache())
    let followers = Followers()
    let log = EventLog()
    let name = try PullPlace.name("\(registry.domain)/team/app:v1")
    let image = try await puller.pull(
      name,
      platform: .linuxAMD64,
      events: { log.append($0) },
      follow: { followers.follow($0, $1) }
    )
    #expect(followers.runningCount == 0)
    await puller.shutdown()
    // A note to ourselves that no server gets.
    #expect(registry.requests.allSatisfy { $0["X-Known-Length"] == nil })

    let diffIDs = try Self.digests(Self.image.diffIDs)
    let readings = Self.image.layers.map { Followers.Reading(bytes: $0.bytes.all) }
    #expect(followers.all == Dictionary(uniqueKeysWithValues: zip(diffIDs, readings)))
    #expect(image.digest.description == Self.image.manifest.digest)
    #expect(image.reference == name.text)
    #expect(image.layers.map(\.diffID) == diffIDs)
    #expect(try place.names() == [name.text])

    let top = try Digest(index.digest)
    #expect(
      Self.outline(log.all, of: nil) == [
        .resolved(name, digest: top, from: registry.domain),
        .layers(image.manifest.layers),
      ]
    )
    for layer in image.manifest.layers {
      let digest = layer.digest
      #expect(
        Self.outline(log.all, of: digest) == [
          .started(digest, from: 0), .received(digest, 0), .finished(digest),
        ]
      )
      let byteCount = log.all.reduce(0) { sum, event in
        if case .received(digest, let count) = event { sum + count } else { sum }
      }
      #expect(UInt64(byteCount) == layer.byteCount)
    }
  }

  @Test func `followers of a layer that fails are told, and have ended too`() async throws {
    let registry = try ScriptedRegistry()
    Self.image.push(to: registry.contents, "app")
    registry.on(.blob(Self.image.layers[0].digest), .stopping(at: .body(1_000), .close))
    let place = try PullPlace()
    let puller = ImagePuller(
      try place.settings { $0.retries.attempts = 1 },
      cache: try place.cache()
    )
    let followers = Followers()
    await #expect(throws: RegistryError.self) {
      try await puller.pull(
        try PullPlace.name("\(registry.domain)/app"),
        platform: .linuxAMD64,
        events: { _ in },
        follow: { followers.follow($0, $1) }
      )
    }
    #expect(followers.runningCount == 0)
    await puller.shutdown()
    let failed = try Digest(Self.image.diffIDs[0])
    let start = Array(Self.image.layers[0].bytes.all.prefix(1_000))
    #expect(followers.all[failed] == Followers.Reading(bytes: start, wasEnded: true))
    #expect(try place.names() == [])
  }
}
