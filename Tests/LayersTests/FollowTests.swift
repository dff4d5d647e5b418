// Indexing a layer while it is downloaded: the same index as afterwards, and never in the way.

import Dispatch
import Foundation
import ImageStore
import OCISpec
import struct Synchronization.Atomic
import SystemPackage
import TestKit
import Testing

@testable import Layers
import Threading

struct FollowTests {
  private let directory: TemporaryDirectory
  private let tar = TarBytes.archive([
    .directory("d"), .file("d/a", "first"), .symlink("d/s", to: "a"),
    .file("big", TarText(CompressedBytes.sample(byteCount: 900_000, seed: 31))),
  ])
  private let noted = Notes()

  /// What could not be kept.
  private final class Notes: Sendable {
    let errors = Mutex<[ImageStoreError]>([])
  }

  init() throws {
    directory = try TemporaryDirectory()
  }

  private var path: String { directory.appending("cache") }

  private func cache() throws -> CacheDirectory {
    try CacheDirectory(opening: FilePath(path), version: LayerStore.cacheVersion)
  }

  private func store() throws -> LayerStore {
    LayerStore(cache: try cache()) { [noted] error in
      noted.errors.withLock { $0.append(error) }
    }
  }

  private func descriptor(_ blob: [UInt8]) -> Descriptor {
    Descriptor(
      mediaType: MediaType("application/vnd.oci.image.layer.v1.tar"),
      digest: sha256(blob),
      byteCount: UInt64(blob.count)
    )
  }

  private func begin(_ blob: [UInt8]) throws -> BlobIngest {
    guard let ingest = try ImageCache(cache()).tryIngest(descriptor(blob)) else {
      throw ProgramFailure("the download is locked")
    }
    return ingest
  }

  private func append(_ bytes: some Collection<UInt8>, to ingest: BlobIngest) throws {
    try Array(bytes).withUnsafeBytes { try ingest.append($0) }
  }

  private func exists(_ kind: CacheKind, _ blob: [UInt8]) throws -> Bool {
    FileManager.default.fileExists(atPath: try cache().path(kind, of: sha256(blob)).string)
  }

  /// Follows on a thread of its own while `download` goes on here.
  private func following(
    _ ingest: BlobIngest,
    diffID: Digest? = nil,
    progress: @escaping ByteProgress = { _ in },
    _ download: () throws -> Void
  ) throws -> Bool {
    let store = try store()
    let isReady = Atomic(false)
    let diffID = diffID ?? sha256(tar)
    try onThreads(
      1,
      { _ in
        let result = store.follow(ingest, diffID: diffID, progress: progress)
        isReady.store(result, ordering: .relaxed)
      },
      meanwhile: download
    )
    return isReady.load(ordering: .relaxed)
  }

  @Test(arguments: LayerEncoding.allCases)
  func `the index is the one that a pass over the blob makes`(encoding: LayerEncoding) throws {
    let blob = encoding.blob(of: tar)
    let ingest = try begin(blob)
    let read = Mutex(0)
    var file: BlobFile?
    let isReady = try following(ingest, progress: { count in read.withLock { $0 += count } }) {
      for start in stride(from: 0, to: blob.count, by: 30_001) {
        try append(blob[start..<min(start + 30_001, blob.count)], to: ingest)
      }
      // Nothing is kept for a blob of which nobody knows whether it is right.
      #expect(try !exists(.index, blob))
      file = try ingest.finish()
    }
    #expect(isReady)
    #expect(read.withLock { $0 } == blob.count)
    #expect(try exists(.index, blob))
    #expect(try exists(.verified, blob))
    let opened = try #require(file)
    // No byte of it is needed any more: a file without its content would do.
    let loaded = try store().index(of: opened, diffID: sha256(tar)) { _ in }
    #expect(loaded.facts == (try index(blob, tar: tar)).facts)
    #expect(noted.errors.withLock { $0 } == [])
  }

