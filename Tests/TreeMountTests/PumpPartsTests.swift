// What the pump is made of, without a kernel: which pieces there are, where directories lie, and what the
// reads of others tell.

import FileTree
import FlatArrays
import TestKit
import Testing

@testable import TreeMount

struct PumpPartsTests {
  private static func tree(_ members: [LayerMember]) throws -> Tree {
    try TreeBuilder.merge([try layer(members)]).tree
  }

  // MARK: Pieces

  /// Nodes: 0 the root, 1 a, 2 a/big, 3 a/empty, 4 a/link, 5 b, 6 pipe; c is a second name of 5.
  private static let members: [LayerMember] = [
    .directory("a"), .file("a/big", bytes: (2 << 20) + 7), .file("a/empty"),
    .symlink("a/link", to: "big"), .file("b", bytes: 9), .hardLink("c", to: "b"), .fifo("pipe"),
  ]

  private static func piece(_ node: UInt32, _ offset: UInt64, _ count: Int) -> PieceCursor.Item {
    .piece(Piece(position: ReadPosition(node: node, offset: offset), byteCount: count))
  }

  private static let items: [PieceCursor.Item] = [
    .directory(NodeID(0)), .directory(NodeID(1)), piece(2, 0, 1 << 20), piece(2, 1 << 20, 1 << 20),
    piece(2, 2 << 20, 7), piece(5, 0, 9),
  ]

  private static func rest(of cursor: PieceCursor) -> [PieceCursor.Item] {
    var cursor = cursor
    var items: [PieceCursor.Item] = []
    while let item = cursor.next() { items.append(item) }
    return items
  }

  @Test func `every byte of every file is in one piece, in the order of a walk`() throws {
    let tree = try Self.tree(Self.members)
    let cursor = PieceCursor(tree, from: .start, takesWholeFiles: true)
    #expect(Self.rest(of: cursor) == Self.items)
  }

