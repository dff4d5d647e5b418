// Files with the same content: which are found, which are read at all, and that holes and stored zeros
// are the same.

import FileTree
import FlatArrays
import Foundation
import SeekableCompression
import TestKit
import Testing

@testable import Layers

struct DuplicateContentsTests {
  private func files(_ layers: [[TarEntry]]) throws -> ImageFiles {
    let tars = layers.map { TarBytes.archive($0) }
    let indexes = try tars.map { try index($0, tar: $0) }
    return ImageFiles(
      try TreeBuilder.merge(indexes.map(\.table)),
      of: indexes,
      sources: tars.map(MemorySource.init)
    )
  }

  /// Of each content `SIZE SAVED`, and the names of its files.
  private func duplicates(_ files: ImageFiles, below path: String = "") throws -> [String] {
    let start = try files.tree.lookUp(Array(path.utf8), followingLast: false)
    var paths: [NodeID: String] = [:]
    for step in files.tree.walk() where paths[step.node] == nil {
      paths[step.node] = EscapedBytes.string(step.path)
    }
    let found = try DuplicateContents(in: files, below: start)
    #expect(found.savedByteCount == found.groups.reduce(0) { $0 + $1.savedByteCount })
    return found.groups.map { group in
      "\(group.byteCount) \(group.savedByteCount) "
        + group.nodes.map { paths[$0] ?? "?" }.joined(separator: " ")
    }
  }

  private static func text(_ byteCount: Int, seed: UInt64) -> TarText {
    TarText(CompressedBytes.sample(byteCount: byteCount, seed: seed))
  }

  @Test func `the same bytes under several inodes are told, what would save most first`() throws {
    let files = try files([
      [
        .file("b/one", "same"), .file("a/two", "same"), .file("c", "same"), .file("d", "diff"),
        .hardLink("e", to: "c"), .file("f", ""), .file("g", ""),
        .file("big/1", Self.text(100_000, seed: 1)), .file("big/2", Self.text(100_000, seed: 2)),
      ],
      [
        .file("over/1", Self.text(100_000, seed: 2)), .file("pair/1", "12345678"),
        .file("pair/2", "12345678").mode(0o4755).owner(3, 4),
      ],
    ])
    #expect(
      try duplicates(files) == [
        "100000 100000 big/2 over/1", "4 8 a/two b/one c", "8 8 pair/1 pair/2",
      ]
    )
    #expect(try duplicates(files, below: "pair") == ["8 8 pair/1 pair/2"])
    #expect(try duplicates(files, below: "big") == [])
  }

  @Test func `what a later layer hides is no duplicate`() throws {
    let files = try files([[.file("a", "same"), .file("b", "same")], [.whiteout("a")]])
    #expect(try duplicates(files) == [])
  }

  @Test(arguments: TarSparseFormat.allCases)
  func `a hole is the same as zeros that are stored`(_ format: TarSparseFormat) throws {
    let island = CompressedBytes.sample(byteCount: 9000, seed: 5)
    let zeros = { (count: Int) in [UInt8](repeating: 0, count: count) }
    let whole = zeros(200_000) + island + zeros(300_001)
    // The same bytes a block later, and with another last byte.
    let moved = zeros(204_096) + island + zeros(295_905)
    let other = whole.dropLast() + [1]
    func sparse(_ name: TarText, _ pieces: [(Int, [UInt8])], size: Int) -> TarEntry {
      let segments = pieces.map { (offset: Int64($0.0), bytes: TarText($0.1)) }
      return .sparse(name, size: Int64(size), segments: segments, format: format)
    }
    let halves = [(200_000, Array(island[..<4000])), (204_000, Array(island[4000...]))]
    let entries: [TarEntry] = [
      .file("whole", TarText(whole)), .file("moved", TarText(moved)),
      .file("other", TarText(Array(other))),
      sparse("sparse", [(200_000, island)], size: whole.count),
      sparse("pieces", [(100_000, zeros(5))] + halves, size: whole.count),
      sparse("hole", [], size: 70_000), .file("zeros", TarText(zeros(70_000))),
    ]
    let files = try files([entries])
    #expect(
      try duplicates(files) == [
        "\(whole.count) \(2 * whole.count) pieces sparse whole", "70000 70000 hole zeros",
      ]
    )
  }

  @Test func `a terabyte of holes is compared in no time`() throws {
    let entries = ["a", "b", "c"].map { name -> TarEntry in
      let island = (offset: Int64(1 << 39), bytes: TarText(name == "c" ? [2] : [1]))
      let path = TarText(Array(name.utf8))
      return .sparse(path, size: 1 << 40, segments: [island], format: .pax10)
    }
    let files = try files([entries])
    #expect(try duplicates(files) == ["\(1 << 40) \(1 << 40) a b"])
  }

  @Test func `only files that may be alike are read, and how much is told before`() throws {
    let same = Self.text(70_000, seed: 9)
    let files = try files([
      [
        .file("alone", Self.text(500_000, seed: 1)), .file("1", same), .file("2", same),
        .file("zeros", TarText([UInt8](repeating: 0, count: 500_000))),
      ]
    ])
    var total: UInt64?
    var read: UInt64 = 0
    _ = try DuplicateContents(in: files) {
      #expect(total == nil && read == 0)
      total = $0
    } progress: {
      read += $0
    }
    #expect(total == 2 * 18 * 4096)
    #expect(read == 140_000)
  }

  @Test func `a layer that cannot be read is an error`() throws {
    let tar = TarBytes.archive([.file("a", "same"), .file("b", "same")])
    let index = try index(tar, tar: tar)
    let source = RefusingSource(byteCount: UInt64(tar.count))
    let files = ImageFiles(
      try TreeBuilder.merge([index.table]),
      of: [index],
      sources: [source]
    )
    #expect(throws: LayersError.self) { try DuplicateContents(in: files) }
  }

  @Test func `random files are grouped as a dictionary of their bytes groups them`() throws {
    var random = SeededGenerator(seed: 77)
    let kinds = (0..<12).map { _ in BlockCount.randomFile(&random) }
    var contents: [[UInt8]: [String]] = [:]
    var entries: [TarEntry] = []
    for number in 100..<180 {
      let bytes = kinds.randomElement(using: &random) ?? []
      contents[bytes, default: []].append("\(number)")
      entries.append(.file(TarText(Array("\(number)".utf8)), TarText(bytes)))
    }
    let expected = contents.filter { !$0.key.isEmpty && $0.value.count > 1 }
    let found = try duplicates(try files([entries]))
    #expect(
      Set(found)
        == Set(
          expected.map { bytes, names in
            "\(bytes.count) \(bytes.count * (names.count - 1)) \(names.joined(separator: " "))"
          }
        )
    )
    #expect(found.count > 5)
  }
}
