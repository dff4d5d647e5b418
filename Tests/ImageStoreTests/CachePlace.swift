// What the tests of the cache as an image layout use: caches, blobs, and images put into them by our own
// means.

import Foundation
import OCISpec
import SystemPackage
import TestKit
import Testing

@testable import ImageStore
import Threading

/// The layout directory of a cache of a test's own.
final class CachePlace: Sendable {
  private let directory: TemporaryDirectory
  let path: String

  init() throws {
    directory = try TemporaryDirectory()
    path = directory.appending("cache")
  }

  func open() throws -> ImageCache { try CachePlace.open(path) }

  static func open(_ path: String) throws -> ImageCache {
    try ImageCache(CacheDirectory(opening: FilePath(path), version: 3))
  }

  func blob(_ digest: Digest) -> String {
    path + "/blobs/\(digest.algorithm.rawValue)/\(digest.hex)"
  }

  func partial(_ digest: Digest) -> String {
    path + "/banger/ingest/\(digest.algorithm.rawValue)-\(digest.hex)"
  }

  func appending(_ name: String) -> String { directory.appending(name) }

  var indexText: String {
    get throws { try String(contentsOfFile: path + "/index.json", encoding: .utf8) }
  }

  func listing(_ name: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path + "/" + name).sorted()
  }
}

func read(_ path: String) throws -> [UInt8] {
  Array(try Data(contentsOf: URL(fileURLWithPath: path)))
}

func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o600) throws {
  try Data(bytes).write(to: URL(fileURLWithPath: path))
  #expect(chmod(path, mode) == 0)
}

func exists(_ path: String) -> Bool {
  var status = stat()
  return lstat(path, &status) == 0
}

extension Descriptor {
  /// The descriptor of these bytes.
  init(
    of bytes: [UInt8],
    _ mediaType: String = "application/vnd.oci.image.layer.v1.tar",
    _ algorithm: Digest.Algorithm = .sha256
  ) {
    self.init(
      mediaType: MediaType(mediaType),
      digest: DigestHasher.digest(of: bytes, algorithm),
      byteCount: UInt64(bytes.count)
    )
  }
}

extension BlobIngest {
  func append(_ bytes: some Collection<UInt8>) throws {
    try Array(bytes).withUnsafeBytes { try append($0) }
  }

  /// Bytes from an offset on, at most `count`.
  func read(at offset: UInt64, count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0xEE, count: count)
    let filled = try bytes.withUnsafeMutableBytes { try read(at: offset, into: $0) }
    return Array(bytes[..<filled])
  }

  /// Everything, read along to its verified end.
  func readToEnd(pieces: Int = 777) throws -> [UInt8] {
    var all: [UInt8] = []
    while true {
      let piece = try read(at: UInt64(all.count), count: pieces)
      if piece.isEmpty { return all }
      all += piece
    }
  }
}

extension BlobFile {
  var bytes: [UInt8] {
    get throws { try readAll() }
  }
}

/// An image whose layers are single bytes over and over; no real layers, but real blobs.
struct TestImage {
  let manifest: Descriptor
  let manifestBytes: [UInt8]
  let configuration: [UInt8]
  let layers: [[UInt8]]
  let platform: Platform

  init(_ layers: [[UInt8]], platform: String = "linux/amd64", docker: Bool = false) throws {
    let types: ImageFixture.MediaTypes = docker ? .docker : .oci
    self.platform = try Platform(parsing: platform)
    self.layers = layers
    var configuration: [String: Any] = [
      "os": self.platform.os, "architecture": self.platform.architecture,
      "rootfs": [
        "type": "layers",
        "diff_ids": layers.map { DigestHasher.digest(of: $0, .sha256).description },
      ] as [String: Any],
    ]
    configuration["variant"] = self.platform.variant
    self.configuration = try Self.encode(configuration)
    let document: [String: Any] = [
      "schemaVersion": 2, "mediaType": types.manifest,
      "config": Self.object(Descriptor(of: self.configuration, types.configuration)),
      "layers": layers.map { Self.object(Descriptor(of: $0, types.gzipLayer)) },
    ]
    manifestBytes = try Self.encode(document)
    manifest = Descriptor(of: manifestBytes, types.manifest)
  }

  private static func encode(_ document: [String: Any]) throws -> [UInt8] {
    Array(try JSONSerialization.data(withJSONObject: document, options: [.sortedKeys]))
  }

  private static func object(_ descriptor: Descriptor) -> [String: Any] {
    [
      "mediaType": descriptor.mediaType.rawValue, "digest": descriptor.digest.description,
      "size": descriptor.byteCount,
    ]
  }

  var blobs: [[UInt8]] { layers + [configuration, manifestBytes] }
  var digest: Digest { manifest.digest }
  var byteCount: UInt64 { UInt64(blobs.reduce(0) { $0 + $1.count }) }

  /// Brings the image into a cache as a pull does.
  func put(into cache: ImageCache, as name: ImageName, index: Digest? = nil) throws {
    let held = try blobs.map { try cache.store($0, as: Descriptor(of: $0)) }
    try cache.record(
      RecordedImage(name: name, manifest: manifest, platform: platform, indexDigest: index)
    )
    withExtendedLifetime(held) {}
  }
}

func imageName(_ repository: String = "library/debian", _ tag: String = "12") -> ImageName {
  ImageName(domain: "docker.io", path: repository, tag: tag, digest: nil)
}

/// Runs `body` on threads of their own until all have ended.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
  let group = DispatchGroup()
  let failures = Mutex<[any Error]>([])
  for number in 0..<count {
    group.enter()
    Thread.detachNewThread {
      do { try body(number) } catch { failures.withLock { $0.append(error) } }
      group.leave()
    }
  }
  group.wait()
  if let failure = failures.withLock({ $0.first }) { throw failure }
}
