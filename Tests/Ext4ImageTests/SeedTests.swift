// Seeds of work disks that cannot grow, and growing that fails: the reason is told, and nothing is left.

import Ext4Image
import FileTree
import Foundation
import Glibc
import SystemPackage
import TestKit
import Testing

private let mebibyte: UInt64 = 1 << 20
private let gibibyte: UInt64 = 1 << 30

@Suite(.inTurns) struct `A seed is refused` {
  @Test func `that would have to shrink`() async throws {
    try await Scratch.with { scratch in
      let seed = try await scratch.seed(seedFiles, options: Ext4Options(size: .exact(80 << 20)))
      for byteCount in [0, mebibyte, 80 * mebibyte - 1] {
        #expect(
          try await scratch.refusal(seed, byteCount: byteCount)
            == .seedTooLarge(
              FilePath(seed.path),
              requested: byteCount,
              smallest: 80 * mebibyte
            )
        )
      }
    }
  }

  @Test func `that would become larger than its numbers allow`() async throws {
    try await Scratch.with { scratch in
      let seed = try await scratch.seed(
        seedFiles,
        options: Ext4Options(
          size: .exact(64 << 20),
          features: try Ext4Features(["^64bit"])
        )
      )
      guard
        case .sizeTooLarge(let requested, let limit)? = try await scratch.refusal(
          seed,
          byteCount: 17 << 40
        )
      else {
        Issue.record("not refused")
        return
      }
      #expect(requested == 17 << 40)
      #expect(limit <= 16 << 40)
    }
  }

  @Test(arguments: [0, 1, 2047, 2048, 10_000_000])
  func `that is no file system`(count: Int) async throws {
    try await Scratch.with { scratch in
      let seed = scratch.url.appendingPathComponent("seed")
      try Data(repeating: 0x53, count: count).write(to: seed)
      #expect(try await scratch.refusal(seed) == .notAnExt4(FilePath(seed.path)))
    }
  }

  @Test(arguments: ["ext2", "ext3"])
  func `that is of an older kind`(kind: String) async throws {
    try await Scratch.with { scratch in
      let seed = scratch.url.appendingPathComponent("seed")
      try succeed("truncate", ["-s", "64M", seed.path])
      try succeed("mkfs.\(kind)", ["-q", "-F", seed.path])
      #expect(try await scratch.refusal(seed) == .notAnExt4(FilePath(seed.path)))
    }
  }

  @Test(arguments: ["directory", "fifo", "device", "nothing"])
  func `that is no file`(kind: String) async throws {
    try await Scratch.with { scratch in
      var seed = scratch.url.appendingPathComponent("seed")
      var expected = Ext4Error.notAnExt4(FilePath(seed.path))
      switch kind {
      case "directory":
        try FileManager.default.createDirectory(at: seed, withIntermediateDirectories: false)
      case "fifo": #expect(mkfifo(seed.path, 0o600) == 0)
      case "device":
        seed = URL(fileURLWithPath: "/dev/null")
        expected = .notAnExt4("/dev/null")
      default:
        expected = .systemCall(
          "open",
          path: FilePath(seed.path),
          errno: .noSuchFileOrDirectory
        )
      }
      #expect(try await scratch.refusal(seed) == expected)
    }
  }

  @Test(arguments: [
    ("feature needs_recovery", "its journal waits to be replayed, or it is mounted"),
    ("ssv state 0", "was not unmounted, or is mounted"), ("ssv state 3", "has errors"),
    ("ssv last_orphan 12", "has files whose removal was under way"),
  ])
  func `that is not clean`(command: String, what: String) async throws {
    try await Scratch.with { scratch in
      let seed = try await scratch.seed(seedFiles)
      try succeed("debugfs", ["-w", "-R", command, seed.path])
      #expect(
        try await scratch.refusal(seed) == .fileSystemNotClean(FilePath(seed.path), what: what)
      )
    }
  }

  @Test func `that is cut off`() async throws {
    try await Scratch.with { scratch in
      let seed = try await scratch.seed(seedFiles)
      try succeed("truncate", ["-s", "63M", seed.path])
      #expect(
        try await scratch.refusal(seed)
          == .fileSystemNotClean(
            FilePath(seed.path),
            what: "the file ends before the file system"
          )
      )
    }
  }

  @Test func `that e2fsck finds errors in`() async throws {
    try await Scratch.with { scratch in
      let seed = try await scratch.seed(seedFiles)
      try succeed("debugfs", ["-w", "-R", "clri <12>", seed.path])
      guard case .fileSystemNotClean(let path, let what)? = try await scratch.refusal(seed) else {
        Issue.record("not refused")
        return
      }
      #expect(path == FilePath(seed.path))
      #expect(what.hasPrefix("e2fsck finds errors: Pass 1"))
    }
  }

  @Test(.enabled(if: isRoot, "only root can make loop devices"))
  func `while a loop device may write to it`() async throws {
    try await Scratch.with { scratch in
      let seed = try await scratch.seed(seedFiles)
      for (option, expected) in [("--show", Ext4Error.inUse(FilePath(seed.path))), ("-r", nil)] {
        let device = try succeed("losetup", ["--find", "--show", option, seed.path])
        defer { HostTool.attempt { try succeed("losetup", ["--detach", device]) } }
        #expect(try await scratch.refusal(seed) == expected)
      }
    }
  }
}

