// The difference of two trees, row by row: what is reported, in which order, and for which files the
// bytes are asked for.

import FileTree
import TestKit
import Testing

struct DifferenceRow: Sendable, CustomTestStringConvertible {
  var name: String
  var old: [[LayerMember]]
  var new: [[LayerMember]]
  /// Files whose bytes differ, by their paths in the old tree.
  var differing: Set<String> = []
  /// Each difference as a line.
  var expected: [String]
  /// The files whose bytes are asked for, by their paths in the old tree.
  var asked: [String] = []

  var testDescription: String { name }
}

extension DifferenceRow {
  static let all: [DifferenceRow] = names + kinds + attributes + contents + links

  private static let names = [
    DifferenceRow(
      name: "the same tree",
      old: [[.directory("d"), .file("d/f"), .symlink("l", to: "d"), .fifo("p")]],
      new: [[.fifo("p"), .symlink("l", to: "d"), .file("d/f"), .directory("d")]],
      expected: []
    ),
    DifferenceRow(
      name: "nothing against something",
      old: [[]],
      new: [[.file("d/e/f"), .file("a")]],
      expected: ["A a", "A d", "A d/e", "A d/e/f"]
    ),
    DifferenceRow(
      name: "something against nothing",
      old: [[.file("d/e/f"), .file("a")]],
      new: [[]],
      expected: ["D a", "D d", "D d/e", "D d/e/f"]
    ),
    DifferenceRow(
      name: "names as bytes, directories before what sorts behind their slash",
      old: [[.file("a/x"), .file("a.b"), .file("é"), .file([0xFF])]],
      new: [[.file("a/y"), .file("a.c"), .file("e\u{301}"), .file([0xFE])]],
      expected: [
        "D a/x", "A a/y", "D a.b", "A a.c", "A e\\xcc\\x81", "D \\xc3\\xa9", "A \\xfe", "D \\xff",
      ]
    ),
    DifferenceRow(
      name: "below directories that one tree has",
      old: [[.file("both/f"), .file("gone/d/f"), .file("z")]],
      new: [[.file("both/g"), .file("new/d/f"), .file("z")]],
      expected: [
        "D both/f", "A both/g", "D gone", "D gone/d", "D gone/d/f", "A new", "A new/d", "A new/d/f",
      ]
    ),
    DifferenceRow(
      name: "layers do not matter",
      old: [[.file("a"), .file("b")], [.whiteout("b"), .file("c", bytes: 0)]],
      new: [[.file("c")], [.file("a")]],
      expected: []
    ),
  ]

  private static let kinds = [
    DifferenceRow(
      name: "a directory against others",
      old: [[.file("a/x"), .file("b"), .symlink("c", to: "a"), .file("d/x/y")]],
      new: [[.file("a", mode: 0o755), .file("b/x"), .file("c/x"), .symlink("d", to: "a")]],
      expected: [
        "M a type", "D a/x", "M b type,mode", "A b/x", "M c type,mode", "A c/x", "M d type,mode",
        "D d/x", "D d/x/y",
      ]
    ),
    DifferenceRow(
      name: "targets and numbers",
      old: [
        [
          .symlink("l", to: "a"), .symlink("m", to: "b"), .characterDevice("c", 1, 3),
          .blockDevice("b", 8, 0), .characterDevice("k", 1, 3), .characterDevice("s", 1, 3),
        ]
      ],
      new: [
        [
          .symlink("l", to: "aa"), .symlink("m", to: "b"), .characterDevice("c", 1, 5),
          .blockDevice("b", 9, 0), .blockDevice("k", 1, 3), .characterDevice("s", 1, 3),
        ]
      ],
      expected: ["M b device", "M c device", "M k type", "M l target"]
    ),
  ]

  private static let attributes = [
    DifferenceRow(
      name: "mode, owner and time of every type",
      old: [[.file("f"), .directory("d"), .symlink("l", to: "f"), .fifo("p"), .file("g")]],
      new: [
        [
          .file("f", mode: 0o4644), .directory("d", mode: 0o700).owned(by: 0, 1),
          .symlink("l", to: "f").modified(at: 0, 1), .fifo("p").owned(by: 1, 0).modified(at: -1),
          .file("g"),
        ]
      ],
      expected: ["M d mode,owner", "M f mode", "M l time", "M p owner,time"]
    ),
    DifferenceRow(
      name: "extended attributes, in whatever order",
      old: [
        [
          .file("a").with("user.a", "1").with("user.b", "2"), .file("b").with("user.a", "1"),
          .file("c").with("user.a", "1"), .file("d"), .file("e").with("user.a", ""),
        ]
      ],
      new: [
        [
          .file("a").with("user.b", "2").with("user.a", "1"), .file("b").with("user.a", "2"),
          .file("c"), .file("d").with("user.a", "1"), .file("e").with("user.b", ""),
        ]
      ],
      expected: ["M b attributes", "M c attributes", "M d attributes", "M e attributes"]
    ),
    DifferenceRow(
      name: "the root",
      old: [[]],
      new: [[.directory("", mode: 0o700)]],
      expected: ["M  mode"]
    ),
  ]

