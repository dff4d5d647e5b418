// What a registry holds: repositories of blobs, manifests and tags. Several servers may share it.

import Foundation
import Synchronization
package import TestKit

/// The content of one registry.
package final class RegistryContents: Sendable {
  struct Manifest: Sendable {
    var bytes: [UInt8]
    var mediaType: String
  }

  private struct Repository: Sendable {
    var blobs: [String: GeneratedBytes] = [:]
    var manifests: [String: Manifest] = [:]
    var tags: [String: String] = [:]
  }

  private let repositories = Mutex<[String: Repository]>([:])

  package init() {}

  // MARK: Filling

  /// Takes an image out of a layout, with all blobs of that layout, whatever they are.
  package func push(
    _ fixture: ImageFixture,
    _ image: ImageFixture.Entry,
    to repository: String,
    tag: String? = nil
  ) throws {
    let algorithm = fixture.algorithm.rawValue
    let directory = fixture.path + "/blobs/" + algorithm
    for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
      let url = URL(fileURLWithPath: directory + "/" + name)
      let bytes = Array(try Data(contentsOf: url))
      put(blob: GeneratedBytes(bytes), as: "\(algorithm):\(name)", in: repository)
      if let mediaType = Self.mediaType(ofManifest: bytes) {
        put(manifest: bytes, mediaType, as: "\(algorithm):\(name)", in: repository)
      }
    }
    if let tag { self.tag(image.digest, tag, in: repository) }
  }

  /// Serves `bytes` for `digest`, whether or not it is theirs.
  package func put(blob bytes: GeneratedBytes, as digest: String, in repository: String) {
    change(repository) { $0.blobs[digest] = bytes }
  }

  /// Serves a manifest or an index.
  ///
  /// - Returns: Its digest, or `digest` where that is given.
  @discardableResult
  package func put(
    manifest bytes: [UInt8],
    _ mediaType: String,
    as digest: String? = nil,
    in repository: String,
    tag: String? = nil
  ) -> String {
    let digest = digest ?? ImageFixture.sha256(bytes)
    change(repository) { $0.manifests[digest] = Manifest(bytes: bytes, mediaType: mediaType) }
    if let tag { self.tag(digest, tag, in: repository) }
    return digest
  }

  package func tag(_ digest: String, _ tag: String, in repository: String) {
    change(repository) { $0.tags[tag] = digest }
  }

  package func removeBlob(_ digest: String, in repository: String) {
    change(repository) { $0.blobs[digest] = nil }
  }

  // MARK: Looking

  func exists(_ repository: String) -> Bool {
    repositories.withLock { $0[repository] != nil }
  }

  /// By tag or digest.
  func manifest(_ reference: String, in repository: String) -> (Manifest, digest: String)? {
    repositories.withLock { repositories in
      guard let repository = repositories[repository] else { return nil }
      let digest = repository.tags[reference] ?? reference
      return repository.manifests[digest].map { ($0, digest) }
    }
  }

  func blob(_ digest: String, in repository: String) -> GeneratedBytes? {
    repositories.withLock { $0[repository]?.blobs[digest] }
  }

  /// In any repository.
  func blob(_ digest: String) -> GeneratedBytes? {
    repositories.withLock { $0.values.lazy.compactMap { $0.blobs[digest] }.first }
  }

  func tags(in repository: String) -> [String] {
    repositories.withLock { $0[repository]?.tags.keys.sorted() ?? [] }
  }

  private func change(_ name: String, _ change: (inout Repository) -> Void) {
    repositories.withLock { change(&$0[name, default: Repository()]) }
  }

  /// What a document says it is; `nil` for what is no manifest.
  private static func mediaType(ofManifest bytes: [UInt8]) -> String? {
    guard bytes.first == UInt8(ascii: "{"), bytes.count < 1 << 20 else { return nil }
    do {
      let object = try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
      guard object?["schemaVersion"] != nil else { return nil }
      return object?["mediaType"] as? String
    } catch {
      return nil
    }
  }
}
