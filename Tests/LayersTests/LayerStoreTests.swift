// Indexes in the cache: built once, loaded afterwards, never trusted blindly; and what happens when
// their writer is killed.

import FileTree
import Foundation
import Glibc
import ImageStore
import OCISpec
import SystemPackage
import TestKit
import Testing

@testable import Layers
import Threading

private let smallTar = TarBytes.archive([
  .directory("d"), .file("d/a", "first"), .symlink("d/s", to: "a"),
  .file("big", TarText(CompressedBytes.sample(byteCount: 400_000, seed: 21))),
])
private let otherTar = TarBytes.archive([.file("d/b", "second"), .whiteout("big")])

struct LayerStoreTests {
  private let image: StoredImage

  init() throws {
    image = try StoredImage([smallTar, otherTar], as: .gzip)
  }

  private func expectRight(_ opened: OpenedImage) throws {
    #expect(opened.indexes.map(\.table.lines.count) == [4, 2])
    #expect(try opened.files.read("d/a", count: 100) == Array("first".utf8))
    #expect(try opened.files.read("d/b", count: 100) == Array("second".utf8))
    #expect(opened.files.tree.nodeCount == 5)
  }

  private func states(_ kind: CacheKind) -> [FileState?] {
    [0, 1].map { FileState(image.cachePath(kind, layer: $0)) }
  }

  @Test func `an index is built once and loaded afterwards`() throws {
    let built = try image.open()
    let files = states(.index)
    #expect(!files.contains(nil))
    let read = Mutex(0)
    let loaded = try image.open { count in read.withLock { $0 += count } }

    #expect(states(.index) == files)
    #expect(loaded.indexes.map(\.facts) == built.indexes.map(\.facts))
    // Progress counts the whole blobs, though nothing was read.
    #expect(read.withLock { $0 } == image.blobs.reduce(0) { $0 + $1.count })
    try expectRight(built)
    try expectRight(loaded)
    #expect(image.noted == [])
  }

  typealias Damage = @Sendable (inout [UInt8]) -> Void

  static let damages: [(String, Damage)] = [
    ("nothing", { $0 = [] }), ("half", { $0.removeLast($0.count / 2) }),
    ("another magic number", { $0[0] ^= 1 }), ("a changed entry", { $0[4096 + 20] ^= 4 }),
    ("text", { $0 = Array("not an index\n".utf8) }),
  ]

  @Test(arguments: damages)
  func `a bad index file is made again, silently`(
    name: String,
    damage: Damage
  ) throws {
    let built = try image.open()
    let good = try Data(contentsOf: URL(fileURLWithPath: image.cachePath(.index)))
    try overwrite(image.cachePath(.index), keepingTime: false, damage)
    let again = try image.open()

    #expect(try Data(contentsOf: URL(fileURLWithPath: image.cachePath(.index))) == good)
    #expect(again.indexes.map(\.facts) == built.indexes.map(\.facts))
    try expectRight(again)
    #expect(image.noted == [])
  }

