// What of an archive stays while it is open: blobs that no name leads to, against pruning, and the size
// of a file that grows. And how what is kept of archives goes.

import Foundation
import OCISpec
import SystemPackage
import TestKit
import Testing

@testable import ImageStore

struct ArchiveHoldingTests {
  private let scratch: ArchiveScratch
  private let archive: String
  private let cache: ImageCache

  init() throws {
    scratch = try ArchiveScratch()
    let layout = try scratch.layout()
    try Tool.run("tar", "-C", layout, "-cf", scratch.path("archive.tar"), ".")
    archive = try scratch.compress(scratch.path("archive.tar"), "gzip")
    cache = try scratch.cache()
  }

  private var everything: PrunePolicy {
    var policy = PrunePolicy()
    policy.removesEverything = true
    return policy
  }

  @Test func `what was decoded stays as long as its archive is open`() throws {
    for _ in ["decoded", "remembered"] {
      var source: (any ImageSource)? = try scratch.open("oci-archive:\(archive)")
      // Two layers, a configuration and a manifest; marker and index of the layout.
      #expect(try cache.prune(everything).blobsInUse.count == 6)
      let image = try ImageResolver().resolve("x", name: nil, digest: nil, in: #require(source))
      source = nil
      // The image has its source.
      _ = try cache.prune()
      for layer in image.layers { #expect(try image.open(layer).readAll().count > 0) }
    }
    #expect(try cache.prune(everything).blobs.count == 6)
    #expect(try cache.usage() == CacheUsage())
  }

  @Test func `a blob that is not held can be removed, and is missed by name`() throws {
    let file = try ArchiveFile(opening: FilePath(archive))
    let held = try ArchiveCache(cache, heldBlobCount: 0)
    let table = try ArchiveDecoder.table(of: file, cache: held, limits: SpecLimits()) { _, _ in }
    let source = try ArchivedLayout(
      ArchiveContents(file: file, table: table, cache: held, limits: SpecLimits())
    )
    let image = try ImageResolver().resolve("x", name: nil, digest: nil, in: source)
    let first = try image.open(image.layers[0])
    #expect(try cache.prune().blobsInUse == [first.digest])
    let missing = image.layers[1].descriptor.digest
    #expect(
      throws: ImageStoreError.badArchive(
        FilePath(archive),
        .decodedFileRemoved("blobs/sha256/\(missing.hex)")
      )
    ) { try image.open(image.layers[1]) }
    // Who has it goes on.
    #expect(try first.readAll().count == Int(image.layers[0].descriptor.byteCount))
  }

  @Test func `records of archives are counted and go`() throws {
    _ = try scratch.open("oci-archive:\(archive)")
    let amount = try cache.usage().archives
    #expect(amount.count == 1 && amount.byteCount > 100)
    _ = try cache.prune()
    #expect(try cache.usage().archives == amount)
    var policy = PrunePolicy()
    policy.longestUnusedSeconds = 1000
    _ = try cache.prune(policy)
    #expect(try cache.usage().archives == amount)
    let now = Int64(time(nil))
    #expect(try cache.prune(policy, now: now + 2000).derivedFiles == amount)
    #expect(try cache.usage().archives.count == 0)
  }

  @Test func `a plain archive that grows is read as long as it was when it was opened`() throws {
    let first = TarBytes.archive([.file("a", "1"), .file("b", "2")], end: .nothing)
    let path = try scratch.write(first, "growing.tar")
    let file = try ArchiveFile(opening: FilePath(path))
    _ = try scratch.write(first + TarBytes.archive([.file("c", "3")]), "growing.tar")
    let table = try ArchiveScan.table(of: file)
    #expect(Set(table.entries.keys) == [Array("a".utf8), Array("b".utf8)])
  }
}
