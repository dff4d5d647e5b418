// What a verification of the cache finds, and what it removes.

import Foundation
import OCISpec
import SystemPackage
import TestKit
import Testing

@testable import ImageStore

struct CacheVerificationTests {
  private let place: CachePlace
  private let cache: ImageCache
  private let image: TestImage
  private let name = "docker.io/library/debian:12"

  init() throws {
    place = try CachePlace()
    cache = try place.open()
    image = try TestImage([[1, 1, 1], [2, 2]])
    try image.put(into: cache, as: imageName())
  }

  private func digest(_ layer: Int) -> Digest { Descriptor(of: image.layers[layer]).digest }

  @Test func `a cache that is right has no faults, and every byte was read`() throws {
    var progress = 0
    let result = try cache.verify { progress += $0 }
    #expect(result.faults.isEmpty)
    #expect(result.blobCount == 4)
    #expect(result.byteCount == image.byteCount)
    #expect(UInt64(progress) == image.byteCount)
  }

  @Test func `looking is no use`() throws {
    let times = timespec(tv_sec: 1000, tv_nsec: 0)
    #expect(utimensat(AT_FDCWD, place.blob(image.digest), [times, times], 0) == 0)
    _ = try cache.verify()
    _ = try cache.usage()
    #expect(try cache.images().map(\.lastUse) == [1000])
  }

  /// Damage to the first layer, and what is found.
  static let damages:
    [(
      String, @Sendable (CachePlace, Digest) throws -> Void,
      @Sendable (String, Digest) -> CacheFault.Fault
    )] = [
      (
        "other bytes",
        { place, digest in try write([1, 1, 2], to: place.blob(digest)) },
        { _, digest in
          .wrongContent(digest, actual: DigestHasher.digest(of: [1, 1, 2], .sha256))
        }
      ),
      (
        "no bytes",
        { place, digest in try write([], to: place.blob(digest)) },
        { _, digest in .wrongContent(digest, actual: DigestHasher.digest(of: [], .sha256)) }
      ),
      (
        "a link",
        { place, digest in
          unlink(place.blob(digest))
          try FileManager.default.createSymbolicLink(
            atPath: place.blob(digest),
            withDestinationPath: "/etc/hostname"
          )
        },
        { path, _ in .notABlob(FilePath(path)) }
      ),
      (
        "open to all", { place, digest in #expect(chmod(place.blob(digest), 0o666) == 0) },
        { path, _ in .notABlob(FilePath(path)) }
      ),
    ]

  @Test(arguments: damages.indices)
  func `a wrong blob is found, with the names that need it, and can be removed`(
    row: Int
  ) throws {
    let (what, damage, expected) = Self.damages[row]
    try damage(place, digest(0))
    let fault = CacheFault(fault: expected(place.blob(digest(0)), digest(0)), names: [name])
    #expect(try cache.verify().faults == [fault], "\(what)")
    let result = try cache.verify(removesFaults: true)
    #expect(result.faults == [fault], "\(what)")
    #expect(result.removed == [digest(0)] && result.inUse.isEmpty, "\(what)")
    #expect(!exists(place.blob(digest(0))), "\(what)")
    // The name stays, so that one can see what to fetch again.
    #expect(
      try cache.verify().faults == [CacheFault(fault: .missing(digest(0)), names: [name])]
    )
    let again = try cache.store(image.layers[0], as: Descriptor(of: image.layers[0]))
    #expect(try again.bytes == image.layers[0])
    #expect(try cache.verify().faults.isEmpty, "\(what)")
  }

  @Test func `a wrong blob that somebody uses stays`() throws {
    try write([1, 1, 2], to: place.blob(digest(0)))
    let held = try #require(try cache.openBlob(Descriptor(of: image.layers[0])))
    let result = try cache.verify(removesFaults: true)
    #expect(result.removed.isEmpty && result.inUse == [digest(0)])
    #expect(exists(place.blob(digest(0))))
    withExtendedLifetime(held) {}
  }

  @Test func `a right blob that has taken the place of a wrong one stays`() throws {
    let path = place.blob(digest(0))
    try write([1, 1, 2], to: path)
    try write(image.layers[0], to: place.appending("right"))
    var byteCount: UInt64 = 0
    let result = try cache.verify(removesFaults: true) { count in
      byteCount += UInt64(count)
      // All blobs have been looked at, and none has been removed.
      if byteCount == image.byteCount { #expect(rename(place.appending("right"), path) == 0) }
    }
    #expect(result.removed.isEmpty && result.inUse.isEmpty)
    #expect(try read(path) == image.layers[0])
    #expect(try cache.verify().faults.isEmpty)
  }

  @Test func `what is missing, and what is no blob, is named`() throws {
    unlink(place.blob(digest(1)))
    try write([1], to: place.path + "/blobs/sha256/stray")
    let stray = FilePath(place.path + "/blobs/sha256/stray")
    let result = try cache.verify(removesFaults: true)
    #expect(
      result.faults == [
        CacheFault(fault: .notABlob(stray), names: []),
        CacheFault(fault: .missing(digest(1)), names: [name]),
      ]
    )
    // Perhaps another tool writes it just now.
    #expect(exists(stray.string) && result.removed.isEmpty)
  }

  @Test func `documents that nobody can use are named`() throws {
    let bytes = Array(#"{"schemaVersion":2,"layers":[]}"#.utf8)
    let bad = Descriptor(of: bytes, "application/vnd.oci.image.manifest.v1+json")
    _ = try cache.store(bytes, as: bad)
    try cache.changeNames { (index) throws(ImageStoreError) in
      index.insert([bad], before: { _ in false }, replacing: { _ in false })
      return true
    }
    #expect(
      try cache.verify().faults == [
        CacheFault(fault: .badDocument(bad.digest, .missingField("config")), names: [])
      ]
    )
  }
}
