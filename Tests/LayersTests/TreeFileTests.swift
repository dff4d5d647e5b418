// Tree files: what is written comes back, and no bytes whatever make a trap or an unsound tree.

import FileTree
import FlatArrays
import Foundation
import OCISpec
import Offsets
import TestKit
import Testing

@testable import Layers

private let key = sha256(Array("key".utf8))

struct TreeFileTests {
  /// Of two layers, with everything that a tree can hold.
  private let sample: MergedTree
  private let bytes: [UInt8]

  init() throws {
    let tars = [
      TarBytes.archive([
        .directory("d"), TarEntry.file("d/x", "text").attribute("user.a", "value"),
        .file("d/y", TarText(CompressedBytes.sample(byteCount: 9000, seed: 3))),
        .symlink("d/s", to: "x"), .characterDevice("null", major: 1, minor: 3), .fifo("fifo"),
        .directory("d/empty"), .directory("d/sub"), .file("d/sub/z"), .hardLink("h", to: "d/x"),
        .sparse(
          "sparse",
          size: 9_000_000,
          segments: [(0, "abc"), (8_000_000, "z")],
          format: .oldGNU
        ),
      ]),
      TarBytes.archive([
        .file("twice"), .file("twice", "again"), .hardLink("self", to: "self2"),
        .file("self2"), .whiteout("nowhere/w"), .whiteout("null"),
      ]),
    ]
    sample = try TreeBuilder.merge(try tars.map { try index($0, tar: $0).table })
    bytes = sample.fileBytes(key: key, layerCount: 2)
  }

  private func map(_ bytes: [UInt8]) throws -> MergedTree? {
    try mapTree(bytes, key: key, layerCount: 2)
  }

  @Test func `what is written comes back`() throws {
    #expect(sample.warnings.places.count >= 3)
    let read = try #require(try map(bytes))
    #expect(read.whole == sample.whole)
    #expect(read.fileBytes(key: key, layerCount: 2) == bytes)
    // Whoever only looks whether it is sound does not know of how many layers it is.
    #expect(try mapTree(bytes, key: key)?.whole == sample.whole)
  }

  /// 4 × 40 seeds.
  @Test(arguments: 0..<4)
  func `random trees come back, with other owners too`(batch: Int) throws {
    for seed in UInt64(batch * 40)..<UInt64(batch * 40 + 40) {
      let policy = seed.isMultiple(of: 2) ? LowerLinkPolicy.replace : .follow
      let stack = RandomLayers.mergeableStack(
        seed: seed,
        layerCount: 5,
        memberCount: 25,
        lowerLinks: policy
      )
      var merged = try TreeBuilder.merge(try stack.map(layer), lowerLinks: policy)
      if seed.isMultiple(of: 3) {
        let map = try OwnerMap(["0:100000:200000"])
        merged = MergedTree(
          tree: try merged.tree.mappingOwners(map),
          warnings: merged.warnings
        )
      }
      #expect(merged.tree.isSound(layerCount: 5), "seed \(seed)")
      let written = merged.fileBytes(key: key, layerCount: 5)
      let read = try mapTree(written, key: key, layerCount: 5)
      #expect(read?.whole == merged.whole, "seed \(seed)")
    }
  }

  @Test func `the tree of layers without entries comes back`() throws {
    let merged = try TreeBuilder.merge([layer([])])
    let written = merged.fileBytes(key: key, layerCount: 1)
    #expect(try mapTree(written, key: key, layerCount: 1)?.whole == merged.whole)
  }

  @Test func `a tree of other layers or options is none`() throws {
    #expect(try mapTree(bytes, key: sha256([1]), layerCount: 2) == nil)
    #expect(try mapTree(bytes, key: key, layerCount: 3) == nil)
    #expect(try mapTree(bytes, key: key, layerCount: 1) == nil)
  }

  @Test func `a file cut anywhere is none`() throws {
    for length in [0, 1, 7, 8, 40, 4095] + Array(stride(from: 4096, to: bytes.count, by: 5)) {
      #expect(try map(Array(bytes[..<length])) == nil, "\(length) bytes")
    }
  }

