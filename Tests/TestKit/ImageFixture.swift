// Layers in, an OCI image layout on disk out: a writer that shares no code with the reader under
// test. Writes what a test asks for, whether or not it is right.
// Source: OCI image-spec 1.1, image-layout.md, image-index.md, manifest.md, config.md.

import Crypto
import Foundation

/// An image layout under construction in a directory of its own.
///
/// Blobs are written at once; `index.json` when `write(index:)` is called.
package final class ImageFixture: Sendable {
  /// The layout directory.
  package let path: String
  /// What names the blobs.
  package let algorithm: Algorithm

  /// How content is hashed.
  package enum Algorithm: String, Sendable, CaseIterable {
    case sha256, sha512
  }

  /// One layer: the blob as stored, what it claims to be, and the digest of its tar stream.
  package struct Layer: Sendable {
    package var blob: [UInt8]
    package var mediaType: String
    package var diffID: String

    package init(
      blob: [UInt8],
      mediaType: String = MediaTypes.oci.gzipLayer,
      diffID: String
    ) {
      self.blob = blob
      self.mediaType = mediaType
      self.diffID = diffID
    }

    /// A layer whose blob is the tar stream itself.
    package static func plain(_ tar: [UInt8]) -> Layer {
      Layer(
        blob: tar,
        mediaType: "application/vnd.oci.image.layer.v1.tar",
        diffID: ImageFixture.sha256(tar)
      )
    }
  }

  /// The names under which one dialect writes its documents.
  package struct MediaTypes: Sendable {
    package let index: String
    package let manifest: String
    package let configuration: String
    package let gzipLayer: String

    package static let oci = MediaTypes(
      index: "application/vnd.oci.image.index.v1+json",
      manifest: "application/vnd.oci.image.manifest.v1+json",
      configuration: "application/vnd.oci.image.config.v1+json",
      gzipLayer: "application/vnd.oci.image.layer.v1.tar+gzip"
    )
    package static let docker = MediaTypes(
      index: "application/vnd.docker.distribution.manifest.list.v2+json",
      manifest: "application/vnd.docker.distribution.manifest.v2+json",
      configuration: "application/vnd.docker.container.image.v1+json",
      gzipLayer: "application/vnd.docker.image.rootfs.diff.tar.gzip"
    )
  }

  /// A descriptor: what an index or a manifest says about a blob, true or not.
  package struct Entry: Sendable {
    package var mediaType: String
    package var digest: String
    package var size: Int
    package var annotations: [String: String] = [:]
    /// `os/architecture[/variant]`.
    package var platform: String?
    package var artifactType: String?
    /// Content to embed.
    package var data: [UInt8]?

    package init(mediaType: String, digest: String, size: Int) {
      self.mediaType = mediaType
      self.digest = digest
      self.size = size
    }

    /// The same with a tag, as `org.opencontainers.image.ref.name`.
    package func named(_ name: String) -> Entry {
      annotated("org.opencontainers.image.ref.name", name)
    }

    package func annotated(_ key: String, _ value: String) -> Entry {
      var copy = self
      copy.annotations[key] = value
      return copy
    }

    package func forPlatform(_ platform: String) -> Entry {
      var copy = self
      copy.platform = platform
      return copy
    }
  }

  /// Starts a layout: makes the directories and writes `oci-layout`.
  package init(at path: String, algorithm: Algorithm = .sha256) throws {
    self.path = path
    self.algorithm = algorithm
    try FileManager.default.createDirectory(
      atPath: path + "/blobs/" + algorithm.rawValue,
      withIntermediateDirectories: true
    )
    try write(file: "oci-layout", Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8))
  }

  /// A finished layout of one image, for tests that only need an image.
  package static func image(
    _ layers: [Layer],
    tag: String = "latest",
    at path: String
  ) throws -> ImageFixture {
    let fixture = try ImageFixture(at: path)
    try fixture.write(index: [try fixture.addImage(layers).named(tag)])
    return fixture
  }

  // MARK: Content

  /// Stores a blob under its digest.
  package func addBlob(_ bytes: [UInt8], mediaType: String) throws -> Entry {
    let digest = Self.digest(of: bytes, algorithm)
    try write(file: Self.blobName(digest), bytes)
    return Entry(mediaType: mediaType, digest: digest, size: bytes.count)
  }

  /// Stores layers, configuration and manifest of an image; the entry for its manifest.
  package func addImage(
    _ layers: [Layer],
    platform: String = "linux/amd64",
    types: MediaTypes = .oci,
    labels: [String: String] = [:],
    created: String? = nil
  ) throws -> Entry {
    let entries = try layers.map { try addBlob($0.blob, mediaType: $0.mediaType) }
    let configuration = Self.configuration(
      diffIDs: layers.map(\.diffID),
      platform: platform,
      labels: labels,
      created: created
    )
    let config = try addBlob(
      Self.encode(configuration),
      mediaType: types.configuration
    )
    return try addManifest(config: config, layers: entries, mediaType: types.manifest)
  }

  /// Stores a manifest of any parts.
  package func addManifest(
    config: Entry,
    layers: [Entry],
    mediaType: String = MediaTypes.oci.manifest,
    artifactType: String? = nil
  ) throws -> Entry {
    var manifest: [String: Any] = [
      "schemaVersion": 2, "mediaType": mediaType, "config": Self.object(config),
      "layers": layers.map(Self.object),
    ]
    manifest["artifactType"] = artifactType
    return try addBlob(Self.encode(manifest), mediaType: mediaType)
  }

  /// Stores an index of entries.
  package func addIndex(_ entries: [Entry], mediaType: String = MediaTypes.oci.index) throws
    -> Entry
  {
    try addBlob(Self.encode(Self.index(entries, mediaType: mediaType)), mediaType: mediaType)
  }

  /// Stores a build attestation for an image and returns its entry as build tools write it.
  package func addAttestation(of image: Entry) throws -> Entry {
    let statement = try addBlob(Array("{}".utf8), mediaType: "application/vnd.in-toto+json")
    let config = try addBlob(
      Self.encode(
        Self.configuration(diffIDs: [statement.digest], platform: "unknown/unknown", labels: [:])
      ),
      mediaType: MediaTypes.oci.configuration
    )
    return try addManifest(config: config, layers: [statement])
      .forPlatform("unknown/unknown")
      .annotated("vnd.docker.reference.type", "attestation-manifest")
      .annotated("vnd.docker.reference.digest", image.digest)
  }

  /// Writes `index.json`.
  package func write(index entries: [Entry], mediaType: String = MediaTypes.oci.index) throws {
    try write(file: "index.json", Self.encode(Self.index(entries, mediaType: mediaType)))
  }

  // MARK: Faults

  /// Replaces any file of the layout, by its name in the layout.
  package func write(file name: String, _ bytes: [UInt8]) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + name))
  }

  /// Changes what is stored for a digest.
  package func replaceBlob(_ digest: String, with bytes: [UInt8]) throws {
    try write(file: Self.blobName(digest), bytes)
  }

  package func removeBlob(_ digest: String) throws {
    try FileManager.default.removeItem(atPath: path + "/" + Self.blobName(digest))
  }

  /// Moves a blob out of the layout and puts a symbolic link to it in its place.
  package func replaceBlobWithLink(_ digest: String) throws {
    let blob = path + "/" + Self.blobName(digest)
    let elsewhere = path + "/moved-" + digest.dropFirst("sha256:".count)
    try FileManager.default.moveItem(atPath: blob, toPath: elsewhere)
    try FileManager.default.createSymbolicLink(atPath: blob, withDestinationPath: elsewhere)
  }

  /// A blob's name in the layout.
  package static func blobName(_ digest: String) -> String {
    "blobs/" + digest.replacing(":", with: "/")
  }

  /// `sha256:` and the digest of `bytes`.
  package static func sha256(_ bytes: [UInt8]) -> String { digest(of: bytes, .sha256) }

  /// The name of the algorithm and the digest of `bytes`.
  package static func digest(of bytes: [UInt8], _ algorithm: Algorithm) -> String {
    let digest =
      switch algorithm {
      case .sha256: Array(SHA256.hash(data: bytes))
      case .sha512: Array(SHA512.hash(data: bytes))
      }
    return algorithm.rawValue + ":" + digest.map { String(format: "%02x", $0) }.joined()
  }

  // MARK: Documents

  private static func configuration(
    diffIDs: [String],
    platform: String,
    labels: [String: String],
    created: String? = nil
  ) -> [String: Any] {
    var configuration = platformObject(platform)
    configuration["created"] = created
    configuration["config"] = ["Labels": labels, "Env": ["PATH=/bin"]] as [String: Any]
    configuration["rootfs"] = ["type": "layers", "diff_ids": diffIDs] as [String: Any]
    return configuration
  }

  private static func index(_ entries: [Entry], mediaType: String) -> [String: Any] {
    ["schemaVersion": 2, "mediaType": mediaType, "manifests": entries.map(object)]
  }

  private static func object(_ entry: Entry) -> [String: Any] {
    var object: [String: Any] = [
      "mediaType": entry.mediaType, "digest": entry.digest, "size": entry.size,
    ]
    if !entry.annotations.isEmpty { object["annotations"] = entry.annotations }
    object["platform"] = entry.platform.map(platformObject)
    object["artifactType"] = entry.artifactType
    object["data"] = entry.data.map { Data($0).base64EncodedString() }
    return object
  }

  private static func platformObject(_ platform: String) -> [String: Any] {
    let parts = platform.split(separator: "/").map(String.init)
    var object: [String: Any] = ["os": parts[0], "architecture": parts[1]]
    if parts.count > 2 { object["variant"] = parts[2] }
    return object
  }

  private static func encode(_ document: [String: Any]) throws -> [UInt8] {
    Array(try JSONSerialization.data(withJSONObject: document, options: [.sortedKeys]))
  }
}
