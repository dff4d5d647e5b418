// Adding files to images of every kind: what debugfs says of them afterwards is held against what
// was there before and what was added.

import Ext4Image
import FileTree
import Foundation
import Glibc
import SystemPackage
import TestKit
import Testing

/// A small root file system with everything that may be in the way.
private let base: [SourceFile] = [
  .directory("etc", mode: 0o751).at(1_500_000_000), .file("etc/config", "old").at(1_500_000_001),
  .directory("usr"), .directory("usr/bin"), .directory("usr/lib", mode: 0o711),
  .directory("usr/local"), .link("bin", to: "usr/bin"), .link("lib", to: "/usr/lib"),
  .file("usr/bin/tool", String(repeating: "old tool ", count: 3000), mode: 0o755),
  .hardLink("usr/bin/tool-2", to: "usr/bin/tool"), .hardLink("usr/tool-3", to: "usr/bin/tool"),
  .link("usr/bin/sh", to: "tool"),
  .link("usr/long", to: String(repeating: "t", count: 900)),
  .file("usr/lib/noted", "noted").having("user.note", [UInt8](repeating: 7, count: 500)),
  .file("usr/lib/noted-too", "noted").having("user.note", [UInt8](repeating: 7, count: 500)),
  SourceFile(path: Array("usr/pipe".utf8), kind: .fifo, attributes: .init(mode: 0o600)),
  .directory("srv"), .file("srv/<12>", "a name like a number"),
]

/// Everything that can be added, in its nastiest form.
private let additions: [SourceFile] = {
  let capability: [UInt8] =
    [1, 0, 0, 2] + [0, 32, 0, 0] + [0, 0, 0, 0] + [0, 0, 0, 0] + [0, 0, 0, 0]
  let accessList: [UInt8] =
    [2, 0, 0, 0] + [1, 0, 7, 0, 255, 255, 255, 255] + [2, 0, 6, 0, 57, 48, 0, 0]
    + [4, 0, 5, 0, 255, 255, 255, 255] + [16, 0, 7, 0, 255, 255, 255, 255]
    + [32, 0, 5, 0, 255, 255, 255, 255]
  let names = [
    "<12>", "we \"quote\" \"\"", "-f", "-", "!touch pwned", "# comment", " leading", "trailing ",
    "tab\there", "back\\slash", "<2>", "..a", "...", "~", "*", "$HOME", "\u{1}\u{7F}", "\"", "\"\"",
    String(repeating: "n", count: 255), String(repeating: "\"", count: 255),
  ]
  var files: [SourceFile] = [
    // replaced: a file, one of three names, a link, a fifo, files with a block of attributes
    .file("etc/config", "new", mode: 0o600).owned(by: 1, 2).at(1_700_000_000, 123_456_789),
    .file("usr/bin/tool-2", "alone now"), .file("usr/bin/sh", "no link", mode: 0o4755),
    .link("usr/pipe", to: "/dev/null").at(5), .file("usr/long", ""),
    .file("usr/lib/noted", "n").having("user.new", [1, 2, 3]),
    .link("usr/lib/noted-too", to: "noted"),
    .file("srv/<12>", "replaced by its name"),
    // made
    .file("opt/agent/bin/agent", String(repeating: "agent", count: 200_000), mode: 0o755)
      .having("security.capability", capability).at(-1, 7),
    .file("opt/agent/empty").owned(by: 4_294_967_294, 4_294_967_294).at(4_102_444_800, 1),
    .file("opt/agent/zeros", String(repeating: "\0", count: 300_000)).at(10_413_792_000),
    .hardLink("opt/agent-again", to: "opt/agent/bin/agent"),
    .hardLink("usr/bin/agent", to: "opt/agent/bin/agent"),
    .link("opt/short", to: "agent/bin/agent").owned(by: 5, 6).at(3, 4),
    .hardLink("opt/short-again", to: "opt/short"),
    .link("opt/nasty-target", to: "<12> \"q\" !x"),
    .link("opt/59", to: String(repeating: "b", count: 59)),
    .link("opt/60", to: String(repeating: "c", count: 60)),
    .link("opt/1000", to: String(repeating: "\"", count: 1000)),
    .directory("explicit", mode: 0o2770).owned(by: 100_000, 70_000).at(7, 8)
      .having("system.posix_acl_default", accessList).having("system.posix_acl_access", accessList),
    .file("explicit/file").having("user.note", Array("hello".utf8)).having("user.empty", [])
      .having("trusted.large", [UInt8](repeating: 0xA5, count: 400)),
    // changed
    .directory("srv", mode: 0o1777).owned(by: 8, 9).at(44, 55).having("user.of-srv", [9]),
    // through links where /usr is merged
    .file("bin/added", "in usr/bin"), .file("lib/new/deep/er", "in usr/lib"),
  ]
  for name in names {
    files.append(.file("srv/" + name, "file \(name)", mode: 0o640).at(9, 9))
    files.append(.file("names/" + name + "/" + name, "below \(name)"))
  }
  for (name, kind) in [
    ("null", SourceFile.Kind.characterDevice(1, 3)), ("<12>c", .characterDevice(300, 70_000)),
    ("disk", .blockDevice(259, 300_000)), ("none", .characterDevice(0, 0)), ("<13>", .fifo),
  ] {
    files.append(
      SourceFile(path: Array("dev/\(name)".utf8), kind: kind, attributes: .init(mode: 0o620))
    )
  }
  files.append(
    SourceFile(
      path: Array("srv/".utf8) + [0xFF, 0xFE, 0x80],
      kind: .file([1]),
      attributes: .init(mode: 0)
    )
  )
  files.append(
    SourceFile(
      path: Array("sparse".utf8),
      kind: .sparse(
        5_000_000,
        (0..<40).map { (UInt64($0) * 120_000, [UInt8](repeating: UInt8($0 + 1), count: 5000)) }
      ),
      attributes: .init(mode: 0o644)
    )
  )
  return files
}()

