// Names as archives spell them: the rows N1 to N13 of docs/SEMANTICS.md. What is refused is in
// ArchiveFailures.

extension TreeRow {
  /// From the names of an archive to the names of a tree.
  package static let archivedNames: [TreeRow] = [
    TreeRow(
      "N1 many spellings of a path are one",
      [
        .file("./a", "1"), .file("/b", "22"), .file("//c/./d", "333"), .directory(".//e//"),
        .file("e/.//f", "4444"), .file("/./g/../h", "55555"),
      ],
      [.whiteout("/c//./d"), .file("./b", "x")],
      at: .root,
      dump: "a 1, b 1, c/, e/, e/f 4, h 5",
      contents: ["b": "x", "e/f": "4444"],
      tolerated: [
        "absolute-path 0 b ×3",
        "absolute-path 1 c/.wh.d",
        "dot-dot-in-path 0 h",
      ]
    ),
    TreeRow(
      "N2 an inner `..` takes back what stands before it, textually",
      [.symlink("l", to: "d/e"), .file("a/../b", "1"), .file("l/../c", "22"), .directory("x/..")],
      [.whiteout("a/../b"), .file("d/e/../../f", "333")],
      at: .root,
      dump: "c 2, f 3, l -> d/e",
      contents: ["c": "22"],
      tolerated: [
        "dot-dot-in-path 0 b ×3",
        "dot-dot-in-path 1 .wh.b ×2",
      ]
    ),
    TreeRow(
      "N3 a slash at the end falls away, and makes a directory of a member of the oldest type",
      [
        .directory("a/"), .directory("b//"), .directory("c"), .member("\0", "d/").dialect(.v7),
        .member("\0", "e", "file").dialect(.v7), .symlink("f/", to: "a"),
      ],
      dump: "a/, b/, c/, d/ mode=644, e 4, f -> a",
      contents: ["e": "file"]
    ),
    TreeRow(
      "N4 a regular file with a slash at the end is a file",
      [.file("f/", "content"), .directory("d"), .file("d/g//", "more")],
      dump: "d/, d/g 4, f 7",
      contents: ["f": "content", "d/g": "more"],
      tolerated: [
        "slash-after-file-name 0 f ×2"
      ]
    ),
    TreeRow(
      "N5 the root has many names, and of its members the last counts",
      [.directory("").mode(0o700), .directory("/").mode(0o701), .file("a")],
      [.directory(".").mode(0o710), .directory("./"), .directory("a/..").mode(0o711)],
      at: .root,
      dump: "/ mode=711, a 0",
      tolerated: [
        "absolute-path 0 ",
        "dot-dot-in-path 1 ",
        "duplicate-entry 0 ",
        "duplicate-entry 1  ×2",
      ]
    ),
    TreeRow(
      "N6 bytes that are no text, and texts that only look alike",
      [
        .file([0xFF, 0xFE], "1"), .file([0xC3], "22"), .file("é", "333"), .file("e\u{301}", "4444"),
        .symlink("l", to: [0xFF, 0xFE]), .hardLink("h", to: [0xC3]), .directory([0x80]),
        .file(TarText([0x80, 0x2F, 0x81]), "x"),
      ],
      dump: """
        e\\xcc\\x81 4, h 2, l -> \\xff\\xfe, \\x80/, \\x80/\\x81 1, \\xc3 = h, \
        \\xc3\\xa9 3, \\xff\\xfe 1
        """,
      contents: ["h": "22"]
    ),
    TreeRow(
      "N7, N11 names that shells, terminals and debugfs would read as something else",
      [
        .file("back\\slash", "1"), .file("C:\\x"), .file("a\nb"), .file("a\rb"), .file("\"q\""),
        .file("'"), .file("<12>"), .file("-rf"), .file("#"), .file("!ls"), .file(" "), .file("\t"),
        .file("\u{1B}[31m"), .file([0x7F]), .file([0x01]), .file("$(x)"), .file("*"),
      ],
      dump: """
        \\x01 0, \\x09 0, \\x1b[31m 0, \\x20 0, !ls 0, "q" 0, # 0, $(x) 0, ' 0, * 0, -rf 0, <12> 0, \
        C:\\\\x 0, a\\x0ab 0, a\\x0db 0, back\\\\slash 1, \\x7f 0
        """
    ),
    TreeRow(
      "N8 a component of 255 bytes",
      [.file(TarText(longest), "x"), .symlink("l", to: TarText(longest))],
      dump: "l -> \(longestText), \(longestText) 1",
      contents: [longestText: "x"]
    ),
    TreeRow(
      "N9 a path over 4096 bytes is reached piece by piece",
      [.file(TarText(deepPath + Array("/f".utf8)), "deep")],
      dump: (1...30).map { deepText($0) + "/" }.joined(separator: ", ") + ", "
        + deepText(30) + "/f 4",
      contents: [deepText(30) + "/f": "deep"]
    ),
    TreeRow(
      "N10 a NUL ends a GNU long name",
      [.member("L", "././@LongLink", "long\0er").dialect(.gnu), .file("short", "x").dialect(.gnu)],
      at: .root,
      dump: "long 1",
      tolerated: [
        "text-after-nul 0 long"
      ]
    ),
    TreeRow(
      "N13 whatever has a name with `.wh.` in front is a whiteout",
      [.file("a", "1"), .file("b", "2"), .file("c", "3"), .file("d/e", "4"), .file("wh.f", "5")],
      [
        .file(".wh.a", "content"), .directory(".wh.b/"), .symlink(".wh.c", to: "nowhere"),
        .fifo("d/.wh.e"), .file(".wh", "6"),
      ],
      dump: ".wh 1, d/, wh.f 1",
      tolerated: [
        "odd-whiteout 1 .wh.a ×4"
      ]
    ),
    TreeRow(
      "N13 what is below such a name is not shown, however it came there",
      [.file("a", "1"), .file("d/x", "2")],
      [
        .file(".wh.a/b", "3"), .file("d/.wh..wh..opq/y", "4"), .directory("d/.wh.e/f/"),
        .symlink("l", to: ".wh.a"), .file("l/z", "5"), .symlink("m", to: ".wh.a/../d"),
        .file("m/w", "6"),
      ],
      dump: "a 1, d/, d/w 1, d/x 1, l -> .wh.a, m -> .wh.a/../d",
      contents: ["d/w": "6"],
      tolerated: [
        "below-whiteout-name 1 .wh.a/b ×4"
      ]
    ),
  ]

  private static let longest = [UInt8](repeating: UInt8(ascii: "n"), count: 255)
  private static let longestText = String(repeating: "n", count: 255)

  /// 30 components of 200 bytes with a slash between: 6029 bytes.
  private static let deepPath = Array(deepText(30).utf8)

  private static func deepText(_ depth: Int) -> String {
    [String](repeating: String(repeating: "d", count: 200), count: depth).joined(separator: "/")
  }
}
