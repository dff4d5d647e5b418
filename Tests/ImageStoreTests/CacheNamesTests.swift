// Names of images in the cache: written, found, replaced, dropped, and none of them lost.

import Foundation
import OCISpec
import SystemPackage
import TestKit
import Testing

@testable import ImageStore
import Threading

private let arm = Platform(os: "linux", architecture: "arm64")

struct CacheNamesTests {
  private let place: CachePlace
  private let cache: ImageCache

  init() throws {
    place = try CachePlace()
    cache = try place.open()
  }

  private var entries: [Descriptor] {
    get throws { try cache.readIndex().manifests }
  }

  private func find(_ name: ImageName, _ platform: Platform = .linuxAMD64) throws -> Digest? {
    try cache.image(name, platform: platform)?.digest
  }

  @Test func `an image is found by its name and by its digests`() throws {
    let image = try TestImage([[1, 1], [2, 2, 2]])
    let index = DigestHasher.digest(of: [9], .sha256)
    try image.put(into: cache, as: imageName(), index: index)
    let found = try #require(try cache.image(imageName(), platform: .linuxAMD64))
    #expect(found.reference == "docker.io/library/debian:12")
    #expect(found.digest == image.digest)
    #expect(found.platform == .linuxAMD64)
    #expect(found.layers.map(\.index) == [0, 1])
    #expect(try found.layers.map { try found.open($0).bytes } == image.layers)
    #expect(try find(imageName().at(image.digest)) == image.digest)
    #expect(try find(imageName().at(index)) == image.digest)
    // The digest of a manifest is one image's, that of an index one for each platform.
    #expect(try find(imageName().at(image.digest), arm) == image.digest)
    #expect(try find(imageName().at(index), arm) == nil)
    #expect(try find(imageName(), arm) == nil)
    #expect(try find(imageName("library/debian", "13")) == nil)
    #expect(try find(imageName("other/debian")) == nil)
    #expect(
      try entries == [
        Descriptor(
          mediaType: image.manifest.mediaType,
          digest: image.digest,
          byteCount: image.manifest.byteCount,
          annotations: [
            "org.opencontainers.image.ref.name": "docker.io/library/debian:12",
            "dev.banger.index.digest": index.description,
          ],
          platform: .linuxAMD64
        )
      ]
    )
  }

  @Test func `a name moves to the newer image of its platform, and of no other`() throws {
    let old = try TestImage([[1]])
    let new = try TestImage([[2]])
    let other = try TestImage([[3]], platform: "linux/arm64")
    try old.put(into: cache, as: imageName())
    try old.put(into: cache, as: imageName("library/debian", "old"))
    try other.put(into: cache, as: imageName())
    for _ in 0..<2 { try new.put(into: cache, as: imageName()) }
    #expect(try entries.map(\.digest) == [new.digest, other.digest, old.digest])
    #expect(try find(imageName()) == new.digest)
    #expect(try find(imageName(), arm) == other.digest)
    #expect(try find(imageName("library/debian", "old")) == old.digest)
  }

  @Test func `an image of which anything is missing is none`() throws {
    let image = try TestImage([[1], [2]])
    for blob in image.blobs {
      try image.put(into: cache, as: imageName())
      #expect(try find(imageName()) == image.digest)
      unlink(place.blob(Descriptor(of: blob).digest))
      #expect(try find(imageName()) == nil)
      // Nor can it get a name.
      let recorded = RecordedImage(
        name: imageName("x/y"),
        manifest: image.manifest,
        platform: image.platform
      )
      #expect(throws: ImageStoreError.blobMissing(Descriptor(of: blob).digest)) {
        try cache.record(recorded)
      }
      #expect(try find(imageName("x/y")) == nil)
    }
  }

  @Test func `a manifest whose content is wrong is absent`() throws {
    let image = try TestImage([[1]])
    try image.put(into: cache, as: imageName())
    var wrong = image.manifestBytes
    wrong[wrong.count - 1] ^= 1
    try write(wrong, to: place.blob(image.digest))
    #expect(try find(imageName()) == nil)
  }

  @Test func `a manifest of Docker's has a second form for other tools`() throws {
    let image = try TestImage([[1]], docker: true)
    for _ in 0..<2 { try image.put(into: cache, as: imageName()) }
    let entries = try entries
    #expect(entries.map(\.digest).first == image.digest)
    #expect(
      entries.map(\.annotations) == [
        ["dev.banger.image.name": "docker.io/library/debian:12"],
        [
          "org.opencontainers.image.ref.name": "docker.io/library/debian:12",
          "dev.banger.converted.from": image.digest.description,
        ],
      ]
    )
    let layout = try ImageLayout(opening: FilePath(place.path))
    let converted = try ImageResolver()
      .resolve("", name: "docker.io/library/debian:12", digest: nil, in: layout)
    #expect(converted.digest == entries[1].digest)
    #expect(converted.configurationBytes == image.configuration)
    // Ours is the original.
    #expect(try find(imageName()) == image.digest)
    #expect(try find(imageName().at(image.digest)) == image.digest)
    #expect(try cache.images().map(\.digest) == [image.digest])
    // And both go, with one newer image, or with their name.
    try image.put(into: cache, as: imageName("x/y"))
    #expect(try cache.remove("docker.io/x/y:12"))
    let newer = try TestImage([[2]])
    try newer.put(into: cache, as: imageName())
    #expect(try self.entries.map(\.digest) == [newer.digest])
  }

  @Test func `a name is dropped, and nothing else`() throws {
    let image = try TestImage([[1]])
    try image.put(into: cache, as: imageName())
    try image.put(into: cache, as: imageName("x/y"))
    #expect(try cache.remove("docker.io/library/debian:12"))
    #expect(try !cache.remove("docker.io/library/debian:12"))
    #expect(try find(imageName()) == nil)
    #expect(try find(imageName("x/y")) == image.digest)
    #expect(try find(imageName().at(image.digest)) == image.digest)
  }

  @Test func `images are listed with what is known of them`() throws {
    let first = try TestImage([[1], [2, 2]])
    let second = try TestImage([[3]], platform: "linux/arm64")
    try first.put(into: cache, as: imageName(), index: second.digest)
    try second.put(into: cache, as: imageName("x/y"))
    unlink(place.blob(Descriptor(of: [3]).digest))
    let times = timespec(tv_sec: 1000, tv_nsec: 0)
    #expect(utimensat(AT_FDCWD, place.blob(first.digest), [times, times], 0) == 0)
    let images = try cache.images()
    try #require(images.count == 2)
    #expect(
      images[0]
        == CachedImage(
          name: "docker.io/library/debian:12",
          digest: first.digest,
          indexDigest: second.digest,
          platform: .linuxAMD64,
          layerCount: 2,
          byteCount: first.byteCount,
          lastUse: 1000,
          isComplete: true
        )
    )
    #expect(images[1].platform == arm)
    #expect(!images[1].isComplete)
    #expect(try cache.images()[0].lastUse == 1000)
    // Using it is what counts, and does not make it another file.
    let found = try #require(try cache.image(imageName(), platform: .linuxAMD64))
    #expect(try cache.images()[0].lastUse > 1000)
    let manifest = try found.source.openBlob(first.manifest)
    #expect(manifest.identity.modifiedSeconds == 1000)
  }

  @Test func `what other tools wrote stays as they wrote it`() throws {
    let entry =
      #"{"mediaType":"application/x","digest":"sha256:\#(String(repeating: "0", count: 64))","#
      + #""size":10,"odd":{"\u0041":[1.50,null]}}"#
    try write(
      Array(#"{"top":0.10,"schemaVersion":2,"manifests":[\#(entry)],"end":{}}"#.utf8),
      to: place.path + "/index.json"
    )
    try TestImage([[1]]).put(into: cache, as: imageName())
    #expect(try cache.remove("docker.io/library/debian:12"))
    #expect(
      try place.indexText
        == #"{"top":0.10,"schemaVersion":2,"manifests":[\#(entry)],"end":{}}"#
    )
  }

  @Test func `many threads write names and none is lost`() throws {
    let place = place
    let image = try TestImage([[1]])
    try image.put(into: cache, as: imageName())
    try onThreads(8) { thread in
      let cache = try place.open()
      for number in 0..<25 {
        try image.put(into: cache, as: imageName("t\(thread)/n\(number)"))
        if number % 5 == 4 {
          #expect(try cache.remove("docker.io/t\(thread)/n\(number):12"))
        }
      }
    }
    let expected = (0..<8).flatMap { thread in
      (0..<25).filter { $0 % 5 != 4 }.map { "docker.io/t\(thread)/n\($0):12" }
    }
    let names = try entries.compactMap(\.referenceName)
    #expect(Set(names) == Set(expected + ["docker.io/library/debian:12"]))
    #expect(names.count == expected.count + 1)
    #expect(try place.listing("banger/ingest").isEmpty)
  }

  @Test func `a tool that knows no lock loses nothing by us`() throws {
    // Replaces the index between our reading and our writing, the first time.
    let image = try TestImage([[1]])
    try image.put(into: cache, as: imageName())
    let theirs = try place.indexText.replacing(
      #""manifests":["#,
      with: #""theirs":1,"manifests":["#
    )
    var calls = 0
    try cache.changeNames { (index) throws(ImageStoreError) in
      calls += 1
      if calls == 1 {
        do { try write(Array(theirs.utf8), to: place.path + "/index.json") } catch {
          Issue.record(error)
        }
      }
      index.remove { $0.isNamed("docker.io/library/debian:12") }
      return true
    }
    #expect(calls == 2)
    #expect(try place.indexText.contains(#""theirs":1,"manifests":[]"#))
  }

  @Test func `an index that a tool writes in place is read when it is whole`() throws {
    let image = try TestImage([[1]])
    try image.put(into: cache, as: imageName())
    let (cache, place) = (cache, place)
    let text = Array(try place.indexText.utf8)
    let hasEnded = Mutex(false)
    try onThreads(2) { (thread: Int) throws in
      if thread == 0 {
        defer { hasEnded.withLock { $0 = true } }
        for _ in 0..<300 { #expect(try cache.readIndex().manifests.count == 1) }
        return
      }
      let file = open(place.path + "/index.json", O_WRONLY)
      defer { close(file) }
      while !hasEnded.withLock({ $0 }) {
        #expect(ftruncate(file, 0) == 0)
        let half = text.count / 2
        #expect(pwrite(file, text, half, 0) == half)
        #expect(pwrite(file, Array(text[half...]), text.count - half, off_t(half)) > 0)
        usleep(200)
      }
    }
  }

  @Test func `an index that stays broken is refused`() throws {
    let file = place.path + "/index.json"
    try write(Array("{".utf8), to: file)
    #expect(
      throws: ImageStoreError.invalidDocument(
        .cacheIndex(FilePath(file)),
        .badJSON(.unterminated, at: 1)
      )
    ) { try cache.readIndex() }
  }
}
