// Layers with extension headers, sparse files and odd ends: more rows of the kind of DialectRows.swift.

extension DialectRow {
  static let records: [DialectRow] = [
    DialectRow(
      "T6: records hold over the header",
      [
        .file("a", "seven b").pax("path", "T6/f").pax("uid", "70000").pax("gid", "8")
          .pax("size", "7").pax("mtime", "12.25").pax("uname", "root").declaring(size: 0),
        .symlink("b", to: "c").pax("path", "T6/s").pax("linkpath", "d"),
      ],
      means: [
        .file("T6/f", "seven b").owner(70_000, 8).modified(12, nanoseconds: 250_000_000),
        .symlink("T6/s", to: "d"),
      ]
    ),
    DialectRow(
      "T6: a header's size that would hide the next member",
      [
        .file("T6/empty").pax("size", "0").declaring(size: 512), .file("T6/seen", "x"),
      ],
      means: [.file("T6/empty"), .file("T6/seen", "x")]
    ),
    DialectRow(
      "T7: line breaks and equals signs in values, and empty values",
      [
        .file("a", "x").pax("comment", "x\ny=z=\n").pax("path", "T7/a=\nb"),
        .file("T7/c", "x").owner(5, 5).pax("path", "").pax("uid", "").pax("mtime", ""),
      ],
      means: [.file("T7/a=\nb", "x"), .file("T7/c", "x").owner(5, 5)]
    ),
    DialectRow(
      "T8: a record twice",
      [.file("a", "x").pax("path", "T8/first").pax("path", "T8/second")],
      means: [.file("T8/second", "x")],
      warnings: [Warning("repeated-record", at: 529)]
    ),
    DialectRow(
      "T10: a global header",
      [
        .paxHeader([("comment", "0123abcd")], type: "g"),
        .paxHeader([("path", "nowhere"), ("uid", "9")], type: "g"), .file("T10/f", "x"),
      ],
      means: [.file("T10/f", "x")],
      warnings: [Warning("global-header-ignored", at: 1536)]
    ),
    DialectRow(
      "T11: times with fractions, also before 1970",
      [
        .file("T11/a", "x").pax("mtime", "1.0000000019"),
        .file("T11/b", "x").pax("mtime", "-1.5"),
      ],
      means: [
        .file("T11/a", "x").modified(1, nanoseconds: 1),
        .file("T11/b", "x").modified(-2, nanoseconds: 500_000_000),
      ]
    ),
  ]

  private static let hundredDeep = Array(repeating: "0123456789", count: 30).joined(separator: "/")

  static let extensions: [DialectRow] = [
    DialectRow(
      "T9: several headers before one member",
      [
        .member("L", "@", "T9/gnu\u{0}"), .member("K", "@", "target\u{0}"),
        .paxHeader([("uid", "5"), ("gid", "6")]), .symlink("a", to: "b"),
      ],
      means: [.symlink("T9/gnu", to: "target").owner(5, 6)]
    ),
    DialectRow(
      "T9: two pax headers, of which the second counts alone",
      [
        .paxHeader([("uid", "5"), ("path", "T9/lost")]), .paxHeader([("gid", "6")]), .file("T9/x"),
      ],
      means: [.file("T9/x").owner(0, 6)],
      warnings: [Warning("repeated-record", at: 1536)]
    ),
    DialectRow(
      "T12: long names and targets of GNU tar",
      [
        .file("T12/\(hundredDeep)/f", "deep").dialect(.gnu),
        .symlink("T12/\(hundredDeep)/s", to: repeated("t", 400)).dialect(.gnu),
        .member("L", "@", "T12/cut\u{0}here\u{0}"), .file("a", "x"),
      ],
      means: [
        .file("T12/\(hundredDeep)/f", "deep"),
        .symlink("T12/\(hundredDeep)/s", to: repeated("t", 400)), .file("T12/cut", "x"),
      ],
      warnings: [Warning("text-after-nul", at: 4608 + 512 + 7)]
    ),
    DialectRow(
      "T26: attributes with any bytes in their values",
      [.file("T26/f", "x").attribute("user.a", [0, 0x0a, 0xff]).attribute("user.b", "")],
      means: [.file("T26/f", "x").attribute("user.b", "").attribute("user.a", [0, 0x0a, 0xff])]
    ),
    DialectRow(
      "T27: attributes as bsdtar writes them",
      [
        .file("T27/alone", "x").pax("LIBARCHIVE.xattr.user.b%25c", "YWJj"),
        .file("T27/both", "x").pax("LIBARCHIVE.xattr.user.a", "YQ").attribute("user.a", "star"),
      ],
      means: [
        .file("T27/alone", "x").attribute("user.b%c", "abc"),
        .file("T27/both", "x").attribute("user.a", "star"),
      ],
      warnings: [Warning("repeated-record", at: 2048)]
    ),
    DialectRow(
      "T28: labels of Red Hat's tar",
      [.file("T28/f", "x").pax("RHT.security.selinux", "u:r:t\u{0}")],
      means: [.file("T28/f", "x")],
      warnings: [Warning("selinux-label-ignored", at: 512)]
    ),
    DialectRow(
      "T29: ACLs as text, and numbers of inodes",
      [
        .file("T29/f", "x").pax("SCHILY.acl.access", "user::rw-").pax("SCHILY.dev", "1")
          .pax("SCHILY.ino", "2").pax("SCHILY.nlink", "3")
      ],
      means: [.file("T29/f", "x")],
      warnings: [Warning("textual-acl-ignored", at: 512)]
    ),
  ]

