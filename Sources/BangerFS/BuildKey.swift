// Everything that decides the bytes of a file system made of an image, as one text. From its digest come
// UUID, hash seed and time, so that two makings are alike; by it earlier results are found.

import Ext4Image
import FileTree
import Foundation
import ImageStore
import OCISpec

/// What a file system is made of, and how.
///
/// One line for each word, so that no two makings that differ have one text.
struct BuildKey: Equatable {
  /// The version of what this program makes of a key: raised whenever the same words make other bytes.
  static let formatNumber = 1

  private(set) var lines: [String]

  /// No image where there is only what was added.
  init(
    image: Digest?,
    additions: Digest?,
    owners: OwnerMap? = nil,
    followsDirectoryLinks: Bool = false,
    options: Ext4Options
  ) {
    lines = [
      "image \(image?.description ?? "none")", "additions \(additions?.description ?? "none")",
      "owners \(owners?.description ?? "all")",
      "links \(followsDirectoryLinks ? "follow" : "replace")",
      "label \(options.label.text)", "size \(Self.text(options.size))",
      "journal \(Self.text(options.journal))",
      "features " + Self.names(of: options.features).joined(separator: " "),
    ]
  }

  private static func text(_ size: Ext4Size) -> String {
    switch size {
    case .exact(let byteCount): "\(byteCount)"
    case .automatic(let free): "auto \(free.map { "\($0)" } ?? "standard")"
    }
  }

  private static func text(_ journal: Ext4Journal) -> String {
    switch journal {
    case .standard: "standard"
    case .none: "none"
    case .byteCount(let byteCount): "\(byteCount)"
    }
  }

  private static func names(of features: Ext4Features) -> [String] {
    Ext4Feature.allCases.filter(features.contains).map(\.rawValue).sorted()
  }

  /// UUID, hash seed and time that go with these words.
  func identity(time: Int64) -> Ext4Identity {
    .derived(from: Self.digest(of: lines), time: time)
  }

  /// The key of the result in the cache: other tools, and other versions of ours, make other bytes.
  func resultKey(tools: E2fsVersion) -> [UInt8] {
    Self.digest(of: lines + ["e2fsprogs \(tools)", "format \(Self.formatNumber)"])
  }

  private static func digest(of lines: [String]) -> [UInt8] {
    DigestHasher.digest(of: Array(lines.joined(separator: "\n").utf8), .sha256).bytes
  }
}

extension ResolvedImage {
  /// When the image says that it was made, in seconds since 1970; 0 where it says nothing of use.
  ///
  /// Source: OCI image-spec 1.1, config.md, "created"; RFC 3339.
  var createdSeconds: Int64 {
    guard let created = configuration.created else { return 0 }
    // Fractions have any number of digits, and do not matter.
    let text = created.replacing(/\.[0-9]+/, with: "")
    guard case .success(let date) = Result(catching: { try Date(text, strategy: .iso8601) }) else {
      return 0
    }
    return Int64(exactly: date.timeIntervalSince1970.rounded(.down)) ?? 0
  }
}
