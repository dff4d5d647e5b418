// Trees as large as they come: as many names as ext4 allows one file, and a correction for each of 100,000
// inodes.

import Ext4Image
import FileTree
import Foundation
import Glibc
import SystemPackage
import TestKit
import Testing

@Suite(.inTurns) struct `A large tree` {
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
      // what e2fsck cannot know, for every 997th
      for number in stride(from: 0, to: 100_000, by: 997) {
        let path = "/d\(number / 1000)/name-\(number)"
        let shown = try HostTool.run("debugfs", ["-R", "stat \(path)", output.path]).output
        let words = String(decoding: shown, as: UTF8.self).split { " \n".contains($0) }
        func word(after label: Substring) -> Substring? {
          words.firstIndex(of: label).map { words[$0 + 1] }
        }
        #expect(word(after: "Mode:").flatMap { Int($0, radix: 8) } == number % 0o10000, "\(path)")
        #expect(word(after: "User:") == "\(number)")
        // printed signed
        #expect(word(after: "Group:") == "-2")
        let seconds = number * 50_000
        let low = hexadecimal(UInt32(truncatingIfNeeded: seconds))
        let extra = hexadecimal(UInt32(number + 1) << 2 | UInt32((seconds + (1 << 31)) >> 32))
        for time in ["atime:", "ctime:", "mtime:"] {
          #expect(word(after: Substring(time)) == "0x\(low):\(extra)", "\(path)")
        }
      }
    }
  }

  private func hexadecimal(_ number: UInt32) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }
}
