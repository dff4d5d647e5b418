// What kind of network a host that is written as an address belongs to. Resolves no names: a name
// that leads to a private network is its owner's decision, an address in somebody else's answer
// is not.
// Source: RFC 6890 and the IANA special-purpose address registries; inet(3) for spellings.

import Glibc

/// How near a host is.
enum HostAddress: Sendable, Equatable {
  /// A name, or an address of the public Internet.
  case anywhere
  case loopback
  /// An address of a network that is not part of the Internet.
  case local
  /// Link-local, multicast, unspecified and reserved addresses: no registry is there.
  case special

  /// Classifies a host as it stands in an address, without brackets.
  ///
  /// Every spelling that the resolver would take for an address is one: `127.1`, `0x7f000001`.
  init(_ host: String) {
    var name = host.lowercased()
    if name.hasSuffix(".") { name.removeLast() }
    if name == "localhost" || name.hasSuffix(".localhost") {
      self = .loopback
      return
    }
    let withoutZone = String(name.prefix { $0 != "%" })
    var six = in6_addr()
    if inet_pton(AF_INET6, withoutZone, &six) == 1 {
      self = Self.classify(six: withUnsafeBytes(of: &six) { Array($0) })
      return
    }
    var four = in_addr()
    guard inet_aton(name, &four) == 1 else {
      self = .anywhere
      return
    }
    self = Self.classify(four: withUnsafeBytes(of: &four) { Array($0) })
  }

  /// Whether what is sent to a host surely stays on this machine.
  ///
  /// Narrower than `loopback`, which is about where nobody may send us: a server may answer for names
  /// below `localhost` (RFC 6761, section 6.3, asks resolvers only that they should not ask one), and
  /// what goes to addresses of translators and tunnels leaves the machine.
  static func isThisMachine(_ host: String) -> Bool {
    var name = host.lowercased()
    if name.hasSuffix(".") { name.removeLast() }
    if name == "localhost" { return true }
    var six = in6_addr()
    if inet_pton(AF_INET6, name, &six) == 1 {
      let bytes = withUnsafeBytes(of: &six) { Array($0) }
      return bytes == Array(repeating: 0, count: 15) + [1]
        || (bytes.starts(with: IPAddress.mappedPrefix) && bytes[12] == 127)
    }
    var four = in_addr()
    return inet_aton(name, &four) == 1 && withUnsafeBytes(of: &four) { $0[0] } == 127
  }

  /// Whether a host of this kind may be where one of the kind `origin` sends us.
  ///
  /// Whoever asks a registry on a private network accepts that its other parts are there too, but not
  /// on this machine, where other services take whoever comes for one of its users.
  func isReachable(from origin: HostAddress) -> Bool {
    switch (self, origin) {
    case (.anywhere, _): true
    case (.loopback, .loopback), (.local, .loopback), (.local, .local): true
    case (.special, .special): true
    default: false
    }
  }

  private static func classify(four bytes: [UInt8]) -> HostAddress {
    switch (bytes[0], bytes[1]) {
    case (127, _): .loopback
    case (10, _), (172, 16...31), (192, 168), (100, 64...127), (198, 18...19): .local
    case (0, _), (169, 254), (224..., _): .special
    case (192, 0) where bytes[2] == 0: .special
    default: .anywhere
    }
  }

  private static func classify(six bytes: [UInt8]) -> HostAddress {
    let isZero = bytes.prefix(10).allSatisfy { $0 == 0 }
    // ::, ::1, and IPv4 addresses in the clothes of IPv6 ones: ::a.b.c.d and ::ffff:a.b.c.d.
    if isZero, bytes[10] == bytes[11], bytes[10] == 0 || bytes[10] == 0xFF {
      if bytes[10] == 0, bytes[12...14] == [0, 0, 0], bytes[15] <= 1 {
        return bytes[15] == 1 ? .loopback : .special
      }
      return classify(four: Array(bytes[12...]))
    }
    // Addresses of translators and tunnels carry one too: 64:ff9b::/96 and 2002::/16.
    if bytes.prefix(12) == [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0] {
      return classify(four: Array(bytes[12...]))
    }
    if bytes[0] == 0x20, bytes[1] == 0x02 { return classify(four: Array(bytes[2...5])) }
    switch (bytes[0], bytes[1] & 0xC0) {
    case (0xFC...0xFD, _), (0xFE, 0xC0): return .local
    case (0xFE, 0x80), (0xFF, _): return .special
    default: return .anywhere
    }
  }
}
