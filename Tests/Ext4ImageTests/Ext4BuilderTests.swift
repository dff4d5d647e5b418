// Real tools on real directories: what comes out is compared with the tree by an independent witness.

import Ext4Image
import FileTree
import Foundation
import Glibc
import SystemPackage
import TestKit
import Testing

/// Everything that a root file system may hold, in its nastiest form.
private let nasty: [SourceFile] = {
  let accessList: [UInt8] =
    [2, 0, 0, 0] + [1, 0, 7, 0, 255, 255, 255, 255] + [2, 0, 6, 0, 57, 48, 0, 0]
    + [4, 0, 5, 0, 255, 255, 255, 255] + [16, 0, 7, 0, 255, 255, 255, 255]
    + [32, 0, 5, 0, 255, 255, 255, 255]
  let capability: [UInt8] =
    [1, 0, 0, 2] + [0, 32, 0, 0] + [0, 0, 0, 0] + [0, 0, 0, 0] + [0, 0, 0, 0]
  var files: [SourceFile] = [
    .directory("", mode: 0o751).owned(by: 3, 4).at(1_000_000_000, 5),
    .directory("bin").owned(by: 100_000, 70_000).at(7),
    .file("bin/su", "#!/bin/sh\n", mode: 0o4755).at(1_600_000_000, 999_999_999),
    .file("bin/ping", "ping", mode: 0o755).having("security.capability", capability),
    .file("bin/secret", "nobody reads me", mode: 0).owned(by: 4_294_967_294, 4_294_967_294),
    .hardLink("bin/passwd", to: "bin/su"),
    .directory("tmp", mode: 0o1777),
    .directory("acl", mode: 0o2775).having("system.posix_acl_default", accessList)
      .having("system.posix_acl_access", accessList),
    .file("acl/file").having("user.note", Array("hello".utf8))
      .having("trusted.big", [UInt8](repeating: 0xA5, count: 3000)).having("user.empty", []),
    .link("short", to: "bin/su").owned(by: 5, 6).at(3, 4),
    .link("brief59", to: String(repeating: "b", count: 59)),
    .link("long60", to: String(repeating: "c", count: 60)),
    .link("longest", to: String(repeating: "d", count: 4095)),
    .link("lines", to: "one\ntwo\ndebugfs: stat <14>\n"),
    .hardLink("short-again", to: "short"),
    .file("far", "2100").at(4_102_444_800, 1), .file("past", "1960").at(-315_619_200, 999_999_999),
    .file("minus one").at(-1, 7), .file("2300").at(10_413_792_000), .file("epoch").at(0),
    .file("new\nline", "n"), .file("quo\"te \"\"", "q"), .file("!touch pwned", "!"),
    .file("<12>", "inode"), .file("back\\slash", "b"), .file("# comment", "c"),
    .file(String(repeating: "n", count: 255), "255"),
    .directory("empty"), .file("zeros", String(repeating: "\0", count: 200_000)),
  ]
  files.append(
    SourceFile(path: [0xFF, 0xFE, 0x80], kind: .file([1, 2, 3]), attributes: .init(mode: 0o600))
  )
  files.append(
    SourceFile(path: Array("fifo".utf8), kind: .fifo, attributes: .init(mode: 0o620))
  )
  files.append(
    SourceFile(
      path: Array("sparse".utf8),
      kind: .sparse(
        9_000_000,
        (0..<12).map { (UInt64($0) * 700_000, [UInt8](repeating: UInt8($0 + 1), count: 5000)) }
      ),
      attributes: .init(mode: 0o644)
    )
  )
  return files
}()

/// What only root can make on the host.
private let devices: [SourceFile] = [
  SourceFile(
    path: Array("null".utf8),
    kind: .characterDevice(1, 3),
    attributes: .init(mode: 0o666)
  ),
  SourceFile(
    path: Array("disk".utf8),
    kind: .blockDevice(259, 300_000),
    attributes: .init(mode: 0o660)
  ),
  .hardLink("null-again", to: "null"),
]

@Suite(.inTurns) struct `Making an ext4 file` {
  @Test(arguments: [true, false])
  func `the file system is the tree, whatever mkfs could read`(faithfully: Bool) async throws {
    try await Scratch.with { scratch in
      // an ordinary user cannot read a file of mode 0, nor make devices
      let files = SourceDirectory(nasty + (geteuid() == 0 ? devices : []))
      let source = try scratch.source(files, faithfully: faithfully && geteuid() == 0)
      let output = try scratch.output().appendingPathComponent("rootfs.ext4")
      let result = try await build(try files.tree, from: source, to: output)
      try checkWithE2fsck(output)
      try expectEqual(Ext4Witness.rows(of: output), files.rows(from: source))
      #expect(result.joinedLinkCount == 1)
      #expect(result.label == "banger-rootfs")
      #expect(try names(in: output.deletingLastPathComponent()) == ["rootfs.ext4"])
    }
  }

