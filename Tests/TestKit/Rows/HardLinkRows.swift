// Hard links: the rows H1 to H11 of docs/SEMANTICS.md.

extension TreeRow {
  /// A hard link is a second name of one file.
  package static let hardLinks: [TreeRow] = [
    TreeRow(
      name: "H1 to an earlier member",
      layers: [[.file("a", bytes: 3), .hardLink("b", to: "a"), .hardLink("d/c", to: "b")]],
      dump: "a 3, b = a, d/, d/c = a"
    ),
    TreeRow(
      name: "H2 to a lower layer",
      layers: [[.file("e/a", bytes: 3)], [.hardLink("b", to: "e/a")]],
      dump: "b 3, e/, e/a = b"
    ),
    TreeRow(
      name: "H2 to what this layer hides",
      layers: [[.file("a", bytes: 3)], [.whiteout("a"), .hardLink("b", to: "a")]],
      dump: "b 3",
      warnings: ["link-to-hidden-target 1.1"]
    ),
    TreeRow(
      name: "H2 to what is in a directory that this layer hides",
      layers: [
        [.file("d/e/a", bytes: 3)],
        [.opaque(""), .hardLink("b", to: "d/e/a"), .file("d", bytes: 1)],
      ],
      dump: "b 3, d 1",
      warnings: ["link-to-hidden-target 1.1"]
    ),
    TreeRow(
      name: "H2 to what is in a directory that this layer replaces",
      layers: [[.file("d/a", bytes: 3)], [.file("d", bytes: 1), .hardLink("b", to: "d/a")]],
      dump: "b 3, d 1",
      warnings: ["link-to-hidden-target 1.1"]
    ),
    TreeRow(
      name: "H2 what an earlier layer hid is no target, what it put there is",
      layers: [
        [.file("a", bytes: 3)], [.whiteout("a")], [.file("a", bytes: 4)], [.hardLink("b", to: "a")],
      ],
      dump: "a 4, b = a"
    ),
    TreeRow(
      name: "H3 to a later member",
      layers: [[.hardLink("b", to: "a"), .file("a", bytes: 3)]],
      dump: "a 3, b = a",
      warnings: ["link-before-target 0.0"]
    ),
    TreeRow(
      name: "H3 the layer's own later member is meant, not the lower one of that name",
      layers: [[.file("a", bytes: 1)], [.hardLink("b", to: "a"), .file("a", bytes: 2)]],
      dump: "a 2, b = a",
      warnings: ["link-before-target 1.0"]
    ),
    TreeRow(
      name: "H4 to a symbolic link",
      layers: [
        [.symlink("s", to: "t"), .hardLink("h", to: "s")],
        [.hardLink("i", to: "s")],
      ],
      dump: "h -> t, i = h, s = h"
    ),
    TreeRow(
      name: "H4 to devices and fifos",
      layers: [
        [
          .characterDevice("c", 1, 3), .hardLink("d", to: "c"), .fifo("p"),
          .hardLink("q", to: "p"),
        ]
      ],
      dump: "c c1:3, d = c, p |, q = p"
    ),
    TreeRow(
      name: "H6 a chain, the last link first",
      layers: [[.hardLink("c", to: "b"), .hardLink("b", to: "a"), .file("a", bytes: 1)]],
      dump: "a 1, b = a, c = a",
      warnings: ["link-before-target 0.1", "link-before-target 0.0"]
    ),
    TreeRow(
      name: "H6 a chain that ends in a lower layer",
      layers: [[.file("a", bytes: 1)], [.hardLink("c", to: "b"), .hardLink("b", to: "a")]],
      dump: "a 1, b = a, c = a",
      warnings: ["link-before-target 1.0"]
    ),
    TreeRow(
      name: "H6 to itself: as if it were not there",
      layers: [[.file("a", bytes: 1), .hardLink("a", to: "a")], [.hardLink("a", to: "a")]],
      dump: "a 1",
      warnings: ["link-to-itself 0.1", "link-to-itself 1.0"]
    ),
    TreeRow(
      name: "H7 the link's own attributes are ignored",
      layers: [
        [
          .file("a", bytes: 3, mode: 0o640),
          .hardLink("b", to: "a", mode: 0o4755).owned(by: 9, 9).modified(at: 9).with("user.a", "b"),
        ]
      ],
      dump: "a 3 mode=640, b = a",
      warnings: ["link-attributes-ignored 0.1"]
    ),
    TreeRow(
      name: "H10 a name that a later layer hides or replaces leaves the others",
      layers: [
        [.file("a", bytes: 3), .hardLink("b", to: "a"), .hardLink("c", to: "a")],
        [.whiteout("a"), .file("b", bytes: 5)],
      ],
      dump: "b 5, c 3"
    ),
    TreeRow(
      name: "H11 a target that the same layer replaces: the link keeps the old content",
      layers: [[.file("a", bytes: 3), .hardLink("b", to: "a"), .file("a", bytes: 5)]],
      dump: "a 5, b 3",
      warnings: ["duplicate-entry 0.2"]
    ),
    TreeRow(
      name: "a link replaces what has its name",
      layers: [
        [.file("a", bytes: 1), .file("b/x"), .file("c", bytes: 2)],
        [.hardLink("b", to: "a"), .hardLink("c", to: "a")],
      ],
      dump: "a 1, b = a, c = a"
    ),
    TreeRow(
      name: "a link that a later member of its name overtakes",
      layers: [[.hardLink("b", to: "nowhere"), .file("b", bytes: 2)]],
      dump: "b 2",
      warnings: ["duplicate-entry 0.1"]
    ),
    TreeRow(
      name: "a link in a directory that a later member replaces",
      layers: [[.hardLink("d/b", to: "nowhere"), .file("d", bytes: 2)]],
      dump: "d 2",
      warnings: ["duplicate-entry 0.1"]
    ),
    TreeRow(
      name: "a link whose name a later member uses as a directory",
      layers: [[.hardLink("b", to: "nowhere"), .file("b/x", bytes: 2)]],
      dump: "b/, b/x 2",
      warnings: ["duplicate-entry 0.1"]
    ),
    TreeRow(
      name: "to a path through symbolic links, of this layer and of lower ones",
      layers: [
        [.file("d/a", bytes: 3), .symlink("l", to: "d")],
        [.symlink("m", to: "/l"), .hardLink("b", to: "m/a"), .hardLink("c", to: "l/a")],
      ],
      dump: "b 3, c = b, d/, d/a = b, l -> d, m -> /l"
    ),
    TreeRow(
      name: "to a path through a hard link to a symbolic link",
      layers: [
        [.file("d/a", bytes: 3), .symlink("l", to: "d")],
        [.hardLink("c", to: "k/a"), .hardLink("k", to: "l")],
      ],
      dump: "c 3, d/, d/a = c, k -> d, l = k"
    ),
  ]
}
