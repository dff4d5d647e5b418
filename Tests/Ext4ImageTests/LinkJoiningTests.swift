// Symbolic links with several names: mkfs.ext4 gives each name an inode, and one is left of them.

@testable import Ext4Image
import FileTree
import Foundation
import Glibc
import SystemPackage
import TestKit
import Testing

/// Links of every length of target, with names in one directory, in others, in directories of many
/// blocks and in the root.
private let linked: [SourceFile] = {
  var files: [SourceFile] = [
    .directory("", mode: 0o755), .directory("d"), .directory("d/e"), .directory("lost+found"),
    .directory("wide"),
    .link("a", to: "short").owned(by: 5, 6).at(3, 4), .hardLink("b", to: "a"),
    .hardLink("d/a", to: "a"), .hardLink("d/e/a", to: "a"), .hardLink("lost+found/a", to: "a"),
    .link("d/59", to: String(repeating: "b", count: 59)), .hardLink("59", to: "d/59"),
    .link("d/60", to: String(repeating: "c", count: 60)), .hardLink("60", to: "d/60"),
    .link("z-longest", to: String(repeating: "d", count: 4095)),
    .hardLink("d/longest", to: "z-longest"), .hardLink("d/e/longest", to: "z-longest"),
    .file("file", "f"), .hardLink("file2", to: "file"),
  ]
  // 40 to a block
  for number in 0..<200 {
    let name = "wide/" + String(repeating: "n", count: 90) + String(1000 + number)
    files.append(number % 30 == 7 ? .hardLink(name, to: "a") : .file(name))
  }
  return files
}()

@Suite(.inTurns) struct `Names of one symbolic link` {
  @Test(arguments: [
    [], ["^metadata_csum"], ["^metadata_csum", "uninit_bg"], ["metadata_csum_seed"],
    ["orphan_file"], ["^64bit"],
  ])
  func `share an inode, with any kind of checksum`(features: [String]) async throws {
    try await Scratch.with { scratch in
      let files = SourceDirectory(linked)
      let source = try scratch.source(files)
      let output = try scratch.output().appendingPathComponent("o")
      let tree = try files.tree
      let options = Ext4Options(features: try Ext4Features(features))
      let result = try await build(tree, from: source, to: output, options)
      try checkWithE2fsck(output)
      let rows = try Ext4Witness.rows(of: output, includingLostAndFound: true)
      try expectEqual(rows, files.rows(from: source))
      #expect(result.joinedLinkCount == 4 + 7 + 1 + 1 + 2)
      // nothing of the spare inodes is left in use: the tree's files and the reserved ones, of which
      // the root and lost+found are two of the tree's
      let reserved: UInt32 = features == ["orphan_file"] ? 12 : 11
      #expect(
        result.inodeCount - result.freeInodeCount == UInt32(tree.nodeCount) - 2 + reserved
      )
    }
  }

  @Test(.enabled(if: geteuid() == 0, "only root can set attributes of links"))
  func `lose the attributes that mkfs copied to each`() async throws {
    try await Scratch.with { scratch in
      let value = [UInt8](repeating: 7, count: 700)
      let files = SourceDirectory([
        .link("a", to: "x").having("trusted.small", [1]).having("trusted.large", value),
        .hardLink("b", to: "a"), .hardLink("c", to: "a"),
        .link("long", to: String(repeating: "l", count: 99)).having("trusted.large", value),
        .hardLink("long2", to: "long"),
      ])
      let source = try scratch.source(files)
      let output = try scratch.output().appendingPathComponent("o")
      let result = try await build(try files.tree, from: source, to: output)
      try checkWithE2fsck(output)
      try expectEqual(Ext4Witness.rows(of: output), files.rows(from: source))
      #expect(result.joinedLinkCount == 3)
    }
  }

  @Test func `are joined to the same bytes each time`() async throws {
    try await Scratch.with { scratch in
      let files = SourceDirectory(linked)
      let source = try scratch.source(files)
      let directory = try scratch.output()
      let key = (0..<32).map { UInt8($0 * 7) }
      let options = Ext4Options(identity: .derived(from: key, time: 1_700_000_000))
      for name in ["one", "two"] {
        let output = directory.appendingPathComponent(name)
        try await build(try files.tree, from: source, to: output, options)
        // the clock of the times that must not be in the file
        if name == "one" { try await Task.sleep(for: .milliseconds(1100)) }
      }
      let compared = try HostTool.run("cmp", ["one", "two"], in: directory)
      #expect((compared.status, compared.output) == (0, []))
    }
  }

  @Test func `are joined with few words to debugfs`() {
    var batch = DebugfsBatch([InodeCorrection(inode: 12, settings: [.linkCount(3)])])
    batch.append(
      LinkJoining(
        patches: [.init(block: 1 << 33, offset: 4095, byte: 255)],
        spares: [.init(inode: 14, blocks: [1159, 77]), .init(inode: 4_294_967_295)]
      )
    )
    #expect(
      String(decoding: batch.text, as: UTF8.self) == """
        sif <12> links_count 3
        zap_block -o 4095 -l 1 -p 255 8589934592
        clri <14>
        sif <14> mode 0100000
        sif <14> block[0] 1159
        sif <14> block[1] 77
        kill_file <14>
        clri <14>
        kill_file <4294967295>
        clri <4294967295>

        """
    )
  }

  @Test(arguments: ["zap_block", "kill_file", "clri", "sif <12> links_count"])
  func `that are joined only in part are seen`(command: String) async throws {
    try await Scratch.with { scratch in
      let tools = try await FakeTools(
        in: scratch,
        [
          "debugfs":
            #"if [ "$1" = -w ]; then grep -v "^\#(command)" batch > value-b; set -- -w -f value-b image; fi; exec $real "$@""#
        ]
      ).find()
      let files = SourceDirectory([.link("a", to: "x"), .hardLink("b", to: "a")])
      let directory = try scratch.output()
      await #expect(throws: Ext4Error.self) {
        try await Ext4Builder(tools: tools).build(
          try files.tree,
          from: FilePath(try scratch.source(files).path),
          to: FilePath(directory.appendingPathComponent("o").path),
          options: Ext4Options()
        )
      }
      #expect(try names(in: directory) == [])
    }
  }
}

@Suite(.inTurns) struct `The checksum of metadata` {
  /// The check value that catalogues of checksums give for CRC-32C, before its last inversion.
  @Test func `is CRC-32C`() {
    #expect(CRC32C.update(.max, "123456789".utf8) == ~0xE306_9283)
    #expect(CRC32C.update(CRC32C.update(.max, "1234".utf8), "56789".utf8) == ~0xE306_9283)
    #expect(CRC32C.update(.max, 0x3433_3231) == CRC32C.update(.max, "1234".utf8))
    #expect(CRC32C.update(.max, [UInt8]()) == .max)
  }
}