  @Test func `a changed byte of head or arrays makes a file that is none`() throws {
    let forged = ForgedTreeFile(bytes: bytes)
    let covered = [0..<4096] + ForgedTreeFile.Section.allCases.compactMap { forged.range($0) }
    for place in Array(0..<300) + Array(stride(from: 300, to: bytes.count, by: 3)) {
      var changed = bytes
      changed[place] ^= 1 << (place % 8)
      let read = try map(changed)
      // Only what pads an array up to the next one is not covered, and it means nothing.
      let isPadding = !covered.contains { $0.contains(place) }
      #expect((read != nil) == isPadding, "byte \(place)")
      if let read { #expect(read.whole == sample.whole, "byte \(place)") }
    }
  }

  @Test func `a file of another version, or of other records, is none`() throws {
    for (field, value) in [
      (ForgedTreeFile.Field.version, LayerIndexFile.version + 1),
      (ForgedTreeFile.Field.version, 0), (ForgedTreeFile.Field.nodeStride, 80),
      (ForgedTreeFile.Field.hasAttributes, 2), (ForgedTreeFile.Field.hasAttributes, 0),
      (ForgedTreeFile.Field.blockCount, 1),
    ] {
      var forged = ForgedTreeFile(bytes: bytes)
      forged.set(value, at: field)
      forged.seal()
      #expect(try map(forged.bytes) == nil, "\(value) at \(field)")
    }
    // The forger itself is right: sealing what is unchanged changes nothing.
    var untouched = ForgedTreeFile(bytes: bytes)
    untouched.seal()
    #expect(untouched.bytes == bytes)
  }

  @Test func `without a node there is no tree, also where nobody looks at one`() throws {
    var forged = ForgedTreeFile(bytes: bytes)
    forged.set(UInt64(0), at: ForgedTreeFile.Section.nodes.countField)
    forged.seal()
    #expect(try map(forged.bytes) == nil)
  }

  /// Whatever loads keeps all that every tree promises, and can be read to the end.
  private func expectSound(_ merged: MergedTree, _ comment: Comment) {
    let tree = merged.tree
    #expect(TreeCheck.faults(of: tree) == [], comment)
    #expect(tree.nodes.allSatisfy { $0.layer < 2 }, comment)
    var count = DumpRow.text(tree.dumpRows { _ in nil }).utf8.count
    for node in tree.nodes { count += tree.segments(of: node).count }
    count += merged.warnings.counts.values.reduce(0, +)
    #expect(merged.warnings.places.allSatisfy { (0..<2).contains($0.layer) }, comment)
    #expect(count > 0)
  }

  @Test func `whatever a sealed file claims is a sound tree or none`() throws {
    let values: [UInt32] = [0, 1, 3, 1 << 16, .max]
    let original = ForgedTreeFile(bytes: bytes)
    var places = Array(stride(from: ForgedTreeFile.Field.blockCount, to: 76, by: 4))
    places += ForgedTreeFile.Section.allCases.flatMap {
      stride(from: $0.offsetField, to: $0.offsetField + 16, by: 4)
    }
    for section in ForgedTreeFile.Section.allCases where section != .bytes {
      let range = try #require(original.range(section))
      places += stride(from: range.lowerBound, to: range.upperBound - 3, by: 4)
    }
    var acceptedCount = 0
    for place in places {
      for value in values {
        var forged = original
        forged.set(value, at: place)
        forged.seal()
        guard let read = try mapTree(forged.bytes, key: key) else { continue }
        acceptedCount += 1
        expectSound(read, "\(value) at \(place)")
      }
    }
    // Else nothing was looked at: owners and times may be anything.
    #expect(acceptedCount > 200)
  }

  @Test func `records of random bytes are a sound tree or none`() throws {
    // A trap would end the process before anything could be printed: one seed, the same always.
    var random = SeededGenerator(seed: 9)
    let original = ForgedTreeFile(bytes: bytes)
    for _ in 0..<300 {
      var forged = original
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let section =
          [ForgedTreeFile.Section.nodes, .children, .segments].randomElement(using: &random)
          ?? .nodes
        let range = try #require(original.range(section))
        let place = Int.random(in: 0..<(range.count / 4), using: &random) * 4
        forged.set(
          UInt32.random(in: 0 ... .max, using: &random)
            >> UInt32.random(in: 0...31, using: &random),
          at: range.lowerBound + place
        )
      }
      forged.seal()
      if let read = try mapTree(forged.bytes, key: key) { expectSound(read, "random") }
    }
  }
}
