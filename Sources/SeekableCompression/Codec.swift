// Which format a blob is in, told by its first bytes. A closed set, not a plug-in point.
// Does not know media types: what the bytes are decides.
// Source: RFC 1952 §2.3.1 (gzip), RFC 8878 §3.1 (zstd).

/// The format of a blob's stored bytes.
package enum Codec: UInt8, Sendable, CaseIterable {
  case identity = 0
  case gzip = 1
  case zstd = 2
}

extension Codec {
  /// What the first bytes of a blob say.
  package enum Sniffed: Equatable, Sendable {
    case known(Codec)
    case foreign(ForeignFormat)
    /// The bytes so far are the beginning of a magic number: more are needed.
    case undecided
  }

  /// The longest magic number: bzip2's, 10 bytes.
  static let longestMagicByteCount = 10

  /// Tells the format from the first bytes of a blob; whatever is nothing else is plain.
  ///
  /// Ten bytes always decide. So does the whole of a shorter blob that has none of the magic
  /// numbers.
  package static func sniff(_ prefix: some Collection<UInt8>) -> Sniffed {
    var isUndecided = prefix.isEmpty
    for magic in magics {
      if prefix.starts(with: magic.bytes) { return magic.meaning }
      if magic.bytes.starts(with: prefix) { isUndecided = true }
    }
    return isUndecided ? .undecided : .known(.identity)
  }

  private static let magics: [(bytes: [UInt8], meaning: Sniffed)] =
    [
      ([0x1f, 0x8b], .known(.gzip)),
      ([0x28, 0xb5, 0x2f, 0xfd], .known(.zstd)),
      ([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], .foreign(.xz)),
      ([0x04, 0x22, 0x4d, 0x18], .foreign(.lz4)),
    ]
    + (0x50...0x5f).map { ([$0, 0x2a, 0x4d, 0x18], .known(.zstd)) }  // skippable frames
    + (0x22...0x27).map { ([$0, 0xb5, 0x2f, 0xfd], .foreign(.legacyZstd)) }
    + (0x31...0x39).map {  // "BZh", the level as a digit, pi
      ([0x42, 0x5a, 0x68, $0, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59], .foreign(.bzip2))
    }
}

extension Codec: CustomStringConvertible {
  package var description: String {
    switch self {
    case .identity: "plain"
    case .gzip: "gzip"
    case .zstd: "zstd"
    }
  }
}
