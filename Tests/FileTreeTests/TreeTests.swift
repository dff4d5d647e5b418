// A finished tree: numbering, looking things up, and what it says of itself as text.

import FileTree
import FlatArrays
import Offsets
import TestKit
import Testing

struct TreeTests {
  private func tree(_ layers: [LayerMember]...) throws -> Tree {
    try TreeBuilder.merge(try layers.map(layer)).tree
  }

  @Test func `nodes are numbered depth first, by names sorted as bytes`() throws {
    let tree = try tree([
      .file("b"), .file("a/z"), .file("a/b/c"), .file("a.b"), .hardLink("a/y", to: "b"),
      .symlink("c", to: "b"),
    ])
    let numbers = tree.walk().map { (String(decoding: $0.path, as: UTF8.self), $0.node.index) }
    #expect(numbers.map(\.0) == ["", "a", "a/b", "a/b/c", "a/y", "a/z", "a.b", "b", "c"])
    #expect(numbers.map(\.1) == [0, 1, 2, 3, 4, 5, 6, 4, 7])
    #expect(NodeID(4).inodeNumber == 5)
    #expect(tree.nodeCount == 8)
    #expect(tree[.root].linkCount == 3)
    #expect(tree[NodeID(1)].linkCount == 3)
    #expect(tree[NodeID(4)].linkCount == 2)
    #expect(tree[NodeID(2)].parent == NodeID(1))
    #expect(tree[.root].parent == .root)
  }

  @Test func `a node says which member made it`() throws {
    let tree = try tree(
      [.directory("d"), .file("d/f", bytes: 5)],
      [.file("d/g", bytes: 6), .directory("d", mode: 0o700)]
    )
    let directory = tree[try tree.lookUp(bytes("d"))]
    #expect((directory.layer, directory.entry) == (1, 1))
    let lower = tree[try tree.lookUp(bytes("d/f"))]
    #expect((lower.layer, lower.entry) == (0, 1))
    #expect(lower.data == TarOffset(4096 + 512))
    #expect(lower.attributes == EntryAttributes(mode: 0o644))
    #expect(tree[.root].entry == Node.implicitEntry)
  }

  @Test func `the walk can start anywhere`() throws {
    let tree = try tree([.file("a/b/c"), .file("a/d"), .file("e")])
    let start = try tree.lookUp(bytes("a"))
    let paths = tree.walk(from: start, prefix: bytes("a")).map {
      String(decoding: $0.path, as: UTF8.self)
    }
    #expect(paths == ["a", "a/b", "a/b/c", "a/d"])
    let file = try tree.lookUp(bytes("e"))
    #expect(Array(tree.walk(from: file)) == [WalkStep(path: [], node: file)])
  }

  @Test(arguments: [
    ("", ""), ("/", ""), ("a/b", "a/b"), ("/a/./b/", "a/b"), ("a/../a/b", "a/b"), ("..", ""),
    ("a/../../e", "e"), ("l", "l"), ("l/b", "a/b"), ("l/../e", "e"), ("abs/b", "a/b"),
    ("a/up/e", "e"), ("chain/b", "a/b"), ("dangling", "dangling"), ("loop", "loop"),
  ])
  func `a path is looked up, links on the way followed`(path: String, found: String) throws {
    let tree = try tree(Self.lookUpMembers)
    let expected = tree.walk().first { $0.path == bytes(found) }
    #expect(try tree.lookUp(bytes(path)) == expected?.node)
  }

  @Test(arguments: [("l", "a"), ("chain", "a"), ("a/b", "a/b"), ("a/up", ""), ("file", "e")])
  func `the last link is followed if so asked`(path: String, found: String) throws {
    let tree = try tree(Self.lookUpMembers)
    let expected = tree.walk().first { $0.path == bytes(found) }
    #expect(try tree.lookUp(bytes(path), followingLast: true) == expected?.node)
  }

