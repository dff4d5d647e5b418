// What the layers did to one path: every rule by example, and over random layers that the history ends
// with what the tree has.

import FileTree
import TestKit
import Testing

struct PathHistoryTests {
  @Test(arguments: replacements)
  func `a history tells what was put, and in whose place`(row: HistoryRow) throws {
    try row.check()
  }

  static let replacements = [
    HistoryRow(
      rule: "U13 directory over directory",
      layers: [[.directory("d")], [.file("d/x")], [.directory("d", mode: 0o700)]],
      path: "d",
      events: ["0.0 put(directory 0)", "2.0 changed U13"]
    ),
    HistoryRow(
      rule: "U14 file over directory",
      layers: [[.file("d/x")], [.file("d")]],
      path: "d",
      events: ["0.0 put(directory 0) U25", "1.0 replaced(directory 0 by regular) U14"]
    ),
    HistoryRow(
      rule: "U14 seen from what was in the directory",
      layers: [[.file("d/e/x")], [.fifo("d")]],
      path: "d/e/x",
      events: ["0.0 put(regular 0)", "1.0 replaced(directory 0 by fifo) @d U14"]
    ),
    HistoryRow(
      rule: "U14 file over file",
      layers: [[.file("x")], [.file("x")]],
      path: "x",
      events: ["0.0 put(regular 0)", "1.0 replaced(regular 0 by regular) U14"]
    ),
    HistoryRow(
      rule: "U15 directory over file",
      layers: [[.file("x")], [.directory("x")]],
      path: "x",
      events: ["0.0 put(regular 0)", "1.0 replaced(regular 0 by directory) U15"]
    ),
    HistoryRow(
      rule: "U16 file, directory, file",
      layers: [[.file("x"), .directory("x"), .file("x")]],
      path: "x",
      events: ["0.0 overtaken(1) U16", "0.1 overtaken(2) U16", "0.2 put(regular 0)"]
    ),
    HistoryRow(
      rule: "U16 a directory's contents go with it",
      layers: [[.file("d/x"), .file("d")]],
      path: "d/x",
      events: ["0.0 overtaken(1) U16"]
    ),
    HistoryRow(
      rule: "U16 file, then directory, on a lower directory",
      layers: [[.directory("d")], [.file("d"), .file("d/y")]],
      path: "d",
      events: ["0.0 put(directory 0)", "1.0 overtaken(1) U16"]
    ),
    HistoryRow(
      rule: "U17 the same file twice",
      layers: [[.file("x"), .file("x")]],
      path: "x",
      events: ["0.0 overtaken(1) U17", "0.1 put(regular 0)"]
    ),
    HistoryRow(
      rule: "U18 the same directory twice",
      layers: [[.directory("d"), .file("d/x"), .directory("d")]],
      path: "d",
      events: ["0.0 overtaken(2) U18", "0.2 put(directory 0)"]
    ),
    HistoryRow(
      rule: "U18 a directory after what is in it is no repetition",
      layers: [[.file("d/x"), .directory("d")]],
      path: "d",
      events: ["0.1 put(directory 0)"]
    ),
    HistoryRow(
      rule: "U19 link over directory",
      layers: [[.directory("d")], [.symlink("d", to: "e")]],
      path: "d",
      events: ["0.0 put(directory 0)", "1.0 replaced(directory 0 by symbolicLink) U19"]
    ),
    HistoryRow(
      rule: "U20 directory over link, seen from what is in it",
      layers: [[.symlink("l", to: "e")], [.directory("l"), .file("l/x")]],
      path: "l/x",
      events: ["1.0 replaced(symbolicLink 0 by directory) @l U20", "1.1 put(regular 1)"]
    ),
    HistoryRow(
      rule: "U28 a device 0:0",
      layers: [[.file("x")], [.characterDevice("x", 0, 0)]],
      path: "x",
      events: ["0.0 put(regular 0)", "1.0 replaced(regular 0 by characterDevice) U14 U28"]
    ),
    HistoryRow(
      rule: "U30 bookkeeping",
      layers: [[.file(".wh..wh.plnk/1.2")]],
      path: ".wh..wh.plnk/1.2",
      events: ["0.0 put(regular 0) U30"]
    ),
  ]

  @Test(arguments: parents)
  func `a history tells where parents led`(row: HistoryRow) throws { try row.check() }

