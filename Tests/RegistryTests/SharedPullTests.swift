// Pulls that meet: two at once, one after another that did not end, and one that is ended from outside.

import Foundation
import ImageStore
import OCISpec
import Registry
import Synchronization
import TestKit
import TestRegistry
import Testing

// One after another: all at once, suspended half-way, they would hold thousands of files open.
@Suite(.serialized) struct SharedPullTests {
  static let image = TestImage(layerByteCounts: [300_000, 400_000, 500_000], isCompressed: false)

  private func registry(_ image: TestImage = image) throws -> ScriptedRegistry {
    let registry = try ScriptedRegistry()
    image.push(to: registry.contents, "app")
    return registry
  }

  // MARK: At once

  @Test(arguments: [false, true])
  func `two pulls of one image fetch each layer once`(_ isOnePuller: Bool) async throws {
    let registry = try registry()
    // No layer comes before the other pull waits for it.
    let gates = Self.image.layers.map { _ in Gate() }
    for (layer, gate) in zip(Self.image.layers, gates) {
      registry.on(.blob(layer.digest), .waiting(for: gate))
    }
    let layers = try Self.image.layers.map { try Digest($0.digest) }
    let place = try PullPlace()
    let first = ImagePuller(try place.settings(), cache: try place.cache())
    let second =
      isOnePuller ? first : ImagePuller(try place.settings(), cache: try place.cache())
    let domain = registry.domain
    let outcomes = try await withThrowingTaskGroup(of: PullOutcome.self) { group in
      for puller in [first, second] {
        group.addTask {
          try await place.pull(
            "\(domain)/app:latest",
            by: puller,
            onEvent: { event in
              if case .waiting(let digest) = event, let index = layers.firstIndex(of: digest) {
                gates[index].open()
              }
            }
          )
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    await first.shutdown()
    if !isOnePuller { await second.shutdown() }
    for outcome in outcomes {
      #expect(outcome.error == nil)
      #expect(outcome.image?.digest == (try Digest(Self.image.manifest.digest)))
    }
    #expect(try place.blobs() == Self.image.parts)
    for layer in Self.image.layers { #expect(registry.ranges(layer.digest) == ["all"]) }
    #expect(try place.names() == ["\(domain)/app:latest"])
    #expect(try place.partialByteCounts() == [:])
  }

  @Test func `pulls of different images at once both get their names`() async throws {
    let registry = try ScriptedRegistry()
    let images = (0..<6).map { TestImage(layerByteCounts: [2000], seed: UInt64(40 + $0)) }
    for (index, image) in images.enumerated() {
      image.push(to: registry.contents, "app", tag: "v\(index)")
    }
    let place = try PullPlace()
    let puller = ImagePuller(try place.settings(), cache: try place.cache())
    let domain = registry.domain
    let errors = try await withThrowingTaskGroup(of: RegistryError?.self) { group in
      for index in images.indices {
        group.addTask { try await place.pull("\(domain)/app:v\(index)", by: puller).error }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    await puller.shutdown()
    #expect(errors == Array(repeating: nil, count: 6))
    #expect(try place.names().sorted() == images.indices.map { "\(domain)/app:v\($0)" })
    let parts = images.reduce(into: [:]) { $0.merge($1.parts) { $1 } }
    #expect(try place.blobs() == parts)
  }

  @Test func `a layer is waited for while its owner gives up, and then fetched`() async throws {
    let registry = try registry()
    let layer = Self.image.layers[2].digest
    let gate = Gate()
    registry.on(
      .blob(layer),
      .nth(1),
      .stopping(at: .body(100_000), .wait(gate))
    )
    let place = try PullPlace()
    let cache = try place.cache()
    let other = try #require(try cache.tryIngest(try place.descriptor(of: Self.image.layers[0])))
    let domain = registry.domain
    let digest = other.descriptor.digest
    let puller = ImagePuller(try place.settings(), cache: try place.cache())
    gate.open()
    let outcome = try await place.pull(
      "\(domain)/app:latest",
      by: puller,
      onEvent: { if $0 == .waiting(digest) { other.abandon() } }
    )
    await puller.shutdown()
    #expect(outcome.error == nil)
    #expect(outcome.events.contains(.waiting(digest)))
    #expect(outcome.events.contains(.started(digest, from: 0)))
    #expect(try place.blobs() == Self.image.parts)
  }

  @Test func `as many layers come at once as are allowed, and no more`() async throws {
    let image = TestImage(layerByteCounts: Array(repeating: 1000, count: 9), seed: 8)
    let registry = try registry(image)
    // Three have to be on their way before the first one ends; never a fourth.
    let gate = Gate(opensAfterArrivals: 3)
    let layers = Set(image.layers.map(\.digest))
    let isLayer = RequestPattern { request in layers.contains { request.path.hasSuffix($0) } }
    registry.on(isLayer, .waiting(for: gate))
    let running = Mutex((now: 0, most: 0))
    let place = try PullPlace()
    let puller = ImagePuller(
      try place.settings { $0.parallelDownloads = 3 },
      cache: try place.cache()
    )
    let outcome = try await place.pull(
      "\(registry.domain)/app:latest",
      by: puller,
      onEvent: { event in
        running.withLock { running in
          if case .started = event { running.now += 1 }
          if case .finished = event { running.now -= 1 }
          running.most = max(running.most, running.now)
        }
      }
    )
    await puller.shutdown()
    #expect(outcome.error == nil)
    #expect(running.withLock(\.self) == (0, 3))
  }

  // MARK: One after another

  @Test func `what a pull leaves behind the next one continues`() async throws {
    let registry = try registry()
    let layers = Self.image.layers.map(\.digest)
    registry.on(.blob(layers[0]), .nth(1), .ending(after: 100_000))
    registry.on(.blob(layers[2]), .nth(1), .ending(after: 499_000))
    let place = try PullPlace()
    let name = "\(registry.domain)/app:latest"
    let first = try await place.pull(name) {
      $0.retries.attempts = 1
      $0.parallelDownloads = 1
    }
    #expect(first.fault == .dropped("the answer ended early"))
    #expect(try place.partialByteCounts() == [layers[0]: 100_000])
    let second = try await place.pull(name) {
      $0.retries.attempts = 1
      $0.parallelDownloads = 1
    }
    #expect(second.fault == .dropped("the answer ended early"))
    #expect(try place.partialByteCounts() == [layers[2]: 499_000])
    let third = try await place.pull(name)
    #expect(third.error == nil)
    #expect(try place.blobs() == Self.image.parts)
    #expect(try place.partialByteCounts() == [:])
    #expect(
      layers.map { registry.ranges($0) } == [
        ["all", "bytes=100000-"], ["all"], ["all", "bytes=499000-"],
      ]
    )
    // The documents that were kept are not fetched again.
    #expect(registry.requests(.blob(Self.image.configuration.digest)).count == 1)
    let started = try layers.map { PullEvent.started(try Digest($0), from: 0) }
    #expect(second.events.contains(.started(try Digest(layers[0]), from: 100_000)))
    #expect(second.events.filter { started.contains($0) } == Array(started[1...]))
    #expect(third.events.contains(.present(try Digest(layers[1]))))
  }

  @Test func `what was left behind and is wrong is fetched again`() async throws {
    let registry = try registry()
    let layer = Self.image.layers[0].digest
    registry.on(.blob(layer), .nth(1), .ending(after: 100_000))
    let place = try PullPlace()
    let name = "\(registry.domain)/app:latest"
    _ = try await place.pull(name) { $0.retries.attempts = 1 }
    let partial = place.cachePath + "/banger/ingest/" + layer.replacing(":", with: "-")
    var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: partial)))
    try #require(bytes.count == 100_000)
    bytes[50_000] ^= 1
    try Data(bytes).write(to: URL(fileURLWithPath: partial))
    let outcome = try await place.pull(name)
    #expect(outcome.error == nil)
    #expect(outcome.events.contains(.restarted(try Digest(layer))))
    #expect(registry.ranges(layer) == ["all", "bytes=100000-", "all"])
    #expect(try place.blobs() == Self.image.parts)
  }

  @Test func `what was left behind and is too long is fetched again`() async throws {
    let registry = try registry()
    let layer = Self.image.layers[0]
    let place = try PullPlace()
    let name = "\(registry.domain)/app:latest"
    registry.on(.blob(layer.digest), .nth(1), .ending(after: 100_000))
    _ = try await place.pull(name) { $0.retries.attempts = 1 }
    let partial = place.cachePath + "/banger/ingest/" + layer.digest.replacing(":", with: "-")
    try Data(layer.bytes.all + [0]).write(to: URL(fileURLWithPath: partial))
    let outcome = try await place.pull(name)
    #expect(outcome.error == nil)
    #expect(registry.ranges(layer.digest) == ["all", "all"])
    #expect(try place.blobs() == Self.image.parts)
  }

  @Test func `what was left behind whole is not fetched again`() async throws {
    let registry = try registry()
    let layer = Self.image.layers[0]
    let place = try PullPlace()
    let name = "\(registry.domain)/app:latest"
    registry.on(.blob(layer.digest), .nth(1), .ending(after: 100_000))
    _ = try await place.pull(name) { $0.retries.attempts = 1 }
    let partial = place.cachePath + "/banger/ingest/" + layer.digest.replacing(":", with: "-")
    try Data(layer.bytes.all).write(to: URL(fileURLWithPath: partial))
    let outcome = try await place.pull(name)
    #expect(outcome.error == nil)
    #expect(registry.ranges(layer.digest) == ["all"])
    #expect(try place.blobs() == Self.image.parts)
  }

  @Test func `an image that is there is asked about and not fetched`() async throws {
    let registry = try registry()
    let place = try PullPlace()
    let name = "\(registry.domain)/app:latest"
    #expect(try await place.pull(name).error == nil)
    registry.forgetRequests()
    let again = try await place.pull(name)
    #expect(again.error == nil)
    #expect(registry.requests.map(\.line) == ["GET /v2/", "HEAD /v2/app/manifests/latest"])
    registry.forgetRequests()
    let pinned = try await place.pull("\(registry.domain)/app@\(Self.image.manifest.digest)")
    #expect(pinned.error == nil)
    #expect(registry.requests == [])
  }

  @Test func `a tag that means something else by now is fetched`() async throws {
    let registry = try registry()
    let place = try PullPlace()
    let name = "\(registry.domain)/app:latest"
    #expect(try await place.pull(name).error == nil)
    let newer = TestImage(
      layers: Array(Self.image.layers[..<2]),
      diffIDs: Array(Self.image.diffIDs[..<2])
    )
    newer.push(to: registry.contents, "app")
    registry.forgetRequests()
    let outcome = try await place.pull(name)
    #expect(outcome.image?.digest == (try Digest(newer.manifest.digest)))
    #expect(registry.requests(.anyBlob).map { newer.abbreviate($0.path) } == ["/v2/app/blobs/C"])
    #expect(try place.names() == [name])
  }

  @Test(arguments: ["gone", "short", "long", "a link"])
  func `X12: a blob of the cache that is not to be trusted is fetched again`(
    _ fault: String
  ) async throws {
    let registry = try registry()
    let place = try PullPlace()
    let name = "\(registry.domain)/app:latest"
    #expect(try await place.pull(name).error == nil)
    registry.forgetRequests()
    let layer = Self.image.layers[1]
    let path = place.cachePath + "/" + ImageFixture.blobName(layer.digest)
    try FileManager.default.removeItem(atPath: path)
    switch fault {
    case "short": try Data(layer.bytes.all.dropLast()).write(to: URL(fileURLWithPath: path))
    case "long": try Data(layer.bytes.all + [0]).write(to: URL(fileURLWithPath: path))
    case "a link":
      let file = try place.write("home/blob", "")
      try Data(layer.bytes.all).write(to: URL(fileURLWithPath: file))
      try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: file)
    default: break
    }
    let outcome = try await place.pull(name)
    #expect(outcome.error == nil)
    #expect(
      registry.requests(.anyBlob).map { Self.image.abbreviate($0.path) } == ["/v2/app/blobs/L1"]
    )
    #expect(try place.blobs() == Self.image.parts)
    let type = try FileManager.default.attributesOfItem(atPath: path)[.type]
    #expect(type as? FileAttributeType == .typeRegular)
  }

