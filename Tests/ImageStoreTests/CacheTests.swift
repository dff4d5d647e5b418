// The cache directory: whose it may be, and how its files appear and go.

import Foundation
import ImageStore
import OCISpec
import SystemPackage
import TestKit
import Testing

/// The blob whose files most tests make, and its file name.
let digest = Digest(algorithm: .sha256, bytes: Array(repeating: 0xAB, count: 32))
let hex = String(repeating: "ab", count: 32)

/// A cache in a temporary directory.
struct ScratchCache {
  private let directory: TemporaryDirectory
  let path: String

  init() throws {
    directory = try TemporaryDirectory()
    path = directory.appending("cache/banger/oci")
  }

  func open(version: Int = 3) throws -> CacheDirectory {
    try CacheDirectory(opening: FilePath(path), version: version)
  }

  var indexes: String { path + "/banger/index/3/sha256" }
  var lock: String { path + "/banger/locks/sha256-" + hex }

  func listing() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: indexes)
  }
}

private func contents(_ cache: CacheDirectory) throws -> [UInt8]? {
  guard let file = try cache.open(.index, of: digest) else { return nil }
  return try file.readAll(limit: file.byteCount)
}

private func publish(_ bytes: [UInt8], in cache: CacheDirectory) throws {
  let file = try cache.create(.index, of: digest)
  try bytes.withUnsafeBytes { try file.write($0, at: 0) }
  try file.publish()
}

struct CacheDirectoryTests {
  // Kept by the suite, because a directory that only a test's body knew might go before its end.
  private let scratch: ScratchCache

  init() throws {
    scratch = try ScratchCache()
  }

  @Test(
    arguments: [
      (["XDG_CACHE_HOME": "/x", "HOME": "/h"], "/x/banger/oci"),
      (["XDG_CACHE_HOME": "x", "HOME": "/h"], "/h/.cache/banger/oci"),
      (["XDG_CACHE_HOME": "", "HOME": "/h"], "/h/.cache/banger/oci"),
      (["HOME": "/h"], "/h/.cache/banger/oci"),
      (["HOME": ""], nil),
      ([:], nil),
    ] as [([String: String], String?)]
  )
  func `the standard place follows the environment`(
    environment: [String: String],
    expected: String?
  ) {
    #expect(
      CacheDirectory.standardPath(environment: environment) == expected.map { FilePath($0) }
    )
  }

  @Test func `what is missing is made for the owner alone`() throws {
    let cache = try scratch.open()
    #expect(cache.path(.index, of: digest) == FilePath(scratch.indexes + "/" + hex))
    for directory in [
      scratch.path + "/../..", scratch.path + "/..", scratch.path, scratch.path + "/banger",
      scratch.path + "/banger/locks", scratch.path + "/banger/index", scratch.indexes,
      scratch.path + "/banger/index/3/sha512",
    ] {
      var status = stat()
      #expect(stat(directory, &status) == 0, "\(directory)")
      #expect(status.st_mode & 0o7777 == 0o700, "\(directory)")
    }
    _ = try scratch.open()
  }

  @Test(arguments: ["", "/banger", "/banger/locks", "/banger/index/3/sha256"])
  func `a cache that others may write to is refused`(name: String) throws {
    _ = try scratch.open()
    for mode in [0o720, 0o702, 0o1777] as [mode_t] {
      #expect(chmod(scratch.path + name, mode) == 0)
      let error = ImageStoreError.cacheWritableByOthers(
        FilePath(scratch.path + name),
        mode: UInt32(mode)
      )
      #expect(error.kind == .notPermitted)
      #expect(throws: error) { try scratch.open() }
    }
  }

  @Test func `X15: a cache that belongs to another user is refused`() throws {
    _ = try scratch.open()
    // An ordinary user cannot give a directory away, but the root directory is another's already.
    let path = geteuid() == 0 ? scratch.path : "/"
    let owner: uid_t = geteuid() == 0 ? 65_534 : 0
    if geteuid() == 0 { #expect(chown(path, owner, 0) == 0) }
    #expect(throws: ImageStoreError.cacheOwnedByAnother(FilePath(path), owner: owner)) {
      try CacheDirectory(opening: FilePath(path), version: 3)
    }
  }

  @Test func `X14: a link inside the cache is refused`() throws {
    _ = try scratch.open()
    let locks = scratch.path + "/banger/locks"
    try FileManager.default.moveItem(atPath: locks, toPath: locks + "2")
    try FileManager.default.createSymbolicLink(atPath: locks, withDestinationPath: locks + "2")
    #expect(
      throws: ImageStoreError.failed(operation: "open", FilePath(locks), .notDirectory)
    ) { try scratch.open() }
  }

  @Test func `a cache below a file cannot be made`() throws {
    let file = scratch.path + "-file"
    try FileManager.default.createDirectory(
      atPath: scratch.path,
      withIntermediateDirectories: true
    )
    try Data().write(to: URL(fileURLWithPath: file))
    #expect(
      throws: ImageStoreError.failed(
        operation: "create",
        FilePath(file + "/cache"),
        .notDirectory
      )
    ) { try CacheDirectory(opening: FilePath(file + "/cache"), version: 3) }
  }
}

