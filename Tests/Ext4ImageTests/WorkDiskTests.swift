// Work disks: empty ones, and copies of seeds that grow.

import Ext4Image
import FileTree
import Foundation
import Glibc
import SystemPackage
import TestKit
import Testing

private let mebibyte: UInt64 = 1 << 20
private let gibibyte: UInt64 = 1 << 30

private func builder() async throws -> WorkDiskBuilder {
  WorkDiskBuilder(tools: try await E2fsTools.find())
}

private func label(_ text: String) throws -> VolumeLabel { try VolumeLabel(text) }

/// The fields of the superblock that `dumpe2fs -h` prints, and how many groups it lists with a mark.
private struct Description {
  let fields: [String: String]
  let groupCount: Int
  let markedGroupCount: Int

  init(of image: URL) throws {
    let output = try HostTool.run("dumpe2fs", [image.path])
    let lines = output.output.split(separator: UInt8(ascii: "\n")).map {
      String(decoding: $0, as: UTF8.self)
    }
    fields = lines.reduce(into: [:]) { fields, line in
      let parts = line.split(separator: ":", maxSplits: 1)
      if parts.count == 2 { fields[String(parts[0])] = String(parts[1].drop { $0 == " " }) }
    }
    let groups = lines.filter { $0.hasPrefix("Group ") && $0.contains("(Blocks ") }
    groupCount = groups.count
    markedGroupCount = groups.count { $0.contains("ITABLE_ZEROED") }
  }

  subscript(field: String) -> String { fields[field] ?? "" }
}

extension Scratch {
  /// A seed with `files`, so many inodes a group as is usual.
  fileprivate func seed(
    _ files: SourceDirectory,
    options: Ext4Options = Ext4Options(size: .exact(64 << 20))
  ) async throws -> URL {
    let seed = url.appendingPathComponent("seed-\(UUID().uuidString)")
    try await build(files.tree, from: try source(files), to: seed, options)
    return seed
  }

  fileprivate func grow(
    _ seed: URL,
    to output: URL,
    byteCount: UInt64? = nil,
    label: VolumeLabel? = nil,
    identity: Ext4Identity = .random
  ) async throws -> Ext4Result {
    try await builder().grow(
      FilePath(seed.path),
      to: FilePath(output.path),
      byteCount: byteCount,
      label: label,
      identity: identity
    )
  }

  /// What growing `seed` is refused with; nothing may be left.
  fileprivate func refusal(_ seed: URL, byteCount: UInt64? = nil) async throws -> Ext4Error? {
    let directory = try output()
    do {
      _ = try await grow(
        seed,
        to: directory.appendingPathComponent("disk"),
        byteCount: byteCount
      )
      return nil
    } catch let error as Ext4Error {
      #expect(try names(in: directory) == [])
      return error
    }
  }
}

private let someFiles = SourceDirectory([
  .directory("d"), .file("d/a", "text").owned(by: 7, 8), .link("l", to: "d/a"),
  .file("zeros", String(repeating: "\0", count: 100_000)),
])

@Suite struct `An empty work disk` {
  @Test(arguments: [64 * mebibyte, 512 * mebibyte, 8 * gibibyte, 100 * gibibyte])
  func `takes a few MiB, whatever its size`(byteCount: UInt64) async throws {
    try await Scratch.with { scratch in
      let directory = try scratch.output()
      let disk = directory.appendingPathComponent("disk")
      let result = try await builder().make(
        FilePath(disk.path),
        options: Ext4Options(size: .exact(byteCount), label: try label("work"))
      )
      #expect(result.path == FilePath(disk.path))
      #expect(result.byteCount == byteCount)
      #expect(result.blockCount == byteCount / 4096)
      // 4 MiB of it are the primary copy of the descriptors' reserve; backups grow with the size
      #expect(result.allocatedByteCount < 6 * mebibyte + byteCount / 8192)
      #expect(result.label == "work")
      #expect(try names(in: directory) == ["disk"])
      try checkWithE2fsck(disk)
      let description = try Description(of: disk)
      #expect(description["Filesystem UUID"] == result.uuidText)
      #expect(description["Free blocks"] == "\(result.freeBlockCount)")
      #expect(description["Reserved block count"] == "0")
      // nothing is left for the guest's kernel to zero
      #expect(description.markedGroupCount == description.groupCount)
    }
  }

  @Test func `is the same each time with the same identity`() async throws {
    try await Scratch.with { scratch in
      let directory = try scratch.output()
      let options = Ext4Options(
        size: .exact(512 * mebibyte),
        identity: .derived(from: Array(0..<32), time: 1_700_000_000)
      )
      for name in ["a", "b"] {
        _ = try await builder().make(
          FilePath(directory.appendingPathComponent(name).path),
          options: options
        )
        // the clock of the superblock has seconds
        try await Task.sleep(for: .milliseconds(1100))
      }
      let paths = ["a", "b"].map { directory.appendingPathComponent($0) }
      let digests = try HostTool.digests(of: paths)
      #expect(digests[0] == digests[1])
    }
  }