  /// Runs of whole blocks, as GNU tar writes them: more than one block of an old GNU map.
  ///
  /// The last one, of nothing, says where the file ends.
  private static let runs: [(offset: Int64, bytes: TarText)] =
    (0..<30).map { (Int64($0) * 40_960, repeated("x", $0 == 3 ? 9216 : 512)) } + [(sparseSize, "")]
  private static let sparseSize: Int64 = 5_000_000

  /// The same file without holes.
  private static func whole(_ path: TarText) -> TarEntry {
    var content = TarBytes.zeros(Int(sparseSize))
    for run in runs {
      let start = Int(run.offset)
      content.replaceSubrange(start..<(start + run.bytes.bytes.count), with: run.bytes.bytes)
    }
    return .file(path, TarText(content))
  }

  private static func sparseFile(_ path: TarText, _ format: TarSparseFormat) -> TarEntry {
    .sparse(path, size: sparseSize, segments: runs, format: format)
  }

  /// Files that take few blocks; `sparsePaths` names them.
  static let sparse: [DialectRow] = [
    DialectRow(
      "T13: an old GNU sparse file",
      [sparseFile("T13/f", .oldGNU), .file("T13/next", "x")],
      means: [whole("T13/f"), .file("T13/next", "x")]
    ),
    DialectRow(
      "T14: sparse files of pax 0.0, 0.1 and 1.0",
      [
        sparseFile("T14/0.0", .pax00), sparseFile("T14/0.1", .pax01),
        sparseFile("T14/1.0", .pax10),
        .sparse("T14/hole", size: 1 << 20, segments: [(1 << 20, "")], format: .pax10),
      ],
      means: [
        whole("T14/0.0"), whole("T14/0.1"), whole("T14/1.0"),
        .file("T14/hole", TarText(TarBytes.zeros(1 << 20))),
      ]
    ),
  ]

  /// The sparse files, and how many of their bytes are in blocks of 4 KiB that hold anything.
  ///
  /// Every run begins at a block; that of 9,216 bytes takes three.
  package static let sparsePaths: [(path: String, byteCount: Int)] = [
    ("T13/f", (29 + 3) * 4096), ("T14/0.0", (29 + 3) * 4096), ("T14/0.1", (29 + 3) * 4096),
    ("T14/1.0", (29 + 3) * 4096), ("T14/hole", 0),
  ]

  static let ends: [DialectRow] = [
    DialectRow(
      "T20: junk behind the end",
      [.file("T20/f", "x"), .verbatim(TarBytes.zeros(1024)), .file("T20/never"), .verbatim([7])],
      end: .nothing,
      means: [.file("T20/f", "x")],
      warnings: [Warning("data-after-end", at: 2048)]
    ),
    DialectRow(
      "T21: no end",
      [.file("T21/none", "x")],
      end: .nothing,
      means: [.file("T21/none", "x")],
      warnings: [Warning("missing-end-of-archive", at: 1024)]
    ),
    DialectRow(
      "T21: half an end",
      [.file("T21/half", "x")],
      end: .oneZeroBlock,
      means: [.file("T21/half", "x")],
      warnings: [Warning("missing-end-of-archive", at: 1536)]
    ),
    DialectRow(
      "T23: no padding behind the last file",
      [.file("T23/f", "text").unpadded()],
      end: .nothing,
      means: [.file("T23/f", "text")],
      warnings: [Warning("missing-padding", at: 516), Warning("missing-end-of-archive", at: 516)]
    ),
  ]
}
