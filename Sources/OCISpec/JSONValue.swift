// JSON text as a value that can be changed in one place and written again without changing anything
// else: members keep their order, numbers and strings their spelling. Only white space between
// tokens is lost. For documents that other programs wrote too, of which we understand a part.
// Source: RFC 8259.

/// Any JSON value.
package enum JSONValue: Equatable, Sendable {
  /// A number, `true`, `false` or `null`, as it was written.
  case scalar([UInt8])
  /// What stood between the quotation marks, escapes included.
  case string([UInt8])
  case array([JSONValue])
  case object([Member])

  /// One name of an object and its value.
  package struct Member: Equatable, Sendable {
    /// What stood between the quotation marks, escapes included.
    package let spelling: [UInt8]
    package var value: JSONValue

    /// The name itself.
    package var name: String { JSONValue.unescape(spelling) }
  }

  /// Reads one document: a JSON object of at most `SpecLimits.documentByteCount` bytes.
  ///
  /// - Throws: `.documentTooLarge`, or `.badJSON` with the position of the fault.
  package init(parsing bytes: [UInt8], limits: SpecLimits = SpecLimits()) throws(SpecError) {
    let limit = limits.documentByteCount
    guard UInt64(bytes.count) <= limit else {
      throw .documentTooLarge(byteCount: UInt64(bytes.count), limit: limit)
    }
    // Bounds the nesting, among other things, so that reading may recurse.
    try DocumentScan.check(bytes)
    var reader = JSONReader(bytes)
    self = try reader.document()
  }

  package init(_ text: String) {
    self = .string(Self.escape(text))
  }

  package init(_ number: UInt64) {
    self = .scalar(Array(String(number).utf8))
  }

  package init(_ members: [(name: String, value: JSONValue)]) {
    self = .object(members.map { Member(spelling: Self.escape($0.name), value: $0.value) })
  }

  /// The text of a string, or `nil` for any other value.
  package var text: String? {
    guard case .string(let spelling) = self else { return nil }
    return Self.unescape(spelling)
  }

  /// The values of an array, or `nil` for any other value.
  package var elements: [JSONValue]? {
    guard case .array(let elements) = self else { return nil }
    return elements
  }

  /// The value of a member; no document that was read has a name twice.
  ///
  /// Setting changes that member or adds one at the end; setting `nil` removes it. On anything but an
  /// object it does nothing.
  package subscript(name: String) -> JSONValue? {
    get {
      guard case .object(let members) = self else { return nil }
      return members.first { $0.name == name }?.value
    }
    set {
      guard case .object(var members) = self else { return }
      if let newValue {
        if let index = members.firstIndex(where: { $0.name == name }) {
          members[index].value = newValue
        } else {
          members.append(Member(spelling: Self.escape(name), value: newValue))
        }
      } else {
        members.removeAll { $0.name == name }
      }
      self = .object(members)
    }
  }

  /// The value as text, without white space between tokens.
  package var bytes: [UInt8] {
    var bytes: [UInt8] = []
    write(to: &bytes)
    return bytes
  }

  private func write(to bytes: inout [UInt8]) {
    switch self {
    case .scalar(let spelling): bytes += spelling
    case .string(let spelling): Self.quote(spelling, to: &bytes)
    case .array(let elements):
      bytes.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        element.write(to: &bytes)
      }
      bytes.append(UInt8(ascii: "]"))
    case .object(let members):
      bytes.append(UInt8(ascii: "{"))
      for (index, member) in members.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        Self.quote(member.spelling, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        member.value.write(to: &bytes)
      }
      bytes.append(UInt8(ascii: "}"))
    }
  }

  private static func quote(_ spelling: [UInt8], to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    bytes += spelling
    bytes.append(UInt8(ascii: "\""))
  }
}

// MARK: - Escapes

extension JSONValue {
  private static let backslash = UInt8(ascii: "\\")

  private static func escape(_ text: String) -> [UInt8] {
    var spelling: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), backslash: spelling += [backslash, byte]
      case 0x00..<0x20: spelling += Array("\\u00\(hexadecimal([byte]))".utf8)
      default: spelling.append(byte)
      }
    }
    return spelling
  }

  /// What a spelling stands for; half of a surrogate pair becomes U+FFFD.
  private static func unescape(_ spelling: [UInt8]) -> String {
    guard spelling.contains(backslash) else { return String(decoding: spelling, as: UTF8.self) }
    var units: [UInt16] = []
    var rest = spelling[...]
    while let byte = rest.first {
      guard byte == backslash else {
        let plain = rest.prefix { $0 != backslash }
        units += String(decoding: plain, as: UTF8.self).utf16
        rest = rest.dropFirst(plain.count)
        continue
      }
      let letter = rest.dropFirst().first ?? backslash
      rest = rest.dropFirst(2)
      if letter == UInt8(ascii: "u") {
        units.append(UInt16(String(decoding: rest.prefix(4), as: UTF8.self), radix: 16) ?? 0xFFFD)
        rest = rest.dropFirst(4)
      } else {
        units.append(UInt16(simpleEscapes[letter] ?? letter))
      }
    }
    return String(decoding: units, as: UTF16.self)
  }

  private static let simpleEscapes: [UInt8: UInt8] = [
    UInt8(ascii: "b"): 0x08, UInt8(ascii: "f"): 0x0C, UInt8(ascii: "n"): 0x0A,
    UInt8(ascii: "r"): 0x0D, UInt8(ascii: "t"): 0x09,
  ]
}
