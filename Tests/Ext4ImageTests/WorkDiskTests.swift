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

@Suite(.inTurns) struct `An empty work disk` {
  @Test(arguments: [64 * mebibyte, 512 * mebibyte, 8 * gibibyte, 100 * gibibyte])
  func `takes a few MiB, whatever its size`(byteCount: UInt64) async throws {
    try await Scratch.with { scratch in
      let directory = try scratch.output()
      let disk = directory.appendingPathComponent("disk")
      let result = try await workDiskBuilder().make(
        FilePath(disk.path),
        options: Ext4Options(size: .exact(byteCount), label: try volumeLabel("work"))
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
        _ = try await workDiskBuilder().make(
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
        try await workDiskBuilder().make(
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

@Suite(.inTurns) struct `A grown work disk` {
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
      let seed = try await scratch.seed(seedFiles)
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
      let seed = try await scratch.seed(seedFiles)
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
      let seed = try await scratch.seed(seedFiles)
      let disk = try scratch.output().appendingPathComponent("disk")
      let uuid = [UInt8](16..<32)
      let result = try await scratch.grow(
        seed,
        to: disk,
        label: try volumeLabel("a label"),
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
      let seed = try await scratch.seed(seedFiles)
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
      let seed = try await scratch.seed(seedFiles, options: options)
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
      let seed = try await scratch.seed(seedFiles)
      let refusal = try await whileMounted(seed, in: scratch) { try await scratch.refusal(seed) }
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
      let seed = try await scratch.seed(seedFiles)
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