  @Test func `that would be too small is refused with the smallest size`() async throws {
    try await Scratch.with { scratch in
      let directory = try scratch.output()
      await #expect(
        throws: Ext4Error.sizeTooSmall(requested: mebibyte, smallest: 64 * mebibyte)
      ) {
        try await builder().make(
          FilePath(directory.appendingPathComponent("disk").path),
          options: Ext4Options(size: .exact(mebibyte))
        )
      }
      #expect(try names(in: directory) == [])
    }
  }

  @Test func `that mkfs cannot make leaves nothing`() async throws {
    try await Scratch.with { scratch in
      let directory = try scratch.output()
      let tools = try await FakeTools(
        in: scratch,
        ["mkfs.ext4": #"[ "$1" = -V ] && exec $real -V; echo no >&2; exit 1"#]
      ).find()
      await #expect(
        throws: Ext4Error.toolFailed(tool: "mkfs.ext4", status: .exited(1), message: "no")
      ) {
        try await WorkDiskBuilder(tools: tools).make(
          FilePath(directory.appendingPathComponent("disk").path),
          options: Ext4Options(size: .exact(64 * mebibyte))
        )
      }
      #expect(try names(in: directory) == [])
    }
  }
}

@Suite struct `A grown work disk` {
  /// What is in an image, but for the times that a check may set.
  private func rows(_ image: URL) throws -> [DumpRow] {
    try Ext4Witness.rows(of: image)
  }

  /// Compares what is in no hole of either file.
  private func isSame(_ first: String, _ second: String, in directory: URL) throws -> Bool {
    let files = try [first, second].map { name in
      let path = FilePath(directory.appendingPathComponent(name).path)
      return OpenFile(try FileDescriptor.open(path, .readOnly), path: path)
    }
    defer { for file in files { HostTool.attempt { try file.descriptor.close() } } }
    let byteCounts = try files.map { try $0.descriptor.seek(offset: 0, from: .end) }
    guard byteCounts[0] == byteCounts[1] else { return false }
    for file in files {
      var position: UInt64 = 0
      let end = UInt64(byteCounts[0])
      while let run = try FileClone.dataRun(of: file, from: position, byteCount: end) {
        let bytes = try files.map { file in
          var bytes = [UInt8](repeating: 0, count: Int(run.count))
          _ = try bytes.withUnsafeMutableBytes { try file.read(at: run.lowerBound, into: $0) }
          return bytes
        }
        if bytes[0] != bytes[1] { return false }
        position = run.upperBound
      }
    }
    return true
  }

  @Test(arguments: [nil, 64 * mebibyte, 65 * mebibyte, gibibyte, 8 * gibibyte, 64 * gibibyte])
  func `holds what its seed holds`(byteCount: UInt64?) async throws {
    try await Scratch.with { scratch in
      let seed = try await scratch.seed(someFiles)
      let disk = try scratch.output().appendingPathComponent("disk")
      let before = try HostTool.digests(of: [seed])
      let result = try await scratch.grow(seed, to: disk, byteCount: byteCount)
      #expect(result.byteCount == byteCount ?? 64 * mebibyte)
      #expect(result.label == "banger-rootfs")
      try checkWithE2fsck(disk)
      expectEqual(try rows(disk), try rows(seed))
      let (old, new) = (try Description(of: seed), try Description(of: disk))
      #expect(new["Filesystem UUID"] == result.uuidText)
      #expect(new["Filesystem UUID"] != old["Filesystem UUID"])
      #expect(new["Directory Hash Seed"] == old["Directory Hash Seed"])
      #expect(new.markedGroupCount == new.groupCount)
      #expect(result.allocatedByteCount < 4 * mebibyte + result.byteCount / 4096)
      #expect(try HostTool.digests(of: [seed]) == before)
    }
  }

  @Test func `may be larger than its seed has reserved descriptors for`() async throws {
    try await Scratch.with { scratch in
      let seed = try await scratch.seed(someFiles)
      let disk = try scratch.output().appendingPathComponent("disk")
      let result = try await scratch.grow(seed, to: disk, byteCount: 65 * gibibyte)
      #expect(result.blockCount == 65 * gibibyte / 4096)
      try checkWithE2fsck(disk)
      expectEqual(try rows(disk), try rows(seed))
      let description = try Description(of: disk)
      #expect(description.markedGroupCount == description.groupCount)
      #expect(!description["Filesystem features"].contains("resize_inode"))
    }
  }

  @Test func `has the label and the UUID that it is given`() async throws {
    try await Scratch.with { scratch in
      let seed = try await scratch.seed(someFiles)
      let disk = try scratch.output().appendingPathComponent("disk")
      let uuid = [UInt8](16..<32)
      let result = try await scratch.grow(
        seed,
        to: disk,
        label: try label("a label"),
        identity: .fixed(uuid: uuid, hashSeed: uuid, time: 1_700_000_000)
      )
      #expect(result.label == "a label")
      #expect(result.uuid == uuid)
      let description = try Description(of: disk)
      #expect(description["Filesystem volume name"] == "a label")
      #expect(description["Filesystem UUID"] == "10111213-1415-1617-1819-1a1b1c1d1e1f")
      try checkWithE2fsck(disk)
    }
  }

