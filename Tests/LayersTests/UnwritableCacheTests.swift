// Caches that cannot be written: everything works without them, and that is told.

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

/// A file system of a few blocks, mounted for one test; needs root.
final class SmallFileSystem {
  let path: String
  private let directory: TemporaryDirectory

  init(byteCount: Int) throws {
    directory = try TemporaryDirectory()
    path = directory.path
    try Program.succeed(["mount", "-t", "tmpfs", "-o", "size=\(byteCount),mode=0700", "none", path])
  }

  func makeReadOnly() throws {
    try Program.succeed(["mount", "-o", "remount,ro", path])
  }

  deinit {
    // Lazily: an image that was opened may still map a file of it, until the test has ended.
    do { try Program.succeed(["umount", "--lazy", path]) } catch { print(error) }
  }
}

struct UnwritableCacheTests {
  @Test(.enabled(if: geteuid() == 0, "mounts a tmpfs"))
  func `a full cache is told of, and the image is served all the same`() throws {
    let image = try StoredImage([smallTar], as: .gzip)
    // Room for the directories and locks, not for an index.
    let small = try SmallFileSystem(byteCount: 64 << 10)
    let filler = [UInt8](repeating: 1, count: 60 << 10)
    _ = try image.store(cache: small.path + "/cache")
    try Data(filler).write(to: URL(fileURLWithPath: small.path + "/filler"))
    for _ in 0..<2 {
      let opened = try image.open(cache: small.path + "/cache")
      #expect(try opened.files.read("d/a", count: 100) == Array("first".utf8))
    }
    // The index and the tree, each time it was opened.
    #expect(image.noted.count == 4)
    for note in image.noted {
      guard case .failed("write", _, .noSpace) = note else {
        Issue.record("\(note)")
        continue
      }
    }
    // What could not be finished is gone.
    for kind in ["index", "trees", "checked"] {
      let directory = small.path + "/cache/banger/\(kind)/\(LayerStore.cacheVersion)/sha256"
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == [])
    }
  }

  @Test(.enabled(if: geteuid() == 0, "mounts a tmpfs"))
  func `a read-only cache is told of once for each layer and the tree, and used as far as it goes`()
    throws
  {
    let image = try StoredImage([smallTar, otherTar], as: .gzip)
    let small = try SmallFileSystem(byteCount: 4 << 20)
    let cache = small.path + "/cache"
    _ = try image.store(cache: cache)
    try small.makeReadOnly()
    #expect(try image.open(cache: cache).files.read("d/a", count: 9) == Array("first".utf8))
    let operations = image.noted.map { note in
      if case .notPermitted(let operation, _, .readOnlyFileSystem) = note { operation } else { "" }
    }
    #expect(operations == ["open", "open", "create"])
  }

  @Test(.enabled(if: geteuid() == 0, "mounts a tmpfs"))
  func `a read-only cache without the tree is told of, and the image is merged each time`() throws {
    let image = try StoredImage([smallTar, otherTar], as: .gzip)
    let small = try SmallFileSystem(byteCount: 4 << 20)
    let cache = small.path + "/cache"
    let built = try image.open(cache: cache)
    let trees = cache + "/banger/trees/\(LayerStore.cacheVersion)/sha256"
    for name in try FileManager.default.contentsOfDirectory(atPath: trees) {
      try FileManager.default.removeItem(atPath: trees + "/" + name)
    }
    try small.makeReadOnly()
    for count in 1...2 {
      #expect(try image.open(cache: cache).merged.whole == built.merged.whole)
      #expect(image.noted.count == count)
    }
  }

  @Test(.enabled(if: geteuid() == 0, "mounts a tmpfs"))
  func `a read-only cache that has the indexes is all that is needed`() throws {
    let image = try StoredImage([smallTar, otherTar], as: .gzip)
    let small = try SmallFileSystem(byteCount: 4 << 20)
    let built = try image.open(cache: small.path + "/cache")
    try small.makeReadOnly()
    let loaded = try image.open(cache: small.path + "/cache")
    #expect(loaded.indexes.map(\.facts) == built.indexes.map(\.facts))
    #expect(image.noted == [])
  }
}
