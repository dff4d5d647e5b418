// What a layer puts over those below it: the rows U13 to U35 of docs/SEMANTICS.md.
// Source: OCI image-spec, layer.md, "Applying Changesets".

extension TreeRow {
  /// An entry replaces what it meets, but a directory joins a directory.
  package static let replacements: [TreeRow] = [
    TreeRow(
      name: "U13 directory over directory: attributes replaced, children kept",
      layers: [
        [
          .directory("d", mode: 0o700).owned(by: 1, 2).modified(at: 5, 6).with("user.a", "1"),
          .file("d/x"),
        ],
        [.directory("d", mode: 0o711).owned(by: 3, 4).modified(at: -7, 8).with("user.b", "2")],
      ],
      dump: "d/ mode=711 owner=3:4 time=-7.8 user.b=2, d/x 0"
    ),
    TreeRow(
      name: "U14 file over directory",
      layers: [[.file("d/x"), .file("d/e/y")], [.file("d", bytes: 3)]],
      dump: "d 3"
    ),
    TreeRow(
      name: "U15 directory over file",
      layers: [[.file("d", bytes: 1)], [.directory("d"), .file("d/x", bytes: 2)]],
      dump: "d/, d/x 2"
    ),
    TreeRow(
      name: "U19 link over directory",
      layers: [[.file("d/x"), .directory("e")], [.symlink("d", to: "e")]],
      dump: "d -> e, e/"
    ),
    TreeRow(
      name: "U20 directory over a link to a directory",
      layers: [[.file("e/x"), .symlink("l", to: "e")], [.directory("l", mode: 0o700)]],
      dump: "e/, e/x 0, l/ mode=700"
    ),
    TreeRow(
      name: "U28 a character device 0:0 is a device",
      layers: [[.file("x", bytes: 1)], [.characterDevice("x", 0, 0)]],
      dump: "x c0:0",
      warnings: ["null-device 1.0"]
    ),
    TreeRow(
      name: "devices and fifos are kept",
      layers: [
        [.characterDevice("c", 1, 3), .blockDevice("b", 259, 300_000), .fifo("p")],
        [.blockDevice("c", 0, 0)],
      ],
      dump: "b b259:300000, c b0:0, p |"
    ),
  ]

  /// Of members of one name in one layer the last one counts.
  package static let repetitions: [TreeRow] = [
    TreeRow(
      name: "U16 file, directory, file",
      layers: [[.file("x", bytes: 1), .directory("x"), .file("x/y"), .file("x", bytes: 2)]],
      dump: "x 2",
      warnings: ["duplicate-entry 0.1", "duplicate-entry 0.3"]
    ),
    TreeRow(
      name: "U16 file, then directory, on a lower directory: the file never was",
      layers: [
        [.directory("d", mode: 0o700), .file("d/old", bytes: 1)],
        [.file("d", bytes: 2), .file("d/new", bytes: 3)],
      ],
      dump: "d/ mode=700, d/new 3, d/old 1",
      warnings: ["duplicate-entry 1.1"]
    ),
    TreeRow(
      name: "U17 the same file twice",
      layers: [[.file("x", bytes: 1), .file("x", bytes: 2)]],
      dump: "x 2",
      warnings: ["duplicate-entry 0.1"]
    ),
    TreeRow(
      name: "U18 the same directory twice",
      layers: [[.directory("d", mode: 0o700), .file("d/x"), .directory("d", mode: 0o711)]],
      dump: "d/ mode=711, d/x 0",
      warnings: ["duplicate-entry 0.2"]
    ),
    TreeRow(
      name: "U18 the root twice",
      layers: [[.directory("", mode: 0o700), .file("x"), .directory("", mode: 0o711)]],
      place: .root,
      dump: "/ mode=711, x 0",
      warnings: ["duplicate-entry 0.2"]
    ),
    TreeRow(
      name: "U18 a directory after what is in it is no repetition",
      layers: [[.file("d/x"), .directory("d", mode: 0o711)]],
      dump: "d/ mode=711, d/x 0"
    ),
    TreeRow(
      name: "U32 the same layer twice",
      layers: [
        [.file("a", bytes: 1)],
        [.whiteout("a"), .file("b", bytes: 2)],
        [.file("a", bytes: 3), .whiteout("b")],
        [.whiteout("a"), .file("b", bytes: 2)],
      ],
      // In an image with other rows it would not be one blob.
      place: .root,
      dump: "b 2"
    ),
  ]

