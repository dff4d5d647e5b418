// Why paths are as they are, as the program tells it: every rule by example. All rows share one image of
// two layers, so each keeps to a directory of its own.

import TestKit
import Testing

struct ExplainRow: CustomTestStringConvertible, Sendable {
  /// The rule's name in docs/SEMANTICS.md, and what is special here.
  var rule: String
  /// What the lower layer has for it, and the upper one.
  var base: [TarEntry] = []
  var upper: [TarEntry] = []
  var path: String
  /// `LAYER TEXT`, the bytes where members are left out.
  var lines: [String]
  /// What is said where there is no such file.
  var failure: String?

  var testDescription: String { rule }

  private static let missing = "no such file or directory in the image"

  static let hidings: [ExplainRow] = [
    ExplainRow(
      rule: "U1 a whiteout",
      base: [.file("u1/x", "1")],
      upper: [.whiteout("u1/x")],
      path: "u1/x",
      lines: [
        "0 put a file of 1 byte, mode 0644, owner 0:0 (member u1/x)",
        "1 hid it (whiteout u1/.wh.x) [U1]",
      ],
      failure: missing
    ),
    ExplainRow(
      rule: "U2 an entry, then its whiteout",
      base: [.file("u2/x", "1")],
      upper: [.file("u2/x", "22"), .whiteout("u2/x")],
      path: "u2/x",
      lines: [
        "0 put a file of 1 byte, mode 0644, owner 0:0 (member u2/x)",
        "1 hid it (whiteout u2/.wh.x) [U2]",
        "1 put a file of 2 bytes, mode 0644, owner 0:0 (member u2/x)",
      ]
    ),
    ExplainRow(
      rule: "U3 a whiteout, then the entry",
      base: [.file("u3/x", "1")],
      upper: [.whiteout("u3/x"), .fifo("u3/x").owner(1, 2)],
      path: "u3/x",
      lines: [
        "0 put a file of 1 byte, mode 0644, owner 0:0 (member u3/x)",
        "1 hid it (whiteout u3/.wh.x) [U3]",
        "1 put a fifo, mode 0644, owner 1:2 (member u3/x)",
      ]
    ),
    ExplainRow(
      rule: "U4 a directory anew, seen from what was in it",
      base: [.file("u4/d/x")],
      upper: [.whiteout("u4/d"), .file("u4/d/y")],
      path: "u4/d/x",
      lines: [
        "0 put a file of 0 bytes, mode 0644, owner 0:0 (member u4/d/x)",
        "1 hid its parent /u4/d (whiteout u4/.wh.d) [U4]",
      ],
      failure: missing
    ),
    ExplainRow(
      rule: "U5 an opaque mark, seen from its directory",
      base: [.directory("u5/").mode(0o700)],
      upper: [.directory("u5/"), .opaque("u5")],
      path: "u5",
      lines: [
        "0 put a directory, mode 0700, owner 0:0 (member u5)",
        "1 hid what lower layers have in it (opaque mark u5/.wh..wh..opq) [U5]",
        "1 made it a directory, mode 0755, owner 0:0, and kept what is in it (member u5) [U13]",
      ]
    ),
    ExplainRow(
      rule: "U6 an opaque mark behind an entry",
      base: [.file("u6/x")],
      upper: [.directory("u6/"), .file("u6/x", "1"), .opaque("u6")],
      path: "u6/x",
      lines: [
        "0 put a file of 0 bytes, mode 0644, owner 0:0 (member u6/x)",
        "1 hid it (opaque mark u6/.wh..wh..opq) [U6]",
        "1 put a file of 1 byte, mode 0644, owner 0:0 (member u6/x)",
      ]
    ),
    ExplainRow(
      rule: "U7 an opaque mark in a directory without an entry",
      base: [.file("u7/d/x")],
      upper: [.opaque("u7")],
      path: "u7/d/x",
      lines: [
        "0 put a file of 0 bytes, mode 0644, owner 0:0 (member u7/d/x)",
        "1 hid its parent /u7/d (opaque mark u7/.wh..wh..opq) [U7]",
      ],
      failure: missing
    ),
    ExplainRow(
      rule: "U8 a whiteout of nothing",
      base: [.directory("u8")],
      upper: [.whiteout("u8/x")],
      path: "u8/x",
      lines: ["1 hid nothing, since nothing is there (whiteout u8/.wh.x) [U8]"],
      failure: missing
    ),
    ExplainRow(
      rule: "U9 a whiteout below a file",
      base: [.file("u9")],
      upper: [.whiteout("u9/x")],
      path: "u9/x",
      lines: [
        "1 hid nothing, since what it is in is gone or no directory (whiteout u9/.wh.x) [U9]"
      ],
      failure: "not a directory in the image"
    ),
    ExplainRow(
      rule: "U12 a whiteout through a link",
      base: [.file("u12/e/x")],
      upper: [.symlink("u12/l", to: "e"), .whiteout("u12/l/x")],
      path: "u12/e/x",
      lines: [
        "0 put a file of 0 bytes, mode 0644, owner 0:0 (member u12/e/x)",
        "1 hid it, through the symbolic link /u12/l -> e of this layer (whiteout u12/l/.wh.x) "
          + "[U12, U1]",
      ],
      failure: missing
    ),
  ]