  @Test func `what is no plain file of ours in the cache is replaced`() throws {
    _ = try image.open()
    let path = image.cachePath(.index)
    let elsewhere = image.directory.appending("elsewhere")
    try FileManager.default.moveItem(atPath: path, toPath: elsewhere)
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: elsewhere)
    try expectRight(try image.open())
    #expect(
      try FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
        == .typeRegular
    )
  }

  @Test func `the index of a layer is found wrong for another diffID`() throws {
    _ = try image.open()
    let wrong = ImageFixture.sha256([1])
    let blob = image.blobs[0]
    let entry = try image.fixture.addImage([.init(blob: blob, diffID: wrong)])
    try image.fixture.write(index: [entry.named("latest")])
    let expected = LayersError.diffIDMismatch(
      layer: sha256(blob),
      expected: try Digest(wrong),
      actual: sha256(smallTar)
    )
    #expect(failure { try image.open() } == expected)
    // As it would be without the index.
    #expect(failure { try image.open(cache: image.directory.appending("other")) } == expected)
  }

  @Test func `of several bad layers the lowest is told`() throws {
    for layer in [1, 0] {
      try overwrite(image.blobPath(layer: layer), keepingTime: false) { $0[20] ^= 1 }
    }
    let error = failure { try image.open() }
    guard case .digestMismatch(sha256(image.blobs[0]), _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(states(.index) == [nil, nil])
    #expect(states(.verified) == [nil, nil])
  }

  @Test func `an error of the merge names the layer by its digest`() throws {
    let tar = TarBytes.archive([.hardLink("a", to: "missing")])
    let image = try StoredImage([smallTar, tar], as: .gzip)
    let error = failure { try image.open() }
    #expect(
      error.map { "\($0)" }
        == "layer \(sha256(image.blobs[1])): /a: hard link to /missing, which does not exist "
        + "(member at tar byte 0)"
    )
  }

  @Test func `the same layer twice in an image is indexed once`() throws {
    let image = try StoredImage([smallTar, otherTar, smallTar], as: .zstd)
    let opened = try image.open()
    #expect(opened.indexes.map(\.table.lines.count) == [4, 2, 4])
    #expect(try opened.files.read("d/b", count: 9) == Array("second".utf8))
    #expect(opened.files.tree.nodeCount == 6)
    #expect(image.noted == [])
  }

  @Test func `threads that open the same image at once index it once`() throws {
    let tar = TarBytes.archive([
      .file("big", TarText(CompressedBytes.sample(byteCount: 900_000, seed: 24)))
    ])
    let image = try StoredImage([tar], as: .plain)
    let calls = Mutex(0)
    let facts = Mutex<[[String]]>([])
    // Held until all have found that there is no index.
    let lock = try image.store().cache.lock(sha256(tar))
    defer { lock.release() }
    try onThreads(4) { _ in
      let opened = try image.open { _ in calls.withLock { $0 += 1 } }
      facts.withLock { $0.append(opened.indexes[0].facts) }
    } meanwhile: {
      try Program.wait(for: "four threads at the lock") {
        try lockWaiterCount(of: getpid()) >= 4
      }
      lock.release()
    }
    #expect(facts.withLock { $0.count } == 4)
    #expect(Set(facts.withLock { $0 }).count == 1)
    // The one pass reports pieces of 256 KiB, whoever finds its index the whole blob at once.
    #expect(calls.withLock { $0 } == (tar.count + (256 << 10) - 1) / (256 << 10) + 3)
    #expect(image.noted == [])
  }

  // MARK: Verified blobs

  @Test func `other bytes of the same size are a wrong digest though there is an index`() throws {
    _ = try image.open()
    let files = states(.index)
    try overwrite(image.blobPath(), keepingTime: false) { $0[$0.count / 2] ^= 1 }
    var wrong = image.blobs[0]
    wrong[wrong.count / 2] ^= 1
    for _ in 0..<2 {
      #expect(
        failure { try image.open() }
          == .digestMismatch(layer: sha256(image.blobs[0]), actual: sha256(wrong))
      )
    }
    #expect(states(.index) == files)
    // Right again, it is served again.
    try overwrite(image.blobPath(), keepingTime: false) { $0[$0.count / 2] ^= 1 }
    try expectRight(try image.open())
  }

  @Test func `a blob that was only touched is hashed again and found right`() throws {
    _ = try image.open()
    let (indexes, marks) = (states(.index), states(.verified))
    try overwrite(image.blobPath(), keepingTime: false) { _ in }
    try expectRight(try image.open())
    #expect(states(.index) == indexes)
    // The mark names the file as it is now, so that the next time finds it.
    let after = states(.verified)
    #expect(after[0] != marks[0] && after[1] == marks[1])
    try expectRight(try image.open())
    #expect(states(.verified) == after)
  }

  @Test func `a blob of another size is refused before it is read`() throws {
    _ = try image.open()
    try overwrite(image.blobPath(), keepingTime: false) { $0.append(0) }
    let digest = sha256(image.blobs[0])
    let count = UInt64(image.blobs[0].count)
    #expect(
      failure { try image.open() }
        == .store(
          layer: digest,
          .blobSizeMismatch(digest, expected: count, actual: count + 1)
        )
    )
  }

  @Test func `a mark that is damaged means nothing`() throws {
    _ = try image.open()
    let good = try Data(contentsOf: URL(fileURLWithPath: image.cachePath(.verified)))
    for damage in [{ $0.append(0) }, { $0.removeLast() }, { $0[3] ^= 1 }]
      as [(inout [UInt8]) -> Void]
    {
      try overwrite(image.cachePath(.verified), keepingTime: false, damage)
      try expectRight(try image.open())
      #expect(try Data(contentsOf: URL(fileURLWithPath: image.cachePath(.verified))) == good)
    }
  }
}

