// A disk that has no room at some step of a build, whichever that is: it is said to be full, and what it
// had before is all that it has afterwards.

import Ext4Image
import FileTree
import Foundation
import Glibc
import Synchronization
import SystemPackage
import TestKit
import Testing

@Suite(.inTurns, .enabled(if: isRoot, "only root can mount a small disk")) struct `A full disk` {
  /// Files that mkfs writes, and attributes that debugfs has to find room for.
  private static let files = SourceDirectory(
    [.directory("d"), .link("l", to: "d"), .hardLink("m", to: "l")]
      + (0..<12).map {
        .file("d/\($0)", String(repeating: "\($0) ", count: 3000))
          .having("user.large", [UInt8](repeating: 65 + UInt8($0), count: 2000))
      }
  )

  /// How a build on a full disk ended: `nil` for success, else the phase that it came to.
  private enum End: Hashable { case success, failure(Ext4Phase?) }

  /// Builds `name` in `directory`; what is there besides must be the same afterwards.
  private func build(
    in directory: URL,
    _ name: String,
    from source: URL,
    _ tools: E2fsTools
  ) async throws -> End {
    let before = try names(in: directory)
    let output = directory.appendingPathComponent(name)
    let old = FileManager.default.contents(atPath: output.path)
    let seen = Mutex<Ext4Phase?>(nil)
    do {
      _ = try await Ext4Builder(tools: tools).build(
        try Self.files.tree,
        from: FilePath(source.path),
        to: FilePath(output.path),
        options: Ext4Options(),
        progress: { report in seen.withLock { $0 = report.phase } }
      )
    } catch let error as Ext4Error {
      #expect(error == .diskFull(FilePath(output.path)))
      #expect(try names(in: directory) == before)
      #expect(FileManager.default.contents(atPath: output.path) == old)
      return .failure(seen.withLock { $0 })
    }
    try checkWithE2fsck(output)
    #expect(try names(in: directory) == Set(before + [name]).sorted())
    return .success
  }

  /// A tmpfs with so many inodes: its root, the old file, then one for each thing that a build makes.
  @Test func `has no inode for the directory, the image, a batch, a value or a question`()
    async throws
  {
    try await Scratch.with { scratch in
      let source = try scratch.source(Self.files, faithfully: false)
      let tools = try await E2fsTools.find()
      // a directory, the image, the batch, 12 values, the question
      let needed = 2 + 2 + 1 + 12 + 1
      for count in 2...needed {
        let disk = try scratch.output()
        try succeed("mount", ["-t", "tmpfs", "-o", "nr_inodes=\(count)", "tmpfs", disk.path])
        defer { HostTool.attempt { try succeed("umount", ["-l", disk.path]) } }
        try Data("old".utf8).write(to: disk.appendingPathComponent("o"))
        let end = try await build(in: disk, "o", from: source, tools)
        let expected: End =
          count == needed ? .success : .failure(count < 4 ? nil : .correcting)
        #expect(end == expected, "\(count) inodes")
      }
    }
  }

  /// Sizes from nothing to just enough, finely where steps are small.
  @Test func `has no block for any of the steps`() async throws {
    try await Scratch.with { scratch in
      let source = try scratch.source(Self.files, faithfully: false)
      let tools = try await E2fsTools.find()
      let disk = try SmallDisk(in: scratch)
      defer { disk.remove() }
      var trials = Trials(disk: disk, names: []) { directory in
        try await build(in: directory, "o", from: source, tools)
      }
      let enough = try await trials.leastThatIsEnough()
      for blocks in [1, 2, 3, 4, 5, 8, 50, 200] + Array((enough - 40)..<enough) {
        #expect(try await trials.end(free: blocks) != .success, "\(blocks) blocks")
      }
      #expect(
        Set(trials.ends.values).isSuperset(of: [
          .success, .failure(nil), .failure(.copying), .failure(.correcting),
        ])
      )
    }
  }

  @Test func `has no block for the file's name at the end of all`() async throws {
    try await Scratch.with { scratch in
      let source = try scratch.source(Self.files, faithfully: false)
      let tools = try await E2fsTools.find()
      let disk = try SmallDisk(in: scratch)
      defer { disk.remove() }
      // of 1024 bytes, "." and ".." take 24, these 3 × 256 and 196: what is left is 36, which the
      // private directory's name of 26 bytes needs; the output's would need 12 more
      let names = [248, 248, 248, 188].enumerated().map { index, count in
        String(repeating: "\(index)", count: count)
      }
      var trials = Trials(disk: disk, names: names) { directory in
        try await build(in: directory, "o", from: source, tools)
      }
      let enough = try await trials.leastThatIsEnough()
      #expect(try await trials.end(free: enough - 1) == .failure(.finishing))
    }
  }

  /// Builds with more or less room.
  private struct Trials {
    let disk: SmallDisk
    /// What the output's directory has in it.
    let names: [String]
    let build: (URL) async throws -> End
    /// By how many blocks were free.
    private(set) var ends: [Int: End] = [:]

    init(disk: SmallDisk, names: [String], build: @escaping (URL) async throws -> End) {
      self.disk = disk
      self.names = names
      self.build = build
    }

    mutating func end(free blocks: Int) async throws -> End {
      if let known = ends[blocks] { return known }
      disk.empty()
      // a directory never shrinks, so each trial has a new one
      let directory = try disk.directory("output")
      for name in names { try Data().write(to: directory.appendingPathComponent(name)) }
      try disk.fill(leaving: blocks)
      let end = try await build(directory)
      try FileManager.default.removeItem(at: directory)
      ends[blocks] = end
      return end
    }

    mutating func leastThatIsEnough() async throws -> Int {
      var (low, high) = (0, 8000)
      #expect(try await end(free: low) != .success)
      #expect(try await end(free: high) == .success)
      while high - low > 1 {
        let middle = (low + high) / 2
        if try await end(free: middle) == .success { high = middle } else { low = middle }
      }
      return high
    }
  }
}