  static let parents = [
    HistoryRow(
      rule: "U21 a lower link replaced",
      layers: [[.file("e/x"), .symlink("l", to: "e")], [.file("l/f")]],
      path: "l/f",
      events: ["1.0 replaced(symbolicLink 0 by directory) @l U21", "1.0 put(regular 1)"]
    ),
    HistoryRow(
      rule: "U21 seen from the link",
      layers: [[.file("e/x"), .symlink("l", to: "e")], [.file("l/f")]],
      path: "l",
      events: [
        "0.1 put(symbolicLink 0)", "1.0 replaced(symbolicLink 0 by directory) U21",
      ]
    ),
    HistoryRow(
      rule: "U21 a lower link followed",
      layers: [[.file("e/x"), .symlink("l", to: "e")], [.file("l/x")]],
      path: "e/x",
      policy: .follow,
      events: ["0.0 put(regular 0)", "1.0 replaced(regular 0 by regular) l->0 U21 U14"]
    ),
    HistoryRow(
      rule: "U22 links of the same layer, one after the other",
      layers: [
        [.symlink("a", to: "d/b"), .symlink("d/b", to: "../e"), .file("a/f/g")]
      ],
      path: "e/f/g",
      events: ["0.2 put(regular 0) a->0 d/b->0 U22"]
    ),
    HistoryRow(
      rule: "U22 a parent made behind a link",
      layers: [[.symlink("a", to: "e"), .file("a/f/g")]],
      path: "e/f",
      events: ["0.1 put(directory 0) a->0 U22 U25"]
    ),
    HistoryRow(
      rule: "U23 a link after its child",
      layers: [[.file("l/f"), .symlink("l", to: "e")]],
      path: "l/f",
      events: ["0.0 overtaken(1) U23"]
    ),
    HistoryRow(
      rule: "U24 a file becomes a directory",
      layers: [[.file("p")], [.file("p/q")]],
      path: "p/q",
      events: ["1.0 replaced(regular 0 by directory) @p U24", "1.0 put(regular 1)"]
    ),
    HistoryRow(
      rule: "U25 a parent without an entry",
      layers: [[.file("a/b/c")], [.file("a/b/d")]],
      path: "a/b",
      events: ["0.0 put(directory 0) U25"]
    ),
    HistoryRow(
      rule: "U26 a root entry, twice in one layer",
      layers: [[.file("a")], [.directory(""), .directory("")]],
      path: "",
      events: ["1.0 overtaken(1) U18", "1.1 changed U26"]
    ),
    HistoryRow(
      rule: "U27 a root without an entry",
      layers: [[.file("a")], []],
      path: "",
      events: ["-.- put(directory 0) U27"]
    ),
  ]

  @Test(arguments: hardLinks)
  func `a history tells what hard links lead to`(row: HistoryRow) throws { try row.check() }

  static let hardLinks = [
    HistoryRow(
      rule: "H1 to an earlier member",
      layers: [[.file("a"), .hardLink("b", to: "a")]],
      path: "b",
      events: ["0.1 put(regular 0) H1"]
    ),
    HistoryRow(
      rule: "H2 to a lower layer",
      layers: [[.file("a")], [.file("b")], [.hardLink("b", to: "a")]],
      path: "b",
      events: ["1.0 put(regular 1)", "2.0 replaced(regular 1 by regular) H2 U14"]
    ),
    HistoryRow(
      rule: "H2 to what the layer hides",
      layers: [[.file("a")], [.whiteout("a"), .hardLink("b", to: "a")]],
      path: "b",
      events: ["1.1 put(regular 0) H2"]
    ),
    HistoryRow(
      rule: "H3 to a later member",
      layers: [[.hardLink("b", to: "a"), .file("a")]],
      path: "b",
      events: ["0.0 put(regular 0) H3"]
    ),
    HistoryRow(
      rule: "H4 to a symbolic link",
      layers: [[.symlink("a", to: "x"), .hardLink("b", to: "a")]],
      path: "b",
      events: ["0.1 put(symbolicLink 0) H1 H4"]
    ),
    HistoryRow(
      rule: "H6 to itself",
      layers: [[.file("a")], [.hardLink("a", to: "a")]],
      path: "a",
      events: ["0.0 put(regular 0)", "1.0 ignored H6"]
    ),
    HistoryRow(
      rule: "H7 with attributes of its own",
      layers: [[.file("a"), .hardLink("b", to: "a", mode: 0o600)]],
      path: "b",
      events: ["0.1 put(regular 0) H1 H7"]
    ),
    HistoryRow(
      rule: "H7 with extended attributes of its own",
      layers: [[.file("a"), .hardLink("b", to: "a").with("user.x", "1")]],
      path: "b",
      events: ["0.1 put(regular 0) H1 H7"]
    ),
    HistoryRow(
      rule: "H11 a target that is replaced: the link has another file now",
      layers: [[.file("a"), .hardLink("b", to: "a"), .file("a")]],
      path: "a",
      events: ["0.0 overtaken(2) U17", "0.2 put(regular 0)"]
    ),
  ]

  @Test(arguments: added)
  func `a history tells what added layers do`(row: HistoryRow) throws { try row.check() }

  static let added = [
    HistoryRow(
      rule: "a directory keeps its attributes below a directory of the host",
      layers: [[.directory("tmp", mode: 0o1777)], [.directory("tmp")]],
      path: "tmp",
      roles: [.image, .directory],
      events: ["0.0 put(directory 0)", "1.0 kept"]
    ),
    HistoryRow(
      rule: "a link to the merged /usr is followed",
      layers: [[.symlink("lib", to: "usr/lib"), .file("usr/lib/x")], [.file("lib/x")]],
      path: "usr/lib/x",
      roles: [.image, .files],
      events: ["0.1 put(regular 0)", "1.0 replaced(regular 0 by regular) lib->0 U14"]
    ),
    HistoryRow(
      rule: "an archive's directory goes where the link leads",
      layers: [
        [.symlink("lib", to: "usr/lib"), .directory("usr/lib")], [.directory("lib", mode: 0o700)],
      ],
      path: "usr/lib",
      roles: [.image, .overlay],
      events: ["0.1 put(directory 0)", "1.0 changed lib->0 U13"]
    ),
  ]

  @Test func `every rule has an example`() {
    let rows =
      HiddenPathHistoryTests.hidings + Self.replacements + Self.parents + Self.hardLinks
      + Self.added
    let named = Set(rows.flatMap(\.events).flatMap { $0.split(separator: " ").map(String.init) })
    #expect(MergeRule.allCases.filter { !named.contains($0.rawValue) } == [])
  }
}
