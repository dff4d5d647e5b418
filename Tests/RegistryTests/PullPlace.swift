// Where one test pulls: a cache and a machine's configuration of its own, in a directory that ends with
// the test. Nothing of the real user's is read.

import Foundation
import ImageStore
import OCISpec
import Registry
import Synchronization
import SystemPackage
import TestKit
import TestRegistry

/// What became of one pull.
struct PullOutcome: Sendable {
  var image: ResolvedImage?
  var error: RegistryError?
  var events: [PullEvent]

  /// What was at fault in the request that ended it.
  var failure: RequestFailure? {
    if case .failed(let failure, _)? = error { failure } else { nil }
  }

  var fault: RequestFault? { failure?.fault }

  /// How long was waited before each new attempt.
  var pauses: [Duration] {
    events.compactMap { if case .retrying(_, _, let pause) = $0 { pause } else { nil } }
  }
}

/// A machine with nothing on it.
final class PullPlace: Sendable {
  private let directory: TemporaryDirectory

  var cachePath: String { directory.appending("cache") }

  init() throws {
    directory = try TemporaryDirectory()
    for name in ["home", "root"] { try makeDirectory(name) }
  }

  private func makeDirectory(_ name: String) throws {
    try FileManager.default.createDirectory(
      atPath: directory.appending(name),
      withIntermediateDirectories: true
    )
  }

  /// Writes a file of the machine: below `home/` or `root/`.
  @discardableResult
  func write(_ name: String, _ text: String) throws -> String {
    try makeDirectory((name as NSString).deletingLastPathComponent)
    let path = directory.appending(name)
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    return path
  }

  func copy(_ file: String, to name: String) throws {
    try write(name, String(contentsOfFile: file, encoding: .utf8))
  }

  /// Stores credentials for registries, as `docker login` does.
  func logIn(_ domains: String..., user: String = "anna", password: String = "secret") throws {
    let word = Data("\(user):\(password)".utf8).base64EncodedString()
    let entries = domains.map { #""\#($0)":{"auth":"\#(word)"}"# }.joined(separator: ",")
    try write("home/.docker/config.json", #"{"auths":{\#(entries)}}"#)
  }

  /// Trusts an authority for one registry.
  func trust(_ authority: TestAuthority, for domain: String) throws {
    try copy(authority.certificateFile, to: "root/etc/containers/certs.d/\(domain)/ca.crt")
  }

  // MARK: Pulling

  /// The settings of this machine, without pauses between attempts, and patient: a machine that is
  /// busy with other tests is no slow registry.
  func settings(
    environment: [String: String] = [:],
    _ change: (inout PullSettings) -> Void = { _ in }
  ) throws -> PullSettings {
    let places = ConfigurationPlaces(
      environment: environment,
      home: FilePath(directory.appending("home")),
      root: FilePath(directory.appending("root")),
      userID: 1000
    )
    let registries = try RegistriesConfiguration.load(places)
    var settings = PullSettings(
      registries: registries,
      credentials: CredentialStore(places, helpers: registries.credentialHelpers),
      certificates: CertificateDirectories(places),
      proxies: try ProxySettings(environment: environment)
    )
    settings.retries.jitter = { 1 }
    settings.retries.sleep = { _ in try Task.checkCancellation() }
    let patience = Duration.seconds(3600)
    for limit in [\NetworkLimits.connect, \.head, \.idle, \.rateWindow] {
      settings.limits[keyPath: limit] = patience
    }
    change(&settings)
    return settings
  }

  func cache() throws -> ImageCache {
    try ImageCache(try CacheDirectory(opening: FilePath(cachePath), version: 1))
  }

  /// Pulls with a puller of its own.
  func pull(
    _ name: String,
    platform: String = "linux/amd64",
    environment: [String: String] = [:],
    _ change: (inout PullSettings) -> Void = { _ in }
  ) async throws -> PullOutcome {
    let puller = ImagePuller(
      try settings(environment: environment, change),
      cache: try cache()
    )
    let outcome = try await pull(name, platform: platform, by: puller)
    await puller.shutdown()
    return outcome
  }

  /// Pulls with a puller that others may use too.
  func pull(
    _ name: String,
    platform: String = "linux/amd64",
    by puller: ImagePuller,
    onEvent: @escaping @Sendable (PullEvent) -> Void = { _ in }
  ) async throws -> PullOutcome {
    let events = EventLog()
    var outcome = PullOutcome(events: [])
    let name = try Self.name(name)
    let platform = try Platform(parsing: platform)
    do {
      outcome.image = try await puller.pull(
        name,
        platform: platform,
        events: {
          events.append($0)
          onEvent($0)
        },
        follow: { _, _ in }
      )
    } catch {
      outcome.error = error
    }
    outcome.events = events.all
    return outcome
  }

  static func name(_ text: String) throws -> ImageName {
    guard case .registry(let reference) = try Reference(text) else {
      throw ProgramFailure("\(text) is in no registry")
    }
    return reference.dockerName
  }

  // MARK: Looking

  /// All verified blobs of the cache, by digest.
  func blobs() throws -> [String: [UInt8]] {
    let path = cachePath + "/blobs/sha256"
    var blobs: [String: [UInt8]] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: path) {
      let url = URL(fileURLWithPath: path + "/" + name)
      blobs["sha256:\(name)"] = Array(try Data(contentsOf: url))
    }
    return blobs
  }

  /// How much of each blob is left over from pulls that did not end well.
  func partialByteCounts() throws -> [String: Int] {
    let path = cachePath + "/banger/ingest"
    guard FileManager.default.fileExists(atPath: path) else { return [:] }
    var counts: [String: Int] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: path) {
      let attributes = try FileManager.default.attributesOfItem(atPath: path + "/" + name)
      counts[name.replacing("sha256-", with: "sha256:")] = (attributes[.size] as? Int) ?? -1
    }
    return counts
  }

  /// The names in the cache's index.
  func names() throws -> [String] {
    let data = try Data(contentsOf: URL(fileURLWithPath: cachePath + "/index.json"))
    let index = try JSONSerialization.jsonObject(with: data) as? [String: Any]
    let entries = index?["manifests"] as? [[String: Any]] ?? []
    return entries.compactMap {
      ($0["annotations"] as? [String: String])?["org.opencontainers.image.ref.name"]
    }
  }
}

/// What a pull tells, as it comes.
final class EventLog: Sendable {
  private let events = Mutex<[PullEvent]>([])

  var all: [PullEvent] { events.withLock(\.self) }
  func append(_ event: PullEvent) { events.withLock { $0.append(event) } }
}

extension ScriptedRegistry {
  /// What was asked of it, with the parts of an image called M, C, L0, L1, and with the ranges.
  func story(_ image: TestImage) -> [String] {
    requests.map { request in
      let words = [request.method, image.abbreviate(request.path), request.range]
      return words.compactMap { $0 }.joined(separator: " ")
    }
  }

  /// The ranges that were asked for of a blob, in order; "all" where none was.
  func ranges(_ digest: String) -> [String] {
    requests(.blob(digest)).map { $0.range ?? "all" }
  }
}

extension TestImage {
  func abbreviate(_ text: String) -> String {
    var text = text.replacing(manifest.digest, with: "M").replacing(configuration.digest, with: "C")
    for (index, layer) in layers.enumerated() {
      text = text.replacing(layer.digest, with: "L\(index)")
    }
    return text
  }
}