  private static let contents = [
    DifferenceRow(
      name: "only bytes that sizes say nothing about are asked for",
      old: [[.file("a", bytes: 5), .file("b", bytes: 5), .file("c", bytes: 5), .file("e")]],
      new: [[.file("a", bytes: 5), .file("b", bytes: 6), .file("c", bytes: 5), .file("e")]],
      differing: ["c"],
      expected: ["M b content", "M c content"],
      asked: ["a", "c"]
    ),
    DifferenceRow(
      name: "of other types nothing is asked for",
      old: [[.file("a", bytes: 5), .symlink("b", to: "12345"), .directory("c")]],
      new: [[.symlink("a", to: "12345"), .file("b", bytes: 5), .directory("c")]],
      expected: ["M a type,mode", "M b type,mode"]
    ),
    DifferenceRow(
      name: "two files under many names are asked for once",
      old: [[.file("a", bytes: 5), .hardLink("b", to: "a"), .hardLink("c", to: "a")]],
      new: [[.file("a", bytes: 5), .hardLink("b", to: "a"), .hardLink("c", to: "a")]],
      differing: ["a"],
      expected: ["M a content", "M b content", "M c content"],
      asked: ["a"]
    ),
  ]

  private static let links = [
    DifferenceRow(
      name: "names that were one file and are two, and the other way",
      old: [[.file("a"), .hardLink("b", to: "a"), .file("c"), .file("d")]],
      new: [[.file("a"), .file("b"), .file("c"), .hardLink("d", to: "c")]],
      expected: ["M b links", "M d links"]
    ),
    DifferenceRow(
      name: "another partner",
      old: [[.file("a"), .file("b"), .hardLink("c", to: "a")]],
      new: [[.file("a"), .file("b"), .hardLink("c", to: "b")]],
      expected: ["M c links"]
    ),
    DifferenceRow(
      name: "a further name is added, or goes, and the others stay as they are",
      old: [[.file("a"), .hardLink("b", to: "a"), .hardLink("c", to: "a")]],
      new: [[.file("a"), .hardLink("b", to: "a"), .hardLink("d", to: "a")]],
      expected: ["D c", "A d"]
    ),
    DifferenceRow(
      name: "subdirectories are no links",
      old: [[.directory("d"), .directory("d/e"), .directory("f")]],
      new: [[.directory("d"), .directory("d/e"), .directory("f")]],
      expected: []
    ),
    DifferenceRow(
      name: "links of symbolic links",
      old: [[.symlink("a", to: "x"), .hardLink("b", to: "a")]],
      new: [[.symlink("a", to: "x"), .symlink("b", to: "x")]],
      expected: ["M b links"]
    ),
  ]
}

struct TreeDifferenceTests {
  private static let changes: [(NodeChanges, String)] = [
    (.type, "type"), (.content, "content"), (.target, "target"), (.device, "device"),
    (.mode, "mode"), (.owner, "owner"), (.time, "time"), (.attributes, "attributes"),
    (.links, "links"),
  ]

  private func line(_ difference: TreeDifference) -> String {
    let path = EscapedBytes.string(difference.path)
    switch difference.change {
    case .added: return "A " + path
    case .removed: return "D " + path
    case .changed(_, _, let changes):
      let words = Self.changes.filter { changes.contains($0.0) }.map(\.1)
      return "M \(path) " + words.joined(separator: ",")
    }
  }

  private func tree(_ layers: [[LayerMember]]) throws -> Tree {
    try TreeBuilder.merge(try layers.map(layer)).tree
  }

  @Test(arguments: DifferenceRow.all)
  func `two trees differ in what is in one of them or is another in both`(
    row: DifferenceRow
  ) throws {
    let (old, new) = (try tree(row.old), try tree(row.new))
    let paths = Dictionary(
      old.walk().map { (old[$0.node], EscapedBytes.string($0.path)) }
    ) { first, _ in first }
    var asked: [String] = []
    let differences = TreeDifferences(from: old, to: new) { before, _ in
      let path = paths[before] ?? "?"
      asked.append(path)
      return !row.differing.contains(path)
    }
    #expect(all(differences).map(line) == row.expected)
    #expect(asked == row.asked)
  }

  @Test(arguments: DifferenceRow.all)
  func `the other way round, what was added was removed`(row: DifferenceRow) throws {
    let (old, new) = (try tree(row.old), try tree(row.new))
    let forward = Set(all(TreeDifferences(from: old, to: new) { _, _ in true }))
    let back = all(TreeDifferences(from: new, to: old) { _, _ in true }).map { difference in
      var other = difference
      other.change =
        switch difference.change {
        case .added(let node): .removed(node)
        case .removed(let node): .added(node)
        case .changed(let before, let after, let changes):
          .changed(from: after, to: before, changes)
        }
      return other
    }
    #expect(Set(back) == forward)
  }

