// The cache as an image layout: its set-up, and blobs in and out of it.

import Foundation
import OCISpec
import SystemPackage
import TestKit
import Testing

@testable import ImageStore

struct ImageCacheTests {
  private let place: CachePlace

  init() throws {
    place = try CachePlace()
  }

  @Test func `a new cache is an empty image layout`() throws {
    _ = try place.open()
    #expect(try place.listing("") == ["banger", "blobs", "index.json", "oci-layout"])
    let layout = try ImageLayout(opening: FilePath(place.path))
    #expect(layout.index.manifests.isEmpty)
    #expect(try read(place.path + "/oci-layout") == Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8))
  }

  @Test func `a layout that is there is kept`() throws {
    let image = try TestImage([[1, 2, 3]])
    try image.put(into: place.open(), as: imageName())
    let text = try place.indexText
    let again = try place.open()
    #expect(try place.indexText == text)
    #expect(try again.image(imageName(), platform: .linuxAMD64)?.digest == image.digest)
  }

  @Test(
    arguments: [
      (
        #"{"imageLayoutVersion":"2.0.0"}"#, .unsupportedLayoutVersion("2.0.0")
      ),
      ("{", .badJSON(.unterminated, at: 1)),
    ] as [(String, SpecError)]
  )
  func `a marker of another kind of layout is refused`(
    text: String,
    cause: SpecError
  ) throws {
    _ = try place.open()
    let file = place.path + "/oci-layout"
    try write(Array(text.utf8), to: file)
    let document = ImageStoreError.Document.layoutMarker(FilePath(file))
    #expect(throws: ImageStoreError.invalidDocument(document, cause)) { try place.open() }
  }

  @Test func `an index that cannot be read is never replaced`() throws {
    let cache = try place.open()
    let file = place.path + "/index.json"
    try write(Array("{".utf8), to: file)
    let document = ImageStoreError.Document.cacheIndex(FilePath(file))
    let error = ImageStoreError.invalidDocument(document, .badJSON(.unterminated, at: 1))
    let image = try TestImage([[1]])
    #expect(throws: error) { try image.put(into: cache, as: imageName()) }
    #expect(throws: error) { try cache.prune() }
    #expect(throws: error) { try cache.images() }
    #expect(try place.indexText == "{")
  }

  @Test(arguments: Digest.Algorithm.allCases)
  func `a document is stored once, for its owner alone`(algorithm: Digest.Algorithm) throws {
    let cache = try place.open()
    let bytes = Array("document".utf8)
    let descriptor = Descriptor(of: bytes, "x", algorithm)
    #expect(try cache.openBlob(descriptor) == nil)
    let first = try cache.store(bytes, as: descriptor)
    let second = try cache.store(bytes, as: descriptor)
    #expect(first.identity == second.identity)
    #expect(try cache.openBlob(descriptor)?.bytes == bytes)
    var status = stat()
    #expect(stat(place.blob(descriptor.digest), &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o600)
    #expect(try place.listing("banger/ingest").isEmpty)
  }

  @Test func `what is not what its descriptor says is not stored`() throws {
    let cache = try place.open()
    let right = Descriptor(of: [1, 2, 3])
    #expect(
      throws: ImageStoreError.digestMismatch(
        expected: right.digest,
        actual: DigestHasher.digest(of: [1, 2, 4], .sha256)
      )
    ) { try cache.store([1, 2, 4], as: right) }
    #expect(throws: ImageStoreError.blobSizeMismatch(right.digest, expected: 3, actual: 2)) {
      try cache.store([1, 2], as: right)
    }
    #expect(try place.listing("blobs/sha256").isEmpty)
    #expect(try place.listing("banger/ingest").isEmpty)
  }

  /// What may lie under a blob's name; each makes it there, given a path beside it and the bytes.
  static let untrusted: [(String, @Sendable (String, String, [UInt8]) throws -> Void)] = [
    ("an empty file", { path, _, _ in try write([], to: path) }),
    ("a shorter one", { path, _, bytes in try write(bytes.dropLast(), to: path) }),
    ("a longer one", { path, _, bytes in try write(bytes + [0], to: path) }),
    (
      "a symbolic link",
      { path, beside, bytes in
        try write(bytes, to: beside)
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: beside)
      }
    ),
    ("a fifo", { path, _, _ in #expect(mkfifo(path, 0o600) == 0) }),
    ("one that its group may write", { path, _, bytes in try write(bytes, to: path, mode: 0o660) }),
    ("one that all may write", { path, _, bytes in try write(bytes, to: path, mode: 0o606) }),
    (
      "one of another user",
      { path, _, bytes in
        // An ordinary user cannot give a file away, but what all may write is not trusted either.
        try write(bytes, to: path, mode: geteuid() == 0 ? 0o600 : 0o666)
        if geteuid() == 0 { #expect(chown(path, 65_534, 0) == 0) }
      }
    ),
  ]

  @Test(arguments: untrusted.indices)
  func `what is not to be trusted is absent, and replaced`(row: Int) throws {
    let cache = try place.open()
    let bytes = Array("a blob".utf8)
    let blob = Descriptor(of: bytes)
    let (name, make) = Self.untrusted[row]
    try make(place.blob(blob.digest), place.appending("beside"), bytes)
    #expect(try cache.openBlob(blob) == nil, "\(name)")
    #expect(try cache.store(bytes, as: blob).bytes == bytes, "\(name)")
    #expect(try cache.openBlob(blob)?.bytes == bytes, "\(name)")

    unlink(place.blob(blob.digest))
    unlink(place.appending("beside"))
    try make(place.blob(blob.digest), place.appending("beside"), bytes)
    let ingest = try #require(try cache.tryIngest(blob))
    try ingest.append(bytes)
    #expect(try ingest.finish().bytes == bytes, "\(name)")
    #expect(try cache.openBlob(blob)?.bytes == bytes, "\(name)")
  }

  @Test func `many threads store and open one document`() throws {
    let place = place
    let bytes = [UInt8](repeating: 7, count: 10_000)
    try onThreads(8) { _ in
      let cache = try place.open()
      for _ in 0..<20 {
        #expect(try cache.store(bytes, as: Descriptor(of: bytes)).bytes == bytes)
        #expect(try cache.openBlob(Descriptor(of: bytes))?.bytes == bytes)
      }
    }
    #expect(try place.listing("banger/ingest").isEmpty)
  }

  @Test func `of many that bring one document at once each holds what has the name`() async throws {
    let cache = try place.open()
    for round in 0..<30 {
      let bytes = Array("document \(round)".utf8)
      let document = Descriptor(of: bytes, "application/vnd.oci.image.config.v1+json")
      let held = try await withThrowingTaskGroup(of: BlobFile.self) { group in
        for _ in 0..<8 { group.addTask { try cache.store(bytes, as: document) } }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      let named = try #require(try cache.openBlob(document))
      #expect(held.allSatisfy { $0.identity == named.identity }, "round \(round)")
    }
  }
}
