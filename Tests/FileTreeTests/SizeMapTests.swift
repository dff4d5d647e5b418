// The large parts of a tree: which are taken in, what is told of the rest, and of random trees that each
// part has what a naive count finds.

import FileTree
import TestKit
import Testing

struct SizeMapTests {
  /// `PATH BYTES LAYER:BYTES OTHERS:BYTES` of each part.
  private func lines(
    _ layers: [[LayerMember]],
    smallest: UInt64 = 1,
    limit: Int = 1000
  ) throws -> [String] {
    let tree = try TreeBuilder.merge(try layers.map(layer)).tree
    let map = SizeMap(of: tree, PathSizes(of: tree), smallest: smallest, limit: limit)
    return map.parts.indices.map { place in
      let part = map.parts[place]
      let path = EscapedBytes.string(Self.path(place, in: map)) + (part.isDirectory ? "/" : "")
      let layer = "\(part.layer):\(part.layerByteCount)"
      return "\(path) \(part.byteCount) \(layer) \(part.otherCount):\(part.otherByteCount)"
    }
  }

  private static func path(_ place: Int, in map: SizeMap) -> [UInt8] {
    let part = map.parts[place]
    if place == 0 { return [] }
    let above = path(part.parent, in: map)
    return above.isEmpty ? part.name : above + [UInt8(ascii: "/")] + part.name
  }

  private static let layers: [[LayerMember]] = [
    [
      .file("a/1", bytes: 100), .file("a/2", bytes: 50), .file("a/b/3", bytes: 30),
      .file("a/b/4", bytes: 7), .directory("empty"), .symlink("s", to: "a"),
    ],
    [.file("a/b/5", bytes: 60), .file("c", bytes: 3), .hardLink("d", to: "a/1")],
  ]

  @Test func `everything that has bytes is a part, the rest is counted`() throws {
    #expect(
      try lines(Self.layers) == [
        "/ 250 0:187 3:0", "a/ 247 0:187 0:0", "a/1 100 0:100 0:0", "a/2 50 0:50 0:0",
        "a/b/ 97 1:60 0:0", "a/b/3 30 0:30 0:0", "a/b/4 7 0:7 0:0", "a/b/5 60 1:60 0:0",
        "c 3 1:3 0:0",
      ]
    )
  }

  @Test func `what is too small is left to its directory`() throws {
    #expect(
      try lines(Self.layers, smallest: 50) == [
        "/ 250 0:187 4:3", "a/ 247 0:187 0:0", "a/1 100 0:100 0:0", "a/2 50 0:50 0:0",
        "a/b/ 97 1:60 2:37", "a/b/5 60 1:60 0:0",
      ]
    )
  }

  @Test func `of too many parts the largest are kept`() throws {
    #expect(
      try lines(Self.layers, limit: 4) == [
        "/ 250 0:187 4:3", "a/ 247 0:187 1:50", "a/1 100 0:100 0:0", "a/b/ 97 1:60 3:97",
      ]
    )
    #expect(try lines(Self.layers, limit: 0) == ["/ 250 0:187 5:250"])
  }

  @Test func `an empty tree is its root`() throws {
    #expect(try lines([]) == ["/ 0 0:0 0:0"])
  }

  @Test func `a chain of directories is no deeper than the limit`() throws {
    let path = [String](repeating: "d", count: 30_000).joined(separator: "/")
    let found = try lines([[.file(PathBytes(path), bytes: 1)]], limit: 5)
    #expect(found.map { $0.split(separator: " ")[0] } == ["/", "d/", "d/d/", "d/d/d/", "d/d/d/d/"])
  }

  @Test(arguments: 0..<4)
  func `parts of random trees have what is below them`(batch: Int) throws {
    for seed in UInt64(batch * 15)..<UInt64(batch * 15 + 15) {
      let stack = RandomLayers.mergeableStack(seed: seed, layerCount: 4, memberCount: 40)
      let tree = try TreeBuilder.merge(try stack.map(layer)).tree
      let sizes = PathSizes(of: tree)
      let map = SizeMap(of: tree, sizes, smallest: 20, limit: 15)
      #expect(map.parts.count <= 15)
      for (place, part) in map.parts.enumerated() {
        let note: Comment = "seed \(seed), part \(place)"
        #expect(place == 0 || part.parent < place && map.parts[part.parent].isDirectory, note)
        let path = Self.path(place, in: map)
        #expect(try tree.lookUp(path, followingLast: false) == part.node, note)
        #expect(
          part.byteCount
            == (part.isDirectory ? sizes.byteCount(below: part.node) : tree[part.node].size),
          note
        )
        #expect(place == 0 || part.byteCount >= 20, note)
        let inside = map.parts.dropFirst().filter { $0.parent == place && $0.node != part.node }
        let bytesInside = inside.reduce(0) { $0 + $1.byteCount }
        if part.isDirectory {
          #expect(part.otherByteCount + bytesInside == part.byteCount, note)
          #expect(
            part.otherCount + inside.count == Int(tree[part.node].children.count),
            note
          )
        }
        #expect(part.layerByteCount <= part.byteCount, note)
        #expect(part.isDirectory || part.layer == Int(tree[part.node].layer), note)
      }
      // The root's layer is the one that most of all bytes come from.
      let most = sizes.layers.max() ?? 0
      #expect(map.parts[0].layerByteCount == most, "seed \(seed)")
    }
  }

  // MARK: Largest files

  @Test func `the largest files are told with their first paths`() throws {
    let tree = try TreeBuilder.merge(try Self.layers.map(layer)).tree
    let largest = tree.largestFiles(limit: 4)
    let paths = tree.firstPaths(of: Set(largest), from: WalkStep(path: [], node: .root))
    #expect(
      largest.map { EscapedBytes.string(paths[$0] ?? []) } == ["a/1", "a/b/5", "a/2", "a/b/3"]
    )
    #expect(tree.largestFiles(limit: 100).count == 6)
    #expect(tree.largestFiles(limit: 0) == [])
  }

  @Test func `of many files those that sorting would put first are told`() throws {
    var random = SeededGenerator(seed: 3)
    let members = (0..<9000).map { number in
      LayerMember.file(PathBytes("\(number)"), bytes: Int.random(in: 0..<500, using: &random))
    }
    let tree = try TreeBuilder.merge([try layer(members)]).tree
    let all = (0..<UInt32(tree.nodeCount)).map { NodeID($0) }.filter { tree[$0].size > 0 }
    let sorted = all.filter { tree[$0].kind == .regular }.sorted {
      (tree[$1].size, $0) < (tree[$0].size, $1)
    }
    for limit in [1, 200, 5000] {
      #expect(tree.largestFiles(limit: limit) == Array(sorted.prefix(limit)))
    }
  }
}
