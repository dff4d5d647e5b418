// Which member an error is about: its path, wherever the stream has said it by then.

import TarFormat
import TestKit
import Testing

struct MemberPathTests {
  /// An archive that is refused, and the path that goes with the error.
  struct Row: CustomTestStringConvertible {
    var testDescription: String
    var bytes: [UInt8]
    var path: String?
    var text: String
    var limits = TarLimits()

    init(
      _ path: String?,
      _ text: String,
      _ entries: TarEntry...,
      end: TarBytes.End = .twoZeroBlocks,
      limits: (inout TarLimits) -> Void = { _ in }
    ) {
      testDescription = "\(path ?? "no path"): \(text)"
      (self.path, self.text) = (path, text)
      bytes = TarBytes.archive(entries, end: end)
      limits(&self.limits)
    }
  }

  private static let cut = TarEntry.file("b", "text").declaring(size: 600).unpadded()
  private static let long = String(repeating: "l", count: 150)
  private static let sparse = TarEntry.sparse("b", size: 10, segments: [(2, "x")], format: .oldGNU)

  private static func letters(at offset: Int) -> TarEntry {
    .file("b").dialect(.ustar).editingHeader(put("x", at: offset))
  }

  /// The member's own header says it.
  static let headers = [
    Row("b", "mode is not a number at tar byte 100", letters(at: 100)),
    Row("b", "uid is not a number at tar byte 108", letters(at: 108)),
    Row("b", "gid is not a number at tar byte 116", letters(at: 116)),
    Row("b", "size is not a number at tar byte 124", letters(at: 124)),
    Row("b", "mtime is not a number at tar byte 136", letters(at: 136)),
    Row(
      "d/b",
      "device major is not a number at tar byte 329",
      .characterDevice("d/b", major: 1, minor: 1).editingHeader(put("x", at: 329))
    ),
    Row(
      "b",
      "uid is out of range at tar byte 620",
      .file("a"),
      .file("b").owner(-1, 0).base256()
    ),
    Row("b", "unknown type flag 'Z' at tar byte 156", .member("Z", "b")),
    Row(
      "c",
      "unsupported type flag 'M' at tar byte 668",
      .member("V", "b").dialect(.gnu),
      .member("M", "c").dialect(.gnu)
    ),
    Row("b", "empty link target at tar byte 0", .symlink("b", to: "")),
    Row(
      "b",
      "file is larger than 3 bytes at tar byte 512",
      .file("a"),
      .file("b", "text"),
      limits: { $0.fileSize = 3 }
    ),
    Row(
      "bb",
      "path is larger than 1 bytes at tar byte 0",
      .file("bb"),
      limits: { $0.path = 1 }
    ),
    Row(
      "b",
      "symbolic link target is larger than 1 bytes at tar byte 0",
      .symlink("b", to: "cc"),
      limits: { $0.symbolicLinkTarget = 1 }
    ),
    Row(
      "b",
      "extended attribute names of one member are larger than 9 bytes at tar byte 0",
      .file("b").attribute("user.long", ""),
      limits: { $0.attributeList = 9 }
    ),
    Row("b", "unsupported sparse format at tar byte 0", sparse.dialect(.ustar)),
    Row(
      "b",
      "malformed sparse map at tar byte 512",
      .file("b").pax("GNU.sparse.map", "0,1")
    ),
    Row(
      "b",
      "malformed sparse map at tar byte 1536",
      .file("b", TarText(TarBytes.zeros(512))).pax("GNU.sparse.major", "1")
        .pax("GNU.sparse.minor", "0").pax("GNU.sparse.realsize", "9")
    ),
  ]

  /// An extension header has said it before.
  static let extensions = [
    Row(
      long,
      "mtime is not a number at tar byte 1160",
      .file(TarText(Array(long.utf8))).dialect(.gnu).editingHeader(put("x", at: 136))
    ),
    Row(
      "p",
      "mtime is not a number at tar byte 530",
      .file("b").pax("path", "p").pax("mtime", "noon")
    ),
    Row(
      "p",
      "conflicting pax size records at tar byte 537",
      .file("b").pax("path", "p").pax("size", "0").pax("size", "1")
    ),
    Row(
      "p",
      "malformed pax record at tar byte 1536",
      .paxHeader([("path", "p"), ("GNU.sparse.name", "")]),
      .member("g", "@", "rubbish"),
      .file("b")
    ),
    Row(
      "p",
      "NUL in a pax record at tar byte 530",
      .file("b").pax("path", "p").pax("uname", "\u{0}")
    ),
    Row(
      "p",
      "malformed extended attribute at tar byte 548",
      .file("b").pax("path", "p").pax("LIBARCHIVE.xattr.user.a", "*")
    ),
    Row(
      "long",
      "conflicting names in GNU and pax headers at tar byte 1543",
      .member("L", "@", "long\u{0}"),
      .paxHeader([("path", "p")]),
      .file("b")
    ),
    Row(
      "p",
      "extension headers of one member are larger than 20 bytes at tar byte 1024",
      .paxHeader([("path", "p")]),
      .paxHeader([("comment", "0123456789")]),
      .file("b"),
      limits: { $0.specialHeadersPerMember = 20 }
    ),
    Row("p", "extension header without a member at tar byte 0", .paxHeader([("path", "p")])),
    Row(
      "p",
      "header checksum does not match at tar byte 1024",
      .file("b").pax("path", "p").editingChecked { $0[0] ^= 1 }
    ),
    Row(
      "real",
      "malformed sparse map at tar byte 512",
      .file("b").pax("GNU.sparse.name", "real").pax("path", "p")
    ),
  ]

