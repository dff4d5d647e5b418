// Links as archives spell them: rows H2 to S3 of docs/SEMANTICS.md that need an archive. What is refused
// is in ArchiveFailures.

extension TreeRow {
  /// Hard and symbolic links with raw targets and odd headers.
  package static let archivedLinks: [TreeRow] = [
    TreeRow(
      "H2 a hard link to a lower layer has the lower file's content and attributes",
      [.file("a", "content").mode(0o4750).owner(1, 2).modified(5, nanoseconds: 6)],
      [.hardLink("b", to: "a").mode(0o600).owner(7, 8).modified(9)],
      dump: "a 7 mode=4750 owner=1:2 time=5.6, b = a",
      contents: ["a": "content"],
      tolerated: [
        "link-attributes-ignored 1 b"
      ]
    ),
    TreeRow(
      "H7 a hard link's own owner, mode, time and attributes are not used",
      [
        .file("a", "content").mode(0o640).attribute("user.a", "1"),
        .hardLink("b", to: "a").mode(0o777).owner(9, 9).modified(9).attribute("user.b", "2"),
        .symlink("l", to: "a"), .hardLink("m", to: "l").mode(0o4777).owner(9, 9),
      ],
      dump: "a 7 mode=640 user.a=1, b = a, l -> a, m = l",
      tolerated: [
        "link-attributes-ignored 0 b ×2"
      ]
    ),
    TreeRow(
      "H8 a hard link with a size has no data: the next header follows at once",
      [
        .file("a", "content"), .hardLink("b", to: "a").declaring(size: 7),
        .hardLink("c", to: "a").declaring(size: 5000), .file("d", "after"),
      ],
      dump: "a 7, b = a, c = a, d 5",
      contents: ["a": "content", "d": "after"],
      tolerated: [
        "size-ignored 0 b ×2"
      ]
    ),
    TreeRow(
      "H9 a hard link's target counts from the root, whatever is in front of it, and stays inside",
      [
        .file("d/a", "content"), .hardLink("d/b", to: "/d/a"), .hardLink("d/c", to: "./d//a"),
        .hardLink("d/e", to: "../../d/a"), .hardLink("d/f", to: "x/../d/./a"),
        .hardLink("d/g", to: "/../d/a/"),
      ],
      at: .root,
      dump: "d/, d/a 7, d/b = d/a, d/c = d/a, d/e = d/a, d/f = d/a, d/g = d/a",
      contents: ["d/a": "content"],
      tolerated: [
        "absolute-link-target 0 d/b ×2",
        "dot-dot-in-link-target 0 d/e ×3",
        "link-target-above-root 0 d/e ×2",
      ]
    ),
    TreeRow(
      "H10 a later layer replaces or removes one name, and writes another file under it",
      [.file("a", "old"), .hardLink("b", to: "a"), .hardLink("c", to: "a")],
      [.file("a", "newer"), .whiteout("b")],
      [.hardLink("b", to: "a")],
      dump: "a 5, b = a, c 3",
      contents: ["a": "newer", "c": "old"]
    ),
    TreeRow(
      "H11 a later member replaces one name",
      [.file("a", "old"), .hardLink("b", to: "a"), .file("a", "newer")],
      dump: "a 5, b 3",
      contents: ["a": "newer", "b": "old"],
      tolerated: [
        "duplicate-entry 0 a"
      ]
    ),
    TreeRow(
      "S1 targets are kept byte by byte, inside the root or not",
      [
        .symlink("absolute", to: "/etc/passwd"), .symlink("dangling", to: "no/where"),
        .symlink("out", to: "../../../../etc/passwd"), .symlink("odd", to: "./a//b/../"),
        .symlink("self", to: "self"), .symlink("bytes", to: [0xFF, 0x0A, 0x5C]),
        .symlink("slash", to: "/"), .symlink("dot", to: "."),
      ],
      at: .root,
      dump: """
        absolute -> /etc/passwd, bytes -> \\xff\\x0a\\\\, dangling -> no/where, dot -> ., \
        odd -> ./a//b/../, out -> ../../../../etc/passwd, self -> self, slash -> /
        """
    ),
    TreeRow(
      "S2 a symbolic link with a size has no data",
      [
        .symlink("l", to: "a").declaring(size: 1), .symlink("m", to: "b").declaring(size: 1024),
        .file("a", "after"),
      ],
      dump: "a 5, l -> a, m -> b",
      contents: ["a": "after"],
      tolerated: [
        "size-ignored 0 l ×2"
      ]
    ),
    TreeRow(
      "S3 targets up to 4095 bytes",
      [59, 60, 255, 4095].map { count in
        .symlink("to-\(count)", to: TarText([UInt8](repeating: UInt8(ascii: "t"), count: count)))
      },
      dump: [255, 4095, 59, 60].map { "to-\($0) -> " + String(repeating: "t", count: $0) }
        .joined(separator: ", ")
    ),
  ]
}
