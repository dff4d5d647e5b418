// What a layer takes away from those below it: the rows U1 to U12 of docs/SEMANTICS.md.
// Source: OCI image-spec, layer.md, "Whiteouts".

import FileTree

extension TreeRow {
  /// Whiteouts hide lower entries only.
  package static let whiteouts: [TreeRow] = [
    TreeRow(
      name: "U1 a whiteout hides the lower file",
      layers: [[.file("etc/x", bytes: 1), .file("etc/y", bytes: 2)], [.whiteout("etc/x")]],
      dump: "etc/, etc/y 2"
    ),
    TreeRow(
      name: "U1 a whiteout hides a lower directory with all that is in it",
      layers: [[.file("d/e/x"), .file("f", bytes: 1)], [.whiteout("d")]],
      dump: "f 1"
    ),
    TreeRow(
      name: "U1 what was hidden can come back in a later layer",
      layers: [[.file("d/x", bytes: 1)], [.whiteout("d/x")], [.file("d/x", bytes: 3)]],
      dump: "d/, d/x 3"
    ),
    TreeRow(
      name: "U1 a directory that comes back is another one",
      layers: [
        [.directory("d", mode: 0o700), .file("d/x")], [.whiteout("d")], [.file("d/y", bytes: 1)],
      ],
      dump: "d/, d/y 1"
    ),
    TreeRow(
      name: "U2 entry, then whiteout of the same name: the entry stays",
      layers: [[.file("x", bytes: 1)], [.file("x", bytes: 2), .whiteout("x")]],
      dump: "x 2"
    ),
    TreeRow(
      name: "U3 whiteout, then entry of the same name: the entry stays",
      layers: [[.file("x", bytes: 1)], [.whiteout("x"), .file("x", bytes: 2)]],
      dump: "x 2"
    ),
    TreeRow(
      name: "U4 whiteout, then the directory anew: only the new children",
      layers: [
        [.directory("d"), .file("d/old")],
        [.whiteout("d"), .directory("d", mode: 0o700), .file("d/new", bytes: 1)],
      ],
      dump: "d/ mode=700, d/new 1"
    ),
    TreeRow(
      name: "U4 the directory anew, then its whiteout",
      layers: [[.file("d/old")], [.directory("d"), .file("d/new", bytes: 1), .whiteout("d")]],
      dump: "d/, d/new 1"
    ),
    TreeRow(
      name: "U4 an implicit directory anew inherits nothing",
      layers: [
        [.directory("d", mode: 0o700).owned(by: 1, 2), .file("d/old")],
        [.whiteout("d"), .file("d/new", bytes: 1)],
      ],
      dump: "d/, d/new 1"
    ),
    TreeRow(
      name: "U8 a whiteout of nothing does nothing, and makes no parents",
      layers: [[.file("a")], [.whiteout("x"), .whiteout("no/such/y")]],
      dump: "a 0",
      warnings: ["whiteout-without-directory 1.1"]
    ),
    TreeRow(
      name: "U9 a whiteout below a path that the layer hides too",
      layers: [[.file("d/x"), .file("d/y")], [.whiteout("d"), .whiteout("d/x")]],
      dump: "",
      warnings: ["whiteout-without-directory 1.1"]
    ),
    TreeRow(
      name: "U9 the same, the other way round",
      layers: [[.file("d/x"), .file("d/y")], [.whiteout("d/x"), .whiteout("d")]],
      dump: "",
      warnings: ["whiteout-without-directory 1.0"]
    ),
    TreeRow(
      name: "U9 a whiteout below a path that becomes a file",
      layers: [[.file("d/x")], [.file("d", bytes: 3), .whiteout("d/x")]],
      dump: "d 3",
      warnings: ["whiteout-without-directory 1.1"]
    ),
    TreeRow(
      name: "U9 a whiteout below a directory that becomes a link: the link's target keeps its own",
      layers: [
        [.file("lib/x", bytes: 1), .file("usr/lib/x", bytes: 2)],
        [.symlink("lib", to: "usr/lib"), .whiteout("lib/x")],
      ],
      dump: "lib -> usr/lib, usr/, usr/lib/, usr/lib/x 2",
      warnings: ["whiteout-without-directory 1.1"]
    ),
    TreeRow(
      name: "U9 a whiteout below a lower file",
      layers: [[.file("f", bytes: 1)], [.whiteout("f/x")]],
      dump: "f 1",
      warnings: ["whiteout-without-directory 1.0"]
    ),
    TreeRow(
      name: "U12 a whiteout through a link of the same layer",
      layers: [
        [.file("e/x", bytes: 1), .file("e/y", bytes: 2)],
        [.symlink("l", to: "e"), .whiteout("l/x")],
      ],
      dump: "e/, e/y 2, l -> e"
    ),
    TreeRow(
      name: "U12 the link may come later, be absolute, lead to another and through `..`",
      layers: [
        [.file("e/d/x", bytes: 1), .file("e/d/y", bytes: 2)],
        [.whiteout("l/d/x"), .symlink("l", to: "k/m"), .symlink("k/m", to: "../../e")],
      ],
      place: .root,
      dump: "e/, e/d/, e/d/y 2, k/, k/m -> ../../e, l -> k/m"
    ),
    TreeRow(
      name: "U12 a link of a lower layer is not followed",
      layers: [[.file("e/x", bytes: 1), .symlink("l", to: "e")], [.whiteout("l/x")]],
      dump: "e/, e/x 1, l -> e",
      warnings: ["whiteout-without-directory 1.0"]
    ),
    TreeRow(
      name: "U12 a link of a lower layer is followed if so asked",
      layers: [[.file("e/x", bytes: 1), .symlink("l", to: "/e")], [.whiteout("l/x")]],
      lowerLinks: .follow,
      dump: "e/, l -> /e"
    ),
    TreeRow(
      name: "U12 links in a loop lead nowhere",
      layers: [
        [.file("e/x", bytes: 1)],
        [.symlink("l", to: "m"), .symlink("m", to: "l"), .whiteout("l/x")],
      ],
      dump: "e/, e/x 1, l -> m, m -> l",
      warnings: ["whiteout-without-directory 1.2"]
    ),
  ]