  private func all(_ differences: TreeDifferences<Never>) -> [TreeDifference] {
    var differences = differences
    var all: [TreeDifference] = []
    while let difference = differences.next() { all.append(difference) }
    return all
  }

  @Test func `times are left out if so asked`() throws {
    let old = try tree([[.file("a"), .file("b")]])
    let new = try tree([[.file("a").modified(at: 1), .file("b", mode: 0o600).modified(at: 0, 1)]])
    let found = all(TreeDifferences(from: old, to: new, ignoringTimes: true) { _, _ in true })
    #expect(found.map(line) == ["M b mode"])
  }

  @Test func `a part is compared, under one path, also with nothing`() throws {
    let old = try tree([[.file("d/a"), .file("d/b"), .file("e")]])
    let new = try tree([[.file("x/b"), .file("x/c"), .file("f")]])
    let (before, after) = (try old.lookUp(bytes("d")), try new.lookUp(bytes("x")))
    func lines(_ start: NodePair) -> [String] {
      all(
        TreeDifferences(from: old, to: new, start: start, path: bytes("p/q")) { _, _ in true }
      ).map(line)
    }
    #expect(lines(NodePair(old: before, new: after)) == ["D p/q/a", "A p/q/c"])
    #expect(lines(NodePair(old: before, new: nil)) == ["D p/q", "D p/q/a", "D p/q/b"])
    #expect(lines(NodePair(old: nil, new: after)) == ["A p/q", "A p/q/b", "A p/q/c"])
    #expect(lines(NodePair(old: nil, new: nil)) == [])
  }

  @Test func `contents that cannot be compared end the walk, and the path is known`() throws {
    struct Unreadable: Error {}
    let old = try tree([[.file("a", mode: 0o600), .file("d/f", bytes: 3)]])
    let new = try tree([[.file("a"), .file("d/f", bytes: 3)]])
    var differences = TreeDifferences(from: old, to: new) { _, _ throws(Unreadable) in
      throw Unreadable()
    }
    let first = try differences.next()
    #expect(first.map(line) == "M a mode")
    #expect(throws: Unreadable.self) { try differences.next() }
    #expect(differences.path == bytes("d/f"))
  }

  @Test func `a path of thousands of directories is walked without recursion`() throws {
    let deep = PathBytes((0..<30_000).map { _ in "d" }.joined(separator: "/"))
    let old = try tree([[.directory(deep)]])
    let new = try tree([[.directory(deep, mode: 0o700)]])
    let found = all(TreeDifferences(from: old, to: new) { _, _ in true })
    #expect(found.map(\.path) == [deep.bytes])
  }

  @Test(arguments: 0..<200)
  func `random trees differ as their dumps do`(seed: Int) throws {
    let stacks = [UInt64(seed) * 2, UInt64(seed) * 2 + 1].map {
      RandomLayers.mergeableStack(seed: $0, layerCount: 2)
    }
    let (old, new) = (try tree(stacks[0]), try tree(stacks[1]))
    let found = all(TreeDifferences(from: old, to: new) { $0.size == $1.size })
    let isOfLinksAlone = found.filter { difference in
      if case .changed(_, _, .links) = difference.change { true } else { false }
    }
    let expected = differingPaths(old, new)
    #expect(Set(found.map(\.path)).subtracting(isOfLinksAlone.map(\.path)) == expected)
    #expect(Set(found.map(\.path)).count == found.count)
  }

  /// The paths at which the dumps differ, each name told as if it were its file's first.
  private func differingPaths(_ old: Tree, _ new: Tree) -> Set<[UInt8]> {
    func rows(_ tree: Tree) -> [[UInt8]: DumpRow] {
      var first: [[UInt8]: DumpRow] = [:]
      for row in tree.dumpRows(digest: { _ in nil }) {
        var whole = row.hardLinkTo.flatMap { first[$0] } ?? row
        whole.path = row.path
        whole.linkCount = 0
        first[row.path] = whole
      }
      return first
    }
    let (before, after) = (rows(old), rows(new))
    return Set(before.keys).union(after.keys).filter { before[$0] != after[$0] }
  }

  @Test func `attributes differ by name`() throws {
    let old = try tree([
      [.file("f").with("user.a", "1").with("user.b", "2").with("user.c", "3").with("user.d", "")]
    ])
    let new = try tree([
      [.file("f").with("user.0", "").with("user.b", "2").with("user.c", "4").with("user.e", "")]
    ])
    let node = try old.lookUp(bytes("f"))
    let changes = AttributeChanges(
      from: old.extendedAttributes(of: old[node]),
      to: new.extendedAttributes(of: new[node])
    )
    #expect(changes.added == [bytes("user.0"), bytes("user.e")])
    #expect(changes.removed == [bytes("user.a"), bytes("user.d")])
    #expect(changes.changed == [bytes("user.c")])
  }
}
