// Challenges: what a server wants to see before it answers. Knows the grammar and nothing of any
// scheme; what is done about a challenge is TokenProvider's business.
// Source: RFC 9110, section 11.6.1 (WWW-Authenticate), 11.2 (auth-param, token68), 5.6.4 (quoted
// strings).

/// One challenge of a `WWW-Authenticate` field.
struct AuthenticationChallenge: Sendable, Equatable {
  /// The scheme in lower case: `bearer`, `basic`.
  let scheme: String
  /// Names in lower case; of two with one name the first counts.
  let parameters: [String: String]

  /// Most bytes of all fields together that are looked at: a challenge has a realm, a service and a
  /// scope, each shorter than 1 KiB in practice.
  private static let byteCount = 16 << 10
  /// Most challenges, and most parameters of one, that are kept.
  private static let count = 16

  /// Reads all challenges of all fields of an answer, in order.
  ///
  /// One field may hold several challenges, and what is malformed ends its field: what stood before
  /// it counts.
  static func parse(_ fields: [String]) -> [AuthenticationChallenge] {
    var challenges: [AuthenticationChallenge] = []
    var rest = byteCount
    for field in fields where field.utf8.count <= rest {
      rest -= field.utf8.count
      var parser = Parser(Array(field.utf8))
      challenges += parser.challenges()
    }
    return Array(challenges.prefix(count))
  }

  /// A cursor over one field.
  private struct Parser {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) {
      self.bytes = bytes
    }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func challenges() -> [AuthenticationChallenge] {
      var found: [AuthenticationChallenge] = []
      while true {
        skip { $0 == 0x2C || isBlank($0) }
        guard let scheme = token() else { return found }
        skip(isBlank)
        var parameters: [String: String] = [:]
        if !skipToken68() {
          let isComplete = readParameters(into: &parameters)
          found.append(AuthenticationChallenge(scheme: lower(scheme), parameters: parameters))
          guard isComplete else { return found }
        } else {
          found.append(AuthenticationChallenge(scheme: lower(scheme), parameters: [:]))
        }
      }
    }

    /// Reads parameters up to the next challenge; false where the field is malformed.
    private mutating func readParameters(into parameters: inout [String: String]) -> Bool {
      while true {
        skip { $0 == 0x2C || isBlank($0) }
        let start = position
        guard let name = token() else { return current == nil }
        skip(isBlank)
        guard current == UInt8(ascii: "=") else {
          // A token that is no parameter is the scheme of the next challenge.
          position = start
          return true
        }
        position += 1
        skip(isBlank)
        guard let value = current == UInt8(ascii: "\"") ? quoted() : unquoted() else {
          return false
        }
        if parameters[lower(name)] == nil, parameters.count < AuthenticationChallenge.count {
          parameters[lower(name)] = value
        }
        skip(isBlank)
        guard current == nil || current == 0x2C else { return false }
      }
    }

    /// Skips the one value that stands for all parameters with some schemes (`Negotiate YII=`).
    private mutating func skipToken68() -> Bool {
      let start = position
      skip { isToken68($0) }
      guard position > start else { return false }
      skip { $0 == UInt8(ascii: "=") }
      skip(isBlank)
      if current == nil || current == 0x2C { return true }
      position = start
      return false
    }

    private mutating func skip(_ matches: (UInt8) -> Bool) {
      while let byte = current, matches(byte) { position += 1 }
    }

    private mutating func token() -> [UInt8]? {
      let start = position
      skip(isTokenByte)
      return position > start ? Array(bytes[start..<position]) : nil
    }

    /// A value without quotes.
    ///
    /// Wider than a token, because addresses are sent so too.
    private mutating func unquoted() -> String? {
      let start = position
      skip { $0 > 0x20 && $0 < 0x7F && $0 != 0x2C && $0 != UInt8(ascii: "\"") }
      return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func quoted() -> String? {
      position += 1
      var value: [UInt8] = []
      while let byte = current {
        position += 1
        switch byte {
        case UInt8(ascii: "\""): return String(decoding: value, as: UTF8.self)
        case UInt8(ascii: "\\"):
          guard let escaped = current else { return nil }
          value.append(escaped)
          position += 1
        default: value.append(byte)
        }
      }
      return nil
    }

    private func lower(_ text: [UInt8]) -> String {
      String(decoding: text, as: UTF8.self).lowercased()
    }
  }
}

private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

/// Source: RFC 9110, section 5.6.2.
private func isTokenByte(_ byte: UInt8) -> Bool {
  isAlphanumeric(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
}

private func isToken68(_ byte: UInt8) -> Bool {
  isAlphanumeric(byte) || "-._~+/".utf8.contains(byte)
}

private func isAlphanumeric(_ byte: UInt8) -> Bool {
  (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
}
