// Files of which a layer has several: what they are called, and when they go.

import Foundation
import OCISpec
import SystemPackage
import TestKit
import Testing

@testable import ImageStore

struct CacheTreeTests {
  private let place: CachePlace
  private let cache: ImageCache
  private let keys = [Descriptor(of: [1, 1]).digest, Descriptor(of: [1, 2]).digest]
  /// The layer of the image in the cache.
  private let layer: Digest

  init() throws {
    place = try CachePlace()
    cache = try place.open()
    let image = try TestImage([[UInt8](repeating: 3, count: 3000)])
    try image.put(into: cache, as: imageName())
    layer = Descriptor(of: image.layers[0]).digest
  }

  /// Makes a file of `count` bytes, last used at `used`.
  private func derive(
    _ kind: CacheKind,
    _ digest: Digest,
    variant: Digest? = nil,
    count: Int,
    used: Int = 0
  ) throws {
    let name = CacheFileName(kind, of: digest, variant: variant)
    let file = try cache.directory.create(name)
    try file.write([UInt8](repeating: 9, count: count))
    try file.publish()
    let unchanged = timespec(tv_sec: 0, tv_nsec: UTIME_OMIT)
    let times = [timespec(tv_sec: used, tv_nsec: 0), unchanged]
    #expect(utimensat(AT_FDCWD, cache.directory.path(name).string, times, 0) == 0)
  }

  private func policy(_ change: (inout PrunePolicy) -> Void) -> PrunePolicy {
    var policy = PrunePolicy()
    change(&policy)
    return policy
  }

  private func names(_ kind: CacheKind) throws -> Set<CacheFileName> {
    Set(try cache.directory.names(of: kind))
  }

  @Test func `trees go with the last layer of their image, and their notes too`() throws {
    let unneeded = Descriptor(of: [7, 7, 7])
    _ = try cache.store([7, 7, 7], as: unneeded)
    for last in [unneeded.digest, layer] {
      for key in keys {
        try derive(.trees, last, variant: key, count: 10)
        try derive(.checked, last, variant: key, count: 5)
      }
    }
    let before = try cache.usage().trees
    #expect(before.count == 4 && before.byteCount == 40)
    let report = try cache.prune()
    #expect(report.derivedFiles.count == 2 && report.derivedFiles.byteCount == 20)
    for kind in [CacheKind.trees, .checked] {
      #expect(
        try names(kind) == Set(keys.map { CacheFileName(kind, of: layer, variant: $0) })
      )
    }
    _ = try cache.prune(policy { $0.removesEverything = true })
    for kind in CacheKind.allCases { #expect(try names(kind) == []) }
    #expect(try cache.usage() == CacheUsage())
  }

  @Test func `what trees take counts where images must make room`() throws {
    let size = try cache.usage().blobs.byteCount
    let limit = policy { $0.byteLimit = size + 100 }
    #expect(try cache.prune(limit).images.count == 0)
    for key in keys { try derive(.trees, layer, variant: key, count: 60) }
    #expect(try cache.prune(limit).images.count == 1)
    #expect(try names(.trees) == [])
  }

  @Test func `of layers elsewhere goes what was not used for long, each by itself`() throws {
    let elsewhere = Descriptor(of: [1]).digest
    try derive(.index, elsewhere, count: 10, used: 300)
    for (key, used) in zip(keys, [100, 300]) {
      try derive(.trees, elsewhere, variant: key, count: 10, used: used)
    }
    try derive(.checked, elsewhere, count: 5)
    let first = policy { $0.longestUnusedSeconds = 150 }
    let planned = try cache.prune(
      policy { ($0.longestUnusedSeconds, $0.isDryRun) = (150, true) },
      now: 400
    )
    #expect(try cache.prune(first, now: 400).derivedFiles == planned.derivedFiles)
    #expect(planned.derivedFiles.count == 1)
    #expect(try names(.trees) == [CacheFileName(.trees, of: elsewhere, variant: keys[1])])
    #expect(try names(.index).count == 1 && names(.checked).count == 1)
    let second = policy { $0.longestUnusedSeconds = 50 }
    #expect(try cache.prune(second, now: 400).derivedFiles.count == 2)
    for kind in CacheKind.allCases { #expect(try names(kind) == []) }
  }

  @Test func `of trees those used longest ago go first`() throws {
    for (number, key) in keys.enumerated() {
      try derive(.trees, layer, variant: key, count: 10, used: 100 - number)
    }
    try derive(.trees, layer, variant: layer, count: 10, used: 1)
    let kept = CacheFileName(.trees, of: layer, variant: layer)
    try cache.directory.evict(downTo: 25, keeping: kept)
    #expect(try names(.trees) == [kept, CacheFileName(.trees, of: layer, variant: keys[0])])
  }

  @Test(
    arguments: [
      ("", nil), ("x", nil), ("-", nil), ("HEX", "HEX"), ("HEX-", nil), ("HEX-KEY", "HEX-KEY"),
      ("HEX-KEY-KEY", nil), ("-HEX", nil), ("HEX-x", nil), (".pending-1", nil),
    ] as [(String, String?)]
  )
  func `names of files are digests`(pattern: String, expected: String?) {
    func text(_ pattern: String) -> String {
      pattern.replacing("HEX", with: layer.hex).replacing("KEY", with: keys[0].hex)
    }
    let name = CacheFileName(.trees, .sha256, text(pattern))
    #expect(name?.text == expected.map(text))
  }
}