/// A mounted ext4 of 16 MiB and blocks of 1 KiB that can be filled to the last but so many.
private struct SmallDisk {
  private let root: URL

  init(in scratch: Scratch) throws {
    root = try scratch.output()
    let file = scratch.url.appendingPathComponent("disk-\(UUID().uuidString)").path
    try succeed("truncate", ["-s", "16M", file])
    try succeed(
      "mkfs.ext4",
      ["-q", "-b", "1024", "-m", "0", "-N", "256", "-O", "^has_journal,^metadata_csum", file]
    )
    try succeed("mount", ["-o", "loop", file, root.path])
  }

  func remove() {
    HostTool.attempt { try succeed("umount", ["-l", root.path]) }
  }

  /// Gives back what `fill` took.
  func empty() {
    unlink(root.appendingPathComponent("filler").path)
  }

  func directory(_ name: String) throws -> URL {
    let directory = root.appendingPathComponent(name)
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
    return directory
  }

  /// Takes all blocks but so many; what earlier calls took is given back before.
  func fill(leaving blocks: Int) throws {
    let filler = root.appendingPathComponent("filler").path
    let descriptor = open(filler, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    if descriptor < 0 { throw WitnessFailure(description: "\(filler): errno \(errno)") }
    defer { close(descriptor) }
    var size = 0
    // the file's own extents take blocks too
    for _ in 0..<20 {
      try succeed("sync", ["-f", filler])
      var status = statvfs()
      statvfs(root.path, &status)
      let surplus = Int(status.f_bavail) - blocks
      if surplus == 0 { return }
      size += surplus * 1024
      if surplus > 0 {
        let result = posix_fallocate(descriptor, 0, size)
        if result != 0 { throw WitnessFailure(description: "fallocate: errno \(result)") }
      } else {
        ftruncate(descriptor, size)
      }
    }
    throw WitnessFailure(description: "cannot leave just \(blocks) blocks")
  }
}
