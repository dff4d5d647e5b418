// What the tests of archives share: a layout to make archives of, the tools that make them, and
// what an image looks like whichever way it was opened.

import Foundation
import ImageStore
import OCISpec
import SystemPackage
import TestKit
import Testing

/// A directory with a cache, in which a test makes archives.
struct ArchiveScratch {
  let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  func path(_ name: String) -> String { directory.appending(name) }

  /// Writes `bytes` to a file, and returns its path.
  func write(_ bytes: [UInt8], _ name: String = "archive.tar") throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: path(name)))
    return path(name)
  }

  func cache() throws -> ImageCache {
    try ImageCache(CacheDirectory(opening: FilePath(path("cache")), version: 1))
  }

  /// Opens an archive, and counts how often decoding said how far it was.
  func open(_ text: String, counting calls: inout Int) throws -> any ImageSource {
    guard case .archive(let reference) = try Reference(text) else {
      throw WitnessFailure(description: "\(text) is no archive")
    }
    var count = 0
    defer { calls += count }
    return try ImageArchive.open(reference, cache: try cache()) { read, total in
      count += 1
      #expect(read <= total)
    }
  }

  func open(_ text: String) throws -> any ImageSource {
    var calls = 0
    return try open(text, counting: &calls)
  }

  func resolve(_ text: String, platform: String = "linux/amd64") throws -> ResolvedImage {
    guard case .archive(let reference) = try Reference(text) else {
      throw WitnessFailure(description: "\(text) is no archive")
    }
    return try ImageResolver(platform: Platform(parsing: platform)).resolve(
      text,
      name: reference.name,
      digest: reference.digest,
      in: try open(text)
    )
  }

  func resolve(layout: String, platform: String = "linux/amd64") throws -> ResolvedImage {
    try ImageResolver(platform: Platform(parsing: platform))
      .resolve(LayoutReference("oci:\(layout)"))
  }

  // MARK: Images

  /// Layers of two kinds: a plain one, and one that is gzipped.
  static let layers: [(tar: [UInt8], layer: ImageFixture.Layer)] = {
    let base = TarBytes.archive([
      .directory("etc/"), .file("etc/name", "base"),
      .file("data", TarText(CompressedBytes.sample(byteCount: 300_000, seed: 1))),
    ])
    let top = TarBytes.archive([.file("etc/name", "top"), .whiteout("data")])
    return [
      (base, .plain(base)),
      (
        top,
        ImageFixture.Layer(
          blob: CompressedBytes.gzip(top),
          diffID: ImageFixture.sha256(top)
        )
      ),
    ]
  }()

  /// A layout of one image with both layers, called `v1`.
  func layout(_ name: String = "layout") throws -> String {
    let fixture = try ImageFixture.image(Self.layers.map(\.layer), tag: "v1", at: path(name))
    return fixture.path
  }

  /// A layout as the members of an archive.
  func members(of layout: String) throws -> [TarEntry] {
    let names = try FileManager.default.subpathsOfDirectory(atPath: layout).sorted()
    return try names.compactMap { name in
      let bytes = FileManager.default.contents(atPath: layout + "/" + name)
      let isDirectory =
        try FileManager.default.attributesOfItem(atPath: layout + "/" + name)[.type]
        as? FileAttributeType == .typeDirectory
      return isDirectory ? nil : .file(TarText(Array(name.utf8)), TarText(Array(bytes ?? Data())))
    }
  }

  /// Compresses a file with a tool; the path of the result.
  func compress(_ file: String, _ tool: String) throws -> String {
    guard tool != "none" else { return file }
    let bytes = try Tool.run(tool, "-c", "-q", file)
    let result = file + "." + tool
    try Data(bytes).write(to: URL(fileURLWithPath: result))
    return result
  }
}

/// What must be the same of an image, wherever it was found.
struct ImageFacts: Equatable {
  let digest: Digest
  let manifest: [UInt8]
  let configuration: [UInt8]
  let platform: Platform
  let diffIDs: [Digest]
  /// SHA-256 of each layer's bytes as stored.
  let blobs: [String]

  init(_ image: ResolvedImage) throws {
    digest = image.digest
    manifest = image.manifestBytes
    configuration = image.configurationBytes
    platform = image.platform
    diffIDs = image.layers.map(\.diffID)
    blobs = try image.layers.map { ImageFixture.sha256(try Self.bytes(of: $0, in: image)) }
  }

  /// All bytes of a layer, and no more.
  static func bytes(of layer: ResolvedLayer, in image: ResolvedImage) throws -> [UInt8] {
    let blob = try image.open(layer)
    #expect(blob.byteCount == layer.descriptor.byteCount)
    #expect(blob.digest == layer.descriptor.digest)
    var bytes = [UInt8](repeating: 0, count: Int(blob.byteCount) + 1)
    let count = try bytes.withUnsafeMutableBytes { try blob.read(at: 0, into: $0) }
    bytes.removeLast(bytes.count - count)
    #expect(UInt64(count) == blob.byteCount)
    // From the middle, too.
    var tail = [UInt8](repeating: 0, count: 5000)
    let middle = count / 2
    let found = try tail.withUnsafeMutableBytes { try blob.read(at: UInt64(middle), into: $0) }
    #expect(tail.prefix(found) == bytes[middle...].prefix(5000))
    return bytes
  }
}
