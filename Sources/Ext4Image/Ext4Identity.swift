// What would make each file system differ from every other one, even with the same content: its UUID, the
// seed of its directory hashes, the time of its making. Source: RFC 9562; mke2fs(8).

/// Where the UUID, the hash seed and the time come from.
package enum Ext4Identity: Hashable, Sendable {
  /// Random ones, and the present time.
  case random
  /// 16 bytes each; seconds since 1970.
  case fixed(uuid: [UInt8], hashSeed: [UInt8], time: Int64)

  /// The times that every version of e2fsprogs takes and writes alike: 0 stands for the present, and
  /// 32 bits are signed in older kernels.
  private static let times: ClosedRange<Int64> = 1...Int64(Int32.max)

  /// An identity that is the same for the same key, and different for different ones.
  ///
  /// The key's halves become UUIDs of version 8. `time` is brought into the range from 1970 to 2038.
  ///
  /// - Precondition: `key` is a digest of 32 bytes.
  package static func derived(from key: [UInt8], time: Int64) -> Ext4Identity {
    precondition(key.count == 32, "a key of a wrong size")
    return .fixed(
      uuid: identifier(key[..<16]),
      hashSeed: identifier(key[16...]),
      time: min(max(time, times.lowerBound), times.upperBound)
    )
  }

  /// Version 8 in the high half of byte 6, variant 2 in the two high bits of byte 8.
  ///
  /// Source: RFC 9562 §5.8.
  private static func identifier(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    var identifier = Array(bytes)
    identifier[6] = 0x80 | identifier[6] & 0x0F
    identifier[8] = 0x80 | identifier[8] & 0x3F
    return identifier
  }

  /// A UUID as it is usually written.
  static func text(_ uuid: [UInt8]) -> String {
    let groups = [0..<4, 4..<6, 6..<8, 8..<10, 10..<16]
    return groups.map { uuid[$0].hexadecimal }.joined(separator: "-")
  }

  /// What mkfs.ext4 and debugfs take for the present time, instead of asking the clock.
  package var environment: [String: String] {
    guard case .fixed(_, _, let time) = self else { return [:] }
    return [
      "E2FSPROGS_FAKE_TIME": String(min(max(time, Self.times.lowerBound), Self.times.upperBound))
    ]
  }
}
