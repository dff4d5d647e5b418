// Everything that can go wrong on the way: each failure has its error, and leaves nothing behind.

import Ext4Image
import FileTree
import Foundation
import Glibc
import SystemPackage
import TestKit
import Testing

@Suite(.inTurns) struct `A failed build` {
  private static let files = SourceDirectory([.file("a", "text").owned(by: 7, 8).at(5, 6)])

  /// Builds with `scripts` in place of tools, and returns the error; nothing may be left.
  private func failure(
    with scripts: [String: String],
    _ files: SourceDirectory = Self.files
  ) async throws -> Ext4Error? {
    try await Scratch.with { scratch in
      let tools = try await FakeTools(in: scratch, scripts).find()
      let source = try scratch.source(files, faithfully: false)
      let directory = try scratch.output()
      let output = directory.appendingPathComponent("o")
      try Data("old".utf8).write(to: output)
      do {
        _ = try await Ext4Builder(tools: tools).build(
          try files.tree,
          from: FilePath(source.path),
          to: FilePath(output.path),
          options: Ext4Options()
        )
        return nil
      } catch let error as Ext4Error {
        #expect(try names(in: directory) == ["o"])
        #expect(try Data(contentsOf: output) == Data("old".utf8))
        return error
      }
    }
  }

  @Test func `of mkfs is told in mkfs's words`() async throws {
    let error = try await failure(with: [
      "mkfs.ext4": #"[ "$1" = -V ] && exec $real -V; printf "a source \033[31m\n" >&2; exit 3"#
    ])
    #expect(
      error
        == .toolFailed(
          tool: "mkfs.ext4",
          status: .exited(3),
          message: #"a source \x1b[31m"#
        )
    )
  }

  @Test func `is one where mkfs only complains, too`() async throws {
    let error = try await failure(with: [
      "mkfs.ext4": #"[ "$1" = -V ] && exec $real -V; echo hm >&2; exec $real "$@""#
    ])
    #expect(error == .toolFailed(tool: "mkfs.ext4", status: .exited(0), message: "hm"))
  }

  @Test func `of mkfs by a signal is told as such`() async throws {
    let error = try await failure(with: [
      "mkfs.ext4": #"[ "$1" = -V ] && exec $real -V; kill -ABRT $$"#
    ])
    #expect(error == .toolFailed(tool: "mkfs.ext4", status: .signalled(6), message: ""))
  }

  @Test func `of a full file system is recognised`() async throws {
    let text = "mkfs.ext4: Could not allocate block in ext2 filesystem while populating file system"
    let error = try await failure(with: [
      "mkfs.ext4": #"[ "$1" = -V ] && exec $real -V; echo "\#(text)" >&2; exit 1"#
    ])
    #expect(error == .imageFull(message: text))
  }

  @Test func `of debugfs is seen although it exits with 0`() async throws {
    let error = try await failure(with: [
      "debugfs":
        #"[ "$1" = -w ] && set -- -w -f /dev/null "$4" && echo "oops" >&2; exec $real "$@""#
    ])
    #expect(
      error?.description.hasPrefix("debugfs: exit status 0: oops; debugfs 1.") == true
    )
  }

  @Test func `of debugfs to write anything is seen by reading back`() async throws {
    let error = try await failure(with: [
      "debugfs": #"[ "$1" = -w ] && set -- -w -f /dev/null "$4"; exec $real "$@""#
    ])
    #expect(
      error
        == .inodeDiffers(
          path: [],
          inode: 2,
          field: "atime",
          expected: "corrected",
          actual: "unchanged"
        )
    )
  }

  @Test func `of debugfs to see the inodes is seen before it writes`() async throws {
    let error = try await failure(with: [
      "debugfs": #"[ "$1" = -w ] && touch written; echo "debugfs 1.47.0" >&2; echo nothing"#
    ])
    #expect(
      error
        == .numberingDiffers(
          expected: "debugfs: testi <12>; Inode 12 is marked in use; "
            + "debugfs: testi <13>; Inode 13 is not in use",
          actual: "nothing"
        )
    )
  }

  @Test func `of e2fsck to be content is told in its words`() async throws {
    let error = try await failure(with: ["e2fsck": "echo Pass 1; echo bad >&1; exit 4"])
    #expect(error == .fileSystemCheckFailed(report: "Pass 1; bad"))
  }

  @Test func `of e2fsck to run is not taken for errors in the file system`() async throws {
    let error = try await failure(with: ["e2fsck": "echo usage >&2; exit 16"])
    #expect(error == .toolFailed(tool: "e2fsck", status: .exited(16), message: "usage"))
  }

  @Test func `comes of a directory that is not the tree`() async throws {
    let other = SourceDirectory([.file("b", "text")])
    try await Scratch.with { scratch in
      let directory = try scratch.output()
      let output = directory.appendingPathComponent("o")
      await #expect(
        throws: Ext4Error.directoryDiffers(path: [], inode: 2, name: Array("a".utf8))
      ) {
        try await build(
          try Self.files.tree,
          from: try scratch.source(other, faithfully: false),
          to: output
        )
      }
      #expect(try names(in: directory) == [])
    }
  }

  @Test func `comes of a file with another size than the tree's`() async throws {
    let other = SourceDirectory([.file("a", "longer text")])
    try await Scratch.with { scratch in
      let directory = try scratch.output()
      let output = directory.appendingPathComponent("o")
      await #expect(
        throws: Ext4Error.inodeDiffers(
          path: Array("a".utf8),
          inode: 12,
          field: "size",
          expected: "4",
          actual: "11"
        )
      ) {
        try await build(
          try Self.files.tree,
          from: try scratch.source(other, faithfully: false),
          to: output
        )
      }
      #expect(try names(in: directory) == [])
    }
  }

  @Test func `comes of a size that is too small, with one that will do`() async throws {
    let files = SourceDirectory([.file("a", String(repeating: "x", count: 100 << 20))])
    try await Scratch.with { scratch in
      let source = try scratch.source(files, faithfully: false)
      let directory = try scratch.output()
      let output = directory.appendingPathComponent("o")
      let tree = try files.tree
      do {
        _ = try await build(tree, from: source, to: output, Ext4Options(size: .exact(64 << 20)))
        Issue.record("64 MiB were accepted")
      } catch Ext4Error.sizeTooSmall(67_108_864, let smallest) {
        #expect(try names(in: directory) == [])
        let result = try await build(
          tree,
          from: source,
          to: output,
          Ext4Options(size: .exact(smallest))
        )
        #expect(result.byteCount == smallest)
      }
    }
  }

  @Test(arguments: [0, 50, 400])
  func `comes of cancelling at any time, and leaves nothing`(milliseconds: Int) async throws {
    try await Scratch.with { scratch in
      let tools = try await FakeTools(
        in: scratch,
        [
          "mkfs.ext4":
            #"[ "$1" = -V ] && exec $real -V; trap '' TERM; sleep 0.2; $real "$@" && sleep 60"#
        ]
      ).find()
      let source = try scratch.source(Self.files, faithfully: false)
      let directory = try scratch.output()
      let tree = try Self.files.tree
      let task = Task {
        try await Ext4Builder(tools: tools).build(
          tree,
          from: FilePath(source.path),
          to: FilePath(directory.appendingPathComponent("o").path),
          options: Ext4Options()
        )
      }
      try await Task.sleep(for: .milliseconds(milliseconds))
      task.cancel()
      await #expect(throws: Ext4Error.cancelled) { try await task.value }
      #expect(try names(in: directory) == [])
    }
  }

  @Test(.enabled(if: geteuid() == 0, "only root can mount a small disk"))
  func `comes of a full disk`() async throws {
    let text = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3 | 1) }
    let files = SourceDirectory([
      SourceFile(path: Array("a".utf8), kind: .file(text), attributes: .init(mode: 0o644))
    ])
    try await Scratch.with { scratch in
      let source = try scratch.source(files, faithfully: false)
      let disk = try scratch.output()
      let mounted = try HostTool.run(
        "mount",
        ["-t", "tmpfs", "-o", "size=2m", "tmpfs", disk.path]
      )
      #expect(mounted.status == 0)
      defer { HostTool.attempt { _ = try HostTool.run("umount", [disk.path]) } }
      let output = disk.appendingPathComponent("o")
      await #expect(throws: Ext4Error.diskFull(FilePath(output.path))) {
        try await build(try files.tree, from: source, to: output)
      }
      #expect(try names(in: disk) == [])
    }
  }
}