/// The additions as they are in the image: what goes through a link is behind it.
private let landed: [SourceFile] = additions.map { file in
  var file = file
  for link in ["bin/", "lib/"] where file.path.starts(with: link.utf8) {
    file.path = Array("usr/".utf8) + file.path
  }
  return file
}

@Suite(.inTurns) struct `Adding files to an image` {
  /// Options of mkfs.ext4 for images of all kinds.
  static let kinds: [[String]] = [
    ["-b", "4096"], ["-b", "1024"], ["-b", "2048"], ["-I", "128"], ["-b", "1024", "-I", "128"],
    ["-I", "1024"], ["-b", "4096", "-I", "4096", "-N", "1024"], ["-O", "^has_journal"],
    ["-t", "ext3"],
    ["-t", "ext2"], ["-O", "orphan_file"],
    ["-O", "^metadata_csum"], ["-O", "^metadata_csum,uninit_bg"], ["-O", "metadata_csum_seed"],
    ["-O", "^64bit"], ["-O", "^extent,^64bit"], ["-O", "^filetype"], ["-O", "^flex_bg"],
    ["-O", "sparse_super2"], ["-O", "^dir_index"], ["-O", "^resize_inode"],
    ["-O", "^extra_isize"], ["-O", "large_dir,fast_commit"],
  ]

