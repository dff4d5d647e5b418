// What the cache takes, whether it is right, and what goes of it: never what somebody uses.

import Foundation
import OCISpec
import SystemPackage
import TestKit
import Testing

@testable import ImageStore

/// Sets when a file was last used, in seconds since 1970.
private func setLastUse(_ path: String, _ seconds: Int) {
  let unchanged = timespec(tv_sec: 0, tv_nsec: UTIME_OMIT)
  #expect(utimensat(AT_FDCWD, path, [timespec(tv_sec: seconds, tv_nsec: 0), unchanged], 0) == 0)
}

private func filled(_ byte: UInt8, _ count: Int) -> [UInt8] {
  [UInt8](repeating: byte, count: count)
}

struct PolicyRow: CustomTestStringConvertible {
  let name: String
  let change: @Sendable (inout PrunePolicy) -> Void

  init(_ name: String, _ change: @escaping @Sendable (inout PrunePolicy) -> Void) {
    (self.name, self.change) = (name, change)
  }

  var testDescription: String { name }
}

struct CachePruningTests {
  private let place: CachePlace
  private let cache: ImageCache
  /// Three images of some 10, 20 and 30 kB, last used at 100, 200 and 300.
  ///
  /// The first two share a layer.
  private let images: [TestImage]

  init() throws {
    place = try CachePlace()
    cache = try place.open()
    let shared = filled(0, 5000)
    images = [
      try TestImage([shared, filled(1, 5000)]), try TestImage([shared, filled(2, 15_000)]),
      try TestImage([filled(3, 30_000)]),
    ]
    for (number, image) in images.enumerated() {
      try image.put(into: cache, as: imageName("i\(number)/x"))
      setLastUse(place.blob(image.digest), 100 * (number + 1))
    }
  }

  private var names: [String] {
    get throws { try cache.readIndex().manifests.compactMap(\.referenceName) }
  }

  private func name(_ number: Int) -> String { imageName("i\(number)/x").text }

  private func policy(_ change: (inout PrunePolicy) -> Void) -> PrunePolicy {
    var policy = PrunePolicy()
    change(&policy)
    return policy
  }

  /// Puts a finished file system of 40 kB there, last used at `used`.
  private func keepResult(_ name: String, used: Int) throws {
    let path = cache.directory.resultsPath.appending(name).string
    try Data(filled(4, 40_960)).write(to: URL(fileURLWithPath: path))
    setLastUse(path, used)
  }

  private var results: [String] {
    get throws {
      try FileManager.default.contentsOfDirectory(atPath: cache.directory.resultsPath.string)
        .sorted()
    }
  }

  @Test func `finished file systems are counted`() throws {
    try keepResult("aa", used: 150)
    try keepResult("bb", used: 250)
    let usage = try cache.usage().results
    #expect(usage.count == 2)
    #expect(usage.byteCount == 81_920)
    #expect(usage.allocatedByteCount >= 81_920)
  }

  @Test(arguments: [
    (PolicyRow("nothing") { _ in }, ["aa", "bb"], 3),
    (PolicyRow("all") { $0.removesEverything = true }, [], 0),
    (PolicyRow("age") { $0.longestUnusedSeconds = 150 }, ["bb"], 1),
    // 60 kB of images and their documents, and 40 for each file system
    (PolicyRow("much") { $0.byteLimit = 200_000 }, ["aa", "bb"], 3),
    (PolicyRow("some") { $0.byteLimit = 120_000 }, ["bb"], 3),
    (PolicyRow("little") { $0.byteLimit = 70_000 }, [], 3),
    (PolicyRow("very little") { $0.byteLimit = 40_000 }, [], 1),
    (PolicyRow("dry") { ($0.removesEverything, $0.isDryRun) = (true, true) }, ["aa", "bb"], 3),
  ])
  func `finished file systems go by age, and before images where there is no room`(
    row: PolicyRow,
    left: [String],
    images: Int
  ) throws {
    try keepResult("aa", used: 150)
    try keepResult("bb", used: 250)
    let report = try cache.prune(policy(row.change), now: 360)
    #expect(try results == left)
    #expect(try names.count == images)
    let isDryRun = row.name == "dry"
    #expect(report.results.count == (isDryRun ? 2 : 2 - left.count))
  }

  @Test func `finished file systems that a killed writer left go when the cache is opened`()
    throws
  {
    try keepResult(".pending-1", used: 1)
    _ = try place.open()
    #expect(try results == [])
  }

