// Extension headers: pax records, GNU long names, global headers.

import Offsets
import TarFormat
import TestKit
import Testing

struct ExtensionTests {
  @Test(arguments: [
    ScanRow(
      "T6: everything is overridden",
      [
        .symlink("a", to: "b").pax("path", "p/q").pax("linkpath", "l").pax("uid", "4294967294")
          .pax("gid", "7").pax("uname", "root").pax("gname", "wheel").pax("mtime", "12.25")
          .pax("atime", "1.5").pax("ctime", "-3")
      ],
      "symbolicLink p/q 0 @0,1536 mode=777 owner=4294967294:7 mtime=12+250000000ns -> l"
    ),
    ScanRow(
      "T6: fields that are overridden are not read",
      [
        .file("a").pax("uid", "1").pax("gid", "2").pax("mtime", "3").pax("size", "0")
          .editingHeader(put(repeated("?", 40), at: 108))
      ],
      "regular a 0 @0,1536 owner=1:2 mtime=3+0ns"
    ),
    ScanRow(
      "T6: the pax size finds the next header",
      [.file("a", repeated("x", 700)).pax("size", "700").declaring(size: 0), .file("b")],
      "regular a 700 @0,1536",
      "regular b 0 @2560,3072"
    ),
    ScanRow(
      "T6: and never the header's",
      [
        .file("a").pax("size", "0").declaring(size: 512), .file("hidden from others"), .file("c"),
      ],
      "regular a 0 @0,1536",
      "regular hidden from others 0 @1536,2048",
      "regular c 0 @2048,2560"
    ),
    ScanRow(
      "X7: two sizes",
      [.file("a").pax("size", "5").pax("size", "6")],
      "warning: repeated extension record, 1 from 521",
      "tar: conflicting pax size records at tar byte 528"
    ),
    ScanRow(
      "T6: two sizes in two headers",
      [.paxHeader([("size", "5")]), .paxHeader([("size", "1")]), .file("a")],
      "warning: repeated extension record, 1 from 1536",
      "tar: conflicting pax size records at tar byte 1536"
    ),
    ScanRow(
      "T6: one size twice",
      [.file("a", "x").pax("size", "1").pax("size", "1")],
      "regular a 1 @0,1536",
      "warning: repeated extension record, 1 from 521"
    ),
    ScanRow(
      "T6: a size that is no number",
      [.file("a").pax("size", "-1")],
      "tar: size is not a number at tar byte 520"
    ),
    ScanRow(
      "T6: a size beyond 64 bits",
      [.file("a").pax("size", "18446744073709551616")],
      "tar: size is not a number at tar byte 520"
    ),
    ScanRow(
      "T6: an owner beyond 32 bits",
      [.file("a").pax("gid", "4294967295")],
      "tar: gid is out of range at tar byte 519"
    ),
    ScanRow(
      "T6: a negative owner",
      [.file("a").pax("uid", "-2")],
      "tar: uid is not a number at tar byte 518"
    ),
    ScanRow(
      "T15: Solaris writes X; its records of holes mean nothing",
      [.paxHeader([("path", "p"), ("SUN.holesdata", " 0 9")], type: "X"), .file("a")],
      "regular p 0 @0,1536",
      "warning: pax record with an unknown key ignored, 1 from 521"
    ),
  ])
  func `records override the header`(row: ScanRow) { row.check() }