  @Test(arguments: kinds)
  func `every kind of file comes into every kind of image`(_ kind: [String]) async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(kind, of: base)
      let before = try Ext4Witness.rows(of: image)
      let result = try await Added(additions).inject(into: image)
      try checkWithE2fsck(image)
      let isSmall = kind.contains("128")
      let expected = try Added(landed).rows(over: before, smallInodes: isSmall)
      expectEqual(try Ext4Witness.rows(of: image), expected)
      #expect(result.replacedCount == 8)
      #expect(result.madeDirectoryCount == 8 + 21)
      #expect(result.changedDirectoryCount == 1)
      #expect(try names(in: image.deletingLastPathComponent()) == ["image"])
    }
  }

  @Test func `blocks of 64 KiB are no different`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(["-b", "65536"], mebibytes: 512, of: base)
      let before = try Ext4Witness.rows(of: image)
      try await Added(additions).inject(into: image)
      try checkWithE2fsck(image)
      expectEqual(try Ext4Witness.rows(of: image), try Added(landed).rows(over: before))
    }
  }

  @Test func `adding the same again changes nothing but replaces everything`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(of: base)
      let first = try await Added(additions).inject(into: image)
      let rows = try Ext4Witness.rows(of: image)
      let second = try await Added(additions).inject(into: image)
      try checkWithE2fsck(image)
      expectEqual(try Ext4Witness.rows(of: image), rows)
      #expect(second.addedCount == 0)
      #expect(second.madeDirectoryCount == 0)
      #expect(second.replacedCount == first.addedCount + first.replacedCount)
      // freed to the last block: nothing of the first run is left behind
      #expect(second.image.freeBlockCount == first.image.freeBlockCount)
      #expect(second.image.freeInodeCount == first.image.freeInodeCount)
    }
  }

  @Test func `an image that banger-fs made takes files as any other`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.output().appendingPathComponent("rootfs.ext4")
      let source = try scratch.source(SourceDirectory(base))
      try await build(try SourceDirectory(base).tree, from: source, to: image)
      let before = try Ext4Witness.rows(of: image)
      let result = try await Added(additions).inject(into: image)
      try checkWithE2fsck(image)
      expectEqual(try Ext4Witness.rows(of: image), try Added(landed).rows(over: before))
      #expect(result.image.label == "banger-rootfs")
    }
  }

  @Test func `the root directory takes attributes only where the tree has some`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(of: base)
      let before = try Ext4Witness.rows(of: image)
      let root = [SourceFile.directory("", mode: 0o711).owned(by: 3, 4).at(77, 88)]
      let result = try await Added(root).inject(into: image)
      try checkWithE2fsck(image)
      expectEqual(try Ext4Witness.rows(of: image), try Added(root).rows(over: before))
      #expect(result.changedDirectoryCount == 1)
    }
  }

  @Test func `nothing to add writes nothing`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(of: base)
      let before = try (inode(of: image), HostTool.digests(of: [image]))
      let result = try await Added([]).inject(into: image)
      #expect(try (inode(of: image), HostTool.digests(of: [image])) == before)
      #expect(result.addedCount == 0)
      #expect(result.image.blockCount > 0)
    }
  }

  @Test func `two ways to one directory meet there`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(of: base)
      let before = try Ext4Witness.rows(of: image)
      let ways: [SourceFile] = [
        .file("lib/new/a", "1"), .directory("usr/lib/new", mode: 0o700).at(5, 6),
        .file("usr/lib/new/b", "2"), .file("usr/lib/c", "3"), .file("lib/d", "4"),
      ]
      try await Added(ways).inject(into: image)
      try checkWithE2fsck(image)
      let landed = ways.map { file in
        var file = file
        if file.path.starts(with: "lib".utf8) { file.path = Array("usr/".utf8) + file.path }
        return file
      }
      expectEqual(try Ext4Witness.rows(of: image), try Added(landed).rows(over: before))
    }
  }

  @Test func `other links are followed when asked, and stay inside the image`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(
        of: base + [
          .link("usr/local/out", to: "../../../../srv"), .link("chain", to: "/usr/local/out"),
          .link("up", to: "usr/local/.."),
        ]
      )
      let before = try Ext4Witness.rows(of: image)
      let result = try await Added([
        .file("chain/through", "links"), .file("up/and", "away"), .file("usr/local/out", "taken"),
      ]).inject(into: image, followingLinks: true)
      try checkWithE2fsck(image)
      let landed = Added([
        .file("srv/through", "links"), .file("usr/and", "away"), .file("usr/local/out", "taken"),
      ])
      expectEqual(try Ext4Witness.rows(of: image), try landed.rows(over: before))
      #expect(result.replacedCount == 1)
    }
  }

  @Test func `mode and owner of the image file stay`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(of: base)
      chmod(image.path, 0o4604)
      if geteuid() == 0 { chown(image.path, 1234, 5678) }
      chmod(image.path, 0o4604)
      let before = try inode(of: image)
      try await Added([.file("a", "b")]).inject(into: image)
      #expect(try Array(inode(of: image)[1...]) == Array(before[1...]))
    }
  }

  @Test func `a link to the image stays one`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(of: base)
      let link = try scratch.output().appendingPathComponent("link")
      try FileManager.default.createSymbolicLink(atPath: link.path, withDestinationPath: image.path)
      try await Added([.file("a", "b")]).inject(into: link)
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link.path) == image.path)
      #expect(try Ext4Witness.rows(of: image).contains { $0.path == Array("a".utf8) })
    }
  }

  @Test func `holes stay holes`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(mebibytes: 2048, of: base)
      let result = try await Added([.file("a", "b")]).inject(into: image)
      #expect(result.image.byteCount == 2048 << 20)
      #expect(result.image.allocatedByteCount < 128 << 20)
    }
  }

  @Test func `3,000 files in one directory`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(["-N", "40000"], mebibytes: 256, of: base)
      let before = try Ext4Witness.rows(of: image)
      let many = Added(
        (0..<3000).map {
          .file("many/a-rather-long-name-of-a-file-\($0)", "\($0)").at(Int64($0), 1)
        }
      )
      let result = try await many.inject(into: image)
      try checkWithE2fsck(image)
      expectEqual(try Ext4Witness.rows(of: image), try many.rows(over: before))
      #expect(result.addedCount == 3000)
    }
  }

  @Test func `progress goes through the phases in order`() async throws {
    try await Scratch.with { scratch in
      let image = try scratch.image(of: base)
      let seen = Recorder()
      try await Added([.file("a", "b")]).inject(into: image) { seen.add($0.phase) }
      #expect(seen.phases == [.copying, .correcting, .checking, .finishing])
    }
  }
}