struct PendingFileTests {
  // Kept by the suite, because a directory that only a test's body knew might go before its end.
  private let scratch: ScratchCache

  init() throws {
    scratch = try ScratchCache()
  }

  @Test func `an index appears when it is published, and is replaced whole`() throws {
    let cache = try scratch.open()
    #expect(try contents(cache) == nil)
    do {
      let file = try cache.create(.index, of: digest)
      try Array("body".utf8).withUnsafeBytes { try file.write($0, at: 4) }
      try Array("head".utf8).withUnsafeBytes { try file.write($0, at: 0) }
      #expect(try contents(cache) == nil)
      try file.publish()
    }
    #expect(try contents(cache) == Array("headbody".utf8))
    try publish(Array("new".utf8), in: cache)
    #expect(try contents(cache) == Array("new".utf8))
    #expect(try scratch.listing() == [hex])
    var status = stat()
    #expect(stat(scratch.indexes + "/" + hex, &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o600)
    #expect(try contents(scratch.open(version: 4)) == nil)
  }

  @Test func `a file that is given up leaves nothing`() throws {
    let cache = try scratch.open()
    func abandon() throws {
      let file = try cache.create(.index, of: digest)
      try [1, 2, 3].withUnsafeBytes { try file.write($0, at: 0) }
      #expect(try scratch.listing().count == 1)
      throw CancellationError()
    }
    #expect(throws: CancellationError.self) { try abandon() }
    #expect(try scratch.listing().isEmpty)
  }

