// Layers made to exhaust: depth, width, and whatever a careless merge would do for every pair.

import FileTree
import FlatArrays
import TestKit
import Testing

struct HostileLayerTests {
  private static func deepPath(_ depth: Int) -> [UInt8] {
    Array([[UInt8]](repeating: bytes("a"), count: depth).joined(separator: bytes("/")))
  }

  @Test func `twenty thousand levels need no stack`() throws {
    let deep = Self.deepPath(20_000)
    let merged = try TreeBuilder.merge([
      try layer([.file(PathBytes(deep + bytes("/f")), bytes: 1), .directory(PathBytes(deep))]),
      try layer([
        .file(PathBytes(deep + bytes("/g")), bytes: 2), .whiteout(PathBytes(deep + bytes("/f"))),
        .symlink("a/l", to: "nowhere"), .opaque(PathBytes(deep)),
        .hardLink("h", to: PathBytes(deep + bytes("/g"))),
      ]),
    ])
    let tree = merged.tree
    #expect(tree.walk().reduce(0) { count, _ in count + 1 } == 20_000 + 4)
    let found = try tree.lookUp(deep + bytes("/g"))
    #expect(tree[found].size == 2)
    #expect(try tree.lookUp(bytes("h")) == found)
    #expect(throws: LookupFailure.notFound) { try tree.lookUp(deep + bytes("/f")) }
    #expect(try tree.lookUp(deep + bytes("/../../..")) == NodeID(20_000 - 3))
    #expect(merged.warnings.counts == [:])
  }

