// The same tree, options and identity give the same bytes, whatever the host's files are like.

import Ext4Image
import FileTree
import Foundation
import Glibc
import SystemPackage
import TestKit
import Testing

@Suite(.inTurns) struct `The bytes of a file system with a fixed identity` {
  private static let key = (0..<32).map { UInt8($0 * 7) }

  @Test(arguments: [[], ["orphan_file", "metadata_csum_seed"], ["^metadata_csum"], ["^flex_bg"]])
  func `are the same for sources with other times, owners and inodes`(
    features: [String]
  ) async throws {
    var random = SeededGenerator(seed: 77)
    let files = SourceDirectory(RandomFiles.make(using: &random))
    let tree = try files.tree
    let options = Ext4Options(
      size: .exact(150 << 20),
      features: try Ext4Features(features),
      identity: .derived(from: Self.key, time: 1_234_567_890)
    )
    if try await !toolsKnow(options) { return }
    try await Scratch.with { scratch in
      let outputs = ["one", "two"].map { scratch.url.appendingPathComponent($0) }
      for output in outputs {
        let source = try scratch.source(files, faithfully: output == outputs[0])
        try await build(tree, from: source, to: output, options)
      }
      let same = try HostTool.run("cmp", outputs.map(\.path))
      #expect(same.status == 0, "\(String(decoding: same.output, as: UTF8.self))")
      try checkWithE2fsck(outputs[0])
    }
  }

  @Test func `carry the UUID, the hash seed and the time`() async throws {
    let files = SourceDirectory([.file("file", "text").at(1_700_000_000)])
    let options = Ext4Options(
      size: .exact(64 << 20),
      identity: .derived(from: Self.key, time: 1_234_567_890)
    )
    try await Scratch.with { scratch in
      let output = scratch.url.appendingPathComponent("o")
      let source = try scratch.source(files)
      let result = try await build(try files.tree, from: source, to: output, options)
      #expect(result.uuidText == "00070e15-1c23-8a31-b83f-464d545b6269")
      let shown = try HostTool.run("dumpe2fs", ["-h", output.path]).output
      let text = String(decoding: shown, as: UTF8.self)
      #expect(text.contains("Directory Hash Seed:      70777e85-8c93-8aa1-a8af-b6bdc4cbd2d9"))
      for field in ["Filesystem created", "Last write time", "Last checked"] {
        let line = text.split(separator: "\n").first { $0.hasPrefix(field + ":") }
        #expect(line?.contains("Feb 13") == true, "\(field): \(line ?? "")")
        #expect(line?.hasSuffix("2009") == true, "\(field): \(line ?? "")")
      }
    }
  }

  @Test func `are others for another key, and for none each time`() async throws {
    let files = SourceDirectory([.file("file", "text")])
    let other = Ext4Identity.derived(from: Self.key.reversed(), time: 1_234_567_890)
    let identities = [
      .derived(from: Self.key, time: 1_234_567_890), other, .random, .random,
    ]
    try await Scratch.with { scratch in
      let source = try scratch.source(files)
      var identifiers: Set<[UInt8]> = []
      for (index, identity) in identities.enumerated() {
        let output = scratch.url.appendingPathComponent("\(index)")
        let options = Ext4Options(size: .exact(64 << 20), identity: identity)
        identifiers.insert(try await build(try files.tree, from: source, to: output, options).uuid)
      }
      #expect(identifiers.count == identities.count)
    }
  }
}