  @Test func `a failed publication leaves nothing`() throws {
    let cache = try scratch.open()
    // A directory that is not empty cannot be replaced by a file.
    let final = scratch.indexes + "/" + hex
    try FileManager.default.createDirectory(
      atPath: final + "/x",
      withIntermediateDirectories: true
    )
    #expect(
      throws: ImageStoreError.failed(operation: "publish", FilePath(final), .isDirectory)
    ) { try publish([1], in: cache) }
    #expect(try scratch.listing() == [hex])
    #expect(try contents(cache) == nil)
  }

  @Test func `a link or a file that others may write is no index`() throws {
    let cache = try scratch.open()
    let final = scratch.indexes + "/" + hex
    try FileManager.default.createSymbolicLink(
      atPath: final,
      withDestinationPath: "/etc/hostname"
    )
    #expect(try contents(cache) == nil)
    try publish([7], in: cache)
    #expect(try contents(cache) == [7])
    #expect(chmod(final, 0o666) == 0)
    #expect(try contents(cache) == nil)
  }

  @Test func `temporary files of the dead are removed and those of the living kept`() throws {
    let cache = try scratch.open()
    let living = scratch.indexes + "/.pending-1"
    let holder = try LockHolder(living)
    try Data([1]).write(to: URL(fileURLWithPath: scratch.indexes + "/.pending-2"))
    try Data([1]).write(to: URL(fileURLWithPath: scratch.indexes + "/other"))
    let own = try cache.create(.index, of: digest)
    let names = try scratch.listing()
    let ownName = try #require(
      names.first { $0.hasPrefix(".pending-") && $0.utf8.count > 10 }
    )

    _ = try scratch.open()
    #expect(Set(try scratch.listing()) == [".pending-1", "other", ownName])
    try holder.kill()
    _ = try scratch.open()
    #expect(Set(try scratch.listing()) == ["other", ownName])
    try own.publish()
    #expect(Set(try scratch.listing()) == ["other", hex])
  }

  @Test func `readers see one whole version while others publish and sweep`() throws {
    let cache = try scratch.open()
    try publish(Array(repeating: 0, count: 65_536), in: cache)
    let faults = Counter()
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      for _ in 0..<25 {
        do {
          switch thread {
          case 0..<4: try publish(Array(repeating: UInt8(thread), count: 65_536), in: cache)
          case 4: _ = try scratch.open()
          default:
            let bytes = try contents(cache) ?? []
            if bytes.count != 65_536 || Set(bytes).count != 1 { faults.increment() }
          }
        } catch {
          Issue.record(error)
        }
      }
    }
    #expect(faults.value == 0)
    #expect(try scratch.listing() == [hex])
  }

  @Test(.enabled(if: geteuid() == 0, "only root can mount a file system that is full"))
  func `a full disk is an error and leaves nothing`() throws {
    let directory = try TemporaryDirectory()
    try Tool.run("mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", directory.path)
    defer { #expect(umount2(directory.path, CInt(MNT_DETACH)) == 0) }
    let cache = try CacheDirectory(opening: FilePath(directory.path), version: 3)
    let error = #expect(throws: ImageStoreError.self) {
      try publish(Array(repeating: 1, count: 1 << 20), in: cache)
    }
    guard case .failed(operation: "write", _, .noSpace) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    let indexes = directory.path + "/banger/index/3/sha256"
    #expect(try FileManager.default.contentsOfDirectory(atPath: indexes).isEmpty)
  }
}

struct CacheEvictionTests {
  // Kept by the suite, because a directory that only a test's body knew might go before its end.
  private let scratch: ScratchCache

  init() throws {
    scratch = try ScratchCache()
  }

  private func digest(_ byte: UInt8) -> Digest {
    Digest(algorithm: .sha256, bytes: Array(repeating: byte, count: 32))
  }

  /// Publishes a copy of `count` bytes that was last used `used` seconds after 1970.
  private func publish(
    _ blob: Digest,
    count: Int,
    used: Int,
    in cache: CacheDirectory
  ) throws {
    let file = try cache.create(.copies, of: blob)
    try Array(repeating: UInt8(0), count: count).withUnsafeBytes { try file.write($0, at: 0) }
    try file.publish()
    let time = timespec(tv_sec: used, tv_nsec: 0)
    let path = cache.path(.copies, of: blob).string
    #expect(utimensat(AT_FDCWD, path, [time, time], 0) == 0)
  }

  @Test(
    arguments: [
      (400, [1, 2, 3, 4]), (399, [1, 3, 4]), (300, [1, 3, 4]), (299, [1, 3]), (200, [1, 3]),
      (100, [1]), (0, [1]),
    ] as [(UInt64, [UInt8])]
  )
  func `the files used longest ago go first and the kept one never`(
    limit: UInt64,
    left: [UInt8]
  ) throws {
    let cache = try scratch.open()
    for (byte, used) in [(1, 1), (2, 2), (3, 9), (4, 3)] as [(UInt8, Int)] {
      try publish(digest(byte), count: 100, used: used, in: cache)
    }
    try cache.evict(downTo: limit, keeping: CacheFileName(.copies, of: digest(1)))
    for byte in 1...4 as ClosedRange<UInt8> {
      let isThere = try cache.open(.copies, of: digest(byte)) != nil
      #expect(isThere == left.contains(byte), "file \(byte)")
    }
  }

  @Test func `a file that is being written is not evicted`() throws {
    let cache = try scratch.open()
    let file = try cache.create(.copies, of: digest(1))
    try ([1, 2, 3] as [UInt8]).withUnsafeBytes { try file.write($0, at: 0) }
    try cache.evict(downTo: 0, keeping: CacheFileName(.copies, of: digest(2)))
    try file.publish()
    let published = try #require(try cache.open(.copies, of: digest(1))?.readAll(limit: 2))
    #expect(published == [1, 2])
  }
}
