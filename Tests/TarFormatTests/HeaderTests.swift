// The header block in every dialect: names, numbers, type flags.

import TarFormat
import TestKit
import Testing

struct HeaderTests {
  static let deepPath = TarText(
    Array("\(String(repeating: "d", count: 99))/\(String(repeating: "f", count: 60))".utf8)
  )

  @Test(arguments: [
    ScanRow("an empty archive", [], end: .nothing),
    ScanRow("an archive of nothing", []),
    ScanRow(
      "every kind",
      [
        .directory("d/"), .file("d/f", "text"), .symlink("s", to: "d/f"),
        .hardLink("h", to: "d/f"), .characterDevice("c", major: 1, minor: 3),
        .blockDevice("b", major: 259, minor: 300_000), .fifo("p"), .whiteout("d/gone"),
        .opaque("d"), .opaque(""),
      ],
      "directory d/ 0 @0,512 mode=755",
      "regular d/f 4 @512,1024",
      "symbolicLink s 0 @1536,2048 mode=777 -> d/f",
      "hardLink h 0 @2048,2560 -> d/f",
      "characterDevice c 0 @2560,3072 mode=600 dev=1:3",
      "blockDevice b 0 @3072,3584 mode=600 dev=259:300000",
      "fifo p 0 @3584,4096",
      "regular d/.wh.gone 0 @4096,4608",
      "regular d/.wh..wh..opq 0 @4608,5120",
      "regular .wh..wh..opq 0 @5120,5632"
    ),
    ScanRow(
      "owner, mode and time",
      [.file("a").mode(0o6755).owner(1000, 65534).modified(1_700_000_000).dialect(.ustar)],
      "regular a 0 @0,512 mode=6755 owner=1000:65534 mtime=1700000000+0ns"
    ),
    ScanRow(
      "N1, N5, N6, N7, N11: names are bytes, and nobody's business here",
      [
        .file("./a//../b"), .file("/"), .file(""), .file([0xff, 0xc3]), .file("a\\b\n-\"!"),
      ],
      "regular ./a//../b 0 @0,512",
      "regular / 0 @512,1024",
      "regular  0 @1024,1536",
      "regular \\xff\\xc3 0 @1536,2048",
      "regular a\\b\\xa-\"! 0 @2048,2560"
    ),
    ScanRow(
      "names that fill their fields",
      [.symlink(repeated("n", 100), to: repeated("t", 100)).dialect(.ustar)],
      "symbolicLink n*100 0 @0,512 mode=777 -> t*100"
    ),
  ])
  func `members come out as they were written`(row: ScanRow) { row.check() }

  @Test func `T1: a ustar prefix stands before the path`() {
    let entry = TarEntry.file(Self.deepPath).dialect(.ustar)
    #expect(Scan(TarBytes.archive([entry])).members.map(\.path) == [Self.deepPath.bytes])
  }

