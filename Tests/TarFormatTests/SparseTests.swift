// Sparse files in the four formats that GNU tar has written.

import Offsets
import TarFormat
import TestKit
import Testing

struct SparseTests {
  /// Where the stored data of one test file begins: behind the header, the records, the map.
  private static func dataStart(_ format: TarSparseFormat) -> UInt64 {
    switch format {
    case .oldGNU: 512
    case .pax00, .pax01: 1536
    case .pax10: 2048
    }
  }

  @Test(arguments: TarSparseFormat.allCases)
  func `T13, T14: runs are found between holes`(format: TarSparseFormat) {
    let start = Self.dataStart(format)
    let file = TarEntry.sparse(
      "dir/file",
      size: 100_000,
      segments: [(512, "abc"), (4096, repeated("d", 600)), (100_000, "")],
      format: format
    )
    let next = start + 1024
    ScanRow(
      "\(format)",
      [file.mode(0o600), .file("next", "x")],
      "regular dir/file 100000 @0,\(start) mode=600 stored=603 [512+3@\(start)]"
        + " [4096+600@\(start + 3)]",
      "regular next 1 @\(next),\(next + 512)"
    ).check()
  }

  @Test(arguments: TarSparseFormat.allCases)
  func `a file that is one hole has one segment of no bytes`(format: TarSparseFormat) {
    let start = Self.dataStart(format)
    ScanRow(
      "\(format)",
      [.sparse("hole", size: 1 << 40, segments: [(1 << 40, "")], format: format), .file("next")],
      "regular hole 1099511627776 @0,\(start) stored=0 [1099511627776+0@\(start)]",
      "regular next 0 @\(start),\(start + 512)"
    ).check()
  }

