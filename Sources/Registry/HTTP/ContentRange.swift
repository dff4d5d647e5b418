// Which bytes an answer with status 206 or 416 is about.
// Source: RFC 9110, section 14.4 (Content-Range).

/// A checked `Content-Range`.
enum ContentRange: Sendable, Equatable {
  /// Bytes `first` to `last`, both included, of `total` bytes, or of nobody says how many.
  case bytes(first: UInt64, last: UInt64, total: UInt64?)
  /// The range asked for is not there; the whole has `total` bytes.
  case unsatisfied(total: UInt64)

  /// Reads a field; `nil` for other units, several ranges, and ranges that cannot be.
  init?(_ field: String) {
    guard field.utf8.count <= 128 else { return nil }
    let words = field.split(separator: " ")
    guard words.count == 2, words[0].lowercased() == "bytes" else { return nil }
    let parts = words[1].split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2 else { return nil }
    let total = Self.number(parts[1])
    if parts[0] == "*" {
      guard let total else { return nil }
      self = .unsatisfied(total: total)
      return
    }
    let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2, let first = Self.number(ends[0]), let last = Self.number(ends[1]),
      first <= last, total != nil || parts[1] == "*", last < total ?? .max
    else { return nil }
    self = .bytes(first: first, last: last, total: total)
  }

  private static func number(_ text: Substring) -> UInt64? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return UInt64(text)
  }
}