  static let replacements: [ExplainRow] = [
    ExplainRow(
      rule: "U13 a directory over a directory",
      base: [.directory("u13/").mode(0o700)],
      upper: [.directory("u13/").mode(0o1777).owner(70_000, 5)],
      path: "u13",
      lines: [
        "0 put a directory, mode 0700, owner 0:0 (member u13)",
        "1 made it a directory, mode 01777, owner 70000:5, and kept what is in it (member u13) [U13]",
      ]
    ),
    ExplainRow(
      rule: "U14 a file over a directory, seen from what was in it",
      base: [.file("u14/d/x")],
      upper: [.file("u14/d", "1")],
      path: "u14/d/x",
      lines: [
        "0 put a file of 0 bytes, mode 0644, owner 0:0 (member u14/d/x)",
        "1 replaced its parent /u14/d, the directory of layer 0, by a file of 1 byte, mode 0644, "
          + "owner 0:0: it is gone (member u14/d) [U14]",
      ],
      failure: "not a directory in the image"
    ),
    ExplainRow(
      rule: "U15 a directory over a device",
      base: [.blockDevice("u15", major: 8, minor: 0)],
      upper: [.directory("u15/")],
      path: "u15",
      lines: [
        "0 put a block device, mode 0600, owner 0:0 (member u15)",
        "1 replaced the block device of layer 0 by a directory, mode 0755, owner 0:0 (member u15) "
          + "[U15]",
      ]
    ),
    ExplainRow(
      rule: "U16 a file, then a directory, and U18 the directory again",
      base: [.file("u16"), .directory("u16"), .directory("u16").mode(0o700)],
      path: "u16",
      lines: [
        "0 put what counts for nothing after member u16 (member u16) [U16]",
        "0 put what counts for nothing after member u16 (member u16) [U18]",
        "0 put a directory, mode 0700, owner 0:0 (member u16)",
      ]
    ),
    ExplainRow(
      rule: "U17 a file twice",
      base: [.file("u17", "1"), .file("u17", "22")],
      path: "u17",
      lines: [
        "0 put what counts for nothing after member u17 (member u17) [U17]",
        "0 put a file of 2 bytes, mode 0644, owner 0:0 (member u17)",
      ]
    ),
    ExplainRow(
      rule: "U19 a link over a directory",
      base: [.directory("u19")],
      upper: [.symlink("u19", to: "\u{1B}[31m")],
      path: "u19",
      lines: [
        "0 put a directory, mode 0755, owner 0:0 (member u19)",
        "1 replaced the directory of layer 0 by a symlink, mode 0777, owner 0:0 (member u19) [U19]",
      ]
    ),
    ExplainRow(
      rule: "U20 a directory over a link, seen from what is in it",
      base: [.symlink("u20", to: "e")],
      upper: [.directory("u20"), .file("u20/x")],
      path: "u20/x",
      lines: [
        "1 replaced its parent /u20, the symlink of layer 0, by a directory, mode 0755, owner 0:0 "
          + "(member u20) [U20]",
        "1 put a file of 0 bytes, mode 0644, owner 0:0 (member u20/x)",
      ]
    ),
    ExplainRow(
      rule: "U28 a device 0:0",
      base: [.file("u28")],
      upper: [.characterDevice("u28", major: 0, minor: 0)],
      path: "u28",
      lines: [
        "0 put a file of 0 bytes, mode 0644, owner 0:0 (member u28)",
        "1 replaced the file of layer 0 by a character device, mode 0600, owner 0:0 (member u28) "
          + "[U14, U28]",
      ]
    ),
    ExplainRow(
      rule: "U30 bookkeeping",
      base: [.file(".wh..wh.plnk/1.2")],
      path: ".wh..wh.plnk/1.2",
      lines: ["0 put a file of 0 bytes, mode 0644, owner 0:0 (member .wh..wh.plnk/1.2) [U30]"],
      failure: missing
    ),
  ]
}