  @Test func `a verified blob is not read again`() throws {
    let blob = LayerEncoding.gzip.blob(of: tar)
    let ingest = try begin(blob)
    _ = try following(ingest) {
      try append(blob, to: ingest)
      _ = try ingest.finish()
    }
    // Other content in the same file at the same time shows who reads.
    let name = path + "/blobs/sha256/" + sha256(blob).hex
    try overwrite(name, keepingTime: true) { $0[100] ^= 1 }
    let file = try #require(try ImageCache(cache()).openBlob(descriptor(blob)))
    #expect(
      try store().index(of: file, diffID: sha256(tar)) { _ in }.tarByteCount == UInt64(tar.count)
    )
  }

  @Test func `what an earlier run left is indexed too`() throws {
    let blob = LayerEncoding.zstd.blob(of: tar)
    let first = try begin(blob)
    try append(blob[..<(blob.count / 2)], to: first)
    first.abandon()
    let ingest = try begin(blob)
    let isReady = try following(ingest) {
      try append(blob[(blob.count / 2)...], to: ingest)
      _ = try ingest.finish()
    }
    #expect(isReady)
    #expect(try exists(.index, blob))
  }

  @Test func `an index that is there is kept, and the blob remembered`() throws {
    let blob = LayerEncoding.gzip.blob(of: tar)
    for _ in 0..<2 {
      let ingest = try begin(blob)
      let isReady = try following(ingest) {
        try append(blob, to: ingest)
        _ = try ingest.finish()
      }
      #expect(isReady)
      let verified = try cache().path(.verified, of: sha256(blob)).string
      try FileManager.default.removeItem(atPath: verified)
    }
    let state = FileState(try cache().path(.index, of: sha256(blob)).string)
    let ingest = try begin(blob)
    _ = try following(ingest) {
      try append(blob, to: ingest)
      _ = try ingest.finish()
    }
    #expect(FileState(try cache().path(.index, of: sha256(blob)).string) == state)
    #expect(try exists(.verified, blob))
  }

  @Test func `a layer that is wrong is left to the pass that tells`() throws {
    let blob = LayerEncoding.gzip.blob(of: tar)
    let ingest = try begin(blob)
    let isReady = try following(ingest, diffID: sha256([1])) {
      try append(blob, to: ingest)
      _ = try ingest.finish()
    }
    #expect(!isReady)
    #expect(try !exists(.index, blob))
    #expect(try !exists(.verified, blob))
    let junk = [UInt8](repeating: 0x1F, count: 5000)
    let second = try begin(junk)
    let isJunkReady = try following(second) {
      try append(junk, to: second)
      _ = try second.finish()
    }
    #expect(!isJunkReady)
    #expect(try !exists(.index, junk))
  }

  @Test(arguments: [false, true])
  func `a download that ends early leaves nothing`(isWrong: Bool) throws {
    let blob = LayerEncoding.gzip.blob(of: tar)
    let ingest = try begin(blob)
    let isReady = try following(ingest) {
      try append(blob.dropLast(), to: ingest)
      if isWrong {
        try append([~(blob.last ?? 0)], to: ingest)
        // Only what somebody has read can mislead.
        try Program.wait(for: "the follower") { ingest.isFollowed }
        #expect(throws: ImageStoreError.self) { try ingest.finish() }
      } else {
        ingest.abandon()
      }
    }
    #expect(!isReady)
    #expect(try !exists(.index, blob))
    #expect(try !exists(.verified, blob))
    try #require(try cache().tryLock(sha256(blob))).release()
  }

  @Test func `who has the same layer elsewhere does not wait for a download`() throws {
    let blob = LayerEncoding.gzip.blob(of: tar)
    let image = try StoredImage([tar], as: .gzip)
    let ingest = try begin(blob)
    let isReady = try following(ingest) {
      try append(blob[..<1000], to: ingest)
      // The same cache, and the layer's own lock, while bytes are missing.
      let opened = try image.open(cache: path)
      #expect(opened.indexes.map(\.tarByteCount) == [UInt64(tar.count)])
      try append(blob[1000...], to: ingest)
      _ = try ingest.finish()
    }
    #expect(isReady)
  }

  @Test func `whoever indexes the layer already is left alone`() throws {
    let blob = LayerEncoding.gzip.blob(of: tar)
    let ingest = try begin(blob)
    try append(blob, to: ingest)
    let lock = try cache().lock(sha256(blob))
    let isReady = try following(ingest) {}
    #expect(!isReady)
    lock.release()
    _ = try ingest.finish()
    #expect(try !exists(.index, blob))
  }
}