  @Test(arguments: TarSparseFormat.allCases)
  func `maps may be long`(format: TarSparseFormat) throws {
    let segments = (0..<200).map { (offset: Int64($0) * 4096, bytes: repeated("x", 7)) }
    let file = TarEntry.sparse("f", size: 1 << 20, segments: segments, format: format)
    let bytes = TarBytes.archive([file, .file("next")])
    let scan = Scan(bytes)
    #expect(scan == Scan(bytes, pieceSize: 1))
    let member = try #require(scan.members.first)
    #expect(
      member.segments
        == (0..<200).map {
          SparseSegment(
            fileOffset: $0 * 4096,
            byteCount: 7,
            data: TarOffset(member.data.bytes + $0 * 7)
          )
        }
    )
    #expect(scan.members.count == 2)
    for segment in member.segments {
      let run = bytes[Int(segment.data.bytes)..<Int(segment.data.bytes + segment.byteCount)]
      #expect(run.allSatisfy { $0 == 0x78 })
    }
  }

  private static let map: TarText = "1\n0\n4\n"

  /// A pax 1.0 file with this map text and stored data of `stored` bytes.
  private static func file10(_ map: TarText, stored: Int = 4, realSize: TarText = "10") -> TarEntry
  {
    let content = map.bytes + TarBytes.padding(map.bytes.count) + TarBytes.zeros(stored)
    return .file("f", TarText(content)).pax("GNU.sparse.major", "1").pax("GNU.sparse.minor", "0")
      .pax("GNU.sparse.realsize", realSize)
  }

  /// A pax 0.1 file with this map and four stored bytes.
  private static func file01(_ map: TarText, size: TarText = "10") -> TarEntry {
    .file("f", "data").pax("GNU.sparse.size", size).pax("GNU.sparse.map", map)
  }

  @Test(arguments: [
    ScanRow(
      "T14: 0.1 without a count",
      [file01("0,4")],
      "regular f 10 @0,1536 stored=4 [0+4@1536]"
    ),
    ScanRow(
      "T14: an empty map with a count of zero",
      [.file("f").pax("GNU.sparse.realsize", "9").pax("GNU.sparse.numblocks", "0")],
      "regular f 9 @0,1536 stored=0 [9+0@1536]"
    ),
    ScanRow(
      "T14: versions 0.0 and 0.1 said in full",
      [
        file01("0,4").pax("GNU.sparse.major", "0").pax("GNU.sparse.minor", "1"),
        file01("0,4").pax("GNU.sparse.major", "0").pax("GNU.sparse.minor", "0"),
      ],
      "regular f 10 @0,1536 stored=4 [0+4@1536]",
      "regular f 10 @2048,3584 stored=4 [0+4@3584]"
    ),
    ScanRow(
      "T14: runs that touch",
      [file01("0,1,1,2,9,1")],
      "regular f 10 @0,1536 stored=4 [0+1@1536] [1+2@1537] [9+1@1539]"
    ),
    ScanRow(
      "T14: a name that is taken back makes no sparse file",
      [.file("f", "x").pax("GNU.sparse.name", "").pax("path", "p")],
      "regular p 1 @0,1536"
    ),
    ScanRow(
      "T14: the real name holds over a long one",
      [.member("L", "@", "long\u{0}"), file01("0,4").pax("GNU.sparse.name", "real")],
      "regular real 10 @0,2560 stored=4 [0+4@2560]"
    ),
    ScanRow(
      "T14: 1.0 with every number on its own and zeros in front",
      [file10("01\n000\n0004\n")],
      "regular f 10 @0,2048 stored=4 [0+4@2048]"
    ),
    ScanRow(
      "T14: 1.0 with nothing mapped",
      [file10("0\n", stored: 0), .file("g")],
      "regular f 10 @0,2048 stored=0 [10+0@2048]",
      "regular g 0 @2048,2560"
    ),
    ScanRow(
      "T14: a map that fills its block",
      [file10(TarText("1\n".utf8 + zeros(505) + "0\n4\n".utf8))],
      "regular f 10 @0,2048 stored=4 [0+4@2048]"
    ),
    ScanRow(
      "T14: a map that fills two",
      [file10(TarText("1\n".utf8 + zeros(1017) + "0\n4\n".utf8))],
      "regular f 10 @0,2560 stored=4 [0+4@2560]"
    ),
  ])
  func `odd pax maps that are accepted`(row: ScanRow) { row.check() }

  private static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0x30, count: count) }

  @Test(arguments: [
    refused("runs out of order", file01("5,2,0,2"), "malformed sparse map", 0),
    refused("runs that overlap", file01("0,3,2,1"), "malformed sparse map", 0),
    refused("a run beyond the file", file01("7,4"), "malformed sparse map", 0),
    refused("a run beyond 64 bits", file01("18446744073709551615,4"), "malformed sparse map", 0),
    refused("runs of more than is stored", file01("0,5"), "malformed sparse map", 0),
    refused("runs of less than is stored", file01("0,3"), "malformed sparse map", 0),
    refused("an odd number of numbers", file01("0,4,10"), "malformed sparse map", 0),
    refused("no number", file01("0,x"), "malformed sparse map", 554),
    refused("an empty number", file01("0,,4"), "malformed sparse map", 554),
    refused("a comma at the end", file01("0,4,"), "malformed sparse map", 554),
    refused("a negative number", file01("-1,4"), "malformed sparse map", 552),
    refused(
      "a count that is wrong",
      file01("0,4").pax("GNU.sparse.numblocks", "2"),
      "malformed sparse map",
      512
    ),
    refused("a size that is no number", file01("0,4", size: "x"), "malformed sparse map", 531),
    refused(
      "no size",
      .file("f", "data").pax("GNU.sparse.map", "0,4"),
      "malformed sparse map",
      512
    ),
    refused(
      "a size and no map",
      .file("f").pax("GNU.sparse.size", "4"),
      "malformed sparse map",
      512
    ),
    refused(
      "two offsets in a row",
      .file("f").pax("GNU.sparse.offset", "0").pax("GNU.sparse.offset", "0"),
      "malformed sparse map",
      556
    ),
    refused(
      "a length first",
      .file("f").pax("GNU.sparse.numbytes", "0"),
      "malformed sparse map",
      535
    ),
    refused(
      "a map and pairs",
      file01("0,4").pax("GNU.sparse.offset", "9"),
      "malformed sparse map",
      577
    ),
    refused(
      "another version",
      .file("f").pax("GNU.sparse.major", "2").pax("GNU.sparse.minor", "0"),
      "unsupported sparse format",
      512
    ),
    refused(
      "half a version",
      .file("f").pax("GNU.sparse.major", "1"),
      "unsupported sparse format",
      512
    ),
    refused(
      "a sparse directory",
      .directory("d").pax("GNU.sparse.size", "1").pax("GNU.sparse.numblocks", "0"),
      "unsupported sparse format",
      1024
    ),
    refused("1.0 without a size", file10("1\n0\n4\n", realSize: "x"), "malformed sparse map", 579),
    refused("1.0 with no room for a map", file10("", stored: 511), "malformed sparse map", 1536),
    refused(
      "1.0 with a number beyond 64 bits",
      file10(repeated("1", 21)),
      "malformed sparse map",
      1556
    ),
    refused(
      "1.0 with a map beyond its data",
      file10(repeated("0", 512)),
      "malformed sparse map",
      2048
    ),
    refused(
      "a name without a map",
      .file("f", "x").pax("GNU.sparse.name", "other").pax("path", "p"),
      "malformed sparse map",
      512
    ),
    refused(
      "a name without a map on a directory",
      .directory("d").pax("GNU.sparse.name", "other"),
      "malformed sparse map",
      512
    ),
    refused("1.0 with an empty line", file10("\n0\n4\n"), "malformed sparse map", 1536),
    refused("1.0 with a letter", file10("1\n0\nx\n"), "malformed sparse map", 1540),
    refused("1.0 with a NUL in place of a number", file10("1\n0\n"), "malformed sparse map", 1540),
    refused(
      "1.0 that stores less than it maps",
      file10("1\n0\n5\n"),
      "malformed sparse map",
      0
    ),
    refused(
      "1.0 that counts a million runs and one",
      file10("1048577\n"),
      "sparse map is larger than 1048576 segments",
      1543
    ),
  ])
  func `pax maps that are refused`(row: ScanRow) { row.check() }

  private static func refused(
    _ name: String,
    _ entry: TarEntry,
    _ what: String,
    _ offset: Int
  ) -> ScanRow {
    ScanRow("T14: \(name)", [entry], "tar: \(what) at tar byte \(offset)")
  }

  private static let old = TarEntry.sparse(
    "f",
    size: 10,
    segments: [(2, "abc")],
    format: .oldGNU
  )

  @Test(arguments: [
    ScanRow(
      "T13: a negative offset",
      [old.editingHeader(put(TarText([UInt8](repeating: 0xff, count: 12)), at: 386))],
      "tar: sparse map is out of range at tar byte 386"
    ),
    ScanRow(
      "T13: a length that is no number",
      [old.editingHeader(put("nothing", at: 398))],
      "tar: sparse map is not a number at tar byte 398"
    ),
    ScanRow(
      "T13: a real size that is no number",
      [old.editingHeader(put("nothing", at: 483))],
      "tar: real size of a sparse file is not a number at tar byte 483"
    ),
    ScanRow(
      "T13: a run beyond the file",
      [old.editingHeader(put("00000000002\u{0}", at: 483))],
      "tar: malformed sparse map at tar byte 0"
    ),
    ScanRow(
      "T13: in a ustar header",
      [old.dialect(.ustar)],
      "tar: unsupported sparse format at tar byte 0"
    ),
    ScanRow(
      "T13: with a pax map",
      [
        .paxHeader([("GNU.sparse.size", "1"), ("GNU.sparse.numblocks", "0")]), old,
      ],
      "tar: unsupported sparse format at tar byte 1024"
    ),
    ScanRow(
      "T13: a stream that ends in the map",
      [old.editingHeader { $0[482] = 1 }.unpadded()],
      end: .nothing,
      "tar: the stream ends too early at tar byte 515"
    ),
    ScanRow(
      "T13: a stream that ends before the map",
      [.verbatim(Array(TarBytes.archive([old.editingHeader { $0[482] = 1 }]).prefix(512)))],
      end: .nothing,
      "tar: the stream ends too early at tar byte 512"
    ),
    ScanRow(
      "T13: a file without any pair",
      [.member("S", "f").dialect(.gnu)],
      "regular f 0 @0,512 [0+0@512]",
      "warning: blank number taken for zero, 1 from 483"
    ),
    ScanRow(
      "T13: a pax size for the stored data",
      [.paxHeader([("size", "3")]), old.declaring(size: 0), .file("g")],
      "regular f 10 @0,1536 stored=3 [2+3@1536]",
      "regular g 0 @2048,2560"
    ),
  ])
  func `odd old GNU sparse files`(row: ScanRow) { row.check() }

  @Test func `a million segments are the limit`() {
    var limits = TarLimits()
    limits.sparseSegments = 5
    let segments = (0..<6).map { (offset: Int64($0), bytes: TarText("x")) }
    for format in TarSparseFormat.allCases {
      let five = TarEntry.sparse("f", size: 6, segments: segments.dropLast(), format: format)
      let six = TarEntry.sparse("f", size: 6, segments: segments, format: format)
      #expect(Scan(TarBytes.archive([five]), limits: limits).error == nil)
      let error = Scan(TarBytes.archive([six]), limits: limits).error
      guard case .exceedsLimit(.sparseSegments, limit: 5, at: _) = error else {
        Issue.record("\(format): \(String(describing: error))")
        continue
      }
    }
  }
}