extension ExplainRow {
  static let parents: [ExplainRow] = [
    ExplainRow(
      rule: "U21 a lower link as a parent",
      base: [.symlink("u21", to: "e")],
      upper: [.file("u21/x")],
      path: "u21/x",
      lines: [
        "1 replaced its parent /u21, the symlink of layer 0, by a directory, mode 0755, owner 0:0 "
          + "(member u21/x) [U21]",
        "1 put a file of 0 bytes, mode 0644, owner 0:0 (member u21/x)",
      ]
    ),
    ExplainRow(
      rule: "U22 a link of the same layer, asked for through the link",
      base: [.symlink("u22/l", to: "/u22/e/d"), .file("u22/l/x")],
      path: "/u22/l/../d//x",
      lines: [
        "0 put a file of 0 bytes, mode 0644, owner 0:0, through the symbolic link /u22/l -> /u22/e/d "
          + "of this layer (member u22/l/x) [U22]"
      ]
    ),
    ExplainRow(
      rule: "U23 a link after what was put behind it",
      base: [.file("u23/x"), .symlink("u23", to: "e")],
      path: "u23/x",
      lines: ["0 put what counts for nothing after member u23 (member u23/x) [U23]"],
      failure: missing
    ),
    ExplainRow(
      rule: "U24 a file as a parent",
      base: [.file("u24")],
      upper: [.file("u24/x")],
      path: "u24/x",
      lines: [
        "1 replaced its parent /u24, the file of layer 0, by a directory, mode 0755, owner 0:0 "
          + "(member u24/x) [U24]",
        "1 put a file of 0 bytes, mode 0644, owner 0:0 (member u24/x)",
      ]
    ),
    ExplainRow(
      rule: "U25 a parent without an entry",
      base: [.file("u25/d/x")],
      upper: [.file("u25/d/y")],
      path: "u25/d",
      lines: [
        "0 made a directory, mode 0755, owner 0:0, for what is in it (member u25/d/x) [U25]"
      ]
    ),
    ExplainRow(
      rule: "U27 a root without an entry",
      path: "/",
      lines: ["- put a directory, mode 0755, owner 0:0 [U27]"]
    ),
    ExplainRow(
      rule: "N6 names that are no text",
      base: [.file(TarText(Array("n6/".utf8) + [0xFF, 0x0A]))],
      path: "n6",
      lines: [
        "0 made a directory, mode 0755, owner 0:0, for what is in it (member n6/\\xff\\x0a) [U25]"
      ]
    ),
  ]

  static let hardLinks: [ExplainRow] = [
    ExplainRow(
      rule: "H1 to an earlier member, and H7 with a mode of its own",
      base: [.file("h1/a", "1"), .hardLink("h1/b", to: "/h1/./a").mode(0o600)],
      path: "h1/b",
      lines: [
        "0 put a file of 1 byte, mode 0644, owner 0:0, as a hard link to /h1/a of this layer "
          + "(member h1/b) [H1, H7]"
      ]
    ),
    ExplainRow(
      rule: "H2 to a lower layer",
      base: [.file("h2/a", "1")],
      upper: [.whiteout("h2/a"), .hardLink("h2/b", to: "h2/a")],
      path: "h2/b",
      lines: [
        "1 put a file of 1 byte, mode 0644, owner 0:0, as a hard link to /h2/a of layer 0 "
          + "(member h2/b) [H2]"
      ]
    ),
    ExplainRow(
      rule: "H3 to a later member, and H4 to a symbolic link",
      base: [.hardLink("h3/b", to: "h3/a"), .symlink("h3/a", to: "x")],
      path: "h3/b",
      lines: [
        "0 put a symlink, mode 0777, owner 0:0, as a hard link to /h3/a of this layer "
          + "(member h3/b) [H3, H4]"
      ]
    ),
    ExplainRow(
      rule: "H6 to itself",
      base: [.file("h6")],
      upper: [.hardLink("h6", to: "h6")],
      path: "h6",
      lines: [
        "0 put a file of 0 bytes, mode 0644, owner 0:0 (member h6)",
        "1 did nothing by a hard link to itself (member h6) [H6]",
      ]
    ),
  ]

  static let all = hidings + replacements + parents + hardLinks
}
