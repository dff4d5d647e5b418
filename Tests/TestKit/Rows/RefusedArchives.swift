// Archives that nobody can read the same way: the rows T4 to T32 of docs/SEMANTICS.md that are errors. Who
// else takes them, and for what, is told by the tests that compare readers.

/// An archive that is refused, behind a first file that is sound.
package struct RefusedArchive: Sendable {
  /// The rule's name in docs/SEMANTICS.md, and what is wrong here.
  package var rule: String
  package var bytes: [UInt8]
  /// What is said of it, with the member's path where that is known, and the byte.
  package var message: String

  /// The entries stand at byte 1024.
  init(
    _ rule: String,
    _ entries: [TarEntry],
    end: TarBytes.End = .twoZeroBlocks,
    _ message: String
  ) {
    self.rule = rule
    bytes = TarBytes.archive([.file("a", "x")] + entries, end: end)
    self.message = message
  }

  private static func edited(_ bytes: TarText, at offset: Int) -> TarEntry {
    .file("b").dialect(.ustar).editingHeader { block in
      block.replaceSubrange(offset..<(offset + bytes.bytes.count), with: bytes.bytes)
    }
  }

  package static let all: [RefusedArchive] = [
    RefusedArchive(
      "T4: no number",
      [edited("0000008", at: 108)],
      "b: tar: uid is not a number at tar byte 1132"
    ),
    RefusedArchive(
      "T5: a negative size",
      [.file("b").declaring(size: -1).base256()],
      "b: tar: size is out of range at tar byte 1148"
    ),
    RefusedArchive(
      "T5: an owner beyond 32 bits",
      [.file("b").owner(1 << 32, 0).base256()],
      "b: tar: uid is out of range at tar byte 1132"
    ),
    RefusedArchive(
      "T6: two sizes",
      [.file("b").pax("size", "5").pax("size", "6")],
      "tar: conflicting pax size records at tar byte 1552"
    ),
    RefusedArchive(
      "T7: a record that is none",
      [.member("x", "@", "9 path=xy\n"), .file("b")],
      "tar: malformed pax record at tar byte 1536"
    ),
    RefusedArchive(
      "T9: a GNU name, then another one in a record",
      [.member("L", "@", "long\u{0}"), .paxHeader([("path", "pax")]), .file("b")],
      "long: tar: conflicting names in GNU and pax headers at tar byte 2568"
    ),
    RefusedArchive(
      "T9: a name in a record, then another one of GNU's",
      [.paxHeader([("path", "pax")]), .member("L", "@", "long\u{0}"), .file("b")],
      "long: tar: conflicting names in GNU and pax headers at tar byte 2560"
    ),
    RefusedArchive(
      "T9: an extension without a member",
      [.member("L", "@", "b\u{0}")],
      "b: tar: extension header without a member at tar byte 1024"
    ),
    RefusedArchive(
      "T10: a malformed global header",
      [.member("g", "@", "9 path=xy\n"), .file("b")],
      "tar: malformed pax record at tar byte 1536"
    ),
    RefusedArchive(
      "T11: no time",
      [.file("b").pax("mtime", "noon")],
      "tar: mtime is not a number at tar byte 1545"
    ),
    RefusedArchive(
      "T13: a run beyond the file",
      [
        .sparse("b", size: 10, segments: [(2, "abc")], format: .oldGNU)
          .editingHeader { $0.replaceSubrange(483..<494, with: "00000000002".utf8) }
      ],
      "b: tar: malformed sparse map at tar byte 1024"
    ),
    RefusedArchive(
      "T14: runs that overlap",
      [.file("b", "data").pax("GNU.sparse.size", "9").pax("GNU.sparse.map", "0,3,2,1")],
      "b: tar: malformed sparse map at tar byte 1024"
    ),
    RefusedArchive(
      "T14: another version",
      [.file("b").pax("GNU.sparse.major", "2").pax("GNU.sparse.minor", "0")],
      "b: tar: unsupported sparse format at tar byte 1536"
    ),
    RefusedArchive(
      "T14: a name without a map",
      [.file("b").pax("GNU.sparse.name", "c")],
      "c: tar: malformed sparse map at tar byte 1536"
    ),
    RefusedArchive(
      "T18: part of a multi-volume archive",
      [.member("M", "b").dialect(.gnu)],
      "b: tar: unsupported type flag 'M' at tar byte 1180"
    ),
    RefusedArchive(
      "T19: an unknown type",
      [.member("Z", "b")],
      "b: tar: unknown type flag 'Z' at tar byte 1180"
    ),
    RefusedArchive(
      "T22: one zero block, then a member",
      [.verbatim(TarBytes.zeros(512)), .file("b")],
      "tar: data after a single zero block at tar byte 1536"
    ),
    RefusedArchive(
      "T23: part of a header",
      [.verbatim([1, 2, 3])],
      end: .nothing,
      "tar: the stream ends too early at tar byte 1027"
    ),
    RefusedArchive(
      "T24: data cut short",
      [.file("b", "text").declaring(size: 5).unpadded()],
      end: .nothing,
      "b: tar: the stream ends too early at tar byte 1540"
    ),
    RefusedArchive(
      "T25: a wrong checksum",
      [.file("b").editingChecked { $0[0] = 0x63 }],
      "tar: header checksum does not match at tar byte 1024"
    ),
    RefusedArchive(
      "T27: an attribute that is not base64",
      [.file("b").pax("LIBARCHIVE.xattr.user.a", "*")],
      "tar: malformed extended attribute at tar byte 1563"
    ),
    RefusedArchive(
      "T30: a device number that Linux has not",
      [.characterDevice("b", major: 4096, minor: 0)],
      "b: tar: device major is out of range at tar byte 1353"
    ),
    RefusedArchive(
      "T32: an extension header of more than 1 MiB",
      [.member("L", "@", TarText(TarBytes.zeros((1 << 20) + 1))), .file("b")],
      "tar: extension header is larger than 1048576 bytes at tar byte 1024"
    ),
  ]
}
