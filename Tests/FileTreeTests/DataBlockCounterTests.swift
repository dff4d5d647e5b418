// Blocks that are not all zero: against a count that takes the file block by block.

import FileTree
import FlatArrays
import Offsets
import TestKit
import Testing

extension BlockCount {
  fileprivate init(_ counter: DataBlockCounter) {
    self.init(blocks: counter.blocks, runs: counter.runs)
  }
}

struct DataBlockCounterTests {
  @Test(
    arguments: [
      ([], 0, 0), ([(0, 1)], 1, 1), ([(4095, 1)], 1, 1), ([(4096, 1)], 1, 1), ([(4095, 2)], 2, 1),
      ([(0, 1), (4095, 1)], 1, 1), ([(0, 1), (4096, 1)], 2, 1), ([(0, 1), (8192, 1)], 2, 2),
      ([(100, 4096)], 2, 1), ([(0, 12288)], 3, 1), ([(0, 4096), (12287, 2)], 3, 2),
      ([(1 << 44, 1), (1 << 62, 4097)], 3, 2), ([(.max - 4096, 4096)], 2, 1),
    ] as [([(UInt64, Int)], UInt32, UInt32)]
  )
  func `blocks are counted once, and run on where they touch`(
    pieces: [(offset: UInt64, count: Int)],
    blocks: UInt32,
    runs: UInt32
  ) {
    var counter = DataBlockCounter()
    for piece in pieces {
      counter.add([UInt8](repeating: 1, count: piece.count).span, at: FileOffset(piece.offset))
    }
    #expect(BlockCount(counter) == BlockCount(blocks: blocks, runs: runs))
    // Zeros, wherever they are, change nothing.
    var zeros = DataBlockCounter()
    for piece in pieces {
      zeros.add([UInt8](repeating: 0, count: piece.count).span, at: FileOffset(piece.offset))
    }
    #expect(BlockCount(zeros) == BlockCount(blocks: 0, runs: 0))
  }

  private func isZero(_ bytes: [UInt8]) -> Bool { bytes.span.isAllZero }

  @Test func `one byte anywhere in a block makes it data`() {
    for byteCount in [1, 2, 15, 16, 17, 4095, 4096] {
      for place in [0, 1, byteCount / 2, byteCount - 2, byteCount - 1] where place >= 0 {
        guard place < byteCount else { continue }
        var block = [UInt8](repeating: 0, count: byteCount)
        #expect(isZero(block))
        block[place] = 0x80
        #expect(!isZero(block), "\(place) of \(byteCount)")
      }
    }
    #expect(isZero([]))
  }

  @Test func `pieces may be cut anywhere`() {
    for seed in UInt64(0)..<300 {
      var random = SeededGenerator(seed: seed)
      let file = BlockCount.randomFile(&random)
      var counter = DataBlockCounter()
      var position = 0
      while position < file.count {
        let limit = [1, 40, 5000, 200_000].randomElement(using: &random) ?? 1
        let end = min(position + Int.random(in: 1...limit, using: &random), file.count)
        counter.add(file.span.extracting(position..<end), at: FileOffset(UInt64(position)))
        position = end
      }
      #expect(BlockCount(counter) == BlockCount(of: file), "seed \(seed)")
    }
  }

  @Test(
    arguments: [
      (0, [], 0, 0), (1, [], 1, 1), (4096, [], 1, 1), (4097, [], 2, 1),
      (.max, [], .max, 1), (1 << 44 - 4096, [], .max, 1), (1 << 44 - 8192, [], .max - 1, 1),
      (1 << 40, [(1 << 40, 0)], 0, 0), (100, [(10, 20), (30, 0), (50, 50)], 1, 1),
      (20000, [(0, 1), (4095, 2), (8192, 1)], 3, 1), (20000, [(0, 1), (8192, 1)], 2, 2),
      (20000, [(4000, 200), (16384, 3616)], 3, 2), (.max, [(.max - 1, 1)], 1, 1),
      // Out of the file: refused elsewhere, but no trap here.
      (1, [(.max, .max)], 1, 1),
    ] as [(UInt64, [(UInt64, UInt64)], UInt32, UInt32)]
  )
  func `unseen, all that is stored counts as data`(
    byteCount: UInt64,
    runs: [(file: UInt64, count: UInt64)],
    blocks: UInt32,
    blockRuns: UInt32
  ) {
    let segments = runs.map {
      DataSegment(file: FileOffset($0.file), byteCount: $0.count, tar: .zero)
    }
    let bound = DataBlockCounter.bound(byteCount: byteCount, segments: segments)
    #expect(BlockCount(bound) == BlockCount(blocks: blocks, runs: blockRuns))
  }

  @Test func `a table has what was counted, and the tree has it from there`() throws {
    var builder = LayerTableBuilder()
    let sparse = [
      DataSegment(file: FileOffset(4096), byteCount: 1, tar: TarOffset(1024)),
      DataSegment(file: FileOffset(40960), byteCount: 5000, tar: TarOffset(1025)),
    ]
    let contents: [(String, EntryContent)] = [
      ("a", .regular(byteCount: 10_000, data: TarOffset(512), segments: [])),
      ("b", .regular(byteCount: 10_000, data: TarOffset(512), segments: [])),
      ("c", .regular(byteCount: 50_000, data: TarOffset(512), segments: sparse)),
      ("d", .regular(byteCount: 0, data: TarOffset(512), segments: [])),
      ("e", .characterDevice(major: 1, minor: 3)), ("f", .directory),
      ("g", .symbolicLink(target: Array("a".utf8))), ("h", .hardLink(target: Array("a".utf8))),
    ]
    for (name, content) in contents {
      try builder.append(
        content,
        at: Array(name.utf8),
        attributes: .init(mode: 0o644),
        member: .zero
      )
    }
    #expect(builder.entryCount == 8)
    #expect(
      builder.segment(0, ofEntry: 0)
        == DataSegment(file: .zero, byteCount: 10_000, tar: TarOffset(512))
    )
    #expect(builder.segment(1, ofEntry: 0) == nil)
    #expect((0..<3).map { builder.segment($0, ofEntry: 2) } == [sparse[0], sparse[1], nil])
    #expect((3..<8).allSatisfy { builder.segment(0, ofEntry: $0) == nil })

    builder.setDataBlocks(2, runs: 2, ofEntry: 0)
    builder.setDataBlocks(0, runs: 0, ofEntry: 1)
    let table = try builder.table()
    let tree = try TreeBuilder.merge([table]).tree
    let expected = [[2, 2], [0, 0], [3, 2], [0, 0], [0, 0], [0, 0], [0, 0]] as [[UInt32]]
    #expect(table.entries.map { [$0.dataBlocks, $0.dataRuns] } == expected + [[0, 0]])
    // The root comes first, and the hard link is no node of its own.
    #expect(tree.nodes.map { [$0.dataBlocks, $0.dataRuns] } == [[0, 0]] + expected)
  }
}
