// What a history tells of things that are hidden: every rule by example.

import FileTree
import TestKit
import Testing

struct HiddenPathHistoryTests {
  @Test(arguments: hidings)
  func `a history tells what was hidden, and by what`(row: HistoryRow) throws { try row.check() }

  static let hidings = [
    HistoryRow(
      rule: "U1 a whiteout",
      layers: [[.file("d/x")], [.file("y")], [.whiteout("d/x")]],
      path: "d/x",
      events: ["0.0 put(regular 0)", "2.0 hidden U1"]
    ),
    HistoryRow(
      rule: "U1 a whiteout of a directory above",
      layers: [[.file("d/e/x")], [.whiteout("d")]],
      path: "d/e/x",
      events: ["0.0 put(regular 0)", "1.0 hidden @d U1"]
    ),
    HistoryRow(
      rule: "U1 what was hidden comes back",
      layers: [[.file("x")], [.whiteout("x")], [.symlink("x", to: "y")]],
      path: "x",
      events: ["0.0 put(regular 0)", "1.0 hidden U1", "2.0 put(symbolicLink 2)"]
    ),
    HistoryRow(
      rule: "U2 entry, then whiteout",
      layers: [[.file("x")], [.file("x"), .whiteout("x")]],
      path: "x",
      events: ["0.0 put(regular 0)", "1.1 hidden U2", "1.0 put(regular 1)"]
    ),
    HistoryRow(
      rule: "U3 whiteout, then entry",
      layers: [[.file("x")], [.whiteout("x"), .file("x")]],
      path: "x",
      events: ["0.0 put(regular 0)", "1.0 hidden U3", "1.1 put(regular 1)"]
    ),
    HistoryRow(
      rule: "U4 whiteout and the directory anew",
      layers: [[.directory("d")], [.whiteout("d"), .directory("d")]],
      path: "d",
      events: ["0.0 put(directory 0)", "1.0 hidden U4", "1.1 put(directory 1)"]
    ),
    HistoryRow(
      rule: "U4 seen from what was in the directory",
      layers: [[.file("d/x")], [.whiteout("d"), .file("d/y")]],
      path: "d/x",
      events: ["0.0 put(regular 0)", "1.0 hidden @d U4"]
    ),
    HistoryRow(
      rule: "U5 an opaque mark",
      layers: [[.file("d/x")], [.directory("d"), .opaque("d")]],
      path: "d/x",
      events: ["0.0 put(regular 0)", "1.1 hidden U5"]
    ),
    HistoryRow(
      rule: "U5 seen from the directory",
      layers: [[.file("d/x")], [.directory("d"), .opaque("d")]],
      path: "d",
      events: ["0.0 put(directory 0) U25", "1.1 emptied U5", "1.0 changed U13"]
    ),
    HistoryRow(
      rule: "U6 an opaque mark behind the entry",
      layers: [[.file("d/x")], [.directory("d"), .file("d/x"), .opaque("d")]],
      path: "d/x",
      events: ["0.0 put(regular 0)", "1.2 hidden U6", "1.1 put(regular 1)"]
    ),
    HistoryRow(
      rule: "U7 an opaque mark in a directory without an entry",
      layers: [[.file("d/e/x")], [.opaque("d")]],
      path: "d/e/x",
      events: ["0.0 put(regular 0)", "1.0 hidden @d/e U7"]
    ),
    HistoryRow(
      rule: "U8 a whiteout of nothing",
      layers: [[.file("d/x")], [.whiteout("d/y")]],
      path: "d/y",
      events: ["1.0 ignored U8"]
    ),
    HistoryRow(
      rule: "U8 a whiteout of a layer's own",
      layers: [[.file("x"), .whiteout("x")]],
      path: "x",
      events: ["0.1 ignored U8", "0.0 put(regular 0)"]
    ),
    HistoryRow(
      rule: "U8 a whiteout again",
      layers: [[.file("x")], [.whiteout("x"), .whiteout("x")]],
      path: "x",
      events: ["0.0 put(regular 0)", "1.0 hidden U1", "1.1 ignored U8"]
    ),
    HistoryRow(
      rule: "U9 a whiteout below what is gone",
      layers: [[.file("d/x")], [.whiteout("d/x"), .whiteout("d")]],
      path: "d/x",
      events: ["0.0 put(regular 0)", "1.0 ignored U9", "1.1 hidden @d U1"]
    ),
    HistoryRow(
      rule: "U9 a whiteout below a file",
      layers: [[.file("f")], [.whiteout("f/x")]],
      path: "f/x",
      events: ["1.0 ignored U9"]
    ),
    HistoryRow(
      rule: "U11 an opaque mark in the root",
      layers: [[.file("d/x")], [.opaque("")]],
      path: "d/x",
      events: ["0.0 put(regular 0)", "1.0 hidden @d U11"]
    ),
    HistoryRow(
      rule: "U11 seen from the root",
      layers: [[.directory(""), .file("x")], [.opaque("")]],
      path: "",
      events: ["0.0 changed U26", "1.0 emptied U11"]
    ),
    HistoryRow(
      rule: "U12 a whiteout through a link",
      layers: [[.file("e/x")], [.symlink("l", to: "e"), .whiteout("l/x")]],
      path: "e/x",
      events: ["0.0 put(regular 0)", "1.1 hidden l->1 U12 U1"]
    ),
    HistoryRow(
      rule: "U12 a link of a lower layer, followed",
      layers: [[.file("e/x"), .symlink("l", to: "/e")], [.opaque("l")]],
      path: "e/x",
      policy: .follow,
      events: ["0.0 put(regular 0)", "1.0 hidden l->0 U12 U7"]
    ),
    HistoryRow(
      rule: "U12 a link of a lower layer, not followed",
      layers: [[.file("e/x"), .symlink("l", to: "/e")], [.whiteout("l/x")]],
      path: "e/x",
      events: ["0.0 put(regular 0)"]
    ),
  ]
}
