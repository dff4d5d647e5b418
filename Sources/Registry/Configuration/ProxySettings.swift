// Which proxy the environment wants for which server.
//
//   https_proxy, HTTPS_PROXY   for https
//   http_proxy, HTTP_PROXY     for http; in capital letters not in a CGI program, where a client chooses
//                              it with the field "Proxy:" of a request
//   all_proxy, ALL_PROXY       for what has none of its own
//   no_proxy, NO_PROXY         exceptions, separated by commas
//
// The capital letters count where both are set, as in Go. This machine is never asked through a proxy.
// Source: curl(1), "ENVIRONMENT"; Go, golang.org/x/net/http/httpproxy, for the exceptions;
// CVE-2016-5385 for CGI.

/// The proxies of an environment.
package struct ProxySettings: Sendable {
  private let http: Proxy?
  private let https: Proxy?
  private let exceptions: ProxyExceptions

  /// No proxy for anything.
  package init() {
    http = nil
    https = nil
    exceptions = ProxyExceptions("")
  }

  /// Reads the variables.
  ///
  /// - Throws: `.badProxy` with the name of the variable.
  package init(environment: [String: String]) throws(RegistryError) {
    let isCGI = environment["REQUEST_METHOD"] != nil
    let all = try Self.proxy(["ALL_PROXY", "all_proxy"], environment)
    https = try Self.proxy(["HTTPS_PROXY", "https_proxy"], environment) ?? all
    let names = isCGI ? ["http_proxy"] : ["HTTP_PROXY", "http_proxy"]
    http = try Self.proxy(names, environment) ?? all
    exceptions = ProxyExceptions(Self.first(["NO_PROXY", "no_proxy"], environment)?.value ?? "")
  }

  /// The proxy to connect through, or `nil` for a direct connection.
  ///
  /// `host` is a name or an address, IPv6 addresses without brackets; `port` the server's, where it is
  /// not the scheme's own.
  package func proxy(for host: String, port: Int? = nil, isSecure: Bool) -> Proxy? {
    guard let proxy = isSecure ? https : http else { return nil }
    let port = port ?? (isSecure ? 443 : 80)
    return exceptions.contains(host: host, port: port) ? nil : proxy
  }

  private static func proxy(
    _ names: [String],
    _ environment: [String: String]
  ) throws(RegistryError) -> Proxy? {
    guard let variable = first(names, environment) else { return nil }
    do {
      return try Proxy(variable.value)
    } catch {
      throw .badProxy(variable: variable.name, error)
    }
  }

  private static func first(
    _ names: [String],
    _ environment: [String: String]
  ) -> (name: String, value: String)? {
    for name in names {
      if let value = environment[name], !value.isEmpty { return (name, value) }
    }
    return nil
  }
}

/// The servers that are asked directly.
struct ProxyExceptions: Sendable {
  private enum Rule: Sendable {
    case everything
    case address(IPAddress, port: Int?)
    case network(IPNetwork)
    /// A domain and what is below it, or only that.
    case domain(suffix: String, isItselfToo: Bool, port: Int?)
  }

  private let rules: [Rule]

  /// Reads `host, .domain, *.domain, address, network, any of them with :port, *`.
  ///
  /// Spaces and the case of letters do not matter, and what is none of these matches nothing.
  init(_ text: String) {
    rules = text.split(separator: ",").compactMap { Self.rule($0.lowercased()) }
  }

  func contains(host: String, port: Int) -> Bool {
    var name = host.lowercased()
    if name.hasSuffix(".") { name.removeLast() }
    let address = IPAddress(name)
    if HostAddress.isThisMachine(name) { return true }
    return rules.contains { rule in
      switch rule {
      case .everything: true
      case .address(let excepted, let exceptedPort):
        address == excepted && exceptedPort ?? port == port
      case .network(let network): address.map { network.contains($0) } ?? false
      case .domain(let suffix, let isItselfToo, let exceptedPort):
        (name.hasSuffix(suffix) || (isItselfToo && name == suffix.dropFirst()))
          && exceptedPort ?? port == port
      }
    }
  }

  private static func rule(_ text: String) -> Rule? {
    let text = text.filter { $0 != " " && $0 != "\t" }
    if text.isEmpty { return nil }
    if text == "*" { return .everything }
    if let network = IPNetwork(text) { return .network(network) }
    if let address = IPAddress(text) { return .address(address, port: nil) }
    guard let (host, port) = splitPort(text), !host.isEmpty else { return nil }
    let bare =
      host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
    if let address = IPAddress(bare) { return .address(address, port: port) }
    let domain = host.hasPrefix("*.") ? String(host.dropFirst()) : host
    if domain.hasPrefix(".") { return .domain(suffix: domain, isItselfToo: false, port: port) }
    return .domain(suffix: "." + domain, isItselfToo: true, port: port)
  }

  /// `nil` where what is behind the last colon is no port.
  private static func splitPort(_ text: String) -> (host: String, port: Int?)? {
    let afterBracket = text.lastIndex(of: "]") ?? text.startIndex
    guard let colon = text[afterBracket...].lastIndex(of: ":") else { return (text, nil) }
    let digits = text[text.index(after: colon)...]
    guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(digits),
      (1...65_535).contains(port)
    else { return nil }
    return (String(text[..<colon]), port)
  }
}