  @Test(arguments: [
    ScanRow(
      "T7: newlines and equals signs in values",
      [.file("a").pax("comment", "x\ny=z=\n").pax("path", "a=\nb")],
      "regular a=\\xab 0 @0,1536"
    ),
    ScanRow(
      "T7: an empty value takes back the record, not the header's field",
      [
        .file("a", "x").owner(1, 1).modified(1).pax("path", "p").pax("uid", "9").pax("size", "9")
          .pax("mtime", "9").pax("gid", "9").pax("path", "").pax("uid", "").pax("size", "")
          .pax("mtime", "").pax("gid", "").pax("atime", "")
      ],
      "regular a 1 @0,1536 owner=1:1 mtime=1+0ns",
      "warning: repeated extension record, 5 from 557"
    ),
    ScanRow(
      "T8: the last of several holds",
      [.file("a").pax("path", "p").pax("path", "q")],
      "regular q 0 @0,1536",
      "warning: repeated extension record, 1 from 521"
    ),
    ScanRow(
      "T7: unknown keys",
      [.file("a").pax("LIBARCHIVE.creationtime", "x").pax("later", "")],
      "regular a 0 @0,1536",
      "warning: pax record with an unknown key ignored, 1 from 541"
    ),
    bad("no length", "path=x\n", 512),
    bad("no space", "9path=xy\n", 512),
    bad("a length of zero", "0 a=b\n", 512),
    bad("a length that ends in the key", "3 path=x\n", 512),
    bad("a length that ends in the value", "8 path=xy\n", 512),
    bad("a length beyond the data", "12 path=xy\n", 512),
    bad("a length beyond 64 bits", "18446744073709551626 path=x\n", 512),
    bad("a negative length", "-9 path=x\n", 512),
    bad("no equals sign", "9 pathxy\n", 512),
    bad("no key", "5 =x\n", 512),
    bad("no newline", "9 path=xy", 512),
    bad("the second record", "9 path=x\nrubbish\n", 521),
    bad("zeros behind the last", "9 path=x\n\u{0}\u{0}", 521),
    bad("only a number", "12", 512),
    ScanRow(
      "N10: a NUL in a path",
      [.file("a").pax("path", "a\u{0}b")],
      "tar: NUL in a pax record at tar byte 521"
    ),
    ScanRow(
      "N10: a NUL in a target",
      [.symlink("a", to: "b").pax("linkpath", "\u{0}")],
      "tar: NUL in a pax record at tar byte 524"
    ),
    ScanRow(
      "T7: a NUL in an owner's name",
      [.file("a").pax("uname", "r\u{0}")],
      "tar: NUL in a pax record at tar byte 522"
    ),
    ScanRow(
      "T7: a NUL in a key",
      [.file("a").pax("SCHILY.xattr.user.\u{0}", "x")],
      "tar: NUL in a pax record at tar byte 533"
    ),
  ])
  func `the grammar of records`(row: ScanRow) { row.check() }

  private static func bad(_ name: String, _ data: TarText, _ offset: Int) -> ScanRow {
    ScanRow(
      "T7: \(name)",
      [.member("x", "PaxHeaders/a", data), .file("a")],
      "tar: malformed pax record at tar byte \(offset)"
    )
  }

  @Test(
    arguments: [
      ("0", 0, 0), ("-0", 0, 0), ("5", 5, 0), ("5.", 5, 0), ("1.5", 1, 500_000_000),
      ("1.000000001", 1, 1), ("1.0000000019", 1, 1), ("1.9999999999", 1, 999_999_999),
      ("-1", -1, 0), ("-1.5", -2, 500_000_000), ("-1.000000000", -1, 0),
      ("-1.0000000001", -2, 999_999_999), ("-0.9999999999", -1, 0), ("-0.25", -1, 750_000_000),
      ("9223372036854775807.5", .max, 500_000_000), ("-9223372036854775807.5", .min, 500_000_000),
      ("-9223372036854775808", .min, 0), ("-9223372036854775808.0", .min, 0),
      ("253402300800.1", 253_402_300_800, 100_000_000),
    ] as [(String, Int64, UInt32)]
  )
  func `T11: fractional times are rounded down`(row: (value: String, s: Int64, ns: UInt32)) {
    let members = Scan(TarBytes.archive([.file("a").pax("mtime", "\(row.value)")])).members
    #expect(members.map(\.modificationSeconds) == [row.s])
    #expect(members.map(\.modificationNanoseconds) == [row.ns])
  }

  @Test(arguments: [
    "-", ".5", "+1", "1.x", "1.5.5", " 1", "1e3", "9223372036854775808", "-.", "--1",
    "-9223372036854775808.1", "-9223372036854775809", "-9223372036854775809.0",
  ])
  func `T11: anything else is no time`(value: String) {
    for (key, field) in [
      ("mtime", TarField.modificationTime), ("atime", .accessTime), ("ctime", .changeTime),
    ] {
      let bytes = TarBytes.archive([.file("a").pax("\(key)", "\(value)")])
      // The value stands behind "NN mtime=".
      #expect(Scan(bytes).error == .badNumber(field, at: TarOffset(512 + 3 + 6)))
    }
  }

