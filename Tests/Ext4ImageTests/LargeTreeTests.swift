// Trees as large as they come: as many names as ext4 allows one file, and a correction for each of 100,000
// inodes.

import Ext4Image
import FileTree
import Foundation
import Glibc
import SystemPackage
import TestKit
import Testing

@Suite struct `A large tree` {
  /// 65,000 names of one file in directories of 1000, and others in the way between them.
  private static func linked(_ first: SourceFile) -> [SourceFile] {
    let target = String(decoding: first.path, as: UTF8.self)
    var files = [first]
    for directory in 0..<65 {
      let path = "d\(directory)"
      files.append(.directory(path))
      for name in 0..<1000 where directory + name > 0 {
        files.append(.hardLink("\(path)/\(name)", to: target))
      }
    }
    return files
  }

  @Test(arguments: [SourceFile.file("f", "text"), .link("l", to: "target").owned(by: 7, 8)])
  func `has 65,000 names of one file`(first: SourceFile) async throws {
    try await Scratch.with { scratch in
      let files = SourceDirectory(Self.linked(first))
      let source = try scratch.source(files, faithfully: false)
      let output = try scratch.output().appendingPathComponent("o")
      let tree = try files.tree
      let result = try await build(tree, from: source, to: output)
      try checkWithE2fsck(output)
      try expectEqual(Ext4Witness.rows(of: output), files.rows(from: source))
      #expect(result.inodeCount - result.freeInodeCount == 11 + 1 + 65)
    }
  }

  @Test func `needs a correction of each of its 100,000 inodes`() async throws {
    try await Scratch.with { scratch in
      var entries: [SourceFile] = []
      for number in 0..<100_000 {
        let directory = "d\(number / 1000)"
        if number % 1000 == 0 { entries.append(.directory(directory)) }
        let path = Array("\(directory)/name-\(number)".utf8)
        let mode = UInt16(number % 0o10000)
        entries.append(
          SourceFile(path: path, kind: .fifo, attributes: .init(mode: mode))
            .owned(by: UInt32(number), .max - 1).at(Int64(number) * 50_000, 1 + UInt32(number))
        )
      }
      let files = SourceDirectory(entries)
      let source = try scratch.source(files, faithfully: false)
      let output = try scratch.output().appendingPathComponent("o")
      let tree = try files.tree
      let result = try await build(tree, from: source, to: output)
      #expect(result.correctedInodeCount == 100_101)
      try checkWithE2fsck(output)
      try expectEqual(Ext4Witness.rows(of: output), files.rows(from: source))
    }
  }
}
