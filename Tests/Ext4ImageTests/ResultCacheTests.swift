// Results that are kept and cloned, on a file system that shares blocks and on others.

import Ext4Image
import FileTree
import Foundation
import Glibc
import SystemPackage
import TestKit
import Testing

private let key = [UInt8](0..<32)
private let keyName = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

/// A directory for a cache, and one for outputs, on one file system.
private struct Place {
  let root: URL
  let cache: ResultCache

  init(below root: URL) throws {
    self.root = root
    let directory = root.appendingPathComponent("cache")
    try FileManager.default.createDirectory(
      at: directory,
      withIntermediateDirectories: false,
      attributes: [.posixPermissions: 0o700]
    )
    cache = ResultCache(directory: FilePath(directory.path))
  }

  static func with(
    _ kind: LoopMount.Kind = .xfs,
    mebibytes: Int = 300,
    _ body: (Place) async throws -> Void
  ) async throws {
    try await Scratch.with { scratch in
      try await LoopMount.with(kind, mebibytes: mebibytes, in: scratch) { mount in
        try await body(try Place(below: mount.root))
      }
    }
  }

  func url(_ name: String) -> URL { root.appendingPathComponent(name) }

  func path(_ name: String) -> FilePath { FilePath(url(name).path) }

  var entry: String { "cache/\(keyName)" }

  func make(_ name: String) async throws -> Ext4Result {
    var result = try await WorkDiskBuilder(tools: try await E2fsTools.find()).make(
      path(name),
      options: Ext4Options(size: .exact(64 << 20))
    )
    // as a build of a tree would say
    result.joinedLinkCount = 3
    result.correctedInodeCount = 70_000
    return result
  }

  func makeAndKeep(_ name: String) async throws {
    let isKept = try cache.keep(try await make(name), key: key)
    #expect(isKept)
  }

  func isSame(_ first: String, _ second: String) throws -> Bool {
    try HostTool.run("cmp", [url(first).path, url(second).path]).status == 0
  }

  func overwrite(_ name: String, at offset: Int64, _ bytes: [UInt8]) throws {
    let file = try FileDescriptor.open(path(name), .readWrite)
    try file.writeAll(toAbsoluteOffset: offset, bytes)
    try file.close()
  }

  func names(_ directory: String = ".") throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: url(directory).path).sorted()
  }
}

@Suite(.inTurns, .enabled(if: isRoot, "only root can mount a file system"))
struct `A kept result` {
  @Test(arguments: [LoopMount.Kind.xfs, .btrfs])
  func `is cloned, and is what was built`(kind: LoopMount.Kind) async throws {
    try await Place.with(kind) { place in
      #expect(try place.cache.clone(key: key, to: place.path("b")) == nil)
      var result = try await place.make("a")
      #expect(try place.cache.keep(result, key: key))
      let clone = try #require(try place.cache.clone(key: key, to: place.path("b")))
      result.path = place.path("b")
      result.allocatedByteCount = clone.allocatedByteCount
      #expect(clone == result)
      #expect(try place.isSame("a", "b"))
      try checkWithE2fsck(place.url("b"))
      #expect(try place.names() == ["a", "b", "cache"])
      #expect(try place.names("cache") == [keyName])
      #expect(try place.cache.clone(key: [UInt8](1...32), to: place.path("c")) == nil)
    }
  }

  @Test func `stays what it is when the first file is changed or gone`() async throws {
    try await Place.with { place in
      let result = try await place.make("a")
      #expect(try place.cache.keep(result, key: key))
      try succeed("cp", [place.url("a").path, place.url("copy").path])
      try place.overwrite("a", at: 1 << 20, [1, 2, 3])
      #expect(try place.cache.clone(key: key, to: place.path("b")) != nil)
      #expect(try place.isSame("copy", "b"))
      try FileManager.default.removeItem(at: place.url("a"))
      #expect(try place.cache.clone(key: key, to: place.path("a")) != nil)
      #expect(try place.isSame("copy", "a"))
    }
  }

