// A structural pass over JSON text before it is decoded: UTF-8, balanced brackets, depth, and no
// second occurrence, in any case, of a key that decides what an image is. It builds no values; a text
// that passes may still be malformed, or have some other key twice, which JSONReader then reports.
//
// Why before decoding: a recursive decoder must not meet deep nesting, and parsers disagree on which
// of two equal keys counts, so that one tool would check one image and another would use a second.
// Source: RFC 8259 §4 (names SHOULD be unique), §9 (limits); CVE-2021-41190.

/// One pass over the bytes of a document.
struct DocumentScan {
  /// Keys of which one object may have only one, in any mix of upper and lower case.
  ///
  /// Some parsers ignore case, so `Layers` beside `layers` is as ambiguous as two `layers`. Of other
  /// keys case counts: label maps do hold pairs such as `architecture` and `Architecture`.
  private static let uniqueInAnyCase = [
    "layers", "manifests", "digest", "config", "rootfs", "diff_ids", "repotags",
  ].map { Array($0.utf8) }

  private let bytes: [UInt8]
  private var position = 0
  private var levels: [Level] = []
  /// Whether the last token was a comma, after which nothing may close: some decoders let it pass.
  private var isAfterComma = false

  /// An open object or array.
  private struct Level {
    let isObject: Bool
    /// Whether the next string is a key: just after `{` or `,`.
    var expectsKey: Bool
    /// One bit for each watched key seen so far.
    var seen: UInt8 = 0
  }

  private init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  /// What a document must be.
  enum Root {
    case object, array
  }

  /// Checks one document.
  ///
  /// - Throws: `.badJSON` with the byte position of the fault.
  static func check(_ bytes: [UInt8], root: Root = .object) throws(SpecError) {
    do {
      _ = try UTF8Span(validating: bytes.span)
    } catch {
      throw .badJSON(.notUTF8, at: error.byteOffsets.lowerBound)
    }
    var scan = DocumentScan(bytes)
    try scan.run(root)
  }

  private mutating func run(_ root: Root) throws(SpecError) {
    skipWhitespace()
    let opening = root == .object ? UInt8(ascii: "{") : UInt8(ascii: "[")
    guard position < bytes.count, bytes[position] == opening else {
      throw .badJSON(root == .object ? .notAnObject : .notAnArray, at: position)
    }
    repeat {
      try step()
    } while !levels.isEmpty && position < bytes.count
    guard levels.isEmpty else { throw .badJSON(.unterminated, at: position) }
    skipWhitespace()
    guard position == bytes.count else { throw .badJSON(.trailingBytes, at: position) }
  }

  private mutating func skipWhitespace() {
    while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) {
      position += 1
    }
  }

  /// Handles the byte at `position` and moves past the token it begins.
  private mutating func step() throws(SpecError) {
    switch bytes[position] {
    case UInt8(ascii: "{"): try open(isObject: true)
    case UInt8(ascii: "["): try open(isObject: false)
    case UInt8(ascii: "}"): try close(isObject: true)
    case UInt8(ascii: "]"): try close(isObject: false)
    case UInt8(ascii: ","):
      levels[levels.count - 1].expectsKey = levels[levels.count - 1].isObject
      isAfterComma = true
      position += 1
    case UInt8(ascii: "\""): try string()
    case 0x20, 0x09, 0x0A, 0x0D: position += 1
    // `:` and what numbers and literals are made of. Control characters never: a NUL would betray
    // UTF-16, which a decoder might detect and read quite differently.
    case 0x21...0x7E:
      isAfterComma = false
      position += 1
    default: throw .badJSON(.unexpectedByte(bytes[position]), at: position)
    }
  }

  private mutating func open(isObject: Bool) throws(SpecError) {
    guard levels.count < SpecLimits.jsonDepth else {
      throw .badJSON(.tooDeep(limit: SpecLimits.jsonDepth), at: position)
    }
    levels.append(Level(isObject: isObject, expectsKey: isObject))
    isAfterComma = false
    position += 1
  }

  private mutating func close(isObject: Bool) throws(SpecError) {
    guard levels.popLast()?.isObject == isObject else {
      throw .badJSON(.unbalanced, at: position)
    }
    guard !isAfterComma else { throw .badJSON(.unexpectedByte(bytes[position]), at: position) }
    position += 1
  }

  private mutating func string() throws(SpecError) {
    let start = position
    isAfterComma = false
    position += 1
    while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
      guard bytes[position] >= 0x20 else {
        throw .badJSON(.unexpectedByte(bytes[position]), at: position)
      }
      position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
    }
    guard position < bytes.count else { throw .badJSON(.unterminated, at: bytes.count) }
    let content = (start + 1)..<position
    position += 1
    guard levels[levels.count - 1].expectsKey else { return }
    levels[levels.count - 1].expectsKey = false
    try noteKey(content, at: start)
  }

  private mutating func noteKey(_ content: Range<Int>, at start: Int) throws(SpecError) {
    guard let key = Self.unescape(bytes[content]), let watched = Self.watchedIndex(of: key) else {
      return
    }
    let bit: UInt8 = 1 << UInt8(watched)
    guard levels[levels.count - 1].seen & bit == 0 else {
      throw .badJSON(.duplicateKey(printable(String(decoding: key, as: UTF8.self))), at: start)
    }
    levels[levels.count - 1].seen |= bit
  }

  private static func watchedIndex(of key: [UInt8]) -> Int? {
    uniqueInAnyCase.firstIndex(of: fold(key))
  }

  /// The key in lower case, with the two letters outside ASCII that fold into it: U+017F long s
  /// and U+212A Kelvin sign.
  private static func fold(_ key: [UInt8]) -> [UInt8] {
    var folded: [UInt8] = []
    for scalar in String(decoding: key, as: UTF8.self).unicodeScalars {
      switch scalar.value {
      case 0x41...0x5A: folded.append(UInt8(scalar.value) + 0x20)
      case 0x17F: folded.append(UInt8(ascii: "s"))
      case 0x212A: folded.append(UInt8(ascii: "k"))
      default: folded.append(contentsOf: String(scalar).utf8)
      }
    }
    return folded
  }

  /// The text of a key with its escapes resolved, or `nil` where it cannot be a watched key.
  ///
  /// A watched key is at most 13 ASCII letters, each at most six bytes long when escaped. Escapes
  /// other than `\u` stand for characters that no watched key has.
  private static func unescape(_ content: ArraySlice<UInt8>) -> [UInt8]? {
    guard content.count <= 13 * 6 else { return nil }
    guard content.contains(UInt8(ascii: "\\")) else { return Array(content) }
    var key: [UInt8] = []
    var rest = content
    while let byte = rest.popFirst() {
      if byte != UInt8(ascii: "\\") {
        key.append(byte)
        continue
      }
      guard rest.popFirst() == UInt8(ascii: "u"), rest.count >= 4,
        let code = UInt32(String(decoding: rest.prefix(4), as: UTF8.self), radix: 16),
        let scalar = Unicode.Scalar(code)
      else { return nil }
      rest.removeFirst(4)
      key.append(contentsOf: String(scalar).utf8)
    }
    return key
  }
}