  // MARK: Ended from outside

  @Test(arguments: [Reply.Place.head(0), .body(100_000)])
  func `a pull that is cancelled ends, and is continued`(_ place: Reply.Place) async throws {
    let registry = try registry()
    let layer = Self.image.layers[0].digest
    let gate = Gate()
    registry.on(
      .blob(layer),
      .nth(1),
      .afterRunning { gate.open() }.changing { $0.stop = Reply.Stop(at: place, .stall) }
    )
    let machine = try PullPlace()
    let name = "\(registry.domain)/app:latest"
    let puller = ImagePuller(
      try machine.settings { $0.parallelDownloads = 1 },
      cache: try machine.cache()
    )
    let task = Task { try await machine.pull(name, by: puller) }
    await gate.pass()
    task.cancel()
    let outcome = try await task.value
    await puller.shutdown()
    #expect(outcome.error == .cancelled)
    #expect(try machine.names() == [])
    let kept = try machine.partialByteCounts()[layer] ?? 0
    #expect((0...100_000).contains(kept))
    let again = try await machine.pull(name)
    #expect(again.error == nil)
    #expect(registry.ranges(layer).last == (kept == 0 ? "all" : "bytes=\(kept)-"))
    #expect(try machine.blobs() == Self.image.parts)
  }
}

extension PullPlace {
  func descriptor(of part: TestImage.Part) throws -> Descriptor {
    Descriptor(
      mediaType: MediaType(part.mediaType),
      digest: try Digest(part.digest),
      byteCount: UInt64(part.bytes.byteCount)
    )
  }
}