  @Test func `times before 1970 survive the way there and back`() {
    let bytes = TarBytes.archive([.file("a").modified(-2, nanoseconds: 250_000_000)])
    #expect(Scan(bytes).lines == ["regular a 0 @0,1536 mtime=-2+250000000ns"])
  }

  @Test(arguments: [
    ScanRow(
      "T12: long path and long target",
      [.symlink(repeated("p", 300), to: repeated("t", 400)).dialect(.gnu), .file("b")],
      "symbolicLink p*300 0 @0,2560 mode=777 -> t*400",
      "regular b 0 @2560,3072"
    ),
    ScanRow(
      "T6: names longer than the header's fields",
      [.symlink(repeated("p", 300), to: repeated("t", 400))],
      "symbolicLink p*300 0 @0,2048 mode=777 -> t*400"
    ),
    ScanRow(
      "T12: cut at the first NUL",
      [.member("L", "@", "long\u{0}er\u{0}"), .file("a")],
      "regular long 0 @0,1536",
      "warning: long name or target cut at its first NUL, 1 from 516"
    ),
    ScanRow(
      "T12: no NUL at all",
      [.member("L", "@", "long"), .file("a")],
      "regular long 0 @0,1536"
    ),
    ScanRow(
      "T12: empty ones say nothing",
      [
        .member("L", "@"), .member("L", "@", "l"), .member("L", "@", "\u{0}"),
        .member("K", "@", "\u{0}"), .member("x", "@"), .symlink("a", to: "t"),
      ],
      "symbolicLink l 0 @0,4608 mode=777 -> t"
    ),
    ScanRow(
      "T12: a whole block of name",
      [.member("L", "@", repeated("l", 512)), .file("a")],
      "regular l*512 0 @0,1536"
    ),
    ScanRow(
      "T9: headers of different kinds combine",
      [
        .member("L", "@", "l\u{0}"), .paxHeader([("uid", "5"), ("gid", "6")]),
        .member("K", "@", "k\u{0}"), .hardLink("a", to: "b"),
      ],
      "hardLink l 0 @0,3584 owner=5:6 -> k"
    ),
    ScanRow(
      "T9: a GNU name and a record that says the same",
      [.member("L", "@", "name\u{0}"), .paxHeader([("path", "name")]), .file("a")],
      "regular name 0 @0,2560"
    ),
    ScanRow(
      "T9: a GNU name, then another one in a record",
      [.member("L", "@", "one\u{0}"), .paxHeader([("path", "other")]), .file("a")],
      "tar: conflicting names in GNU and pax headers at tar byte 1544"
    ),
    ScanRow(
      "T9: a target in a record, then another one in a GNU header",
      [.paxHeader([("linkpath", "x")]), .member("K", "@", "y\u{0}"), .hardLink("a", to: "b")],
      "tar: conflicting names in GNU and pax headers at tar byte 1536"
    ),
    ScanRow(
      "T9: a record that is taken back before a GNU name comes",
      [.paxHeader([("path", "x"), ("path", "")]), .member("L", "@", "y\u{0}"), .file("a")],
      "regular y 0 @0,2560",
      "warning: repeated extension record, 1 from 521"
    ),
    ScanRow(
      "T9: of two long names the last one holds",
      [.member("L", "@", "first\u{0}"), .member("L", "@", "second\u{0}"), .file("a")],
      "regular second 0 @0,2560",
      "warning: repeated extension record, 1 from 1536"
    ),
    ScanRow(
      "T9: of two x headers the last one alone counts",
      [
        .paxHeader([("path", "p"), ("uid", "5"), ("SCHILY.xattr.user.a", "1"), ("mtime", "3")]),
        .paxHeader([("gid", "6")]), .file("a"),
      ],
      "regular a 0 @0,2560 owner=0:6",
      "warning: repeated extension record, 1 from 1536"
    ),
    ScanRow(
      "T9: an x header that takes back the size of the one before",
      [.paxHeader([("size", "5")]), .paxHeader([("gid", "6")]), .file("a")],
      "warning: repeated extension record, 1 from 1536",
      "tar: conflicting pax size records at tar byte 1536"
    ),
    ScanRow(
      "T9: two x headers that say the same size",
      [.paxHeader([("size", "1")]), .paxHeader([("size", "1")]), .file("a", "x")],
      "regular a 1 @0,2560",
      "warning: repeated extension record, 1 from 1536"
    ),
    ScanRow(
      "T9: nothing is left for the next member",
      [
        .file("a").pax("path", "p").pax("uid", "1").pax("mtime", "2.5").attribute("user.a", "1"),
        .symlink("s", to: "t").pax("linkpath", "u"), .file("b", "x"), .symlink("s", to: "t"),
      ],
      "regular p 0 @0,1536 owner=1:0 mtime=2+500000000ns user.a=1",
      "symbolicLink s 0 @1536,3072 mode=777 -> u",
      "regular b 1 @3072,3584",
      "symbolicLink s 0 @4096,4608 mode=777 -> t"
    ),
    ScanRow(
      "T9: a target for a file is nothing",
      [.file("a").pax("linkpath", "x")],
      "regular a 0 @0,1536"
    ),
    ScanRow(
      "T9: an extension without a member",
      [.file("a"), .member("L", "@", "l\u{0}")],
      "regular a 0 @0,512",
      "tar: extension header without a member at tar byte 512"
    ),
    ScanRow(
      "T9: an extension at the very end",
      [.member("x", "@"), .paxHeader([("uid", "1")])],
      end: .nothing,
      "tar: extension header without a member at tar byte 0"
    ),
  ])
  func `long names and several headers`(row: ScanRow) { row.check() }