  @Test func `a path of the longest form is merged, and links cannot make a deeper one`() throws {
    let deep = Self.deepPath(32_767)
    #expect(deep.count == EntryPath.pathLimit - 3)
    let file = LayerMember.file(PathBytes(deep + bytes("/f")))
    let tree = try TreeBuilder.merge([try layer([file])]).tree
    #expect(tree.nodeCount == 1 + 32_767 + 1)

    let half = Self.deepPath(31_000)
    let link = LayerMember.symlink(
      PathBytes(half + bytes("/l")),
      to: PathBytes(Self.deepPath(2000))
    )
    let behind = half + bytes("/l/f")
    let error = TreeError.pathBehindLinksTooLong(path: behind, layer: 0, member: memberOffset(1))
    #expect(throws: error) {
      try TreeBuilder.merge([try layer([link, .file(PathBytes(behind))])])
    }
  }

  /// A chain of 39 links, each with a target of 1,003 bytes, from `L0` to the root.
  private static let longLinks: [LayerMember] = (0..<39).map { number in
    let next = number < 38 ? "L\(number + 1)" : "."
    let target = bytes(next) + bytes(String(repeating: "/", count: 1003 - next.count))
    return .symlink(PathBytes("L\(number)"), to: PathBytes(target))
  }
  private static let walkByteCount = UInt64(
    longLinks.reduce(0) { count, member in
      if case .symbolicLink(let target) = member.what { count + target.count } else { count }
    }
  )

  private static var tightLimits: TreeLimits {
    var limits = TreeLimits()
    limits.linkByteCount = 1 << 18
    return limits
  }

  /// What the last layer asks for, the paths of its members, and how often each walks the chain.
  static let walks: [(String, [[LayerMember]], UInt64)] = [
    (
      "parents in turns",
      [longLinks + (0..<40).map { .file(PathBytes("L0/\($0 % 2)/f\($0)")) }], 1
    ),
    (
      "links of a lower layer, followed",
      [longLinks, (0..<40).map { .file(PathBytes("L0/\($0 % 2)/f\($0)")) }], 1
    ),
    (
      "hard links to earlier members",
      [longLinks + [.file("a")] + (0..<40).map { .hardLink(PathBytes("h\($0)"), to: "L0/a") }], 1
    ),
    (
      "hard links that wait for the layer's end",
      [[.file("a")], longLinks + (0..<40).map { .hardLink(PathBytes("h\($0)"), to: "L0/a") }], 2
    ),
    (
      "whiteouts",
      [longLinks + [.file("a")], (0..<40).map { _ in .whiteout("L0/a") }], 2
    ),
    (
      "whiteouts behind the layer's own links",
      [[.file("a")], longLinks + (0..<40).map { _ in .whiteout("L0/a") }], 2
    ),
  ]

  /// Forty members would read 1.5 MB of targets, and a million of them, with longer ones, 160 GB.
  @Test(arguments: walks)
  func `walking links again and again ends in an error`(
    what: String,
    stack: [[LayerMember]],
    times: UInt64
  ) throws {
    let layers = try stack.map(layer)
    let policy = LowerLinkPolicy.follow
    var thrown: TreeError?
    do throws(TreeError) {
      _ = try TreeBuilder.merge(layers, lowerLinks: policy, limits: Self.tightLimits)
    } catch {
      thrown = error
    }
    guard let found = thrown, case .tooManyLinkBytes(let limit, _, let number, let member) = found
    else {
      Issue.record("\(what): \(thrown.map { $0.description } ?? "merged")")
      return
    }
    #expect(number == stack.count - 1)
    // The budget is there in full, with what its entries add, and not more.
    #expect(limit == 1 << 18 + 64 * UInt64(stack.joined().count))
    let first = stack[number].count - 40
    let before = UInt64(memberIndex(at: member) - first)
    if times == 1 { #expect(before == limit / Self.walkByteCount) }
    // Whoever watches the merge of everything meets the same bound.
    #expect(throws: found) {
      try TreeBuilder.history(
        of: bytes("a"),
        in: layers,
        lowerLinks: policy,
        limits: Self.tightLimits,
        mergesEverything: true
      )
    }
    _ = try TreeBuilder.merge(layers, lowerLinks: policy)
    _ = try TreeBuilder.history(of: bytes("a"), in: layers, lowerLinks: policy)
  }

  /// With no more than each entry adds.
  @Test func `an image whose files all lie behind links is merged`() throws {
    var limits = TreeLimits()
    limits.linkByteCount = 0
    let links: [LayerMember] = [.symlink("lib", to: "usr/lib"), .symlink("bin", to: "/usr/bin")]
    let files = (0..<20_000).flatMap { number -> [LayerMember] in
      [
        .file(PathBytes("lib/f\(number)"), bytes: number), .file(PathBytes("bin/f\(number)")),
        .hardLink(PathBytes("bin/h\(number)"), to: PathBytes("lib/f\(number)")),
        .whiteout(PathBytes("lib/old\(number)")),
      ]
    }
    for stack in [[links + files], [links, files]] {
      let layers = try stack.map(layer)
      let tree = try TreeBuilder.merge(layers, lowerLinks: .follow, limits: limits).tree
      #expect(try tree[tree.lookUp(bytes("usr/lib/f19999"))].size == 19_999)
      #expect(try tree[tree.lookUp(bytes("usr/bin/h7"))].size == 7)
      let history = try TreeBuilder.history(
        of: bytes("usr/lib/f7"),
        in: layers,
        lowerLinks: .follow,
        limits: limits
      )
      #expect(history.events.count == 1)
    }
  }

  @Test func `a directory of a hundred thousand names is sorted and searched`() throws {
    var generator = SeededGenerator(seed: 1)
    let names = (0..<100_000).map { "name-\($0)" }.shuffled(using: &generator)
    let tree = try TreeBuilder.merge([
      try layer(names.map { .file(PathBytes("d/" + $0)) }),
      try layer([.whiteout("d/name-5"), .file("d/name-50000", bytes: 7)]),
    ]).tree
    let walked = tree.walk().dropFirst(2).map {
      String(decoding: $0.path.dropFirst(2), as: UTF8.self)
    }
    #expect(walked == names.filter { $0 != "name-5" }.sorted())
    let directory = tree[try tree.lookUp(bytes("d"))]
    #expect(tree.children(of: directory).count == 99_999)
    #expect(try tree[tree.lookUp(bytes("d/name-50000"))].size == 7)
    #expect(tree.child(ByteSlice(bytes("name-5")), of: directory) == nil)
    #expect(tree.child(ByteSlice(bytes("name-99999")), of: directory) != nil)
  }

  /// Each needs the one after it: settled one by one in turns, they would take 50,000²/2 steps.
  @Test func `a chain of fifty thousand hard links is settled`() throws {
    let count = 50_000
    let links = (0..<count).map {
      LayerMember.hardLink(PathBytes("l\($0)"), to: PathBytes("l\($0 + 1)"))
    }
    let merged = try TreeBuilder.merge([
      try layer(links + [.file(PathBytes("l\(count)"), bytes: 1)])
    ])
    #expect(merged.tree.nodeCount == 2)
    #expect(merged.tree[NodeID(1)].linkCount == UInt32(count + 1))
    #expect(merged.warnings.counts == [.linkBeforeTarget: count])
  }

  /// Each alone would look at all names: 20,000 × 20,000 of them.
  @Test func `twenty thousand opaque marks on one directory act once`() throws {
    let count = 20_000
    let merged = try TreeBuilder.merge([
      try layer((0..<count).map { .file(PathBytes("d/\($0)")) }),
      try layer((0..<count).map { _ in .opaque("d") } + [.file("d/x", bytes: 1)]),
    ])
    #expect(merged.tree.brief == "d/, d/x 1")
  }

  /// Remembering every prefix of every path would take 20 × 16,000²/2 × 2 bytes.
  @Test func `deep whiteouts take no more memory than their paths`() throws {
    let whiteouts = (0..<20).map {
      LayerMember.whiteout(PathBytes(bytes("\($0)/") + Self.deepPath(16_000)))
    }
    let merged = try TreeBuilder.merge([
      try layer([.file("x")]), try layer(whiteouts + [.symlink("y", to: "x")]),
    ])
    #expect(merged.tree.brief == "x 0, y -> x")
    #expect(merged.warnings.counts == [.whiteoutWithoutDirectory: 20])
  }

  @Test func `a directory and a file in turns do not pile up`() throws {
    var members: [LayerMember] = []
    for index in 0..<20_000 {
      members.append(.file(PathBytes("d/\(index)")))
      members.append(.file("d", bytes: index))
    }
    let base = try layer((0..<20_000).map { .file(PathBytes("d/b\($0)")) })
    let merged = try TreeBuilder.merge([base, try layer(members)])
    #expect(merged.tree.brief == "d 19999")
    #expect(merged.warnings.counts == [.duplicateEntry: 2 * 20_000 - 1])
  }
}