  @Test func `or the beginning of every file is`() throws {
    let tree = try Self.tree(Self.members)
    let cursor = PieceCursor(tree, from: .start, takesWholeFiles: false)
    #expect(
      Self.rest(of: cursor) == Self.items.enumerated().filter { ![3, 4].contains($0.0) }.map(\.1)
    )
  }

  @Test(arguments: [
    (ReadPosition(node: 0, offset: 0), 2), (ReadPosition(node: 2, offset: 0), 3),
    (ReadPosition(node: 2, offset: 4096), 3), (ReadPosition(node: 2, offset: 1 << 20), 4),
    (ReadPosition(node: 2, offset: 2 << 20), 5), (ReadPosition(node: 3, offset: 0), 5),
    (ReadPosition(node: 5, offset: 0), 6), (ReadPosition(node: 9, offset: .max), 6),
  ])
  func `a reader that is ahead is not served what it has`(reader: ReadPosition, left: Int) throws {
    let tree = try Self.tree(Self.members)
    var cursor = PieceCursor(tree, from: .start, takesWholeFiles: true)
    _ = cursor.next()
    cursor.skip(behind: reader)
    // Node 0 is the root, which is no file: whoever is there has seen only it.
    let expected = reader.node == 0 ? 1 : left
    #expect(Self.rest(of: cursor) == Array(Self.items[expected...]))
  }

  @Test func `of a directory's files the beginnings are taken`() throws {
    let tree = try Self.tree(Self.members)
    let pieces = { (node: UInt32) in PieceCursor.firstPieces(in: NodeID(node), of: tree) }
    let small = Piece(position: ReadPosition(node: 5, offset: 0), byteCount: 9)
    #expect(pieces(0) == [small, small])
    #expect(pieces(1) == [Piece(position: ReadPosition(node: 2, offset: 0), byteCount: 1 << 20)])
    #expect(pieces(2) == [])
  }

  // MARK: Courses

  /// A window of a walker, and more: nodes 0 the root, then files of 8 MiB from 1 on, 7 is a directory.
  private static let large =
    (1...6).map { LayerMember.file(PathBytes(Array("\($0)".utf8)), bytes: 8 << 20) } + [
      .directory("d")
    ]

  private static func batch(_ range: Range<UInt64>) -> PumpCourse.Step {
    .push(
      PumpBatch(
        walk: 3,
        pieces: range.map { mebibyte in
          let position = ReadPosition(node: UInt32(1 + mebibyte / 8), offset: (mebibyte % 8) << 20)
          return Piece(position: position, byteCount: 1 << 20)
        }
      )
    )
  }

  private static func steps(of course: PumpCourse, reader: ReadPosition) -> [PumpCourse.Step] {
    var course = course
    var steps: [PumpCourse.Step] = []
    repeat {
      // Four MiB of a file are decoded together.
      steps.append(
        course.nextStep(readerAt: reader) {
          [$0.position.node, UInt32($0.position.offset >> 22)]
        }
      )
      if case .wait = steps.last { course.windowWasUsed() }
    } while steps.last != .end && steps.count < 100
    return steps
  }

  @Test func `a walker is pushed what is decoded together, with a mark after each window`() throws {
    let walker = PumpReader.walker(mountpoint: [])
    let course = PumpCourse(try Self.tree(Self.large), from: .start, walk: 3, for: walker)
    #expect(course.position == .start)
    let steps = Self.steps(of: course, reader: .start)
    // The root counts for a page, so that the 32nd piece is the last of the first window.
    #expect(
      steps == [.list(.root)] + stride(from: 0, to: 32, by: 4).map { Self.batch($0..<($0 + 4)) }
        + [.wait(.start), Self.batch(33..<36)]
        + stride(from: 36, to: 48, by: 4).map { Self.batch($0..<($0 + 4)) }
        + [.list(NodeID(7)), .end]
    )
  }

  @Test func `what a reader has is left out, and so is the rest of its files for anybody`() throws {
    let tree = try Self.tree(Self.large)
    let course = PumpCourse(tree, from: ReadPosition(node: 1, offset: 0), walk: 3, for: .anybody)
    let steps = Self.steps(of: course, reader: ReadPosition(node: 2, offset: 5))
    // 256 KiB are less than a piece, so that the next one is a mark; then it is 512 KiB, and 1 MiB.
    #expect(
      steps == [
        Self.batch(9..<10), .wait(ReadPosition(node: 1, offset: 0)), Self.batch(24..<25),
        .wait(ReadPosition(node: 3, offset: 0)), Self.batch(40..<41), .list(NodeID(7)), .end,
      ]
    )
  }

  // MARK: Paths

  @Test func `directories have the paths that a walk gives them, whichever are left out`() throws {
    for seed in UInt64(0)..<200 {
      let stack = RandomLayers.mergeableStack(seed: seed, layerCount: 3, memberCount: 40)
      let tree = try TreeBuilder.merge(try stack.map { try layer($0) }).tree
      let expected = Self.directories(of: tree)
      var generator = SeededGenerator(seed: seed)
      for _ in 0..<3 {
        var paths = DirectoryPaths(of: tree, below: Array("/mnt".utf8))
        let chosen = expected.filter { _ in generator.next() & 1 == 0 }
        #expect(chosen.map { paths.path(of: $0.id) } == chosen.map(\.path), "seed \(seed)")
      }
    }
  }

  private struct Directory {
    var id: NodeID
    var path: [UInt8]
  }

  private static func directories(of tree: Tree) -> [Directory] {
    var found = [Directory(id: .root, path: Array("/mnt".utf8))]
    var next = 0
    while next < found.count {
      let directory = found[next]
      for child in tree.children(of: tree[directory.id]) where tree[child.node].kind == .directory {
        let path = directory.path + [UInt8(ascii: "/")] + tree.name(of: child).array
        found.append(Directory(id: child.node, path: path))
      }
      next += 1
    }
    return found.sorted { $0.id < $1.id }
  }

  // MARK: Reads

  struct Reads: Sendable {
    var name: String
    /// Nodes that are read from their beginning.
    var nodes: [UInt32]
    var pushed: UInt32 = 0
    var mayTurn = true
    var walk: UInt32
    var isInOrder: Bool
    var node: UInt32
    /// Whether the last one is worth waking the pump for.
    var wakes: Bool
  }

  @Test(arguments: [
    Reads(name: "nothing", nodes: [], walk: 0, isInOrder: false, node: 0, wakes: false),
    Reads(name: "in order", nodes: [3, 4, 9], walk: 0, isInOrder: true, node: 9, wakes: true),
    Reads(name: "one file", nodes: [3, 3, 3, 3], walk: 0, isInOrder: false, node: 3, wakes: false),
    Reads(name: "too few", nodes: [3, 4], walk: 0, isInOrder: false, node: 4, wakes: false),
    Reads(
      name: "from afar",
      nodes: [500, 501, 502],
      walk: 1,
      isInOrder: false,
      node: 502,
      wakes: false
    ),
    Reads(
      name: "then in order",
      nodes: [500, 501, 502, 503],
      walk: 1,
      isInOrder: true,
      node: 503,
      wakes: true
    ),
    Reads(
      name: "a turn back",
      nodes: [500, 501, 502, 503, 9],
      walk: 2,
      isInOrder: false,
      node: 9,
      wakes: true
    ),
    Reads(
      name: "two at once",
      nodes: [3, 5, 4, 6],
      walk: 0,
      isInOrder: true,
      node: 6,
      wakes: true
    ),
    Reads(
      name: "what was not pushed",
      nodes: [3, 4, 5, 900],
      pushed: 880,
      walk: 0,
      isInOrder: true,
      node: 900,
      wakes: true
    ),
    Reads(
      name: "further than that",
      nodes: [3, 4, 5, 900],
      pushed: 800,
      walk: 1,
      isInOrder: false,
      node: 900,
      wakes: true
    ),
    Reads(
      name: "a walker",
      nodes: [900, 5],
      mayTurn: false,
      walk: 0,
      isInOrder: false,
      node: 900,
      wakes: true
    ),
  ])
  func `reads tell where a reader is, and whether it goes on`(reads: Reads) {
    var track = ReaderTrack(mayTurn: reads.mayTurn)
    var wakes = false
    for (place, node) in reads.nodes.enumerated() {
      // The pump runs ahead before the last read.
      if place == reads.nodes.count - 1 {
        track.pushed = max(track.pushed, ReadPosition(node: reads.pushed, offset: 0))
      }
      wakes = track.note(ReadPosition(node: node, offset: 0))
    }
    #expect(track.walk == reads.walk, "\(reads.name)")
    #expect(track.isInOrder == reads.isInOrder, "\(reads.name)")
    #expect(wakes == reads.wakes, "\(reads.name)")
    #expect(track.position == ReadPosition(node: reads.node, offset: 0), "\(reads.name)")
  }

  @Test func `directories count that are listed by who reads in order, just ahead`() {
    var track = ReaderTrack(mayTurn: true)
    let isHeededEarly = track.note(listed: 1)
    #expect(!isHeededEarly)
    for node: UInt32 in [3, 4, 9] { _ = track.note(ReadPosition(node: node, offset: 0)) }
    func take(_ count: Int) -> [UInt32?] { (0..<count).map { _ in track.takeListed() } }
    let isHeeded = [10, 9, 8, 73, 74, 500].map { track.note(listed: $0) }
    #expect(isHeeded == [true, false, false, true, false, false])
    #expect(take(3) == [10, 73, nil])
    // What is pushed is not asked for, however far that is.
    track.pushed = ReadPosition(node: 400, offset: 0)
    let isHeededBehind = [400, 464, 465].map { track.note(listed: $0) }
    #expect(isHeededBehind == [true, true, false])
    #expect(take(3) == [400, 464, nil])
    // More than a few are old news.
    for node: UInt32 in 20..<30 { _ = track.note(listed: node) }
    #expect(take(9) == Array(22..<30) + [nil])
    _ = track.note(listed: 20)
    _ = track.note(ReadPosition(node: 900, offset: 0))
    #expect(!track.hasListed)
  }

  @Test func `of a walker no listings are noted`() {
    var track = ReaderTrack(mayTurn: false)
    for node: UInt32 in [3, 4, 9] { _ = track.note(ReadPosition(node: node, offset: 0)) }
    let isHeeded = track.note(listed: 10)
    #expect(!isHeeded && !track.hasListed)
  }
}
