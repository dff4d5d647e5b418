// Tables that come from files: whatever their bytes are, they are refused or harmless.

import FileTree
import FlatArrays
import Offsets
import TestKit
import Testing

struct LayerTableTests {
  private static let members: [LayerMember] = [
    .directory("d"), .file("d/f", bytes: 7).with("user.a", "value"), .symlink("l", to: "d/f"),
    .hardLink("h", to: "d/f"), .whiteout("x/y"), .opaque("d"), .characterDevice("c", 1, 3),
  ]

  private func table(
    _ table: LayerTable,
    changing index: Int,
    _ change: (inout LayerEntry) -> Void
  ) throws(TreeError) -> LayerTable {
    var entries = Array(table.entries)
    change(&entries[index])
    return try LayerTable(
      entries: FlatArray(entries),
      segments: table.segments,
      bytes: table.bytes
    )
  }

  @Test func `an entry has 88 bytes, and says what was put into it`() throws {
    #expect(MemoryLayout<LayerEntry>.stride == 88)
    #expect(MemoryLayout<Node>.stride == 88)
    #expect(MemoryLayout<Child>.stride == 12)
    let table = try layer(Self.members)
    let paths = table.entries.map { String(decoding: table.path(of: $0), as: UTF8.self) }
    #expect(paths == ["d", "d/f", "l", "h", "x/y", "d", "c"])
    #expect(
      table.entries.map(\.kind) == [
        .directory, .regular, .symbolicLink, .hardLink, .whiteout, .opaque, .characterDevice,
      ]
    )
    #expect(table.entries.map(\.header) == (0..<7).map(memberOffset))
    #expect(table.entries.map(\.size) == [0, 7, 0, 0, 0, 0, 1 << 32 | 3])
    #expect(table.slice(table.entries[2].payload) == "d/f")
    let attributes = table.extendedAttributes(of: table.entries[1])
    #expect(attributes.value(of: bytes("user.a")) == ByteSlice(bytes("value")))
  }

  @Test func `S1, S3: a link's target has from 1 to 4095 bytes`() throws {
    let longest = [UInt8](repeating: 0x61, count: 4095)
    let table = try layer([.symlink("a", to: "x"), .symlink("b", to: PathBytes(longest))])
    #expect(table.slice(table.entries[1].payload).array == longest)
    #expect(throws: TreeError.emptySymbolicLink(path: bytes("b"), member: memberOffset(1))) {
      try layer([.file("a"), .symlink("b", to: "")])
    }
    let error = TreeError.invalidPath(
      .linkTargetTooLong,
      path: bytes("b"),
      member: memberOffset(0)
    )
    #expect(throws: error) {
      try layer([.symlink("b", to: PathBytes(longest + [0x61]))])
    }
  }

  private static let damages: [String: @Sendable (inout LayerEntry) -> Void] = [
    "directory": { $0.directory = PoolRange(start: .max, count: 0) },
    "directory's end": { $0.directory.count = .max },
    "name": { $0.name.start += 1_000_000 },
    "name's end": { $0.name.count += 1_000_000 },
    "payload": { $0.payload = PoolRange(start: 1_000_000, count: 1) },
    "attributes": { $0.extendedAttributes = PoolRange(start: 1, count: .max) },
    "no kind": { $0.kindCode = 0 },
    "unknown kind": { $0.kindCode = 10 },
    "mode": { $0.mode = 0o10000 },
    "nanoseconds": { $0.nanoseconds = 1_000_000_000 },
    "too many blocks": {
      $0.dataBlocks = 2
      $0.dataRuns = 1
    },
    "more runs than blocks": { $0.dataRuns = 2 },
    "blocks without a run": {
      $0.dataBlocks = 1
      $0.dataRuns = 0
    },
    "a run without blocks": {
      $0.dataBlocks = 0
      $0.dataRuns = 1
    },
  ]

  @Test(arguments: damages.keys.sorted())
  func `a table with a damaged entry is refused`(what: String) throws {
    let sound = try layer(Self.members)
    let damage = try #require(Self.damages[what])
    for index in sound.entries.indices {
      #expect(throws: TreeError.malformedTable(entry: index)) {
        try table(sound, changing: index, damage)
      }
    }
  }

  @Test func `a sparse file's segments lie in the file, one behind the other`() throws {
    func segment(_ file: UInt64, _ count: UInt64, tar: UInt64 = 512) -> DataSegment {
      DataSegment(file: FileOffset(file), byteCount: count, tar: TarOffset(tar))
    }
    func tree(_ segments: [DataSegment]) throws(TreeError) -> Tree {
      var builder = LayerTableBuilder()
      try builder.append(
        .regular(byteCount: 100, data: .zero, segments: segments),
        at: bytes("s"),
        attributes: .init(mode: 0o644),
        member: .zero
      )
      return try TreeBuilder.merge([try builder.table()]).tree
    }
    let sound = [segment(10, 20), segment(30, 0), segment(50, 50, tar: 1024)]
    let file = try tree(sound)
    #expect(Array(file.segments) == sound)
    #expect(file.isSparse(file[NodeID(1)]))
    #expect(file[NodeID(1)].size == 100)
    let damaged = [
      [segment(50, 51)], [segment(101, 0)], [segment(10, 20), segment(29, 1)],
      [segment(.max, 2)], [segment(0, 2, tar: .max)],
    ]
    for segments in damaged {
      #expect(throws: TreeError.malformedTable(entry: 0)) { try tree(segments) }
    }
  }

  /// One byte of the entries or of the pool changed, 4000 times over.
  @Test func `a table with any byte changed is refused or merged, and never traps`() throws {
    var generator = SeededGenerator(seed: 5)
    var refused = 0
    var merged = 0
    for seed in UInt64(0)..<400 {
      let stack = try RandomLayers.mergeableStack(seed: seed, layerCount: 2).map(layer)
      for _ in 0..<10 where stack[1].entries.count > 0 {
        do {
          let damaged = try damage(stack[1], &generator)
          exercise(try TreeBuilder.merge([stack[0], damaged]).tree)
          merged += 1
        } catch {
          refused += 1
        }
      }
    }
    #expect(refused > 100 && merged > 100)
  }

  private func damage(
    _ table: LayerTable,
    _ generator: inout SeededGenerator
  ) throws(TreeError) -> LayerTable {
    var entries = table.entries.withUnsafeBytes { Array($0) }
    var pool = Array(table.bytes)
    let byte = UInt8.random(in: 0...255, using: &generator)
    if Bool.random(using: &generator) || pool.isEmpty {
      entries[Int.random(in: 0..<entries.count, using: &generator)] = byte
    } else {
      pool[Int.random(in: 0..<pool.count, using: &generator)] = byte
    }
    let block = entries.withUnsafeBytes { ByteBlock(copying: $0) }
    let count = table.entries.count
    guard let array = block.array(of: LayerEntry.self, at: 0, count: count) else { return table }
    return try LayerTable(entries: array, segments: table.segments, bytes: FlatArray(pool))
  }

  /// Everything that a mount or a dump would do with a tree.
  private func exercise(_ tree: Tree) {
    let text = DumpRow.text(tree.dumpRows { _ in nil })
    #expect(text.hasPrefix("/ "))
    for step in tree.walk() {
      let node = tree[step.node]
      _ = tree.segments(of: node).map(\.byteCount)
      _ = tree.extendedAttributes(of: node).map(\.name.array)
      _ = Result { try tree.lookUp(step.path, followingLast: true) }
    }
  }
}
