// A cache as it looks from outside, while nobody writes to it: what is there of each blob, held
// against the bytes that it must have; which names there are; what was left behind.

import Foundation
import Glibc
import TestKit
import TestRegistry
import Testing

/// What there is of a blob.
enum BlobState: Equatable {
  case absent
  /// A partial download with this many bytes.
  case partial(Int)
  case whole
}

/// Looks at one cache, all of whose images are known.
struct CacheWatch {
  let path: String
  /// All that may be in the cache, by digest.
  private var known: [String: Data] = [:]

  init(_ path: String) { self.path = path }

  mutating func expect(_ image: TestImage) {
    for (digest, bytes) in image.parts where known[digest] == nil { known[digest] = Data(bytes) }
  }

  // MARK: Blobs

  func blob(_ digest: String) -> String { "\(path)/\(ImageFixture.blobName(digest))" }

  func partial(_ digest: String) -> String {
    "\(path)/banger/ingest/\(digest.replacing(":", with: "-"))"
  }

  /// The state of a blob, by nothing but names and sizes.
  func state(of digest: String) -> BlobState {
    if Self.byteCount(blob(digest)) != nil { return .whole }
    return Self.byteCount(partial(digest)).map { .partial($0) } ?? .absent
  }

  static func byteCount(_ path: String) -> Int? {
    var status = stat()
    return lstat(path, &status) == 0 ? Int(status.st_size) : nil
  }

  /// What is wrong with the blobs and the partial downloads: nothing, if bytes are where they belong.
  func faults() throws -> [String] {
    var faults: [String] = []
    for name in try names("blobs/sha256") {
      let digest = "sha256:\(name)"
      guard let expected = known[digest] else {
        faults.append("blobs/sha256/\(name): unknown")
        continue
      }
      if try read(blob(digest)) != expected { faults.append("\(digest): wrong content") }
    }
    for name in try names("banger/ingest") where !name.hasPrefix(".") {
      let digest = name.replacing("-", with: ":")
      let bytes = try read(partial(digest))
      if known[digest]?.starts(with: bytes) != true { faults.append("\(name): wrong content") }
    }
    return faults
  }

  func partials() throws -> [String] {
    try names("banger/ingest").filter { !$0.hasPrefix(".") }
  }

  // MARK: Names

  /// The digests by the names that stand in `index.json`; none where there is no such file yet.
  func images() throws -> [String: String] {
    let file = "\(path)/index.json"
    guard Self.byteCount(file) != nil else { return [:] }
    let object = try JSONText.object(Array(try read(file)))
    let entries = try #require(object["manifests"] as? [[String: Any]])
    var images: [String: String] = [:]
    for entry in entries {
      let annotations = entry["annotations"] as? [String: String]
      let name = try #require(annotations?["org.opencontainers.image.ref.name"])
      images[name] = try #require(entry["digest"] as? String)
    }
    return images
  }

  // MARK: Temporary files

  /// The files without a name of their own, wherever they are.
  func temporaryFiles() -> [String] {
    let all = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
    return all.filter { $0.split(separator: "/").last?.hasPrefix(".") == true }
  }

  private func names(_ directory: String) throws -> [String] {
    guard Self.byteCount("\(path)/\(directory)") != nil else { return [] }
    return try FileManager.default.contentsOfDirectory(atPath: "\(path)/\(directory)")
  }

  private func read(_ path: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: path))
  }
}
