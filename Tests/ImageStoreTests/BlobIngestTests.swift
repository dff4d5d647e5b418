// Blobs on their way into the cache: continued, begun anew, contended for, read along.

import Foundation
import OCISpec
import Synchronization
import SystemPackage
import TestKit
import Testing

@testable import ImageStore

private func sample(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
  var generator = SeededGenerator(seed: seed)
  return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
}

struct BlobIngestTests {
  private let place: CachePlace

  init() throws {
    place = try CachePlace()
  }

  private func begin(_ blob: Descriptor) throws -> BlobIngest {
    try #require(try place.open().tryIngest(blob))
  }

  @Test(arguments: [0, 1, 4096, 3_000_000], Digest.Algorithm.allCases)
  func `a blob appears when it is finished`(count: Int, algorithm: Digest.Algorithm) throws {
    let bytes = sample(count)
    let blob = Descriptor(of: bytes, "x", algorithm)
    let ingest = try begin(blob)
    for piece in stride(from: 0, to: count, by: 1_000_000) {
      #expect(ingest.byteCount == UInt64(piece))
      try ingest.append(bytes[piece..<min(piece + 1_000_000, count)])
      #expect(!exists(place.blob(blob.digest)))
    }
    #expect(ingest.verifiedIdentity == nil)
    let file = try ingest.finish()
    #expect(file.digest == blob.digest)
    #expect(try file.bytes == bytes)
    #expect(ingest.verifiedIdentity == file.identity)
    #expect(try file.currentIdentity() == file.identity)
    #expect(try place.open().openBlob(blob)?.identity == file.identity)
    #expect(!exists(place.partial(blob.digest)))
    var status = stat()
    #expect(stat(place.blob(blob.digest), &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o600)
  }

  @Test func `what was there is continued, not what was not`() throws {
    let bytes = sample(2_500_000)
    let blob = Descriptor(of: bytes)
    for (end, isAbandoned) in [(1_000_000, true), (1_000_001, false), (2_400_000, true)] {
      let ingest = try begin(blob)
      try ingest.append(bytes[Int(ingest.byteCount)..<end])
      // Letting go of it is giving it up.
      if isAbandoned { ingest.abandon() }
    }
    let ingest = try begin(blob)
    #expect(ingest.byteCount == 2_400_000)
    try ingest.append(bytes[2_400_000...])
    #expect(try ingest.finish().bytes == bytes)
  }