  private func derive(
    _ kind: CacheKind,
    _ digest: Digest,
    variant: Digest? = nil,
    count: Int
  ) throws {
    let file = try cache.directory.create(CacheFileName(kind, of: digest, variant: variant))
    try file.write(filled(9, count))
    try file.publish()
  }

  private func layer(_ number: Int, _ layer: Int) -> Digest {
    Descriptor(of: images[number].layers[layer]).digest
  }

  @Test func `what the cache takes is counted`() throws {
    let stray = try cache.store(filled(7, 100), as: Descriptor(of: filled(7, 100)))
    let ingest = try #require(try cache.tryIngest(Descriptor(of: filled(8, 500))))
    try ingest.append(filled(8, 300))
    try derive(.index, layer(0, 0), count: 40)
    try derive(.copies, layer(0, 0), count: 60)
    try derive(.trees, layer(0, 0), variant: layer(0, 1), count: 70)
    try derive(.trees, layer(0, 0), variant: layer(1, 1), count: 80)
    let usage = try cache.usage()
    #expect(usage.imageCount == 3)
    // Layers, of which two are one; configurations; manifests; the stray one.
    #expect(usage.blobs.count == 4 + 3 + 3 + 1)
    #expect(
      usage.blobs.byteCount == images.reduce(0) { $0 + $1.byteCount } - 5000 + stray.byteCount
    )
    #expect(usage.blobs.allocatedByteCount >= usage.blobs.byteCount / 2)
    #expect(usage.unreferencedBlobs.count == 1 && usage.unreferencedBlobs.byteCount == 100)
    #expect(usage.partials.count == 1 && usage.partials.byteCount == 300)
    #expect(usage.indexes.count == 1 && usage.indexes.byteCount == 40)
    #expect(usage.copies.count == 1 && usage.copies.byteCount == 60)
    #expect(usage.trees.count == 2 && usage.trees.byteCount == 150)
  }

  @Test func `what no image needs goes, with what was made of it`() throws {
    let unneeded = Descriptor(of: filled(7, 100))
    _ = try cache.store(filled(7, 100), as: unneeded)
    for kind in CacheKind.allCases {
      try derive(kind, unneeded.digest, count: 10)
      try derive(kind, layer(0, 0), count: 10)
    }
    let partial = Descriptor(of: filled(8, 500))
    try #require(try cache.tryIngest(partial)).append(filled(8, 300))
    try #require(try cache.directory.tryLock(unneeded.digest)).release()
    let before = try names

    let planned = try cache.prune(policy { $0.isDryRun = true })
    #expect(exists(place.blob(unneeded.digest)) && exists(place.partial(partial.digest)))
    let report = try cache.prune()
    #expect(report == planned)
    #expect(report.images.isEmpty && report.imagesInUse.isEmpty && report.blobsInUse.isEmpty)
    #expect(report.blobs.count == 1 && report.blobs.byteCount == 100)
    #expect(report.partials.count == 1 && report.partials.byteCount == 300)
    // The notes take no space to speak of.
    #expect(report.derivedFiles.count == 3 && report.derivedFiles.byteCount == 30)
    #expect(!exists(place.blob(unneeded.digest)) && !exists(place.partial(partial.digest)))
    for kind in CacheKind.allCases {
      #expect(!exists(cache.directory.path(kind, of: unneeded.digest).string))
      #expect(exists(cache.directory.path(kind, of: layer(0, 0)).string))
    }
    #expect(try !place.listing("banger/locks").contains("sha256-" + unneeded.digest.hex))
    #expect(try names == before)
    #expect(try cache.verify().faults.isEmpty)
    #expect(try cache.prune() == PruneReport())
  }

  @Test(
    arguments: [
      (1000, [0, 1, 2]), (300, [0, 1, 2]), (299, [1, 2]), (150, [2]), (100, [2]), (99, []), (0, []),
    ] as [(UInt64, [Int])]
  )
  func `images that were not used for long go`(longest: UInt64, kept: [Int]) throws {
    // Seen from second 400, so that the images are 300, 200 and 100 seconds old.
    let report = try cache.prune(policy { $0.longestUnusedSeconds = longest }, now: 400)
    #expect(try names == kept.map(name))
    #expect(report.images.map(\.name) == [0, 1, 2].filter { !kept.contains($0) }.map(name))
    try expectExactly(kept)
  }

  @Test(
    arguments: [
      (1_000_000, [0, 1, 2]), (55_000, [1, 2]), (52_000, [1, 2]), (50_000, [2]), (31_000, [2]),
      (30_000, []), (0, []),
    ] as [(UInt64, [Int])]
  )
  func `images used longest ago go until the rest is small enough`(
    limit: UInt64,
    kept: [Int]
  ) throws {
    let planned = try cache.prune(
      policy {
        $0.byteLimit = limit
        $0.isDryRun = true
      }
    )
    #expect(try names.count == 3)
    let report = try cache.prune(policy { $0.byteLimit = limit })
    #expect(planned == report)
    #expect(try names == kept.map(name))
    try expectExactly(kept)
  }

  /// The images that are left are whole, and nothing else is there.
  private func expectExactly(_ kept: [Int]) throws {
    let wanted = Set(kept.flatMap { images[$0].blobs }.map { Descriptor(of: $0).digest.hex })
    #expect(Set(try place.listing("blobs/sha256")) == wanted)
    #expect(try cache.verify().faults.isEmpty)
  }

  @Test func `everything goes, also what was made of layers elsewhere`() throws {
    let elsewhere = Descriptor(of: [1]).digest
    try derive(.index, elsewhere, count: 10)
    _ = try cache.prune()
    #expect(exists(cache.directory.path(.index, of: elsewhere).string))
    let report = try cache.prune(policy { $0.removesEverything = true })
    #expect(report.images.map(\.name) == [0, 1, 2].map(name))
    #expect(!exists(cache.directory.path(.index, of: elsewhere).string))
    try expectExactly([])
    #expect(try cache.usage() == CacheUsage())
  }

  @Test(.enabled(if: geteuid() == 0, "only root can mount a file system that is full"))
  func `a full disk can be pruned as long as there is a partial download`() throws {
    let directory = try TemporaryDirectory()
    try Tool.run("mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", directory.path)
    defer { #expect(umount2(directory.path, CInt(MNT_DETACH)) == 0) }
    let cache = try CachePlace.open(directory.path)
    try images[0].put(into: cache, as: imageName())
    func download() throws {
      let ingest = try #require(try cache.tryIngest(Descriptor(of: filled(1, 500_000))))
      while true { try ingest.append(filled(1, 4096)) }
    }
    let error = #expect(throws: ImageStoreError.self) { try download() }
    #expect(error?.kind == .noSpace)
    #expect(throws: ImageStoreError.self) { try cache.remove(imageName().text) }
    let report = try cache.prune(policy { $0.removesEverything = true })
    #expect(report.images.map(\.name) == [imageName().text])
    #expect(report.partials.count == 1)
    #expect(try cache.usage() == CacheUsage())
  }

  @Test func `what is no image of ours is as old as its own blob`() throws {
    let thing = Descriptor(of: filled(7, 100), "application/vnd.example.thing")
    _ = try cache.store(filled(7, 100), as: thing)
    setLastUse(place.blob(thing.digest), 250)
    try cache.changeNames { (index) throws(ImageStoreError) in
      index.insert([thing], before: { _ in false }, replacing: { _ in false })
      return true
    }
    let report = try cache.prune(policy { $0.longestUnusedSeconds = 100 }, now: 340)
    #expect(report.images.map(\.name) == [0, 1].map(name))
    #expect(exists(place.blob(thing.digest)))
    let later = try cache.prune(policy { $0.longestUnusedSeconds = 100 }, now: 351)
    #expect(later.images.map(\.digest) == [thing.digest])
    #expect(!exists(place.blob(thing.digest)))
  }

  @Test func `locks that nobody holds leave no files`() throws {
    let held = try #require(try cache.directory.tryLock(layer(0, 0)))
    try #require(try cache.directory.tryLock(Descriptor(of: [1]).digest)).release()
    let before = try place.listing("banger/locks")
    _ = try cache.prune(policy { $0.isDryRun = true })
    #expect(try place.listing("banger/locks") == before)
    #expect(before.contains("sha256-\(Descriptor(of: [1]).digest.hex)"))
    _ = try cache.prune()
    #expect(try place.listing("banger/locks") == ["index", "sha256-\(layer(0, 0).hex)"])
    #expect(try cache.directory.tryLock(layer(0, 0)) == nil)
    held.release()
    _ = try cache.prune()
    #expect(try place.listing("banger/locks") == ["index"])
  }

  @Test func `what earlier versions kept goes, and what later ones keep stays`() throws {
    try derive(.index, layer(0, 0), count: 10)
    for version in ["1", "2", "4", "other"] {
      let directory = place.path + "/banger/index/\(version)/sha256"
      try FileManager.default.createDirectory(
        atPath: directory,
        withIntermediateDirectories: true
      )
      try write(filled(1, 20), to: directory + "/\(layer(0, 0).hex)")
    }
    #expect(try cache.prune(policy { $0.isDryRun = true }).derivedFiles.byteCount == 40)
    #expect(try cache.prune().derivedFiles.byteCount == 40)
    #expect(try place.listing("banger/index") == ["3", "4", "other"])
    #expect(exists(cache.directory.path(.index, of: layer(0, 0)).string))
    #expect(try cache.prune().derivedFiles.count == 0)
  }

  // MARK: In use

  @Test func `an image that somebody holds stays, with its name`() throws {
    for number in images.indices {
      try images[number].put(into: cache, as: imageName("i\(number)/x"))
      let held = try #require(
        try cache.image(imageName("i\(number)/x"), platform: .linuxAMD64)
      )
      let report = try cache.prune(policy { $0.removesEverything = true })
      #expect(report.imagesInUse.map(\.name) == [name(number)])
      #expect(try names == [name(number)])
      try expectExactly([number])
      withExtendedLifetime(held) {}
    }
  }

  @Test func `layers alone are enough to hold an image`() throws {
    var layers: [BlobFile]? = try images[1].layers.map {
      try #require(try cache.openBlob(Descriptor(of: $0)))
    }
    _ = try cache.prune(policy { $0.removesEverything = true })
    try expectExactly([1])
    #expect(try layers?.map { try $0.bytes } == images[1].layers)
    layers = nil
    _ = try cache.prune(policy { $0.removesEverything = true })
    try expectExactly([])
  }

  @Test func `a shared layer that is held stays, and its other image goes`() throws {
    let held = try #require(try cache.openBlob(Descriptor(of: images[0].layers[0])))
    let report = try cache.prune(policy { $0.removesEverything = true })
    #expect(report.images.count == 3)
    #expect(report.blobsInUse == [layer(0, 0)])
    #expect(try place.listing("blobs/sha256") == [layer(0, 0).hex])
    #expect(try held.bytes == images[0].layers[0])
  }

  @Test func `what another process holds stays`() throws {
    let path = place.blob(layer(2, 0))
    let reader = try LockHolder(path, isShared: true)
    let report = try cache.prune(policy { $0.removesEverything = true })
    #expect(report.imagesInUse.map(\.name) == [name(2)])
    try expectExactly([2])
    try reader.kill()
    _ = try cache.prune(policy { $0.removesEverything = true })
    try expectExactly([])
  }

  @Test func `a download in progress stays`() throws {
    let blob = Descriptor(of: filled(8, 500))
    let ingest = try #require(try cache.tryIngest(blob))
    try ingest.append(filled(8, 300))
    #expect(try cache.prune().blobsInUse == [blob.digest])
    try ingest.append(filled(8, 200))
    let held = try ingest.finish()
    // It has no name yet; whoever brings it holds it.
    let report = try cache.prune()
    #expect(report.blobsInUse == [blob.digest] && report.blobs.count == 0)
    #expect(try held.bytes == filled(8, 500))
  }

  @Test func `pulls and prunes at once leave nothing half`() throws {
    let place = place
    try onThreads(6) { thread in
      let cache = try place.open()
      for round in 0..<15 {
        if thread < 2 {
          var policy = PrunePolicy()
          policy.removesEverything = thread == 0
          _ = try cache.prune(policy)
          continue
        }
        let image = try TestImage([filled(0, 5000), filled(UInt8(round), thread * 1000)])
        let name = imageName("t\(thread)/x")
        // Between the name and the look at it, all may be pruned; never a part.
        try image.put(into: cache, as: name)
        if let found = try cache.image(name, platform: .linuxAMD64) {
          #expect(try found.layers.map { try found.open($0).bytes } == image.layers)
        }
      }
    }
    #expect(try cache.verify().faults.isEmpty)
    for image in try cache.images() { #expect(image.isComplete) }
  }
}