  @Test(arguments: [
    ("x", LookupFailure.notFound), ("a/x", .notFound), ("e/x", .notADirectory),
    ("e/..", .notADirectory), ("dangling/x", .notFound), ("loop/x", .tooManyLinks),
    ("file/x", .notADirectory),
  ])
  func `a path that leads nowhere says why`(path: String, failure: LookupFailure) throws {
    let tree = try tree(Self.lookUpMembers)
    #expect(throws: failure) { try tree.lookUp(bytes(path)) }
    #expect(throws: failure) { try tree.lookUp(bytes(path), followingLast: true) }
  }

  private static let lookUpMembers: [LayerMember] = [
    .file("a/b"), .symlink("l", to: "a"), .symlink("abs", to: "/a"), .symlink("a/up", to: "../.."),
    .symlink("chain", to: "a/../abs"), .symlink("dangling", to: "nowhere"),
    .symlink("loop", to: "loop"), .symlink("file", to: "e"), .file("e"),
  ]

  @Test func `a child is found by its bytes`() throws {
    let tree = try tree([.file("b"), .file("é"), .file("bb"), .file([0xFF])])
    for (name, isThere) in [
      (bytes("b"), true), (bytes("bb"), true), (bytes("é"), true), ([0xFF], true),
      (bytes("a"), false), (bytes("bbb"), false), (bytes("e\u{301}"), false), ([], false),
    ] {
      #expect((tree.child(ByteSlice(name), of: tree[.root]) != nil) == isThere)
    }
    #expect(tree.child(ByteSlice(bytes("b")), of: tree[NodeID(1)]) == nil)
  }

  @Test func `a tree knows whether it has extended attributes at all`() throws {
    #expect(try !tree([.file("a")]).totals.hasExtendedAttributes)
    let directory = LayerMember.directory("d").with("user.a", "")
    #expect(try tree([.file("a"), directory]).totals.hasExtendedAttributes)
    #expect(
      try !tree([.file("a").with("user.a", "")], [.whiteout("a")]).totals.hasExtendedAttributes
    )
  }
}

