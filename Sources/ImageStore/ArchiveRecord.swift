// What was found out about one state of one archive and is dear to find out again, as a text: where
// the files of a compressed archive are in the cache, and digests of parts of a plain one. Does no
// I/O.
//
//   banger-fs archive 1
//   file NAME SIZE DIGEST       a file of a compressed archive, in the cache under that digest
//   sparse NAME SIZE            one that is not there
//   symlink NAME TARGET
//   hardlink NAME TARGET
//   other NAME
//   run START SIZE DIGEST       bytes of a plain archive, and their digest
//   sum DIGEST                  of all lines before
//
// Names and targets are hexadecimal, numbers decimal.

import OCISpec

/// What is remembered of an archive.
struct ArchiveRecord: Equatable, Sendable {
  /// A run of bytes in a plain archive.
  struct Run: Hashable, Sendable {
    let start: UInt64
    let byteCount: UInt64
  }

  /// Every member of a compressed archive.
  var entries: [[UInt8]: ArchiveTable.Entry] = [:]
  /// The digests of runs of a plain archive.
  var digests: [Run: Digest] = [:]

  private static let heading = "banger-fs archive 1"

  init() {}

  /// The text that `init(parsing:)` reads, the same for equal records.
  var text: [UInt8] {
    var lines = entries.map { Self.line($0, $1) }
    lines += digests.map { "run \($0.start) \($0.byteCount) \($1)" }
    let body = ([Self.heading] + lines.sorted()).map { $0 + "\n" }.joined()
    let sum = DigestHasher.digest(of: Array(body.utf8), .sha256)
    return Array("\(body)sum \(sum)\n".utf8)
  }

  private static func line(_ name: [UInt8], _ entry: ArchiveTable.Entry) -> String {
    let shown = hexadecimal(name)
    return switch entry {
    case .file(let member):
      switch member.place {
      case .cache(let digest): "file \(shown) \(member.byteCount) \(digest)"
      // A record of a compressed archive has no places in it.
      case .sparse, .archive: "sparse \(shown) \(member.byteCount)"
      }
    case .symbolicLink(let target): "symlink \(shown) \(hexadecimal(target))"
    case .hardLink(let target): "hardlink \(shown) \(hexadecimal(target))"
    case .other: "other \(shown)"
    }
  }

  /// Reads a text; `nil` unless it is whole and of this form.
  init?(parsing bytes: [UInt8]) {
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    guard lines.count >= 3, lines[lines.count - 1].isEmpty,
      lines[0].elementsEqual(Self.heading.utf8)
    else { return nil }
    let last = lines[lines.count - 2]
    let sum = DigestHasher.digest(of: Array(bytes[..<last.startIndex]), .sha256)
    guard last.elementsEqual("sum \(sum)".utf8) else { return nil }
    for line in lines[1..<(lines.count - 2)] {
      let words = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        .map { String(decoding: $0, as: UTF8.self) }
      guard take(words) else { return nil }
    }
  }

  private mutating func take(_ words: [String]) -> Bool {
    switch (words.first, words.count) {
    case ("run", 4):
      guard let start = UInt64(words[1]), let byteCount = UInt64(words[2]),
        let digest = Self.digest(words[3])
      else { return false }
      digests[Run(start: start, byteCount: byteCount)] = digest
      return true
    case (let kind?, 2...4):
      guard let name = bytesOfHexadecimal(words[1].utf8),
        let entry = Self.entry(kind, Array(words.dropFirst(2)))
      else { return false }
      entries[name] = entry
      return true
    default: return false
    }
  }

  private static func entry(_ kind: String, _ words: [String]) -> ArchiveTable.Entry? {
    switch (kind, words.count) {
    case ("file", 2):
      guard let byteCount = UInt64(words[0]), let digest = digest(words[1]) else { return nil }
      return .file(ArchiveMember(place: .cache(digest), byteCount: byteCount))
    case ("sparse", 1):
      return UInt64(words[0]).map { .file(ArchiveMember(place: .sparse, byteCount: $0)) }
    case ("symlink", 1): return bytesOfHexadecimal(words[0].utf8).map { .symbolicLink($0) }
    case ("hardlink", 1): return bytesOfHexadecimal(words[0].utf8).map { .hardLink($0) }
    case ("other", 0): return .other
    default: return nil
    }
  }

  private static func digest(_ text: String) -> Digest? {
    do throws(SpecError) { return try Digest(text) } catch { return nil }
  }
}
