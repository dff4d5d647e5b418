// The grammar of JSON, strictly, and no name twice in one object, of which some readers take the first
// and some the last. Expects that DocumentScan has passed the text: it is UTF-8 and not nested too deeply.
// Source: RFC 8259 §2 to §7.

/// Reads JSON text into a `JSONValue`.
struct JSONReader {
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  mutating func document() throws(SpecError) -> JSONValue {
    let value = try value()
    skipWhitespace()
    guard position == bytes.count else { throw .badJSON(.trailingBytes, at: position) }
    return value
  }

  /// The next byte that is no white space.
  private mutating func peek() throws(SpecError) -> UInt8 {
    skipWhitespace()
    guard position < bytes.count else { throw .badJSON(.unterminated, at: position) }
    return bytes[position]
  }

  private mutating func skipWhitespace() {
    while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) {
      position += 1
    }
  }

  private mutating func value() throws(SpecError) -> JSONValue {
    switch try peek() {
    case UInt8(ascii: "{"): .object(try members())
    case UInt8(ascii: "["): .array(try elements())
    case UInt8(ascii: "\""): .string(try string())
    default: .scalar(try scalar())
    }
  }

  private mutating func members() throws(SpecError) -> [JSONValue.Member] {
    var members: [JSONValue.Member] = []
    var names: Set<String> = []
    position += 1
    if try skip(UInt8(ascii: "}")) { return members }
    repeat {
      guard try peek() == UInt8(ascii: "\"") else { throw unexpected() }
      let start = position
      let spelling = try string()
      guard try skip(UInt8(ascii: ":")) else { throw unexpected() }
      let member = JSONValue.Member(spelling: spelling, value: try value())
      let name = member.name
      guard names.insert(name).inserted else {
        throw .badJSON(.duplicateKey(printable(name)), at: start)
      }
      members.append(member)
    } while try skip(UInt8(ascii: ","))
    guard try skip(UInt8(ascii: "}")) else { throw unexpected() }
    return members
  }

  private mutating func elements() throws(SpecError) -> [JSONValue] {
    var elements: [JSONValue] = []
    position += 1
    if try skip(UInt8(ascii: "]")) { return elements }
    repeat {
      elements.append(try value())
    } while try skip(UInt8(ascii: ","))
    guard try skip(UInt8(ascii: "]")) else { throw unexpected() }
    return elements
  }

  /// Moves past `byte` where it comes next.
  private mutating func skip(_ byte: UInt8) throws(SpecError) -> Bool {
    guard try peek() == byte else { return false }
    position += 1
    return true
  }

  private mutating func string() throws(SpecError) -> [UInt8] {
    position += 1
    let start = position
    while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
      if bytes[position] == UInt8(ascii: "\\") {
        try skipEscape()
      } else {
        guard bytes[position] >= 0x20 else { throw unexpected() }
        position += 1
      }
    }
    guard position < bytes.count else { throw .badJSON(.unterminated, at: position) }
    position += 1
    return Array(bytes[start..<(position - 1)])
  }

  private mutating func skipEscape() throws(SpecError) {
    position += 1
    guard position < bytes.count else { throw .badJSON(.unterminated, at: position) }
    guard bytes[position] == UInt8(ascii: "u") else {
      guard "\"\\/bfnrt".utf8.contains(bytes[position]) else { throw unexpected() }
      position += 1
      return
    }
    for _ in 0..<4 {
      position += 1
      guard position < bytes.count else { throw .badJSON(.unterminated, at: position) }
      let isDigit = isHexadecimal(bytes[position]) || (0x41...0x46).contains(bytes[position])
      guard isDigit else { throw unexpected() }
    }
    position += 1
  }

  private mutating func scalar() throws(SpecError) -> [UInt8] {
    let start = position
    for word in ["true", "false", "null"] where bytes[position...].starts(with: word.utf8) {
      position += word.utf8.count
      return Array(word.utf8)
    }
    try skipNumber()
    return Array(bytes[start..<position])
  }

  private mutating func skipNumber() throws(SpecError) {
    skipOne(of: "-")
    let isZero = position < bytes.count && bytes[position] == UInt8(ascii: "0")
    if isZero { position += 1 } else { try skipDigits() }
    if skipOne(of: ".") { try skipDigits() }
    if skipOne(of: "eE") {
      skipOne(of: "+-")
      try skipDigits()
    }
  }

  @discardableResult
  private mutating func skipOne(of characters: String) -> Bool {
    guard position < bytes.count, characters.utf8.contains(bytes[position]) else { return false }
    position += 1
    return true
  }

  private mutating func skipDigits() throws(SpecError) {
    guard position < bytes.count else { throw .badJSON(.unterminated, at: position) }
    guard isDigit(bytes[position]) else { throw unexpected() }
    while position < bytes.count, isDigit(bytes[position]) { position += 1 }
  }

  private func unexpected() -> SpecError {
    .badJSON(.unexpectedByte(bytes[position]), at: position)
  }
}
