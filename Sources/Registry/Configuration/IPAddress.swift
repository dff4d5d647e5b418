// Numeric addresses and networks, as lists of exceptions have them.
// Source: inet_pton(3); RFC 4632 (CIDR); RFC 4291, section 2.5.5.2 (IPv4-mapped addresses).

import Glibc

/// An address of either kind, as the 16 bytes of an IPv6 one.
struct IPAddress: Hashable {
  let bytes: [UInt8]
  /// Whether it was written as an IPv6 address.
  let isSix: Bool

  static let mappedPrefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]

  /// Reads an address without brackets; `nil` for anything else, host names too.
  init?(_ text: String) {
    var four = in_addr()
    var six = in6_addr()
    if inet_pton(AF_INET, text, &four) == 1 {
      bytes = Self.mappedPrefix + withUnsafeBytes(of: &four) { Array($0) }
      isSix = false
    } else if inet_pton(AF_INET6, text, &six) == 1 {
      bytes = withUnsafeBytes(of: &six) { Array($0) }
      isSix = true
    } else {
      return nil
    }
  }

  /// Two spellings of one address are equal, mapped ones included.
  static func == (one: IPAddress, other: IPAddress) -> Bool { one.bytes == other.bytes }

  func hash(into hasher: inout Hasher) { hasher.combine(bytes) }
}

/// All addresses that begin with the same bits.
struct IPNetwork: Hashable {
  private let address: IPAddress
  /// Counted in an IPv6 address: those of an IPv4 network are 96 more.
  private let bitCount: Int

  /// Reads `ADDRESS/BITS`.
  init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let address = IPAddress(String(parts[0])), let bits = UInt8(parts[1]),
      !parts[1].hasPrefix("+"), bits <= (address.isSix ? 128 : 32)
    else { return nil }
    self.address = address
    bitCount = Int(bits) + (address.isSix ? 0 : 96)
  }

  func contains(_ other: IPAddress) -> Bool {
    let whole = bitCount / 8
    guard address.bytes.prefix(whole) == other.bytes.prefix(whole) else { return false }
    guard bitCount % 8 != 0 else { return true }
    return (address.bytes[whole] ^ other.bytes[whole]) >> UInt8(8 - bitCount % 8) == 0
  }
}