  /// The stream ends, or the map goes on, behind the header.
  static let data = [
    Row("b", "the stream ends too early at tar byte 516", cut, end: .nothing),
    Row("b", "the stream ends too early at tar byte 1028", .file("a"), cut, end: .nothing),
    Row(
      "p",
      "the stream ends too early at tar byte 1540",
      cut.pax("path", "p").pax("size", "600"),
      end: .nothing
    ),
    Row(
      "d/",
      "the stream ends too early at tar byte 516",
      .member("D", "d/", "Ya\u{0}\u{0}").dialect(.gnu).declaring(size: 5).unpadded(),
      end: .nothing
    ),
    Row(
      "b",
      "the stream ends too early at tar byte 513",
      sparse.editingHeader { $0[482] = 1 }.unpadded(),
      end: .nothing
    ),
    Row(
      "p",
      "the stream ends too early at tar byte 1027",
      .paxHeader([("path", "p")]),
      .verbatim([1, 2, 3]),
      end: .nothing
    ),
  ]

  /// Nothing has said it, or there is no member.
  static let none = [
    Row(nil, "header checksum does not match at tar byte 512", .file("a"), .verbatim(junk)),
    Row(
      nil,
      "header checksum does not match at tar byte 1024",
      .file("a", "x"),
      .verbatim(junk)
    ),
    Row(
      nil,
      "the stream ends too early at tar byte 515",
      .file("a"),
      .verbatim([1, 2, 3]),
      end: .nothing
    ),
    Row(
      nil,
      "the stream ends too early at tar byte 1027",
      .file("a", "x"),
      .verbatim([1, 2, 3]),
      end: .nothing
    ),
    Row(
      nil,
      "the stream ends too early at tar byte 515",
      .member("V", "label", "abc").dialect(.gnu).declaring(size: 9).unpadded(),
      end: .nothing
    ),
    Row(nil, "mtime is not a number at tar byte 521", .file("b").pax("mtime", "noon")),
    Row(
      nil,
      "data after a single zero block at tar byte 1024",
      .file("a"),
      .verbatim(TarBytes.zeros(512)),
      .file("b")
    ),
    Row(
      nil,
      "extension header is larger than 3 bytes at tar byte 512",
      .file("a"),
      .member("L", "@", "long"),
      limits: { $0.specialHeader = 3 }
    ),
  ]

  private static let junk = [UInt8](repeating: 1, count: 512)

  @Test(arguments: headers + extensions + data + none)
  func `an error goes with the path of its member`(row: Row) {
    let whole = Scan(row.bytes, limits: row.limits)
    #expect(whole.error.map { "\($0)" } == "tar: \(row.text)")
    #expect(whole.path == row.path.map { Array($0.utf8) })
    for pieceSize in [1, 511, 513] {
      #expect(Scan(row.bytes, pieceSize: pieceSize, limits: row.limits) == whole)
      #expect(
        Scan(row.bytes, pieceSize: pieceSize, skipsData: true, limits: row.limits) == whole
      )
    }
  }

  @Test func `every error that can have a member is above with one`() {
    let met = (Self.headers + Self.extensions + Self.data).compactMap { row in
      Scan(row.bytes, limits: row.limits).error.flatMap(kind)
    }
    #expect(Set(met) == Set(1...15))
  }

  /// A number for each kind of error; `nil` for the one that is about no member.
  private func kind(_ error: TarError) -> Int? {
    switch error {
    case .dataAfterZeroBlock: nil
    case .truncated: 1
    case .checksumMismatch: 2
    case .badNumber: 3
    case .outOfRange: 4
    case .unknownType: 5
    case .unsupportedType: 6
    case .extensionWithoutMember: 7
    case .badRecord: 8
    case .nulInRecord: 9
    case .conflictingSizes: 10
    case .conflictingNames: 11
    case .badAttribute: 12
    case .emptyLinkTarget: 13
    case .badSparseMap, .unsupportedSparse: 14
    case .exceedsLimit: 15
    }
  }
}