  @Test(arguments: [
    ScanRow(
      "T1: another version of ustar has a prefix too",
      [.file("a").dialect(.ustar).editingHeader(put("  dir", at: 263 + 80))],
      "regular dir/a 0 @0,512"
    ),
    ScanRow(
      "T1: GNU keeps times there",
      [.file("a").dialect(.gnu).editingHeader(put("14524770600\u{0}14524770601\u{0}", at: 345))],
      "regular a 0 @0,512"
    ),
    ScanRow(
      "T1: GNU's times may be missing or base-256",
      [
        .file("a").dialect(.gnu).editingHeader(put([0x80, 0, 0, 0, 0, 0, 0, 0, 9], at: 357)),
        .file("b").dialect(.gnu),
      ],
      "regular a 0 @0,512",
      "regular b 0 @512,1024"
    ),
    ScanRow(
      "T1: Go before 1.8 wrote a prefix into GNU headers",
      [.file("a").dialect(.gnu).editingHeader(put("some/where", at: 345))],
      "regular some/where/a 0 @0,512",
      "warning: path prefix in a GNU header, 1 from 0"
    ),
    ScanRow(
      "T1: but never one that is not ASCII",
      [.file("a").dialect(.gnu).editingHeader(put([0x73, 0xff], at: 345))],
      "regular a 0 @0,512"
    ),
    ScanRow(
      "T1: star keeps times behind a shorter prefix",
      [
        .file("a").dialect(.ustar).editingHeader(put(repeated("p", 131), at: 345))
          .editingHeader(put("14524770600 14524770601 ", at: 476))
          .editingHeader(put("tar\u{0}", at: 508))
      ],
      "regular \(String(repeating: "p", count: 131))/a 0 @0,512"
    ),
    ScanRow(
      "T2: v7 has no prefix",
      [.file("a").dialect(.v7).editingHeader(put("x", at: 345))],
      "regular a 0 @0,512"
    ),
    ScanRow(
      "T2: v7 has no devices",
      [
        .file("a", "1").dialect(.v7).owner(1, 2),
        .characterDevice("c", major: 9, minor: 9).dialect(.v7),
      ],
      "regular a 1 @0,512 owner=1:2",
      "characterDevice c 0 @1024,1536 mode=600"
    ),
  ])
  func `T1: only a ustar header has a prefix`(row: ScanRow) { row.check() }

  @Test(arguments: [
    ScanRow(
      "T3: unsigned",
      [.file([0xe4])],
      "regular \\xe4 0 @0,512"
    ),
    ScanRow(
      "T3: signed",
      [
        .file("a"),
        .file([0xe4]).editingChecked { block in
          let sum = block.reduce(0) { $0 + Int($1) } - block[148..<156].reduce(0) { $0 + Int($1) }
          // The field as eight spaces; 0xe4 as -28 instead of 228.
          let signed = String(sum + 8 * 0x20 - 256, radix: 8)
          put("0\(signed)\u{0} ", at: 148)(&block)
        },
      ],
      "regular a 0 @0,512",
      "regular \\xe4 0 @512,1024",
      "warning: signed header checksum, 1 from 512"
    ),
    ScanRow(
      "T25: a wrong checksum",
      [.file("a", "b"), .file("c").editingChecked { $0[0] = 0x64 }],
      "regular a 1 @0,512",
      "tar: header checksum does not match at tar byte 1024"
    ),
    ScanRow(
      "T25: no checksum",
      [.file("c").editingChecked(put("        ", at: 148))],
      "tar: header checksum does not match at tar byte 0"
    ),
    ScanRow(
      "T25: a checksum that is no number",
      [.file("c").editingChecked(put("9", at: 148))],
      "tar: header checksum does not match at tar byte 0"
    ),
  ])
  func `T3, T25: either checksum must match`(row: ScanRow) { row.check() }