  @Test func `replaces a file as a build does`() async throws {
    try await Place.with { place in
      try await place.makeAndKeep("a")
      try Data("old".utf8).write(to: place.url("b"))
      #expect(try place.cache.clone(key: key, to: place.path("b")) != nil)
      #expect(try place.isSame("a", "b"))
      try FileManager.default.createDirectory(
        at: place.url("d"),
        withIntermediateDirectories: false
      )
      #expect(throws: Ext4Error.outputIsNotAFile(place.path("d"))) {
        try place.cache.clone(key: key, to: place.path("d"))
      }
    }
  }

  @Test(arguments: ["cut", "longer", "tail", "key", "superblock", "empty", "sum"])
  func `that is damaged is absent, and goes`(damage: String) async throws {
    try await Place.with { place in
      try await place.makeAndKeep("a")
      let size = Int64(64 << 20)
      switch damage {
      case "cut": try succeed("truncate", ["-s", "32M", place.url(place.entry).path])
      case "longer": try succeed("truncate", ["-s", "+1", place.url(place.entry).path])
      case "tail": try place.overwrite(place.entry, at: size + 41, [9])
      case "key": try place.overwrite(place.entry, at: size + 8, [9])
      case "superblock": try place.overwrite(place.entry, at: 1024 + 0x78, [9])
      case "sum": try place.overwrite(place.entry, at: size + 60, [9, 9, 9, 9])
      default: try succeed("truncate", ["-s", "0", place.url(place.entry).path])
      }
      #expect(try place.cache.clone(key: key, to: place.path("b")) == nil)
      #expect(try place.names() == ["a", "cache"])
      #expect(try place.names("cache") == [])
    }
  }

  @Test func `is none that others may write to, nor a link`() async throws {
    try await Place.with { place in
      try await place.makeAndKeep("a")
      #expect(chmod(place.url(place.entry).path, 0o666) == 0)
      #expect(try place.cache.clone(key: key, to: place.path("b")) == nil)
      #expect(chmod(place.url(place.entry).path, 0o600) == 0)
      #expect(rename(place.url(place.entry).path, place.url("kept").path) == 0)
      #expect(symlink(place.url("kept").path, place.url(place.entry).path) == 0)
      #expect(try place.cache.clone(key: key, to: place.path("b")) == nil)
    }
  }

  @Test func `is not made of a file that is in use already`() async throws {
    try await Place.with { place in
      let result = try await place.make("a")
      let root = place.url("mounted")
      try FileManager.default.createDirectory(at: root, withIntermediateDirectories: false)
      try succeed("mount", ["-o", "loop", place.url("a").path, root.path])
      defer { HostTool.attempt { try succeed("umount", ["-l", root.path]) } }
      #expect(try place.cache.keep(result, key: key) == false)
      #expect(try place.names("cache") == [])
    }
  }

  @Test func `goes when there are too many, the one that was used longest ago first`()
    async throws
  {
    try await Place.with { place in
      let result = try await place.make("a")
      let keys = (1...3).map { [UInt8](repeating: $0, count: 32) }
      let names = keys.map { String(repeating: "0\($0[0])", count: 32) }
      for (number, key) in keys.enumerated() {
        #expect(try place.cache.keep(result, key: key, byteLimit: .max))
        let used = timespec(tv_sec: 1000 + number, tv_nsec: 0)
        #expect(
          utimensat(AT_FDCWD, place.url("cache/\(names[number])").path, [used, used], 0) == 0
        )
      }
      // the first one is used now
      #expect(try place.cache.clone(key: keys[0], to: place.path("b")) != nil)
      var status = stat()
      #expect(lstat(place.url("cache/\(names[1])").path, &status) == 0)
      let each = UInt64(status.st_blocks) * 512
      #expect(try place.cache.keep(result, key: key, byteLimit: each * 5 / 2))
      #expect(Set(try place.names("cache")) == [keyName, names[0]])
      // what was just kept stays, however large
      #expect(try place.cache.keep(result, key: keys[1], byteLimit: 0))
      #expect(try place.names("cache") == [names[1]])
    }
  }

  @Test func `of two at once is one of them`() async throws {
    try await Place.with { place in
      let result = try await place.make("a")
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<8 {
          group.addTask {
            #expect(try place.cache.keep(result, key: key))
            let clone = try place.cache.clone(key: key, to: place.path("b\(number)"))
            #expect(clone != nil)
          }
        }
        try await group.waitForAll()
      }
      for number in 0..<8 { #expect(try place.isSame("a", "b\(number)")) }
      #expect(try place.names("cache") == [keyName])
    }
  }

  @Test func `cannot be where the disk is full`() async throws {
    try await Place.with { place in
      let result = try await place.make("a")
      #expect(try place.cache.keep(result, key: key))
      // all that is left, then what the file system gives to small files
      _ = try HostTool.run("dd", ["if=/dev/zero", "of=\(place.url("filler").path)", "bs=1M"])
      _ = try HostTool.run("dd", ["if=/dev/zero", "of=\(place.url("more").path)", "bs=512"])
      for name in ["b", "c"] {
        do {
          // room for a clone may be left: then it is whole
          if try place.cache.clone(key: key, to: place.path(name)) != nil {
            #expect(try place.isSame("a", name))
          }
        } catch .diskFull as Ext4Error {
          #expect(try !place.names().contains(name))
        }
        do {
          _ = try place.cache.keep(result, key: [UInt8](repeating: 7, count: 32))
        } catch .diskFull as Ext4Error {
          // nothing is kept
        }
        #expect(try place.names("cache").allSatisfy { $0.count == 64 })
        #expect(try place.names().allSatisfy { !$0.hasPrefix(".") })
      }
    }
  }

  @Test(arguments: [LoopMount.Kind.ext4, .tmpfs])
  func `cannot be where files do not share blocks`(kind: LoopMount.Kind) async throws {
    try await Place.with(kind) { place in
      let result = try await place.make("a")
      #expect(try place.cache.keep(result, key: key) == false)
      #expect(try place.names("cache") == [])
    }
  }

  @Test func `is not cloned to another file system`() async throws {
    try await Place.with { place in
      try await place.makeAndKeep("a")
      try await Scratch.with { scratch in
        let output = scratch.url.appendingPathComponent("b")
        let clone = try place.cache.clone(key: key, to: FilePath(output.path))
        #expect(clone == nil)
        let left = try FileManager.default.contentsOfDirectory(atPath: scratch.url.path)
        #expect(left == [])
      }
      // it is not damaged, so it stays
      #expect(try place.names("cache") == [keyName])
    }
  }
}