  @Test(arguments: [nil, gibibyte, 65 * gibibyte])
  func `is the same each time with the same identity`(byteCount: UInt64?) async throws {
    try await Scratch.with { scratch in
      let seed = try await scratch.seed(someFiles)
      let directory = try scratch.output()
      for name in ["a", "b"] {
        _ = try await scratch.grow(
          seed,
          to: directory.appendingPathComponent(name),
          byteCount: byteCount,
          identity: .derived(from: Array(0..<32), time: 1_700_000_000)
        )
        // the clock of the superblock has seconds
        try await Task.sleep(for: .milliseconds(1100))
      }
      #expect(try isSame("a", "b", in: directory))
    }
  }

  @Test(arguments: [
    Ext4Options(size: .exact(64 << 20), journal: .none),
    Ext4Options(size: .exact(64 << 20), features: try Ext4Features(["orphan_file"])),
    Ext4Options(size: .exact(64 << 20), features: try Ext4Features(["metadata_csum_seed"])),
    Ext4Options(size: .exact(64 << 20), features: try Ext4Features(["^64bit"])),
    Ext4Options(size: .exact(64 << 20), features: try Ext4Features(["^resize_inode"])),
  ])
  func `keeps the features of its seed`(options: Ext4Options) async throws {
    try await Scratch.with { scratch in
      let seed = try await scratch.seed(someFiles, options: options)
      for byteCount in [gibibyte, 130 * gibibyte] {
        let disk = try scratch.output().appendingPathComponent("disk")
        _ = try await scratch.grow(seed, to: disk, byteCount: byteCount)
        try checkWithE2fsck(disk)
        expectEqual(try rows(disk), try rows(seed))
      }
    }
  }

  @Test(.enabled(if: isRoot, "only root can mount a file system"))
  func `may come from a seed that was mounted`() async throws {
    try await Scratch.with { scratch in
      let seed = try await scratch.seed(someFiles)
      let root = scratch.url.appendingPathComponent("mounted")
      try FileManager.default.createDirectory(at: root, withIntermediateDirectories: false)
      try succeed("mount", ["-o", "loop", seed.path, root.path])
      try Data("new".utf8).write(to: root.appendingPathComponent("new"))
      let refusal = try await scratch.refusal(seed)
      try succeed("umount", [root.path])
      #expect(refusal == .inUse(FilePath(seed.path)))
      let disk = try scratch.output().appendingPathComponent("disk")
      _ = try await scratch.grow(
        seed,
        to: disk,
        byteCount: gibibyte,
        identity: .derived(from: Array(0..<32), time: 1)
      )
      try checkWithE2fsck(disk)
      expectEqual(try rows(disk), try rows(seed))
      #expect(try rows(disk).contains { $0.line.hasPrefix("/new ") })
    }
  }

  @Test(
    .enabled(if: isRoot, "only root can mount a file system"),
    arguments: LoopMount.Kind.allCases
  )
  func `can be made on any file system`(kind: LoopMount.Kind) async throws {
    try await Scratch.with { scratch in
      let seed = try await scratch.seed(someFiles)
      try await LoopMount.with(kind, in: scratch) { mount in
        let copy = mount.root.appendingPathComponent("seed")
        try succeed("cp", ["--sparse=always", seed.path, copy.path])
        let disk = mount.root.appendingPathComponent("disk")
        let result = try await scratch.grow(copy, to: disk, byteCount: gibibyte)
        #expect(result.allocatedByteCount < 16 * mebibyte)
        try checkWithE2fsck(disk)
        expectEqual(try rows(disk), try rows(seed))
        #expect(try names(in: mount.root).filter { $0.hasPrefix(".") } == [])
      }
    }
  }
}

@Suite struct `A seed is refused` {
  @Test func `that would have to shrink`() async throws {
    try await Scratch.with { scratch in
      let seed = try await scratch.seed(someFiles, options: Ext4Options(size: .exact(80 << 20)))
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
        someFiles,
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
      let seed = try await scratch.seed(someFiles)
      try succeed("debugfs", ["-w", "-R", command, seed.path])
      #expect(
        try await scratch.refusal(seed) == .fileSystemNotClean(FilePath(seed.path), what: what)
      )
    }
  }

  @Test func `that is cut off`() async throws {
    try await Scratch.with { scratch in
      let seed = try await scratch.seed(someFiles)
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
      let seed = try await scratch.seed(someFiles)
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
      let seed = try await scratch.seed(someFiles)
      for (option, expected) in [("--show", Ext4Error.inUse(FilePath(seed.path))), ("-r", nil)] {
        let device = try succeed("losetup", ["--find", "--show", option, seed.path])
        defer { HostTool.attempt { try succeed("losetup", ["--detach", device]) } }
        #expect(try await scratch.refusal(seed) == expected)
      }
    }
  }
}

@Suite struct `Growing a seed that fails` {
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
      let seed = try await scratch.seed(someFiles)
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
        let seed = try await scratch.seed(someFiles)
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