// MARK: - Other processes

/// How many threads of a process are blocked in flock(2).
private func lockWaiterCount(of process: Int32) throws -> Int {
  try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task").count { task in
    // A thread may end while we look.
    let call = FileManager.default.contents(atPath: "/proc/\(process)/task/\(task)/syscall")
    return call.map { String(decoding: $0, as: UTF8.self) }?.hasPrefix("\(flockNumber) ") ?? false
  }
}

/// flock's number in Linux's system call table.
private var flockNumber: Int {
  #if arch(x86_64)
  73
  #else
  32
  #endif
}

struct ProcessTests {
  private func command(_ image: StoredImage) throws -> [String] {
    [
      try BuiltBinary.path, "layers", "--format", "json", "--cache-dir", image.cachePath,
      "oci:\(image.fixture.path):latest",
    ]
  }

  @Test func `two processes that want the same index make it once`() throws {
    let tar = TarBytes.archive([
      .file("big", TarText(CompressedBytes.sample(byteCount: 3_000_000, seed: 22)))
    ])
    let image = try StoredImage([tar], as: .gzip)
    // Held until both have found that there is no index.
    let lock = try image.store().cache.lock(sha256(image.blobs[0]))
    defer { lock.release() }
    let programs = try (0..<2).map { _ in try Program(try command(image)) }
    try Program.wait(for: "two processes at the lock") {
      try programs.allSatisfy { try lockWaiterCount(of: $0.processID) == 1 }
    }
    lock.release()
    try Program.wait(for: "the index") { FileState(image.cachePath(.index)) != nil }
    let indexed = FileState(image.cachePath(.index))
    let outcomes = try programs.map { try $0.finish() }
    for outcome in outcomes { #expect(outcome.status == 0, "\(outcome.errors)") }
    #expect(outcomes[0].text == outcomes[1].text)
    // The slower one would have replaced it, and taken much longer for that than we to look.
    #expect(FileState(image.cachePath(.index)) == indexed)
    #expect(try image.open().indexes[0].tarByteCount == UInt64(tar.count))
  }

  @Test func `an indexing process that is killed leaves nothing that is trusted`() throws {
    // Seconds of work, so that the signal comes in the middle.
    var tar: [UInt8] = []
    let piece = CompressedBytes.sample(byteCount: 2 << 20, seed: 23)
    for number in 0..<40 {
      tar += TarBytes.archive([.file("\(number)", TarText(piece))], end: .nothing)
    }
    let image = try StoredImage([tar], as: .gzip)
    let program = try Program(try command(image))
    let lock = "\(image.cachePath)/banger/locks/sha256-\(sha256(image.blobs[0]).hex)"
    try Program.wait(for: "the lock of an indexing process") {
      FileManager.default.fileExists(atPath: lock)
    }
    program.send(SIGKILL)
    #expect(try program.finish().status == 128 + SIGKILL)
    #expect(FileState(image.cachePath(.index)) == nil)
    #expect(FileState(image.cachePath(.verified)) == nil)

    // As if it had been killed while writing: part of an index under a temporary name.
    let directory = URL(fileURLWithPath: image.cachePath(.index)).deletingLastPathComponent()
    let leftOver = directory.appendingPathComponent(".pending-123")
    try Data([1, 2, 3]).write(to: leftOver)
    let opened = try image.open()
    #expect(opened.indexes[0].table.entries.count == 40)
    #expect(try opened.files.read("39", at: 1000, count: 50) == Array(piece[1000..<1050]))
    #expect(image.noted == [])
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: directory.path)
        == [sha256(image.blobs[0]).hex]
    )
  }
}