  @Test func `a lost+found of the tree keeps its inode and gets its files`() async throws {
    try await Scratch.with { scratch in
      let files = SourceDirectory([
        .directory("", mode: 0o755), .file("a", "1"),
        .directory("lost+found", mode: 0o711).owned(by: 8, 9).at(44),
        .file("lost+found/x", "x"), .file("z", "2"),
      ])
      let output = try scratch.output().appendingPathComponent("o")
      let source = try scratch.source(files)
      _ = try await build(try files.tree, from: source, to: output)
      try checkWithE2fsck(output)
      let rows = try Ext4Witness.rows(of: output, includingLostAndFound: true)
      try expectEqual(rows, files.rows(from: source))
    }
  }

  @Test func `a directory of 5,000 entries is complete and its size was enough`() async throws {
    try await Scratch.with { scratch in
      let many = (0..<5000).map {
        SourceFile.file("many/file-with-a-rather-long-name-\($0)", "x").at(Int64($0), 1)
      }
      let files = SourceDirectory([.directory("many")] + many)
      let output = try scratch.output().appendingPathComponent("o")
      let source = try scratch.source(files)
      let result = try await build(try files.tree, from: source, to: output)
      try checkWithE2fsck(output)
      try expectEqual(Ext4Witness.rows(of: output), files.rows(from: source))
      #expect(result.inodeCount - result.freeInodeCount == 11 + 5001)
    }
  }

  @Test func `an explicit size is exact, and so is the label`() async throws {
    try await Scratch.with { scratch in
      let files = SourceDirectory([.file("a", "b")])
      let output = try scratch.output().appendingPathComponent("o")
      let options = Ext4Options(size: .exact(200 << 20), label: try VolumeLabel("sixteen bytes ok"))
      let source = try scratch.source(files)
      let result = try await build(
        try files.tree,
        from: source,
        to: output,
        options
      )
      let attributes = try FileManager.default.attributesOfItem(atPath: output.path)
      #expect(attributes[.size] as? Int == 200 << 20)
      #expect(result.byteCount == 200 << 20)
      #expect(result.blockCount == 51_200)
      #expect(result.label == "sixteen bytes ok")
      #expect(result.allocatedByteCount < 8 << 20)
      let shown = try HostTool.run("dumpe2fs", ["-h", output.path]).output
      let text = String(decoding: shown, as: UTF8.self)
      #expect(text.contains("Filesystem UUID:          \(result.uuidText)\n"))
      #expect(text.contains("Filesystem volume name:   sixteen bytes ok\n"))
      #expect(text.contains("Free blocks:              \(result.freeBlockCount)\n"))
    }
  }

  @Test func `an existing file is replaced, through a symbolic link too`() async throws {
    try await Scratch.with { scratch in
      let files = SourceDirectory([.file("a", "b")])
      let directory = try scratch.output()
      let real = directory.appendingPathComponent("real")
      try Data("old".utf8).write(to: real)
      let link = directory.appendingPathComponent("link")
      try FileManager.default.createSymbolicLink(atPath: link.path, withDestinationPath: "real")
      let source = try scratch.source(files)
      _ = try await build(try files.tree, from: source, to: link)
      try checkWithE2fsck(real)
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link.path) == "real")
      #expect(try names(in: directory) == ["link", "real"])
    }
  }

  @Test func `names of the host that tools would take apart do no harm`() async throws {
    try await Scratch.with { scratch in
      let files = SourceDirectory([.file("a", "b").having("user.x", [0, 10, 34])])
      let directory = try scratch.output().appendingPathComponent("a ?b\"\nc")
      try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
      let output = directory.appendingPathComponent("-F ?offset=1 \"x")
      let source = try scratch.source(files)
      let result = try await build(try files.tree, from: source, to: output)
      #expect(result.freeBlockCount > 0)
      #expect(try names(in: directory) == ["-F ?offset=1 \"x"])
    }
  }

  @Test func `progress goes through the phases in order`() async throws {
    try await Scratch.with { scratch in
      let files = SourceDirectory([.file("a", "b")])
      let output = try scratch.output().appendingPathComponent("o")
      let seen = Recorder()
      let source = try scratch.source(files)
      _ = try await build(try files.tree, from: source, to: output) {
        seen.add($0.phase)
      }
      #expect(seen.phases == [.copying, .correcting, .checking, .finishing])
    }
  }
}
