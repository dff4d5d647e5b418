// What layers put and what is shadowed: a row for each rule, and random layers against a naive count that
// merges as far as each layer and looks at what is there.

import FileTree
import TestKit
import Testing

struct SpaceUseTests {
  struct Row: CustomTestStringConvertible {
    var name: String
    var layers: [[LayerMember]]
    var path = ""
    /// `VISIBLE SHADOWED OVERTAKEN` of each layer.
    var space: [String]
    /// `PATH BYTES LAYERS`.
    var wasted: [String] = []
    /// The least and all bytes that the efficiency is made of.
    var efficiency: String

    var testDescription: String { name }
  }

  static let rows = [
    Row(name: "no layers", layers: [], space: [], efficiency: "0 0"),
    Row(
      name: "nothing is wasted",
      layers: [[.file("a", bytes: 5), .hardLink("b", to: "a")], [.file("c", bytes: 6)]],
      space: ["5 0 0", "6 0 0"],
      efficiency: "11 11"
    ),
    Row(
      name: "overwritten: the smaller one would do",
      layers: [[.file("d/a", bytes: 5)], [.file("d/a", bytes: 8)], [.file("d/a", bytes: 7)]],
      space: ["0 5 0", "0 8 0", "7 0 0"],
      wasted: ["d/a 13 3"],
      efficiency: "5 20"
    ),
    Row(
      name: "deleted: nothing would do",
      layers: [[.file("a", bytes: 5), .file("b", bytes: 1)], [.whiteout("a")]],
      space: ["1 5 0", "0 0 0"],
      wasted: ["a 5 1"],
      efficiency: "1 6"
    ),
    Row(
      name: "a directory deleted, made opaque, or replaced: each file in it",
      layers: [
        [
          .file("d/a", bytes: 5), .file("e/a", bytes: 6), .file("f/a", bytes: 7),
          .file("f/b", bytes: 1),
        ],
        [.whiteout("d"), .opaque("e"), .file("e/b", bytes: 2), .file("f", bytes: 3)],
      ],
      space: ["0 19 0", "5 0 0"],
      wasted: ["f/a 7 1", "e/a 6 1", "d/a 5 1", "f/b 1 1"],
      efficiency: "5 24"
    ),
    Row(
      name: "deleted and put again counts as overwritten",
      layers: [[.file("a", bytes: 5)], [.whiteout("a")], [.file("a", bytes: 5)]],
      space: ["0 5 0", "0 0 0", "5 0 0"],
      wasted: ["a 5 2"],
      efficiency: "5 10"
    ),
    Row(
      name: "a file that is left under another name is not wasted",
      layers: [[.file("a", bytes: 5)], [.hardLink("b", to: "a")], [.whiteout("a")]],
      space: ["5 0 0", "0 0 0", "0 0 0"],
      efficiency: "5 5"
    ),
    Row(
      name: "replaced by something that is no file",
      layers: [[.file("a", bytes: 5)], [.symlink("a", to: "b")]],
      space: ["0 5 0", "0 0 0"],
      wasted: ["a 5 1"],
      efficiency: "0 5"
    ),
    Row(
      name: "a member that a later one of its layer overtakes is not put",
      layers: [[.file("a", bytes: 5), .file("a", bytes: 3)], [.file("a", bytes: 2)]],
      space: ["0 3 5", "2 0 0"],
      wasted: ["a 3 2"],
      efficiency: "2 5"
    ),
    Row(
      name: "a member that is overtaken is put where it has another name",
      layers: [[.file("a", bytes: 5), .hardLink("b", to: "a"), .file("a", bytes: 3)]],
      space: ["8 0 0"],
      efficiency: "3 8"
    ),
    Row(
      name: "below a path",
      layers: [
        [.file("d/a", bytes: 5), .file("dd", bytes: 70), .file("d.", bytes: 700)],
        [.file("d/a", bytes: 6), .file("d/e/f", bytes: 1), .whiteout("dd"), .whiteout("d.")],
      ],
      path: "d",
      space: ["0 5 0", "7 0 0"],
      wasted: ["d/a 5 2"],
      efficiency: "6 12"
    ),
    Row(
      name: "of one file",
      layers: [[.file("d/a", bytes: 5), .file("d/b", bytes: 9)], [.file("d/a", bytes: 6)]],
      path: "d/a",
      space: ["0 5 0", "6 0 0"],
      wasted: ["d/a 5 2"],
      efficiency: "5 11"
    ),
  ]

  private func use(_ layers: [LayerTable], at path: [UInt8] = []) throws -> SpaceUse {
    let tree = try TreeBuilder.merge(layers).tree
    let node = try tree.lookUp(path, followingLast: false)
    let sizes = PathSizes(of: tree, from: node)
    return try TreeBuilder.spaceUse(of: layers, in: tree, at: path, sizes, wastedLimit: 1000)
  }