  @Test(arguments: [
    ScanRow(
      "T4: spaces, NULs, nothing",
      [
        .file("a").editingHeader(put("   755 \u{0}", at: 100)),
        .file("b").editingHeader(put("\u{0}\u{0}000755", at: 100)),
        .file("c").editingHeader(put("0000755 ", at: 100)),
        .file("d").editingHeader(put("00000755", at: 100)),
        .file("e").editingHeader(put("755\u{0}junk", at: 100)),
        .file("f").editingHeader(put(repeated("\u{0}", 48), at: 100)),
        .file("g").editingHeader(put("        ", at: 108)),
      ],
      "regular a 0 @0,512 mode=755",
      "regular b 0 @512,1024 mode=755",
      "regular c 0 @1024,1536 mode=755",
      "regular d 0 @1536,2048 mode=755",
      "regular e 0 @2048,2560 mode=755",
      "regular f 0 @2560,3072 mode=0",
      "regular g 0 @3072,3584",
      "warning: blank number taken for zero, 6 from 2660"
    ),
    ScanRow(
      "T4: not octal",
      [.file("a").editingHeader(put("0000008\u{0}", at: 108))],
      "tar: uid is not a number at tar byte 108"
    ),
    ScanRow(
      "T4: junk behind a space",
      [.file("a").editingHeader(put("755 7", at: 100))],
      "tar: mode is not a number at tar byte 100"
    ),
    ScanRow(
      "T4: a sign",
      [.file("a").editingHeader(put("-1 ", at: 136))],
      "tar: mtime is not a number at tar byte 136"
    ),
    ScanRow(
      "T5: base-256",
      [.file("a", "four").owner(4_294_967_294, 70_000).modified(99_999_999_999).base256()],
      "regular a 4 @0,512 owner=4294967294:70000 mtime=99999999999+0ns"
    ),
    ScanRow(
      "T5: times before 1970",
      [.file("a").modified(-2).dialect(.gnu), .file("b").modified(.min).base256()],
      "regular a 0 @0,512 mtime=-2+0ns",
      "regular b 0 @512,1024 mtime=-9223372036854775808+0ns"
    ),
    ScanRow(
      "T33: times that octal digits cannot say",
      [
        .file("a").modified(1 << 33).dialect(.gnu), .file("b").modified(1 << 36).dialect(.gnu),
        .file("c").modified(.max).base256(),
      ],
      "regular a 0 @0,512 mtime=8589934592+0ns",
      "regular b 0 @512,1024 mtime=68719476736+0ns",
      "regular c 0 @1024,1536 mtime=9223372036854775807+0ns"
    ),
    ScanRow(
      "T5: a time beyond 64 bits",
      [.file("a").editingHeader(put([0x80, 0, 0, 0, 0x80], at: 136))],
      "tar: mtime is not a number at tar byte 136"
    ),
    ScanRow(
      "T5: a time beyond 71 bits",
      [.file("a").editingHeader(put([0x81], at: 136))],
      "tar: mtime is not a number at tar byte 136"
    ),
    ScanRow(
      "T5: a negative size",
      [.file("x"), .file("a").declaring(size: -1).base256()],
      "regular x 0 @0,512",
      "tar: size is out of range at tar byte 636"
    ),
    ScanRow(
      "T5: a negative owner",
      [.file("a").owner(-2, 0).base256()],
      "tar: uid is out of range at tar byte 108"
    ),
    ScanRow(
      "T5: an owner beyond 32 bits",
      [.file("a").owner(0, 1 << 32).base256()],
      "tar: gid is out of range at tar byte 116"
    ),
    ScanRow(
      "M7: the owner that means none",
      [.file("a").owner(4_294_967_295, 0).base256()],
      "tar: uid is out of range at tar byte 108"
    ),
    ScanRow(
      "T31: the file type in the mode",
      [.file("a").mode(0o100755), .file("b").mode(-1).base256()],
      "regular a 0 @0,512 mode=755",
      "regular b 0 @512,1024 mode=7777",
      "warning: bits of a mode beyond 07777 ignored, 2 from 100"
    ),
    ScanRow(
      "T30: a major beyond 12 bits",
      [.characterDevice("a", major: 4096, minor: 0)],
      "tar: device major is out of range at tar byte 329"
    ),
    ScanRow(
      "T30: a minor beyond 20 bits",
      [.blockDevice("a", major: 4095, minor: 1 << 20)],
      "tar: device minor is out of range at tar byte 337"
    ),
    ScanRow(
      "T30: device fields of anything else are not read",
      [.file("a").editingHeader(put("rubbish!", at: 329))],
      "regular a 0 @0,512"
    ),
  ])
  func `T4, T5, T30, T31: numbers`(row: ScanRow) { row.check() }