  @Test(arguments: [
    ScanRow(
      "T10: a comment is nothing",
      [.paxHeader([("comment", "0123abcd"), ("uname", "x")], type: "g"), .file("a")],
      "regular a 0 @1024,1536"
    ),
    ScanRow(
      "T10: ignored, and said so",
      [
        .paxHeader([("path", "p"), ("size", "9"), ("mtime", "1")], type: "g"), .file("a"),
        .paxHeader([("SCHILY.xattr.user.a", "9")], type: "g"), .file("b"),
        .paxHeader([("LIBARCHIVE.xattr.user.a", "OQ")], type: "g"),
      ],
      "regular a 0 @1024,1536",
      "regular b 0 @2560,3072",
      "warning: global pax header ignored, 3 from 512"
    ),
    ScanRow(
      "T10: what would not be used of a member's own header either",
      [
        .paxHeader(
          [
            ("VENDOR.key", "x"), ("SCHILY.acl.access", "user::rw-"), ("SCHILY.fflags", "nodump"),
            ("RHT.security.selinux", "u:r:t"), ("VENDOR.other", "y"),
          ],
          type: "g"
        ),
        .file("a"),
      ],
      "regular a 0 @1024,1536",
      "warning: pax record with an unknown key ignored, 2 from 512",
      "warning: textual ACL ignored, 1 from 528",
      "warning: file flags ignored, 1 from 559",
      "warning: SELinux label ignored, 1 from 583"
    ),
    ScanRow(
      "T10: between an extension and its member",
      [.paxHeader([("path", "p")]), .paxHeader([("uid", "5")], type: "g"), .file("a")],
      "regular p 0 @0,2560",
      "warning: global pax header ignored, 1 from 1536"
    ),
    ScanRow(
      "T10: malformed",
      [.file("a"), .member("g", "@", "99 comment=x\n")],
      "regular a 0 @0,512",
      "tar: malformed pax record at tar byte 1024"
    ),
    ScanRow(
      "T10: with a NUL in a name",
      [.paxHeader([("path", "a\u{0}")], type: "g")],
      "tar: NUL in a pax record at tar byte 521"
    ),
    ScanRow("T10: empty", [.member("g", "@"), .file("a")], "regular a 0 @512,1024"),
  ])
  func `global headers are checked and ignored`(row: ScanRow) { row.check() }
}
