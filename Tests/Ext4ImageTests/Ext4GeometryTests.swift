// Sizes: predicted, and found by the real tools.

import Ext4Image
import FileTree
import Foundation
import SystemPackage
import TestKit
import Testing

@Suite struct `The size of a file system` {
  struct Row: Sendable, CustomTestStringConvertible {
    var mebibytes: UInt64
    var inodes: UInt64
    var testDescription: String { "\(mebibytes) MiB, \(inodes) inodes" }
  }

  @Test(arguments: [
    Row(mebibytes: 64, inodes: 16), Row(mebibytes: 64, inodes: 16_384),
    Row(mebibytes: 127, inodes: 5000), Row(mebibytes: 128, inodes: 5000),
    // a last group that is too small for its tables is left out
    Row(mebibytes: 129, inodes: 5000), Row(mebibytes: 130, inodes: 30_000),
    Row(mebibytes: 256, inodes: 16_384), Row(mebibytes: 1024, inodes: 70_000),
    Row(mebibytes: 1025, inodes: 200_000), Row(mebibytes: 2048, inodes: 150_000),
    Row(mebibytes: 5000, inodes: 320_000), Row(mebibytes: 20_000, inodes: 1_280_000),
  ])
  func `predicts to the block what mkfs takes for itself`(row: Row) async throws {
    try await Scratch.with { scratch in
      let image = scratch.url.appendingPathComponent("image")
      try Data().write(to: image)
      try FileHandle(forWritingTo: image).truncate(atOffset: row.mebibytes << 20)
      let tools = try await E2fsTools.find()
      let invocation = MkfsInvocation(
        options: Ext4Options(),
        version: tools.version,
        inodeCount: row.inodes,
        source: nil,
        image: "image"
      )
      let output = try await ToolRunner.run(
        tools.mkfs,
        invocation.arguments,
        in: FilePath(scratch.url.path),
        searchPath: tools.searchPath,
        environment: invocation.environment
      )
      #expect(output.status == .exited(0))
      #expect(output.errorText == "")
      let shown = try superblock(of: image)
      let layout = try #require(Ext4Layout(blocks: row.mebibytes << 8, inodes: row.inodes))
      #expect(shown["Block count"] == layout.blockCount)
      #expect(shown["Inode count"] == layout.inodeCount)
      #expect(shown["Inodes per group"] == layout.inodesPerGroup)
      #expect(shown["Free blocks"] == layout.freeBlockCount)
      #expect(shown["Free inodes"] == layout.inodeCount - Ext4Layout.reservedInodeCount)
    }
  }

  private func superblock(of image: URL) throws -> [String: UInt64] {
    let output = try HostTool.run("dumpe2fs", ["-h", image.path]).output
    var numbers: [String: UInt64] = [:]
    for line in String(decoding: output, as: UTF8.self).split(separator: "\n") {
      let halves = line.split(separator: ":", maxSplits: 1)
      guard halves.count == 2 else { continue }
      numbers[String(halves[0])] = UInt64(halves[1].trimmingCharacters(in: .whitespaces))
    }
    return numbers
  }

  @Test(arguments: 0..<6)
  func `the smallest size is enough for mkfs, and the prediction never too good`(
    seed: UInt64
  ) async throws {
    var random = SeededGenerator(seed: seed)
    let files = SourceDirectory(RandomFiles.make(using: &random))
    let tree = try files.tree
    let content = try Ext4Content(of: tree, numbering: try InodeNumbering(of: tree))
    let smallest = try smallestSize(for: content)
    let geometry = try makeGeometry(for: content, size: .exact(smallest))
    try await Scratch.with { scratch in
      let output = scratch.url.appendingPathComponent("o")
      let source = try scratch.source(files, faithfully: false)
      let result = try await Ext4Builder(tools: try await E2fsTools.find()).build(
        tree,
        from: FilePath(source.path),
        to: FilePath(output.path),
        options: Ext4Options(size: .exact(smallest))
      )
      #expect(result.freeBlockCount >= geometry.predictedFreeBlockCount, "seed \(seed)")
      #expect(
        UInt64(result.inodeCount - result.freeInodeCount) + UInt64(result.joinedLinkCount)
          == content.inodeCount + Ext4Layout.reservedInodeCount,
        "seed \(seed)"
      )
      try expectEqual(Ext4Witness.rows(of: output), files.rows(from: source))
    }
    if smallest > Ext4Geometry.smallestByteCount {
      #expect(throws: Ext4Error.self, "seed \(seed)") {
        try makeGeometry(for: content, size: .exact(smallest - (1 << 20)))
      }
    }
  }

  /// As the refusal of a size that is too small names it.
  private func smallestSize(for content: Ext4Content) throws -> UInt64 {
    do {
      _ = try makeGeometry(for: content, size: .exact(1 << 20))
      Issue.record("1 MiB was accepted")
      return 0
    } catch Ext4Error.sizeTooSmall(1_048_576, let smallest) {
      return smallest
    }
  }

  @Test func `an automatic size leaves what was asked for free`() throws {
    let content = Ext4Content.empty
    let usual = try makeGeometry(for: content, size: .automatic(free: nil))
    #expect(usual.predictedFreeBlockCount << 12 >= 256 << 20)
    #expect(usual.byteCount % (1 << 20) == 0)
    let smaller = usual.byteCount - (1 << 20)
    let free = Ext4Layout(blocks: smaller >> 12, inodes: usual.inodeCount)?.freeBlockCount ?? 0
    #expect(free << 12 < 256 << 20)
    let floor = try makeGeometry(for: content, size: .automatic(free: 0))
    #expect(floor.byteCount == 64 << 20)
    let large = try makeGeometry(for: content, size: .automatic(free: 100 << 30))
    #expect(large.predictedFreeBlockCount << 12 >= 100 << 30)
    #expect(large.inodeCount == large.byteCount >> 14)
  }

  @Test func `an automatic size has a fifth of a large content free`() throws {
    let tree = try SourceDirectory([
      SourceFile(
        path: Array("large".utf8),
        kind: .sparse(8 << 30, []),
        attributes: .init(mode: 0o644)
      )
    ]).tree
    #expect(tree.nodeCount == 2)
    // without segments the file counts in full
    let content = try Ext4Content(of: tree, numbering: try InodeNumbering(of: tree))
    let geometry = try makeGeometry(for: content, size: .automatic(free: nil))
    #expect(geometry.predictedFreeBlockCount << 12 >= (8 << 30) / 5)
  }

  @Test func `sizes beyond the limit are refused`() {
    let limit = Ext4Limits.imageByteCount
    #expect(throws: Ext4Error.sizeTooLarge(requested: limit + 1, limit: limit)) {
      try makeGeometry(for: .empty, size: .exact(limit + 1))
    }
    #expect(throws: Ext4Error.sizeTooLarge(requested: .max, limit: limit)) {
      try makeGeometry(for: .empty, size: .automatic(free: .max))
    }
  }

  @Test func `more inodes than bitmaps can hold need more groups`() {
    #expect(Ext4Layout(blocks: 16_384, inodes: 32_769) == nil)
    #expect(Ext4Layout(blocks: 0, inodes: 16) == nil)
    #expect(Ext4Layout(blocks: 50, inodes: 16) == nil)
  }
}

private func makeGeometry(for content: Ext4Content, size: Ext4Size) throws(Ext4Error)
  -> Ext4Geometry
{
  try Ext4Geometry(
    for: content,
    options: Ext4Options(size: size),
    version: E2fsVersion(1, 47, 0)
  )
}