  @Test(arguments: [
    ScanRow(
      "N3: no type and a slash is a directory, which has no data",
      [.member("\0", "d/").declaring(size: 700), .member("\0", "f", "x").dialect(.v7)],
      "directory d/ 0 @0,512",
      "regular f 1 @512,1024",
      "warning: size of a member without data ignored, 1 from 0"
    ),
    ScanRow(
      "N3: the slash of the final path counts",
      [.member("\0", "d").pax("path", "long/"), .member("\0", "d/").pax("path", "file")],
      "directory long/ 0 @0,1536",
      "regular file 0 @1536,3072"
    ),
    ScanRow("N4: a file keeps its slash", [.file("f/", "x")], "regular f/ 1 @0,512"),
    ScanRow("T16: contiguous", [.member("7", "f", "x")], "regular f 1 @0,512"),
    ScanRow(
      "T17: a dump directory's names are skipped",
      [.member("D", "d/", "Ya\u{0}\u{0}").dialect(.gnu).mode(0o755), .file("a")],
      "directory d/ 0 @0,512 mode=755",
      "regular a 0 @1024,1536",
      "warning: incremental dump directory, 1 from 0"
    ),
    ScanRow(
      "T18: a volume label is no member, nor are its extensions",
      [
        .member("V", "label").dialect(.gnu), .member("V", repeated("v", 200), "x").dialect(.gnu),
        .file("a"),
      ],
      "regular a 0 @2560,3072",
      "warning: volume label skipped, 2 from 0"
    ),
    ScanRow(
      "T18: a multi-volume part",
      [.member("M", "a").dialect(.gnu)],
      "tar: unsupported type flag 'M' at tar byte 156"
    ),
    ScanRow(
      "T18: old long names",
      [.file("a", "b"), .member("N", "a")],
      "regular a 1 @0,512",
      "tar: unsupported type flag 'N' at tar byte 1180"
    ),
    ScanRow(
      "T19: an unknown letter",
      [.member("Z", "a")],
      "tar: unknown type flag 'Z' at tar byte 156"
    ),
    ScanRow(
      "T19: an unprintable flag",
      [.member("\u{1b}", "a")],
      "tar: unknown type flag 0x1b at tar byte 156"
    ),
    ScanRow(
      "H8, S2: no data behind links, devices, directories and fifos",
      [
        .hardLink("h", to: "a").declaring(size: 5), .symlink("s", to: "a").declaring(size: 600),
        .characterDevice("c", major: 0, minor: 0).declaring(size: 1),
        .blockDevice("b", major: 0, minor: 0).declaring(size: 1),
        .directory("d").declaring(size: 1), .fifo("p").pax("size", "99999999999999"), .file("a"),
      ],
      "hardLink h 0 @0,512 -> a",
      "symbolicLink s 0 @512,1024 mode=777 -> a",
      "characterDevice c 0 @1024,1536 mode=600",
      "blockDevice b 0 @1536,2048 mode=600",
      "directory d 0 @2048,2560 mode=755",
      "fifo p 0 @2560,4096",
      "regular a 0 @4096,4608",
      "warning: size of a member without data ignored, 6 from 0"
    ),
    ScanRow(
      "H8: data behind a link is taken for a header, and is none",
      [.hardLink("h", to: "a").declaring(size: 5), .verbatim(Array("12345".utf8)), .file("a")],
      "hardLink h 0 @0,512 -> a",
      "warning: size of a member without data ignored, 1 from 0",
      "tar: header checksum does not match at tar byte 512"
    ),
    ScanRow(
      "S1: a symbolic link to nothing",
      [.file("a"), .symlink("s", to: "")],
      "regular a 0 @0,512",
      "tar: empty link target at tar byte 512"
    ),
    ScanRow(
      "a hard link to nothing",
      [.hardLink("s", to: "")],
      "tar: empty link target at tar byte 0"
    ),
    ScanRow(
      "S1: link targets are kept as they are",
      [.symlink("s", to: "../../..//x/"), .hardLink("h", to: "/./x"), .symlink("e", to: [0xff])],
      "symbolicLink s 0 @0,512 mode=777 -> ../../..//x/",
      "hardLink h 0 @512,1024 -> /./x",
      "symbolicLink e 0 @1024,1536 mode=777 -> \\xff"
    ),
  ])
  func `T15 to T19, N3, N4, H8: type flags`(row: ScanRow) { row.check() }
}