  /// The root, and parents that no member describes.
  package static let roots: [TreeRow] = [
    TreeRow(
      name: "U25 an implicit parent inherits the lower directory's attributes",
      layers: [
        [.directory("tmp", mode: 0o1777).owned(by: 1, 2).modified(at: 3).with("user.a", "b")],
        [.file("tmp/x")],
      ],
      dump: "tmp/ mode=1777 owner=1:2 time=3.0 user.a=b, tmp/x 0"
    ),
    TreeRow(
      name: "U25 else it is 0755, of the root user, from 1970",
      layers: [[.file("a/b/c")]],
      dump: "a/, a/b/, a/b/c 0"
    ),
    TreeRow(
      name: "U25 for a hard link too",
      layers: [[.file("a"), .hardLink("d/e/b", to: "a")]],
      dump: "a 0, d/, d/e/, d/e/b = a"
    ),
    TreeRow(
      name: "U26 a root entry is applied, the topmost one",
      layers: [
        [.directory("", mode: 0o700).owned(by: 5, 6)], [.file("a")],
        [.directory("", mode: 0o711).modified(at: 9, 1)],
      ],
      place: .root,
      dump: "/ mode=711 time=9.1, a 0"
    ),
    TreeRow(
      name: "U27 without one the root is 0755, of the root user, from 1970",
      layers: [[.file("a")]],
      place: .root,
      dump: "a 0"
    ),
    TreeRow(
      name: "U31 an empty layer",
      layers: [[], [.file("a")], []],
      place: .root,
      dump: "a 0"
    ),
    TreeRow(name: "U31 nothing but an empty layer", layers: [[]], place: .root, dump: ""),
    TreeRow(name: "U31 no layers", layers: [], dump: ""),
  ]

  /// Names are bytes, and bookkeeping names are not shown.
  package static let names: [TreeRow] = [
    TreeRow(
      name: "U30 bookkeeping of AUFS is skipped, links into it resolved",
      layers: [
        [
          .directory(".wh..wh.plnk"), .file(".wh..wh.plnk/1.2", bytes: 7),
          .hardLink("a", to: ".wh..wh.plnk/1.2"), .directory(".wh..wh.orph"),
          .file(".wh..wh.aufs"), .hardLink("b", to: ".wh..wh.plnk/1.2"),
        ],
        [.hardLink("c", to: ".wh..wh.plnk/1.2")],
      ],
      place: .root,
      dump: "a 7, b = a, c = a",
      warnings: ["below-whiteout-name 0.1"],
      tolerated: [
        "union-bookkeeping 0 .wh..wh.plnk ×3"
      ]
    ),
    TreeRow(
      name: "U35 case, composed and decomposed letters, and bytes that are no text",
      layers: [
        [
          .file("A"), .file("a"), .file("é"), .file("e\u{301}"), .file([0xFF, 0xFE]),
          .file([0xFF]),
        ],
        [.whiteout("é"), .whiteout([0xFF])],
      ],
      dump: "A 0, a 0, e\\xcc\\x81 0, \\xff\\xfe 0"
    ),
    TreeRow(
      name: "N7, N11 names that other programs would read as something else",
      layers: [
        [
          .file("-x"), .file("!x"), .file("#x"), .file("<12>"), .file("a\nb"), .file("a\\b"),
          .file("\"q\""), .file("wh.x"), .file("..."),
        ]
      ],
      dump: "!x 0, \"q\" 0, #x 0, -x 0, ... 0, <12> 0, a\\x0ab 0, a\\\\b 0, wh.x 0"
    ),
    TreeRow(
      name: "children are sorted by name, not by path",
      layers: [[.file("a/b"), .file("a.b"), .file("a b"), .file("a0")]],
      dump: "a/, a/b 0, a\\x20b 0, a.b 0, a0 0"
    ),
    TreeRow(
      name: "S1 targets of links are kept as they are",
      layers: [
        [
          .symlink("a", to: "/etc/passwd"), .symlink("b", to: "../../../.."),
          .symlink("c", to: "nowhere"), .symlink("d", to: [0xFF, 0x2F, 0x01]),
          .symlink("e", to: "./a//b/"),
        ]
      ],
      dump: "a -> /etc/passwd, b -> ../../../.., c -> nowhere, d -> \\xff/\\x01, e -> ./a//b/"
    ),
  ]
}