  /// Opaque marks hide what lower layers have in a directory.
  package static let opaqueMarks: [TreeRow] = [
    TreeRow(
      name: "U5 opaque mark first",
      layers: [[.file("d/old")], [.directory("d"), .opaque("d"), .file("d/new", bytes: 1)]],
      dump: "d/, d/new 1"
    ),
    TreeRow(
      name: "U6 opaque mark last",
      layers: [[.file("d/old")], [.directory("d"), .file("d/new", bytes: 1), .opaque("d")]],
      dump: "d/, d/new 1"
    ),
    TreeRow(
      name: "U6 below an opaque mark, implicit parents hold the layer's own only",
      layers: [
        [.directory("d/s", mode: 0o700), .file("d/s/old")],
        [.file("d/s/new", bytes: 1), .opaque("d")],
      ],
      dump: "d/, d/s/, d/s/new 1"
    ),
    TreeRow(
      name: "U7 opaque mark in a directory that the layer does not describe",
      layers: [[.directory("d", mode: 0o700).owned(by: 1, 2), .file("d/old")], [.opaque("d")]],
      dump: "d/ mode=700 owner=1:2"
    ),
    TreeRow(
      name: "U7 opaque mark where no directory is",
      layers: [[.file("a")], [.opaque("d")]],
      dump: "a 0",
      warnings: ["whiteout-without-directory 1.0"]
    ),
    TreeRow(
      name: "U7 opaque mark in a directory that only this layer has",
      layers: [[.file("a")], [.opaque("d"), .file("d/x")]],
      dump: "a 0, d/, d/x 0"
    ),
    TreeRow(
      name: "U11 opaque mark at the root",
      layers: [
        [.directory("", mode: 0o711), .file("a"), .file("d/b")],
        [.opaque(""), .file("c", bytes: 1)],
      ],
      place: .root,
      dump: "/ mode=711, c 1"
    ),
    TreeRow(
      name: "U12 opaque mark through a link of the same layer",
      layers: [
        [.file("e/x", bytes: 1), .file("f", bytes: 2)],
        [.symlink("m", to: "/e"), .symlink("l", to: "m"), .opaque("l")],
      ],
      dump: "e/, f 2, l -> m, m -> /e"
    ),
  ]
}