  @Test func `too many bytes are not taken, and too few are no blob`() throws {
    let bytes = sample(100)
    let blob = Descriptor(of: bytes)
    let ingest = try begin(blob)
    try ingest.append(bytes[..<60])
    #expect(throws: ImageStoreError.blobSizeMismatch(blob.digest, expected: 100, actual: 60)) {
      try ingest.finish()
    }
    #expect(throws: ImageStoreError.blobSizeMismatch(blob.digest, expected: 100, actual: 101)) {
      try ingest.append(sample(41))
    }
    #expect(ingest.byteCount == 60)
    try ingest.append(bytes[60...])
    #expect(try ingest.finish().bytes == bytes)
  }

  @Test func `wrong bytes are forgotten, and right ones may follow`() throws {
    let bytes = sample(5000)
    let wrong = sample(5000, seed: 2)
    let blob = Descriptor(of: bytes)
    let ingest = try begin(blob)
    try ingest.append(wrong)
    #expect(
      throws: ImageStoreError.digestMismatch(
        expected: blob.digest,
        actual: DigestHasher.digest(of: wrong, .sha256)
      )
    ) { try ingest.finish() }
    #expect(ingest.byteCount == 0)
    #expect(try read(place.partial(blob.digest)).isEmpty)
    #expect(!exists(place.blob(blob.digest)))
    try ingest.append(bytes)
    #expect(try ingest.finish().bytes == bytes)
  }

  @Test func `after its end an ingest takes nothing`() throws {
    let bytes = sample(10)
    let ended = ImageStoreError.ingestEnded(Descriptor(of: bytes).digest)
    let finished = try begin(Descriptor(of: bytes))
    try finished.append(bytes)
    _ = try finished.finish()
    finished.abandon()
    #expect(finished.verifiedIdentity != nil)
    let abandoned = try begin(Descriptor(of: bytes))
    abandoned.abandon()
    abandoned.abandon()
    for ingest in [finished, abandoned] {
      #expect(throws: ended) { try ingest.append(bytes) }
      #expect(throws: ended) { try ingest.restart() }
      #expect(throws: ended) { try ingest.finish() }
    }
    #expect(throws: ended) { try abandoned.read(at: 0, count: 1) }
  }

  // MARK: One at a time

  @Test func `one thread has a digest until it lets go`() throws {
    let blob = Descriptor(of: [1])
    let cache = try place.open()
    let ingest = try begin(blob)
    #expect(try cache.tryIngest(blob) == nil)
    let other = try #require(try cache.tryIngest(Descriptor(of: [2])))
    other.abandon()
    ingest.abandon()
    let next = try #require(try cache.tryIngest(blob))
    try next.append([1])
    _ = try next.finish()
    // Done, so that the next one finds the blob there instead of a lock.
    try #require(try cache.tryIngest(blob)).abandon()
  }

  @Test func `X13: one process has a digest until it lets go or dies`() throws {
    let blob = Descriptor(of: [1])
    let cache = try place.open()
    let holder = try LockHolder(place.path + "/banger/locks/ingest-sha256-" + blob.digest.hex)
    #expect(try cache.tryIngest(blob) == nil)
    try holder.kill()
    try #require(try cache.tryIngest(blob)).abandon()
  }

  @Test func `X13: threads that want one blob bring it once`() throws {
    let bytes = sample(300_000)
    let blob = Descriptor(of: bytes)
    let place = place
    let brought = Atomic(0)
    try onThreads(8) { _ in
      let cache = try place.open()
      while true {
        if let present = try cache.openBlob(blob) {
          #expect(try present.bytes == bytes)
          return
        }
        guard let ingest = try cache.tryIngest(blob) else {
          usleep(1000)
          continue
        }
        if try cache.openBlob(blob) != nil { continue }
        for piece in 0..<30 { try ingest.append(bytes[(piece * 10_000)..<((piece + 1) * 10_000)]) }
        _ = try ingest.finish()
        brought.add(1, ordering: .relaxed)
      }
    }
    #expect(brought.load(ordering: .relaxed) == 1)
  }

  // MARK: Hostile remains

  static let remains: [(String, @Sendable (String, String) throws -> Void)] = [
    ("longer than the blob", { path, _ in try write(sample(1001), to: path) }),
    (
      "a symbolic link",
      { path, beside in
        try write(Array("precious".utf8), to: beside)
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: beside)
      }
    ),
    (
      "a second name of another file",
      { path, beside in
        try write(Array("precious".utf8), to: beside)
        #expect(link(beside, path) == 0)
      }
    ),
    ("a fifo", { path, _ in #expect(mkfifo(path, 0o600) == 0) }),
    ("one that all may write", { path, _ in try write(sample(500), to: path, mode: 0o666) }),
    (
      "one of another user",
      { path, _ in
        try write(sample(500), to: path, mode: geteuid() == 0 ? 0o600 : 0o622)
        if geteuid() == 0 { #expect(chown(path, 65_534, 0) == 0) }
      }
    ),
  ]

  @Test(arguments: remains.indices)
  func `remains that others may have made are not continued`(row: Int) throws {
    _ = try place.open()
    let bytes = sample(1000)
    let blob = Descriptor(of: bytes)
    let beside = place.appending("beside")
    let (name, make) = Self.remains[row]
    try make(place.partial(blob.digest), beside)
    let ingest = try begin(blob)
    #expect(ingest.byteCount == 0, "\(name)")
    try ingest.append(bytes)
    #expect(try ingest.finish().bytes == bytes, "\(name)")
    if exists(beside) { #expect(try read(beside) == Array("precious".utf8), "\(name)") }
  }

  @Test func `remains that were changed end in another digest, and are forgotten`() throws {
    let bytes = sample(1000)
    let blob = Descriptor(of: bytes)
    _ = try place.open()
    try write([UInt8](repeating: 0, count: 400), to: place.partial(blob.digest))
    let ingest = try begin(blob)
    #expect(ingest.byteCount == 400)
    try ingest.append(bytes[400...])
    let error = #expect(throws: ImageStoreError.self) { try ingest.finish() }
    guard case .digestMismatch(blob.digest, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    try ingest.append(bytes)
    #expect(try ingest.finish().bytes == bytes)
  }

  @Test func `a file that takes the place of ours gets no name`() throws {
    let bytes = sample(1000)
    let blob = Descriptor(of: bytes)
    let ingest = try begin(blob)
    try ingest.append(bytes)
    unlink(place.partial(blob.digest))
    try write(sample(1000, seed: 9), to: place.partial(blob.digest))
    #expect(throws: ImageStoreError.self) { try ingest.finish() }
    #expect(!exists(place.blob(blob.digest)))
  }

  @Test func `an ingest that cannot get its name takes nothing more, and keeps its bytes`() throws {
    let bytes = sample(1000)
    let blob = Descriptor(of: bytes)
    let cache = try place.open()
    let ingest = try #require(try cache.tryIngest(blob))
    try ingest.append(bytes)
    #expect(mkdir(place.blob(blob.digest), 0o700) == 0)
    let error = #expect(throws: ImageStoreError.self) { try ingest.finish() }
    #expect(error?.kind == .localIO)
    // Whether it has the name by now is for nobody to guess: its bytes must stay what they are.
    let ended = ImageStoreError.ingestEnded(blob.digest)
    #expect(throws: ended) { try ingest.restart() }
    #expect(throws: ended) { try ingest.finish() }
    #expect(throws: ended) { try ingest.read(at: 1000, count: 1) }
    #expect(rmdir(place.blob(blob.digest)) == 0)
    let next = try #require(try cache.tryIngest(blob))
    #expect(next.byteCount == 1000)
    #expect(try next.finish().bytes == bytes)
  }

  @Test(.enabled(if: geteuid() == 0, "only root can mount a file system that is full"))
  func `a full disk is told, and what was there stays for the next run`() throws {
    let directory = try TemporaryDirectory()
    try Tool.run("mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", directory.path)
    defer { #expect(umount2(directory.path, CInt(MNT_DETACH)) == 0) }
    let bytes = sample(3 << 20)
    let blob = Descriptor(of: bytes)
    let cache = try CachePlace.open(directory.path)
    let ingest = try #require(try cache.tryIngest(blob))
    let error = #expect(throws: ImageStoreError.self) {
      for piece in stride(from: 0, to: bytes.count, by: 100_000) {
        try ingest.append(bytes[piece..<min(piece + 100_000, bytes.count)])
      }
    }
    #expect(error?.kind == .noSpace)
    guard case .failed(operation: "write", _, .noSpace) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    let count = ingest.byteCount
    #expect(count > 500_000)
    ingest.abandon()
    try Tool.run("mount", "-o", "remount,size=8m", directory.path)
    let next = try #require(try cache.tryIngest(blob))
    #expect(next.byteCount >= count)
    try next.append(bytes[Int(next.byteCount)...])
    #expect(try next.finish().bytes == bytes)
  }

  // MARK: Against a model

  /// What an ingest should be.
  private struct Model {
    var bytes: [UInt8] = []
    let blob: [UInt8]
  }

  @Test(arguments: 0..<40 as Range<UInt64>)
  func `random use of an ingest agrees with a model`(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let right = sample(Int.random(in: 0...20_000, using: &random), seed: seed)
    var model = Model(blob: right)
    let blob = Descriptor(of: right)
    var ingest = try begin(blob)
    for step in 0..<60 {
      let what = "seed \(seed), step \(step)"
      switch Int.random(in: 0..<10, using: &random) {
      case 0:
        try ingest.restart()
        model.bytes = []
      case 1, 2:
        // The old one goes first, because it has the lock.
        ingest.abandon()
        ingest = try begin(blob)
      case 3:
        let finished = try finish(ingest, &model, what)
        if finished { return }
      default:
        // Now and then some that are wrong, or too many.
        let count = Int.random(in: 0...6000, using: &random)
        let isWrong = Int.random(in: 0..<12, using: &random) == 0
        let rest = right.dropFirst(model.bytes.count).prefix(count)
        let piece = isWrong ? sample(count, seed: seed + 99) : Array(rest)
        if model.bytes.count + piece.count > right.count {
          #expect(throws: ImageStoreError.self, "\(what)") { try ingest.append(piece) }
        } else {
          try ingest.append(piece)
          model.bytes += piece
        }
      }
      #expect(ingest.byteCount == UInt64(model.bytes.count), "\(what)")
      #expect(try read(place.partial(blob.digest)) == model.bytes, "\(what)")
      #expect(!exists(place.blob(blob.digest)), "\(what)")
    }
  }

  private func finish(
    _ ingest: BlobIngest,
    _ model: inout Model,
    _ what: String
  ) throws -> Bool {
    if model.bytes == model.blob {
      #expect(try ingest.finish().bytes == model.blob, "\(what)")
      return true
    }
    #expect(throws: ImageStoreError.self, "\(what)") { try ingest.finish() }
    if model.bytes.count == model.blob.count { model.bytes = [] }
    return false
  }
}