@Suite(.inTurns) struct `Growing a seed that fails` {
  @Test(arguments: [
    ("resize2fs", "echo no >&2; exit 1", "resize2fs: exit status 1: no"),
    ("tune2fs", "echo no; exit 1", "tune2fs: exit status 1: no"),
    (
      "debugfs", #"exec $real -w -f /dev/null "$4" 2>&1 >/dev/null | sed p >&2"#,
      "debugfs: exit status 0: debugfs 1."
    ),
    ("e2fsck", "kill -KILL $$", "e2fsck: killed by signal 9"),
  ])
  func `leaves nothing behind`(tool: String, script: String, expected: String) async throws {
    try await Scratch.with { scratch in
      let seed = try await scratch.seed(seedFiles)
      let directory = try scratch.output()
      let tools = try await FakeTools(in: scratch, [tool: script]).find()
      do {
        _ = try await WorkDiskBuilder(tools: tools).grow(
          FilePath(seed.path),
          to: FilePath(directory.appendingPathComponent("disk").path),
          byteCount: gibibyte
        )
        Issue.record("it did not fail")
      } catch let error as Ext4Error {
        #expect(error.description.hasPrefix(expected))
      }
      #expect(try names(in: directory) == [])
    }
  }

  @Test func `is seen where a tool does nothing`() async throws {
    for (tool, what) in [("tune2fs", "not the UUID that was set"), ("resize2fs", "did not grow")] {
      try await Scratch.with { scratch in
        let seed = try await scratch.seed(seedFiles)
        let directory = try scratch.output()
        let tools = try await FakeTools(in: scratch, [tool: "exit 0"]).find()
        do {
          _ = try await WorkDiskBuilder(tools: tools).grow(
            FilePath(seed.path),
            to: FilePath(directory.appendingPathComponent("disk").path),
            byteCount: gibibyte
          )
          Issue.record("it did not fail")
        } catch .malformedImage(let found, _) as Ext4Error {
          #expect(found == what)
        }
        #expect(try names(in: directory) == [])
      }
    }
  }

  @Test(.enabled(if: isRoot, "only root can mount a file system that is full"))
  func `on a full disk says so`() async throws {
    try await Scratch.with { scratch in
      let seed = try await scratch.seed(
        SourceDirectory([.file("big", String(repeating: "x", count: 8 << 20))])
      )
      for mebibytes in [1, 9] {
        try await LoopMount.with(.tmpfs, mebibytes: mebibytes, in: scratch) { mount in
          let disk = mount.root.appendingPathComponent("disk")
          do {
            _ = try await scratch.grow(seed, to: disk, byteCount: 512 * gibibyte)
            Issue.record("it did not fail")
          } catch .diskFull as Ext4Error {
            // as it should be
          }
          #expect(try names(in: mount.root) == [])
        }
      }
    }
  }
}
