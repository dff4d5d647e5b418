// Damaged archives: whatever the bytes are, the scanner ends, says the same in any pieces, and
// never promises bytes that it did not check.

import Offsets
import TarFormat
import TestKit
import Testing

struct MutationTests {
  /// Archives that between them use every feature.
  static let archives: [[UInt8]] = [
    TarBytes.archive([
      .directory("d/"), .file("d/f", "text").attribute("user.a", "1").attribute("user.b", "2"),
      .symlink("s", to: repeated("t", 200)).modified(-5, nanoseconds: 9),
      .paxHeader([("comment", "x"), ("path", "y")], type: "g"),
      .file(repeated("p", 150), repeated("x", 700)).pax("LIBARCHIVE.xattr.c", "YWJj"),
      .hardLink("h", to: "d/f"), .characterDevice("c", major: 1, minor: 2),
    ]),
    TarBytes.archive([
      .file(repeated("p", 150), repeated("x", 600)).dialect(.gnu),
      .symlink(repeated("p", 120), to: repeated("t", 200)).dialect(.gnu).base256(),
      .member("V", "label", "x"), .member("D", "d", "names"), .member("\0", "d/"),
      .file("v7", "x").dialect(.v7),
    ]),
    TarBytes.archive(
      TarSparseFormat.allCases.map {
        .sparse(
          "sparse",
          size: 5000,
          segments: (0..<6).map { ($0 * 600, repeated("x", 100)) },
          format: $0
        )
      }
    ),
  ]

  @Test(arguments: 0..<8)
  func `damage never traps, hangs or depends on the pieces`(seed: UInt64) {
    var random = Random(state: seed)
    for round in 0..<500 {
      var bytes = Self.archives[random.below(Self.archives.count)]
      for _ in 0...random.below(3) { Self.damage(&bytes, &random) }
      let whole = Scan(bytes)
      let cut = Scan(bytes, pieceSize: 1 + random.below(1500))
      #expect(whole == cut, "seed \(seed), round \(round)")
      for member in whole.members {
        #expect(Self.isSound(member), "seed \(seed), round \(round): \(member.line)")
      }
    }
  }

  private static func damage(_ bytes: inout [UInt8], _ random: inout Random) {
    let index = random.below(bytes.count)
    let block = index / 512 * 512
    switch random.below(6) {
    case 0:
      bytes.removeSubrange(index...)
      if bytes.isEmpty { bytes = [0] }
    case 1:
      let other = random.below(bytes.count / 512 + 1) * 512
      bytes.insert(contentsOf: bytes[block..<min(block + 512, bytes.count)], at: other)
    case 2:
      bytes.removeSubrange(block..<min(block + 512, bytes.count))
      if bytes.isEmpty { bytes = [0] }
    case 3:
      bytes[index] = UInt8(random.below(256))
    default:
      // Damage behind a checksum that fits goes further.
      let interesting: [UInt8] = [0, 0x20, 0x30, 0x31, 0x37, 0x3d, 0x0a, 0x53, 0x78, 0x80, 0xff]
      bytes[index] = interesting[random.below(interesting.count)]
      if block + 512 <= bytes.count { repairChecksum(&bytes, at: block) }
    }
  }

  private static func repairChecksum(_ bytes: inout [UInt8], at block: Int) {
    let field = (block + 148)..<(block + 156)
    bytes.replaceSubrange(field, with: [UInt8](repeating: 0x20, count: 8))
    let digits = String(bytes[block..<(block + 512)].reduce(0) { $0 + Int($1) }, radix: 8)
    bytes.replaceSubrange(
      field.lowerBound..<(field.lowerBound + digits.utf8.count),
      with: Array(digits.utf8)
    )
  }

  /// Whether a member keeps the promises that its documentation makes.
  private static func isSound(_ member: TarMember) -> Bool {
    var fileEnd: UInt64 = 0
    var storedEnd = member.data
    for segment in member.segments {
      guard segment.fileOffset >= fileEnd, segment.data == storedEnd else { return false }
      fileEnd = segment.fileOffset + segment.byteCount
      storedEnd = TarOffset(storedEnd.bytes + segment.byteCount)
    }
    let stored = member.isSparse ? storedEnd.bytes - member.data.bytes : member.size
    let isLink = member.kind == .hardLink || member.kind == .symbolicLink
    return member.header < member.data && member.mode <= 0o7777 && fileEnd <= member.size
      && stored == member.storedByteCount && isLink == !member.linkTarget.isEmpty
      && !member.path.contains(0) && member.modificationNanoseconds < 1_000_000_000
      && member.attributes.allSatisfy { $0.value.upperBound <= member.attributeBytes.count }
  }
}

/// A small generator whose sequence a seed fixes (SplitMix64).
struct Random {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// A number of 0..<`bound`.
  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
