// The checksum of ext4's metadata: CRC-32C as it is while it runs, neither begun nor ended with an
// inversion. Source: RFC 3720, appendix B.4; Linux Documentation/filesystems/ext4/checksums.rst.

enum CRC32C {
  /// 0x1EDC6F41 with its bits reversed.
  private static let polynomial: UInt32 = 0x82F6_3B78

  private static let table: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { sum, _ in
      sum & 1 == 0 ? sum >> 1 : sum >> 1 ^ polynomial
    }
  }

  /// The checksum of what `checksum` is of and `bytes` behind it; of nothing it is `.max`.
  static func update(_ checksum: UInt32, _ bytes: some Sequence<UInt8>) -> UInt32 {
    bytes.reduce(checksum) { sum, byte in
      table[Int(UInt8(truncatingIfNeeded: sum) ^ byte)] ^ sum >> 8
    }
  }

  /// The same for a number, least significant byte first.
  static func update(_ checksum: UInt32, _ number: UInt32) -> UInt32 {
    update(checksum, (0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) })
  }
}
