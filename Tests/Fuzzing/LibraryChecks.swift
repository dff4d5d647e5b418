// What two libraries may make of one gzip blob: the same, but for what docs/decisions/0011-isa-l.md
// allows of a member that zlib finds damaged.

import Offsets
import SeekableCompression
import TestKit

enum LibraryChecks {
  /// More than any input of a fuzzer decodes to.
  private static let byteLimit = 4 << 20

  /// Whether a pass with another library may end as `tested` where one with zlib ends as `reference`.
  ///
  /// Seek points may differ.
  static func agree(
    _ tested: BlobChecks.BlobPass,
    reference: BlobChecks.BlobPass,
    _ blob: [UInt8]
  ) -> Bool {
    switch (reference.error, tested.error) {
    case (nil, nil):
      return tested.table?.codec == reference.table?.codec
        && tested.table?.warnings == reference.table?.warnings
        && ComparedBytes(tested.bytes) == ComparedBytes(reference.bytes)
    case (_, .tooLarge), (.tooLarge, _): return tested.outcome.agrees(with: reference.outcome)
    case (.corruptDeflate(_, let member), .corruptDeflate(_, let other)) where other == member:
      return true
    // Where a block's header is damaged and cut, either may be seen first.
    case (.corruptDeflate(_, let member), .truncated(_, at: _, from: let start))
    where start == member:
      return true
    case (.truncated(_, at: _, from: let start), .corruptDeflate(_, let member))
    where start == member:
      return true
    case (.corruptDeflate(_, let member), _):
      return lacksWords(Array(blob[Int(member.bytes)...]), tested)
    default: return tested.outcome.agrees(with: reference.outcome)
    }
  }

  /// Whether the member at the front has a code that lacks words, and was decoded as it should be.
  private static func lacksWords(_ rest: [UInt8], _ tested: BlobChecks.BlobPass) -> Bool {
    guard let start = bodyStart(of: rest) else { return false }
    let plain = PlainInflate(rest[start...], byteLimit: byteLimit)
    guard plain.fault == nil, plain.hasIncompleteCode else { return false }
    let pass = BlobChecks.BlobPass(rest, library: tested.library)
    return pass.table == nil || pass.bytes.starts(with: plain.bytes)
  }

  /// Where the deflate data of a member with a good header begins.
  ///
  /// RFC 1952 §2.3.
  private static func bodyStart(of member: [UInt8]) -> Int? {
    guard member.count > 10 else { return nil }
    var start = 10
    if member[3] & 4 != 0 {
      guard start + 2 <= member.count else { return nil }
      start += 2 + Int(member[start]) + Int(member[start + 1]) << 8
    }
    for flag in [8, 16] as [UInt8] where member[3] & flag != 0 {
      guard let end = member.dropFirst(start).firstIndex(of: 0) else { return nil }
      start = end + 1
    }
    if member[3] & 2 != 0 { start += 2 }
    return start <= member.count ? start : nil
  }
}
