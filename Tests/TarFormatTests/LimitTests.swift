// Bounds on what a stream may ask for: each is met exactly, then exceeded by one.

import Offsets
import TarFormat
import TestKit
import Testing

struct LimitTests {
  /// One limit, a setting of it that tests can reach, and an entry that needs so much of it.
  struct Row: CustomTestStringConvertible {
    var limit: TarLimit
    var value: Int
    var set: @Sendable (inout TarLimits, Int) -> Void
    var entries: @Sendable (Int) -> [TarEntry]
    var offset: UInt64

    var testDescription: String { limit.rawValue }
  }

  @Test(arguments: [
    Row(
      limit: .specialHeader,
      value: 600,
      set: { $0.specialHeader = $1 },
      entries: { [.file("x"), .member("L", "@", repeated("n", $0)), .file("a")] },
      offset: 512
    ),
    Row(
      limit: .specialHeadersPerMember,
      value: 1000,
      set: { $0.specialHeadersPerMember = $1 },
      entries: {
        let half = TarEntry.member("L", "@", repeated("n", 500))
        // The global header is not counted; the first file's header starts afresh.
        return [
          half, .file("a"), .member("g", "@", "6 a=b\n"), half,
          .member("K", "@", repeated("n", $0 - 500)), .file("a"),
        ]
      },
      offset: 512 * 7
    ),
    Row(
      limit: .path,
      value: 300,
      set: { $0.path = $1 },
      entries: { [.file("x"), .file(repeated("n", $0)).dialect(.gnu)] },
      offset: 512
    ),
    Row(
      limit: .path,
      value: 50,
      set: { $0.path = $1 },
      entries: { [.hardLink("a", to: repeated("n", $0))] },
      offset: 0
    ),
    Row(
      limit: .symbolicLinkTarget,
      value: 4095,
      set: { $0.symbolicLinkTarget = $1 },
      entries: { [.symlink("a", to: repeated("n", $0))] },
      offset: 0
    ),
    Row(
      limit: .attributeName,
      value: 255,
      set: { $0.attributeName = $1 },
      entries: { [.file("a").attribute(repeated("n", $0), "v")] },
      offset: 512 + 17
    ),
    Row(
      limit: .attributeValue,
      value: 65536,
      set: { $0.attributeValue = $1 },
      entries: { [.file("a").attribute("n", repeated("v", $0))] },
      offset: 512 + 19
    ),
    Row(
      limit: .attributeList,
      value: 65536,
      set: { $0.attributeList = $1 },
      entries: { count in
        // 254 names of 255 bytes and their NULs, two shorter ones, and one for the rest.
        let file = (100..<354).reduce(TarEntry.file("a")) {
          $0.attribute(TarText(Array("\($1)".utf8) + repeated("n", 252).bytes), "")
        }
        return [
          file.attribute(repeated("a", 200), "").attribute(repeated("b", 100), "")
            .attribute(repeated("n", count - 254 * 256 - 201 - 101 - 1), "")
        ]
      },
      offset: 0
    ),
    Row(
      limit: .fileSize,
      value: 1 << 40,
      set: { $0.fileSize = UInt64($1) },
      entries: {
        [.file("x"), .sparse("a", size: Int64($0), segments: [], format: .oldGNU)]
      },
      offset: 512
    ),
    Row(
      limit: .fileSize,
      value: 700,
      set: { $0.fileSize = UInt64($1) },
      entries: { [.file("a", repeated("x", $0))] },
      offset: 0
    ),
    Row(
      limit: .sparseMapText,
      value: 1024,
      set: { $0.sparseMapText = $1 },
      entries: { count in
        let zeros = [UInt8](repeating: 0x30, count: count - 2)
        let map = zeros + Array("0\n".utf8)
        let content = TarText(map + TarBytes.padding(count))
        return [
          .file("a", content).pax("GNU.sparse.major", "1").pax("GNU.sparse.minor", "0")
            .pax("GNU.sparse.realsize", "5")
        ]
      },
      offset: 1536 + 1024
    ),
  ])
  func `X5, X6: so much and no more`(row: Row) {
    var limits = TarLimits()
    row.set(&limits, row.value)
    let within = Scan(TarBytes.archive(row.entries(row.value)), limits: limits)
    #expect(within.error == nil)
    let beyond = Scan(TarBytes.archive(row.entries(row.value + 1)), limits: limits)
    #expect(
      beyond.error
        == .exceedsLimit(row.limit, limit: UInt64(row.value), at: TarOffset(row.offset))
    )
  }

  @Test func `the limits are what they say`() {
    let limits = TarLimits()
    #expect(limits.specialHeader == 1_048_576)
    #expect(limits.specialHeadersPerMember == 4_194_304)
    #expect(limits.path == 65536)
    #expect(limits.symbolicLinkTarget == 4095)
    #expect(limits.attributeName == 255)
    #expect(limits.attributeValue == 65536)
    #expect(limits.attributeList == 65536)
    #expect(limits.sparseSegments == 1_048_576)
    #expect(limits.sparseMapText == 8_388_608)
    #expect(limits.fileSize == 1_099_511_627_776)
  }

  @Test func `a size near 64 bits does not overflow, whatever the limit`() {
    var limits = TarLimits()
    limits.fileSize = .max
    for entry in [TarEntry.file("a"), .member("V", "a"), .member("D", "a")] {
      let bytes = TarBytes.archive([entry.pax("size", "18446744073709551615")])
      #expect(
        Scan(bytes, limits: limits).error
          == .exceedsLimit(.fileSize, limit: .max, at: TarOffset(entry.type == 0x30 ? 0 : 1024))
      )
    }
  }

  @Test func `T32: many records for few names`() {
    let records = (0..<9_000).flatMap {
      TarBytes.paxRecord(Array("SCHILY.xattr.\($0 % 900)".utf8), [])
    }
    var limits = TarLimits()
    limits.specialHeader = 4 << 20
    let all = TarBytes.archive([.member("x", "@", TarText(records)), .file("a")])
    #expect(Scan(all, limits: limits).members.map(\.attributes.count) == [900])
  }

  @Test func `oddities are counted, not listed`() {
    let links = (0..<1000).map { TarEntry.hardLink("l\($0)", to: "a").declaring(size: 1) }
    #expect(
      Scan(TarBytes.archive(links)).warnings
        == [TarWarning(kind: .sizeIgnored, count: 1000, first: .zero, member: .zero)]
    )
  }

  @Test func `a warning knows its member, if it is about one`() {
    let bytes = TarBytes.archive([
      .paxHeader([("path", "x")], type: "g"), .file("a").mode(0o100644),
      .file("b").pax("odd", "1"), .file("c").pax("odd", "2").pax("SCHILY.fflags", "x"),
    ])
    #expect(
      Scan(bytes).warnings == [
        TarWarning(kind: .globalHeaderIgnored, count: 1, first: TarOffset(512)),
        TarWarning(
          kind: .modeBitsIgnored,
          count: 1,
          first: TarOffset(1024 + 100),
          member: TarOffset(1024)
        ),
        TarWarning(
          kind: .unknownRecordIgnored,
          count: 2,
          first: TarOffset(1536 + 512),
          member: TarOffset(1536)
        ),
        TarWarning(
          kind: .fileFlagsIgnored,
          count: 1,
          first: TarOffset(3072 + 512 + 8),
          member: TarOffset(3072)
        ),
      ]
    )
  }

  @Test func `bounds that follow from others are set with them`() {
    let usual = TarLimits()
    var limits = usual
    limits.setSpecialHeader(usual.specialHeader)
    limits.setSparseSegments(usual.sparseSegments)
    #expect(limits == usual)
    limits.setSpecialHeader(8 << 20)
    limits.setSparseSegments(10)
    #expect((limits.specialHeader, limits.specialHeadersPerMember) == (8 << 20, 32 << 20))
    #expect((limits.sparseSegments, limits.sparseMapText) == (10, 80))
    limits.setSpecialHeader(.max)
    #expect(limits.specialHeadersPerMember == .max)
  }
}
