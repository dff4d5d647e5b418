// The headers of tables in a TOML document, looked at before the library gets to see it: the library
// ends the program where a header's name begins with anything but the first character of a name, as in
// `[*.example.com]`. All other faults it reports.
// Source: TOML 1.0, "Table", "String", "Comment"; toml++, `parser::parse_key`.

/// A cursor that knows strings, comments and brackets, and nothing else of a document.
///
/// What is not TOML may confuse it, but only behind the place where the library gives up.
struct TOMLHeaders {
  private let bytes: [UInt8]
  private var position: Int
  /// Brackets that are open: outside of all, one at the beginning of a line begins a header.
  private var depth = 0

  /// The position of the first header without the beginning of a name, or `nil`.
  static func firstFault(in bytes: [UInt8]) -> Int? {
    var headers = TOMLHeaders(bytes)
    return headers.firstFault()
  }

  private init(_ bytes: [UInt8]) {
    self.bytes = bytes
    // A byte order mark is no part of the first line.
    position = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
  }

  private mutating func firstFault() -> Int? {
    var isLineStart = true
    while position < bytes.count {
      let byte = bytes[position]
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "'"): skipString(byte)
      case UInt8(ascii: "#"): skip { $0 != UInt8(ascii: "\n") }
      case UInt8(ascii: "["):
        if isLineStart, depth == 0, !isHeader(at: position) { return position }
        depth += 1
        position += 1
      case UInt8(ascii: "]"):
        depth = max(depth - 1, 0)
        position += 1
      default: position += 1
      }
      isLineStart = byte == UInt8(ascii: "\n") || (isLineStart && isBlank(byte))
    }
    return nil
  }

  /// Whether a name begins behind one bracket or two.
  private func isHeader(at start: Int) -> Bool {
    var rest = bytes[(start + 1)...]
    if rest.first == UInt8(ascii: "[") { rest.removeFirst() }
    guard let first = rest.first(where: { !isBlank($0) }) else { return false }
    return (0x30...0x39).contains(first) || (0x41...0x5A).contains(first)
      || (0x61...0x7A).contains(first) || "_-\"'".utf8.contains(first)
  }

  private mutating func skip(_ matches: (UInt8) -> Bool) {
    while position < bytes.count, matches(bytes[position]) { position += 1 }
  }

  private mutating func skipString(_ quote: UInt8) {
    let isLong = bytes[position...].starts(with: [quote, quote, quote])
    position += isLong ? 3 : 1
    while position < bytes.count {
      let byte = bytes[position]
      if byte == quote, !isLong || bytes[position...].starts(with: [quote, quote, quote]) {
        position += isLong ? 3 : 1
        // A long string may end with two quotes of its own.
        for _ in 0..<2 where isLong && position < bytes.count && bytes[position] == quote {
          position += 1
        }
        return
      }
      if byte == UInt8(ascii: "\n"), !isLong { return }
      position += byte == UInt8(ascii: "\\") && quote == UInt8(ascii: "\"") ? 2 : 1
    }
  }

  private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}
