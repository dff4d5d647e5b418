// The address of one proxy, as environment variables have it. Messages name the variable only: the
// value may hold a password.
// Source: curl(1), "ENVIRONMENT"; RFC 3986.

/// A server that connects us to others.
package struct Proxy: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    /// Asked with CONNECT, over an unprotected connection.
    case http
    /// Asked to resolve names too.
    case socks5
  }

  /// Who we are to the proxy.
  package struct Authorization: Hashable, Sendable {
    package let user: String
    package let password: String
  }

  package let kind: Kind
  /// A name or an address; IPv6 addresses without brackets.
  package let host: String
  package let port: Int
  /// Only for HTTP proxies.
  package let authorization: Authorization?

  /// Reads `[SCHEME://][USER[:PASSWORD]@]HOST[:PORT][/]`; without a scheme it is `http`.
  init(_ text: String) throws(ProxyFault) {
    guard text.utf8.count <= 4 << 10, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw .badURL
    }
    let parts = text.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
    let scheme = parts.count == 2 ? parts[0].lowercased() : "http"
    let rest = parts.count == 2 ? parts[1] : parts[0]
    let (kind, standardPort) = try Self.kind(scheme)
    let authority = rest.prefix { !"/?#".contains($0) }
    let tail = rest.dropFirst(authority.count)
    guard tail.isEmpty || tail == "/" else { throw .badURL }
    // The last @: an unescaped one in a password is a habit.
    let at = authority.lastIndex(of: "@")
    let place = at.map { authority[authority.index(after: $0)...] } ?? authority
    self.kind = kind
    (host, port) = try Self.hostAndPort(place, standardPort)
    authorization = try at.map { at throws(ProxyFault) in try Self.authorization(authority[..<at]) }
    guard kind == .http || authorization == nil else { throw .unsupportedAuthorization }
  }

  /// Default ports are those of curl and of Go.
  private static func kind(_ scheme: String) throws(ProxyFault) -> (Kind, port: Int) {
    switch scheme {
    case "http": return (.http, 80)
    case "socks5", "socks5h": return (.socks5, 1080)
    default: throw .unsupportedScheme
    }
  }

  private static func hostAndPort(
    _ text: Substring,
    _ standardPort: Int
  ) throws(ProxyFault) -> (String, Int) {
    var host = text
    var port = standardPort
    let afterBracket = text.lastIndex(of: "]") ?? text.startIndex
    if let colon = text[afterBracket...].lastIndex(of: ":") {
      host = text[..<colon]
      let digits = text[text.index(after: colon)...]
      if !digits.isEmpty {
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits),
          (1...65_535).contains(number)
        else { throw .badPort }
        port = number
      }
    }
    if host.hasPrefix("["), host.hasSuffix("]") {
      let bare = String(host.dropFirst().dropLast())
      guard IPAddress(bare)?.isSix == true else { throw .badURL }
      return (bare, port)
    }
    let isName = host.utf8.allSatisfy {
      (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
        || "-._".utf8.contains($0)
    }
    guard !host.isEmpty, isName else { throw .badURL }
    return (host.lowercased(), port)
  }

  private static func authorization(_ text: Substring) throws(ProxyFault) -> Authorization {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let user = unescape(parts[0]), let password = parts.count == 2 ? unescape(parts[1]) : ""
    else { throw .badURL }
    // A colon would end the user's name early where the two are joined again.
    guard !user.utf8.contains(UInt8(ascii: ":")) else { throw .badURL }
    return Authorization(user: user, password: password)
  }

  /// Replaces `%XX`; `nil` for what is no escape, and for bytes that are no text.
  private static func unescape(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = text.utf8
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      let digits = String(decoding: rest.prefix(2), as: UTF8.self)
      guard digits.utf8.count == 2, !digits.hasPrefix("+"), let value = UInt8(digits, radix: 16)
      else { return nil }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
  }
}

extension Proxy: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// `http://proxy.example:3128`, without user and password.
  package var description: String {
    let scheme = kind == .http ? "http" : "socks5"
    return "\(scheme)://\(host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host):\(port)"
  }

  package var debugDescription: String { description }

  package var customMirror: Mirror { Mirror(self, children: []) }
}

extension Proxy.Authorization: CustomStringConvertible, CustomDebugStringConvertible,
  CustomReflectable
{
  package var description: String { "user and password" }
  package var debugDescription: String { description }
  package var customMirror: Mirror { Mirror(self, children: []) }
}
