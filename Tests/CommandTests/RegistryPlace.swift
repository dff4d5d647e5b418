// A workplace beside a registry: what a user has who pulls an image for the first time.

import Foundation
import TestKit
import TestRegistry
import Testing

/// An empty cache, and a registry with one image.
final class RegistryPlace {
  let place: Workplace
  let image: TestImage
  private(set) var registry: ScriptedRegistry?
  /// The registry's part of names.
  let domain: String

  /// The image's name.
  var reference: String { "\(domain)/team/app:1" }
  /// What `pull` prints of it.
  var pinned: String { "\(domain)/team/app@\(image.manifest.digest)" }

  init(
    _ role: Role = Role.all[0],
    layerByteCounts: [Int] = [40_000, 90_000, 3_000],
    authentication: ScriptedRegistry.Authentication = .none,
    tls: ServerIdentity? = nil
  ) throws {
    place = try Workplace(role)
    image = TestImage(layerByteCounts: layerByteCounts)
    let registry = try ScriptedRegistry(authentication: authentication, tls: tls)
    image.push(to: registry.contents, "team/app", tag: "1")
    domain = registry.domain
    self.registry = registry
  }

  /// The registry, which must not have been stopped.
  var running: ScriptedRegistry {
    get throws { try #require(registry) }
  }

  /// Nobody listens there any more.
  func stopRegistry() { registry = nil }

  /// The names of the partial downloads.
  func partials() throws -> [String] {
    let directory = place.cache + "/banger/ingest"
    guard place.exists(directory) else { return [] }
    return try place.names(in: directory).filter { !$0.hasPrefix(".") }
  }

  /// The blobs of the cache.
  func blobs() throws -> [String] {
    let directory = place.cache + "/blobs/sha256"
    return place.exists(directory) ? try place.names(in: directory) : []
  }

  func json(_ outcome: Outcome) throws -> [String: Any] {
    #expect(outcome.status == 0, "\(outcome.errors)")
    let object = try JSONText.object(outcome.output)
    #expect(object["schemaVersion"] as? Int == 1)
    return object
  }
}