struct TreeDumpTests {
  @Test func `a dump has a line for every name`() throws {
    let merged = try TreeBuilder.merge([
      try layer([
        .file("f", bytes: 12, mode: 0o4755).owned(by: 1000, 100_000).modified(at: -1, 500),
        .hardLink("g", to: "f"), .directory("a b").with("user.x", "1 =\n").with("user.a", [0]),
        .symlink("l", to: "a b/é\\"), .blockDevice("dev", 259, 70_000), .fifo("p"),
        .characterDevice("c", 1, 3), .file("empty"), .symlink("k", to: "-"),
      ])
    ])
    let rows = merged.tree.dumpRows { _ in "sha" }
    #expect(
      DumpRow.text(rows) == #"""
        / 0 40755 3 0 0 0:0 0.000000000 - -
        /a\x20b 0 40755 2 0 0 0:0 0.000000000 - - user.a=\x00 user.x=1\x20\x3d\x0a
        /c 0 20644 1 0 0 1:3 0.000000000 - -
        /dev 0 60644 1 0 0 259:70000 0.000000000 - -
        /empty 0 100644 1 0 0 0:0 0.000000000 - sha
        /f 12 104755 2 1000 100000 0:0 -1.000000500 - sha
        /g @/f
        /k 0 120777 1 0 0 0:0 0.000000000 - -
        /l 0 120777 1 0 0 0:0 0.000000000 a\x20b/\xc3\xa9\\ -
        /p 0 10644 1 0 0 0:0 0.000000000 - -

        """#
    )
  }

  @Test func `each regular file is asked for its digest once`() throws {
    let tree = try TreeBuilder.merge([
      try layer([.file("a"), .hardLink("b", to: "a"), .symlink("c", to: "a"), .file("d")])
    ]).tree
    var asked: [NodeID] = []
    let rows = tree.dumpRows { id in
      asked.append(id)
      return "\(id.index)"
    }
    #expect(asked == [NodeID(1), NodeID(3)])
    #expect(rows.map(\.contentDigest) == [nil, "1", nil, nil, "3"])
    #expect(rows.map(\.hardLinkTo) == [nil, nil, bytes("a"), nil, nil])
  }

  @Test func `a digest that cannot be had ends the dump`() throws {
    struct Unreadable: Error {}
    let tree = try TreeBuilder.merge([try layer([.file("a")])]).tree
    #expect(throws: Unreadable.self) {
      try tree.dumpRows { _ throws(Unreadable) in throw Unreadable() }
    }
  }

  @Test(arguments: [
    (bytes("plain-~!"), "plain-~!"), (bytes("\\"), "\\\\"),
    ([0, 0x1B, 0x7F, 0x80, 0xFF], "\\x00\\x1b\\x7f\\x80\\xff"),
    (bytes("a b"), "a b"), ([], ""),
  ])
  func `bytes are escaped so that they read one way only`(raw: [UInt8], text: String) {
    #expect(EscapedBytes.string(raw) == text)
  }

  @Test func `more can be escaped`() {
    #expect(EscapedBytes.string(bytes("a b=c"), alsoEscaping: bytes(" =")) == "a\\x20b\\x3dc")
  }
}

struct TreeErrorTests {
  private static let here = TarOffset(1536)

  @Test(
    arguments: [
      (.malformedTable(entry: 3), "entry 3 of the layer's table is damaged", nil),
      (.tableTooLarge, "more names and attributes than one layer's table can hold", nil),
      (.treeTooLarge, "more names and attributes than one tree can hold", nil),
      (.tooManyFiles(limit: 7), "more than 7 files or names in one tree", nil),
      (
        .invalidPath(.leavesRoot, path: bytes("a/../../b"), member: here),
        "a/../../b: path leaves the root (member at tar byte 1536)", nil
      ),
      (
        .invalidPath(.tooLong, path: [UInt8](repeating: 0x61, count: 513), member: here),
        String(repeating: "a", count: 512)
          + "…: path over 65536 bytes (member at tar byte 1536)", nil
      ),
      (
        .pathBehindLinksTooLong(path: bytes("a/l"), layer: 1, member: here),
        "/a/l: leads to a path over 65536 bytes (member at tar byte 1536)", 1
      ),
      (
        .malformedWhiteout(path: bytes("d/.wh."), member: here),
        "d/.wh.: whiteout that names nothing (member at tar byte 1536)", nil
      ),
      (
        .rootIsNotADirectory(layer: 2, member: here),
        "the root is not a directory (member at tar byte 1536)", 2
      ),
      (
        .emptySymbolicLink(path: bytes("d/l"), member: here),
        "/d/l: symbolic link without a target (member at tar byte 1536)", nil
      ),
      (
        .hardLinkTargetMissing(path: bytes("a\n"), target: bytes("b"), layer: 1, member: here),
        "/a\\x0a: hard link to /b, which does not exist (member at tar byte 1536)", 1
      ),
      (
        .hardLinkToDirectory(path: bytes("a"), target: [], layer: 0, member: here),
        "/a: hard link to the directory / (member at tar byte 1536)", 0
      ),
      (
        .hardLinkLoop(path: bytes("a"), target: bytes("b"), layer: 3, member: here),
        "/a: hard link to /b, which leads back to it (member at tar byte 1536)", 3
      ),
      (
        .tooManyLinkBytes(limit: 7, path: bytes("a/b"), layer: 5, member: here),
        "/a/b: paths up to here lead through more than 7 bytes of symbolic links' targets "
          + "(member at tar byte 1536)", 5
      ),
      (
        .tooManyTableBytes(limit: 8, member: here),
        "more than 8 bytes of entries, names, attributes and sparse files' runs in one layer "
          + "(member at tar byte 1536)", nil
      ),
      (
        .symbolicLinkLoop(path: bytes("a/b"), layer: 4, member: here),
        "/a/b: too many levels of symbolic links (member at tar byte 1536)", 4
      ),
    ] as [(TreeError, String, Int?)]
  )
  func `an error says what is wrong and where`(error: TreeError, text: String, layer: Int?) {
    #expect("\(error)" == text)
    #expect(error.layer == layer)
  }
}