@Suite(.inTurns) struct `The output` {
  private static let files = SourceDirectory([.file("a", "text")])

  @Test(arguments: ["directory", "fifo", "link to directory", "/dev/null", "/dev", "."])
  func `must be a regular file or nothing`(name: String) async throws {
    try await Scratch.with { scratch in
      let directory = try scratch.output()
      let path = name.hasPrefix("/") ? name : directory.appendingPathComponent(name).path
      mkdir(directory.appendingPathComponent("directory").path, 0o755)
      mkfifo(directory.appendingPathComponent("fifo").path, 0o644)
      symlink("directory", directory.appendingPathComponent("link to directory").path)
      let output = name == "." ? FilePath(".") : FilePath(path)
      #expect(throws: Ext4Error.outputIsNotAFile(output)) { try OutputTarget(output) }
      #expect(try names(in: directory) == ["directory", "fifo", "link to directory"])
    }
  }

  @Test func `needs a directory that exists`() async throws {
    try await Scratch.with { scratch in
      let missing = FilePath(scratch.url.appendingPathComponent("missing").path)
      #expect(
        throws: Ext4Error.systemCall("resolve", path: missing, errno: .noSuchFileOrDirectory)
      ) {
        try OutputTarget(missing.appending("o"))
      }
    }
  }

  @Test func `has what killed runs left behind cleared, and nothing else`() async throws {
    try await Scratch.with { scratch in
      let directory = try scratch.output()
      let mark = ".banger-0123456789abcdef"
      let others = [".o.banger-0123", ".o.banger-0123456789abcdeg", ".p\(mark)", "o\(mark)"]
      for name in [".o\(mark)"] + others {
        let stale = directory.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: stale, withIntermediateDirectories: false)
        for file in ["image", "batch", "value-0"] {
          try Data("x".utf8).write(to: stale.appendingPathComponent(file))
        }
      }
      let living = try WorkDirectory(
        beside: try OutputTarget(FilePath(directory.appendingPathComponent("o").path))
      )
      let output = directory.appendingPathComponent("o")
      let source = try scratch.source(Self.files, faithfully: false)
      _ = try await build(try Self.files.tree, from: source, to: output)
      let left = try names(in: directory).filter { $0 != living.path.lastComponent?.string }
      #expect(left == (others + ["o"]).sorted())
      #expect(FileManager.default.fileExists(atPath: living.path.string))
      living.remove()
      #expect(!FileManager.default.fileExists(atPath: living.path.string))
    }
  }
}