  @Test(arguments: rows)
  func `layers have what they put, of which some is shadowed`(_ row: Row) throws {
    let use = try use(try row.layers.map(layer), at: bytes(row.path))
    #expect(use.layers.map { "\($0.visible) \($0.shadowed) \($0.overtaken)" } == row.space)
    #expect(
      use.wasted.map { "\(EscapedBytes.string($0.path)) \($0.byteCount) \($0.layerCount)" }
        == row.wasted
    )
    #expect(use.wastedPathCount == row.wasted.count)
    #expect("\(use.leastByteCount) \(use.allByteCount)" == row.efficiency)
    #expect(use.layers.map(\.put).reduce(0, +) == use.allByteCount)
  }

  @Test func `the paths with most wasted bytes are told, and how many there are`() throws {
    let names = (0..<3000).map { "d/\($0)" }
    let layers = [
      names.enumerated().map { LayerMember.file(PathBytes($1), bytes: 1 + $0 % 1000) },
      [.whiteout("d")],
    ]
    let tables = try layers.map(layer)
    let tree = try TreeBuilder.merge(tables).tree
    let use = try TreeBuilder.spaceUse(
      of: tables,
      in: tree,
      at: [],
      PathSizes(of: tree),
      wastedLimit: 4
    )
    let told = use.wasted.map { "\(EscapedBytes.string($0.path)) \($0.byteCount)" }
    #expect(told == ["d/999 1000", "d/1999 1000", "d/2999 1000", "d/998 999"])
    #expect(use.wastedPathCount == 3000)
    #expect(use.layers.map(\.shadowed) == [1_501_500, 0])
  }

  // MARK: Random layers

  /// Members of files by `LAYER.MEMBER`, as far as they are in the tree of the first layers.
  private func present(in stack: ArraySlice<[LayerMember]>) throws -> Set<String> {
    Set(try ReferenceMerge.rows(of: Array(stack)).compactMap(\.contentDigest))
  }

  private struct Naive {
    var space: [LayerSpace]
    var wasted: [[UInt8]: UInt64] = [:]
    var least: UInt64 = 0
    var all: UInt64 = 0
  }

  private func naive(_ stack: [[LayerMember]]) throws -> Naive {
    var naive = Naive(space: [])
    var versions: [[UInt8]: [(size: UInt64, isVisible: Bool)]] = [:]
    let last = try present(in: stack[...])
    for number in stack.indices {
      let now = try present(in: stack[...number])
      var space = LayerSpace()
      for (index, member) in stack[number].enumerated() {
        guard case .file(let byteCount) = member.what else { continue }
        let (size, name) = (UInt64(byteCount), "\(number).\(index)")
        if !now.contains(name) {
          space.overtaken += size
          continue
        }
        let isVisible = last.contains(name)
        if isVisible { space.visible += size } else { space.shadowed += size }
        versions[member.path, default: []].append((size, isVisible))
        if !isVisible, size > 0 { naive.wasted[member.path, default: 0] += size }
      }
      naive.space.append(space)
    }
    for files in versions.values {
      naive.all += files.map(\.size).reduce(0, +)
      if files.contains(where: \.isVisible) { naive.least += files.map(\.size).min() ?? 0 }
    }
    return naive
  }

  /// Without what union file systems kept for themselves: nobody sees it, but hard links to it.
  private func plain(_ stack: [[LayerMember]]) -> [[LayerMember]] {
    stack.map { members in
      members.filter { !isHidden($0.path) && !isHidden(target(of: $0)) }
    }
  }

  private func isHidden(_ path: [UInt8]) -> Bool {
    String(decoding: path, as: UTF8.self).contains(".wh.")
  }

  private func target(of member: LayerMember) -> [UInt8] {
    switch member.what {
    case .symbolicLink(let target), .hardLink(let target): target
    default: []
    }
  }

  @Test(arguments: 0..<8)
  func `random layers have what a naive count finds`(batch: Int) throws {
    var counted = 0
    var wasted = 0
    for seed in UInt64(batch * 15)..<UInt64(batch * 15 + 15) {
      let stack = plain(RandomLayers.mergeableStack(seed: seed, layerCount: 5, memberCount: 24))
      let expected: Naive
      // A hard link may have led to what was taken out.
      do { expected = try naive(stack) } catch is TreeError { continue }
      let use = try use(try stack.map(layer))
      #expect(use.layers == expected.space, "seed \(seed)")
      let told = Dictionary(uniqueKeysWithValues: use.wasted.map { ($0.path, $0.byteCount) })
      #expect(told == expected.wasted, "seed \(seed)")
      #expect(use.leastByteCount == expected.least, "seed \(seed)")
      #expect(use.allByteCount == expected.all, "seed \(seed)")
      counted += 1
      wasted += told.count
    }
    #expect(counted > 3 && wasted > 10)
  }
}
