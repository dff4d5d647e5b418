// The bytes below directories: each directory of random trees against a naive count, and the order in
// which they are told.

import FileTree
import Offsets
import TestKit
import Testing

struct PathSizesTests {
  private func sizes(
    _ layers: [[LayerMember]],
    at path: String = "",
    depth: Int
  ) throws -> [String] {
    let tree = try TreeBuilder.merge(try layers.map(layer)).tree
    let node = try tree.lookUp(bytes(path), followingLast: true)
    return PathSizes(of: tree, from: node).paths(in: tree, path: bytes(path), depth: depth).map {
      "\(EscapedBytes.string($0.path)) \($0.byteCount)"
    }
  }

  private static let members: [LayerMember] = [
    .file("b/small", bytes: 3), .file("b/deep/er/file", bytes: 40), .file("a/large", bytes: 500),
    .hardLink("b/again", to: "a/large"), .symlink("c", to: "a"), .directory("empty"),
    .file("top", bytes: 7), .characterDevice("dev/tty", 5, 1), .directory("z"),
  ]

  struct Row: CustomTestStringConvertible {
    var path: String
    var depth: Int
    var expected: [String]
    var testDescription: String { "\(path) \(depth)" }
  }

  static let rows = [
    Row(path: "", depth: 0, expected: [" 550"]),
    Row(path: "", depth: 1, expected: [" 550", "a 500", "b 43", "dev 0", "empty 0", "z 0"]),
    Row(
      path: "",
      depth: 9,
      expected: [
        " 550", "a 500", "b 43", "b/deep 40", "b/deep/er 40", "dev 0", "empty 0", "z 0",
      ]
    ),
    // A file with a name elsewhere counts where it is asked for.
    Row(path: "b", depth: 1, expected: ["b 543", "b/deep 40"]),
    Row(path: "a/large", depth: 3, expected: ["a/large 500"]),
    Row(path: "dev/tty", depth: 1, expected: ["dev/tty 0"]),
    Row(path: "c", depth: 1, expected: ["c 500"]),
  ]

  @Test(arguments: rows)
  func `directories are told with all below them, the largest first`(_ row: Row) throws {
    #expect(try sizes([Self.members], at: row.path, depth: row.depth) == row.expected)
  }

  @Test func `a file of several names counts at the first in the order of a walk`() throws {
    let members: [LayerMember] = [
      .file("x", bytes: 10), .hardLink("d/y", to: "x"), .hardLink("e/z", to: "x"),
    ]
    #expect(try sizes([members], depth: 1) == [" 10", "d 10", "e 0"])
  }

  @Test func `sizes that no number holds are the largest number`() throws {
    var builder = LayerTableBuilder()
    for name in ["a/1", "a/2"] {
      try builder.append(
        .regular(byteCount: .max - 1, data: .zero, segments: []),
        at: bytes(name),
        attributes: .init(mode: 0o644),
        member: .zero
      )
    }
    let table = try builder.table()
    let tree = try TreeBuilder.merge([table]).tree
    let sizes = PathSizes(of: tree)
    #expect(sizes.byteCount == .max)
    #expect(sizes.layers == [.max])
    #expect(sizes.paths(in: tree, path: [], depth: 1).map(\.byteCount) == [.max, .max])
    let use = try TreeBuilder.spaceUse(of: [table], in: tree, at: [], sizes, wastedLimit: 1)
    #expect(use.layers == [LayerSpace(visible: .max)])
    #expect(use.efficiency > 0.99)
  }

  /// By every path below, each file once.
  private func naiveSize(_ tree: Tree, _ start: WalkStep) -> (bytes: UInt64, files: Int) {
    let nodes = Set(tree.walk(from: start.node, prefix: start.path).map(\.node))
    let files = nodes.map { tree[$0] }.filter { $0.kind == .regular }
    return (files.reduce(0) { $0 + $1.size }, files.count)
  }

  @Test(arguments: 0..<4)
  func `every directory of random trees has the bytes of the files below it`(batch: Int) throws {
    for seed in UInt64(batch * 15)..<UInt64(batch * 15 + 15) {
      let stack = RandomLayers.mergeableStack(seed: seed, layerCount: 4, memberCount: 30)
      let tree = try TreeBuilder.merge(try stack.map(layer)).tree
      for step in tree.walk() {
        let sizes = PathSizes(of: tree, from: step.node)
        let expected = naiveSize(tree, step)
        #expect(sizes.byteCount == expected.bytes, "seed \(seed)")
        #expect(sizes.fileCount == expected.files, "seed \(seed)")
        #expect(sizes.layers.reduce(0, +) == expected.bytes, "seed \(seed)")
      }
    }
  }

  /// What is counted below a directory from the root is what is left when those before it had their share.
  @Test func `the directories of a tree share its bytes`() throws {
    for seed in UInt64(500)..<530 {
      let stack = RandomLayers.mergeableStack(seed: seed, layerCount: 3, memberCount: 40)
      let tree = try TreeBuilder.merge(try stack.map(layer)).tree
      let sizes = PathSizes(of: tree)
      var met: Set<NodeID> = []
      var own: [NodeID: UInt64] = [:]
      for step in tree.walk() where met.insert(step.node).inserted {
        guard tree[step.node].kind == .regular else { continue }
        var directory = try tree.lookUp(
          Array(EntryPath.split(step.path).directory),
          followingLast: false
        )
        own[directory, default: 0] += tree[step.node].size
        while directory != .root {
          directory = tree[directory].parent
          own[directory, default: 0] += tree[step.node].size
        }
      }
      for step in tree.walk() where tree[step.node].kind == .directory {
        #expect(sizes.byteCount(below: step.node) == own[step.node, default: 0], "seed \(seed)")
      }
    }
  }
}