@Suite(.inTurns) struct `The tools` {
  @Test func `are found although the path lacks the directories for system programs`() async throws
  {
    let tools = try await E2fsTools.find()
    #expect(tools.version >= E2fsVersion.oldest)
    #expect(tools.mkfs.isAbsolute)
  }

  @Test(arguments: ["mkfs.ext4", "debugfs", "e2fsck"])
  func `are missed by name`(name: String) async throws {
    try await Scratch.with { scratch in
      let tools = try FakeTools(in: scratch, [:])
      try FileManager.default.removeItem(at: tools.directory.appendingPathComponent(name))
      await #expect(throws: Ext4Error.missingTool(name)) { try await tools.find() }
      #expect(Ext4Error.missingTool(name).hint == "install the package e2fsprogs")
    }
  }

  @Test(arguments: [
    ("mke2fs 1.45.7 (28-Jan-2021)", Ext4Error.toolTooOld(version: E2fsVersion(1, 45, 7))),
    ("mke2fs from the moon", .unknownToolVersion("mke2fs from the moon")),
  ])
  func `must have a version that is known to work`(banner: String, error: Ext4Error) async throws {
    try await Scratch.with { scratch in
      let tools = try FakeTools(in: scratch, ["mkfs.ext4": "echo '\(banner)' >&2"])
      await #expect(throws: error) { try await tools.find() }
    }
  }

  @Test func `of version 1.47.3 are refused for a file of 2 GiB`() async throws {
    try await Scratch.with { scratch in
      let tools = try await FakeTools(
        in: scratch,
        ["mkfs.ext4": #"[ "$1" = -V ] && echo "mke2fs 1.47.3 (8-Jul-2025)" >&2 || exit 9"#]
      ).find()
      let large = SourceDirectory([
        SourceFile(
          path: Array("large".utf8),
          kind: .sparse(1 << 31, []),
          attributes: .init(mode: 0o644)
        )
      ])
      let error = Ext4Error.toolCannotCopyLargeFiles(
        version: E2fsVersion(1, 47, 3),
        path: Array("large".utf8)
      )
      await #expect(throws: error) {
        try await Ext4Builder(tools: tools).build(
          try large.tree,
          from: FilePath(scratch.url.path),
          to: FilePath(scratch.url.appendingPathComponent("o").path),
          options: Ext4Options()
        )
      }
    }
  }

  @Test func `run with a clean environment, no input, and bounded output`() async throws {
    let script = "env | sort; wc -c; pwd; head -c 200000 /dev/zero >&2; exit 7"
    let output = try await ToolRunner.run(
      "/bin/sh",
      ["-c", script].map { Array($0.utf8) },
      in: "/tmp",
      searchPath: "/bin:/usr/bin"
    )
    #expect(output.status == .exited(7))
    let lines = String(decoding: output.standardOutput, as: UTF8.self).split(separator: "\n")
    #expect(
      lines.filter { !$0.hasPrefix("_=") } == [
        "LC_ALL=C", "PATH=/bin:/usr/bin", "PWD=/tmp", "0", "/tmp",
      ]
    )
    #expect(output.standardError.count == 64 << 10)
  }

  @Test func `that do not exist are told from those that fail`() async throws {
    await #expect(throws: Ext4Error.self) {
      try await ToolRunner.run("/nonexistent/tool", [], in: "/", searchPath: "/bin")
    }
  }
}
