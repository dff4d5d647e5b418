// Sizes: predicted, and found by the real tools.

import Ext4Image
import FileTree
import Foundation
import SystemPackage
import TestKit
import Testing

@Suite(.inTurns) struct `The size of a file system` {
  struct Row: Sendable, CustomTestStringConvertible {
    var mebibytes: UInt64
    var inodes: UInt64
    var features: [String] = []
    var journal = Ext4Journal.standard
    var testDescription: String {
      "\(mebibytes) MiB, \(inodes) inodes, \(features), journal \(journal)"
    }
  }

  @Test(arguments: [
    Row(mebibytes: 64, inodes: 16), Row(mebibytes: 64, inodes: 16_384),
    Row(mebibytes: 127, inodes: 5000), Row(mebibytes: 128, inodes: 5000),
    // a last group that is too small for its tables is left out
    Row(mebibytes: 129, inodes: 5000), Row(mebibytes: 130, inodes: 30_000),
    Row(mebibytes: 256, inodes: 16_384), Row(mebibytes: 1024, inodes: 70_000),
    Row(mebibytes: 1025, inodes: 200_000), Row(mebibytes: 2048, inodes: 150_000),
    // a second set of 16 groups with one group
    Row(mebibytes: 2177, inodes: 150_000), Row(mebibytes: 5000, inodes: 320_000),
    Row(mebibytes: 20_000, inodes: 1_280_000), Row(mebibytes: 65_536, inodes: 4_194_304),
    Row(mebibytes: 64, inodes: 100, journal: .none),
    Row(mebibytes: 64, inodes: 100, journal: .byteCount(30 << 20)),
    Row(mebibytes: 3000, inodes: 50_000, journal: .byteCount(4 << 20)),
    // more than four extents, so that the journal has an extent tree
    Row(mebibytes: 8192, inodes: 50_000, journal: .byteCount(1 << 30)),
    Row(mebibytes: 500, inodes: 9000, features: ["^resize_inode"]),
    Row(mebibytes: 5000, inodes: 9000, features: ["^64bit"]),
    Row(mebibytes: 300, inodes: 9000, features: ["^flex_bg"]),
    Row(mebibytes: 5000, inodes: 320_000, features: ["^flex_bg"]),
    Row(mebibytes: 300, inodes: 9000, features: ["^metadata_csum"]),
    Row(mebibytes: 300, inodes: 9000, features: ["^metadata_csum", "uninit_bg"]),
    Row(mebibytes: 300, inodes: 9000, features: ["metadata_csum_seed", "large_dir", "verity"]),
    Row(mebibytes: 300, inodes: 9000, features: ["^dir_index", "^dir_nlink", "^huge_file"]),
    Row(mebibytes: 511, inodes: 9000, features: ["orphan_file"]),
    Row(mebibytes: 2100, inodes: 9000, features: ["orphan_file", "^flex_bg"]),
    Row(mebibytes: 9000, inodes: 9000, features: ["orphan_file"]),
    Row(mebibytes: 1500, inodes: 9000, features: ["fast_commit"]),
    Row(
      mebibytes: 1500,
      inodes: 9000,
      features: ["fast_commit", "orphan_file"],
      journal: .byteCount(100 << 20)
    ),
  ])
  func `predicts to the block what mkfs takes for itself`(row: Row) async throws {
    let options = Ext4Options(journal: row.journal, features: try Ext4Features(row.features))
    if try await !toolsKnow(options) { return }
    try await Scratch.with { scratch in
      let image = scratch.url.appendingPathComponent("image")
      try await makeEmpty(image, mebibytes: row.mebibytes, inodes: row.inodes, options)
      let shown = try superblock(of: image)
      let layout = try #require(
        Ext4Layout(
          blocks: row.mebibytes << 8,
          inodes: row.inodes,
          options: options,
          version: try await E2fsTools.find().version
        )
      )
      #expect(shown["Block count"] == layout.blockCount)
      #expect(shown["Inode count"] == layout.inodeCount)
      #expect(shown["Inodes per group"] == layout.inodesPerGroup)
      #expect(shown["Free blocks"] == layout.freeBlockCount)
      #expect(shown["Free inodes"] == layout.inodeCount - layout.fixedInodeCount)
    }
  }

  private func makeEmpty(
    _ image: URL,
    mebibytes: UInt64,
    inodes: UInt64,
    _ options: Ext4Options
  ) async throws {
    try Data().write(to: image)
    try FileHandle(forWritingTo: image).truncate(atOffset: mebibytes << 20)
    let tools = try await E2fsTools.find()
    let invocation = MkfsInvocation(
      options: options,
      version: tools.version,
      inodeCount: inodes,
      source: nil,
      image: "image"
    )
    let output = try await ToolRunner.run(
      tools.mkfs,
      invocation.arguments,
      in: FilePath(image.deletingLastPathComponent().path),
      searchPath: tools.searchPath,
      environment: invocation.environment
    )
    #expect(output.status == .exited(0))
    #expect(output.errorText == "")
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

  @Test(arguments: [(4, 64), (30, 64), (100, 202)] as [(UInt64, UInt64)])
  func `a journal as large as half of the file system is refused`(
    journal: UInt64,
    mebibytes: UInt64
  ) {
    let options = Ext4Options(journal: .byteCount(journal << 20))
    #expect(makeLayout(blocks: mebibytes << 8, inodes: 16, options) != nil)
    #expect(makeLayout(blocks: journal << 9, inodes: 16, options) == nil)
  }

  @Test func `an automatic size leaves what was asked for free`() throws {
    let content = Ext4Content.empty
    let usual = try makeGeometry(for: content, size: .automatic(free: nil))
    #expect(usual.predictedFreeBlockCount << 12 >= 256 << 20)
    #expect(usual.byteCount % (1 << 20) == 0)
    let smaller = usual.byteCount - (1 << 20)
    let free = makeLayout(blocks: smaller >> 12, inodes: usual.inodeCount)?.freeBlockCount ?? 0
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
        kind: .full(8 << 30),
        attributes: .init(mode: 0o644)
      )
    ]).tree
    #expect(tree.nodeCount == 2)
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

  @Test func `the file of orphans is as small as 1.47.4 makes it, and only there`() throws {
    let options = Ext4Options(features: try Ext4Features(["orphan_file"]))
    for (patch, blocks) in [(0, 512), (3, 512), (4, 2), (5, 512)] {
      let version = E2fsVersion(1, 47, patch)
      let layout = makeLayout(blocks: 8 << 18, inodes: 16, options, version: version)
      #expect(layout?.orphanFileBlockCount == UInt64(blocks))
      let smaller = makeLayout(blocks: 8 << 18 - 1, inodes: 16, options, version: version)
      #expect(smaller?.orphanFileBlockCount == 511)
    }
  }

  @Test func `more inodes than bitmaps can hold need more groups`() {
    #expect(makeLayout(blocks: 16_384, inodes: 32_769) == nil)
    #expect(makeLayout(blocks: 0, inodes: 16) == nil)
    #expect(makeLayout(blocks: 50, inodes: 16) == nil)
  }
}

/// Whether the machine's tools can make what is asked for: old ones know nothing of orphan files.
func toolsKnow(_ options: Ext4Options) async throws -> Bool {
  do {
    try await E2fsTools.find().version.check(options.features)
    return true
  } catch Ext4Error.toolLacksFeature {
    return false
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

private func makeLayout(
  blocks: UInt64,
  inodes: UInt64,
  _ options: Ext4Options = Ext4Options(),
  version: E2fsVersion = E2fsVersion(1, 47, 0)
) -> Ext4Layout? {
  Ext4Layout(blocks: blocks, inodes: inodes, options: options, version: version)
}
