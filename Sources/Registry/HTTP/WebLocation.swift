// An absolute http or https address, taken apart for the rules about who may be asked what. The one
// place where addresses are parsed, so that what was checked is what is connected to.
// Source: RFC 3986; RFC 9110, section 4.2.

import FoundationEssentials
import OCISpec

/// Where a request goes.
struct WebLocation: Sendable, Hashable {
  let isSecure: Bool
  /// The host in lower case, an IPv6 address without brackets.
  let host: String
  let port: Int
  /// Path and query, as sent.
  let target: String

  /// Longest address that is followed: signed addresses of object stores reach 2 KiB to 4 KiB.
  private static let byteCount = 16 << 10

  init(isSecure: Bool, host: String, port: Int, target: String) {
    self.isSecure = isSecure
    self.host = host.lowercased()
    self.port = port
    self.target = target
  }

  /// Reads an absolute address, or one relative to `base`.
  ///
  /// `nil` for other schemes, for hosts with odd characters, and where a user name or password is
  /// part of it: those would be credentials of unknown origin.
  init?(_ text: String, relativeTo base: WebLocation? = nil) {
    guard text.utf8.count <= Self.byteCount, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
      let url = URL(string: text, relativeTo: base.flatMap { URL(string: $0.text) })?.absoluteURL,
      let scheme = url.scheme?.lowercased(), scheme == "http" || scheme == "https",
      url.user() == nil, url.password() == nil, let host = url.host(), !host.isEmpty
    else { return nil }
    let bare =
      host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
    let port = url.port ?? (scheme == "https" ? 443 : 80)
    guard Self.isHost(bare), (1...65_535).contains(port) else { return nil }
    let path = url.path(percentEncoded: true)
    let query = url.query(percentEncoded: true).map { "?\($0)" } ?? ""
    self.init(
      isSecure: scheme == "https",
      host: bare,
      port: port,
      target: (path.hasPrefix("/") ? path : "/\(path)") + query
    )
  }

  /// Reads `HOST[:PORT]`, as registries are named.
  init?(authority: String, isSecure: Bool, target: String = "/") {
    guard let root = WebLocation("\(isSecure ? "https" : "http")://\(authority)/"),
      root.target == "/"
    else { return nil }
    self.init(isSecure: isSecure, host: root.host, port: root.port, target: target)
  }

  /// The same origin with another path and query.
  func at(_ target: String) -> WebLocation {
    WebLocation(isSecure: isSecure, host: host, port: port, target: target)
  }

  /// Whether two addresses belong to one server: scheme, host and port.
  func hasSameOrigin(as other: WebLocation) -> Bool {
    isSecure == other.isSecure && host == other.host && port == other.port
  }

  /// The address as it is requested.
  ///
  /// Not to be shown: the query may be a signature.
  var text: String { "\(isSecure ? "https" : "http")://\(hostText):\(port)\(target)" }

  /// `HOST[:PORT]`, without the port where it is the scheme's.
  var authority: String { port == (isSecure ? 443 : 80) ? hostText : "\(hostText):\(port)" }

  /// The address without its query, fit to be shown.
  var redacted: String {
    let path = target.prefix { $0 != "?" }
    let query = path.utf8.count < target.utf8.count ? "?…" : ""
    return "\(isSecure ? "https" : "http")://\(authority)\(printable(String(path)))\(query)"
  }

  /// What kind of network the host is on, as far as its spelling tells.
  var address: HostAddress { HostAddress(host) }

  private var hostText: String { host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host }

  private static func isHost(_ host: String) -> Bool {
    host.utf8.allSatisfy {
      (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
        || "-._:".utf8.contains($0)
    }
  }
}
