// Merged trees in the cache: merged once and mapped afterwards, shared by nobody who wants another one,
// never trusted blindly; and nothing of an image looked at when it is opened again.

import FileTree
import Foundation
import ImageStore
import OCISpec
import SystemPackage
import TestKit
import Testing
import Threading

@testable import Layers

/// What decides a tree beside the layers.
struct TreeOptions: Sendable {
  var lowerLinks = LowerLinkPolicy.replace
  var owners: [String]?
  var limits = TreeLimits()
}

extension StoredImage {
  /// The tree files in the cache, by name.
  var treePaths: [String] {
    get throws {
      let directory = "\(cachePath)/banger/trees/\(LayerStore.cacheVersion)/sha256"
      return try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
        .map { "\(directory)/\($0)" }
    }
  }

  func bytes(_ path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: path)))
  }

  func open(
    _ options: TreeOptions,
    cache path: String? = nil
  ) throws -> OpenedImage {
    var limits = LayerLimits()
    limits.tree = options.limits
    let store = try store(cache: path)
    let limited = LayerStore(cache: store.cache, limits: limits, note: store.note)
    return try ImageOpener(store: limited, lowerLinks: options.lowerLinks)
      .open(try resolve(), owners: try options.owners.map { try OwnerMap($0) })
  }

  /// Notes that a file of the cache, as it is now, was found sound, as nobody but a test would.
  func claimSound(_ name: CacheFileName) throws {
    let store = try store()
    guard let file = try store.cache.open(name) else { throw ProgramFailure("no \(name)") }
    try store.rememberSound(name, as: file.identity)
  }
}

private let lowerTar = TarBytes.archive([
  .directory("d"), .file("d/a", "first"), .symlink("l", to: "d"),
  .file("big", TarText(CompressedBytes.sample(byteCount: 40_000, seed: 21))),
])
private let upperTar = TarBytes.archive([
  TarEntry.file("l/b", "second"), .whiteout("big"), .file("twice"), .file("twice", "2"),
])

struct TreeStoreTests {
  private let image: StoredImage
  /// What opening gives that had no help of a cache.
  private let right: WholeTree

  init() throws {
    image = try StoredImage([lowerTar, upperTar], as: .gzip)
    right = try image.open(cache: image.directory.appending("unshared")).merged.whole
  }

  @Test func `a tree is merged once and mapped afterwards`() throws {
    let built = try image.open()
    let path = try #require(try image.treePaths.first)
    let state = FileState(path)
    let loaded = try image.open()
    #expect(try image.treePaths == [path])
    #expect(FileState(path) == state)
    #expect(built.merged.whole == right)
    #expect(loaded.merged.whole == right)
    #expect(try loaded.files.read("l/b", count: 9) == Array("second".utf8))
    // Named after the last layer, and what decides it.
    let name = URL(fileURLWithPath: path).lastPathComponent
    #expect(name.hasPrefix(sha256(image.blobs[1]).hex + "-") && name.count == 64 + 1 + 64)
    #expect(image.noted == [])
  }

  @Test func `loaded trees are those that were merged, for random layers`() throws {
    for seed in UInt64(500)..<512 {
      let stack = RandomLayers.mergeableStack(seed: seed, layerCount: 4, memberCount: 20)
      let image = try StoredImage(OddArchives.tars(of: stack, seed: seed), as: .zstd)
      let built = try image.open()
      let loaded = try image.open()
      #expect(loaded.merged.whole == built.merged.whole, "seed \(seed)")
      #expect(try loaded.rows() == built.rows(), "seed \(seed)")
      #expect(try image.treePaths.count == 1, "seed \(seed)")
    }
  }

  // MARK: Nothing is looked at

  @Test func `an image that is opened again looks at no entry of its layers`() throws {
    _ = try image.open()
    for layer in image.blobs.indices {
      // Whoever looked would find entries that there cannot be, or trap at the first.
      try overwrite(image.cachePath(.index, layer: layer), keepingTime: true) { bytes in
        let file = ForgedIndexFile(bytes: bytes)
        let start = Int(file.number(at: ForgedIndexFile.Section.entries.offsetField))
        let count = Int(file.number(at: ForgedIndexFile.Section.entries.countField)) * 88
        for place in start..<(start + count) { bytes[place] = 0xFF }
      }
      try image.claimSound(CacheFileName(.index, of: sha256(image.blobs[layer])))
    }
    let loaded = try image.open()
    #expect(loaded.indexes.map { $0.table.entries.allSatisfy { $0.kind == nil } } == [true, true])
    #expect(loaded.merged.whole == right)
    #expect(try loaded.files.read("d/a", count: 9) == Array("first".utf8))
  }

  @Test func `an image that is opened again looks at no node of its tree`() throws {
    _ = try image.open()
    let path = try #require(try image.treePaths.first)
    try overwrite(path, keepingTime: true) { bytes in
      let file = ForgedTreeFile(bytes: bytes)
      for section in [ForgedTreeFile.Section.nodes, .children, .bytes] {
        for place in file.range(section) ?? 0..<0 { bytes[place] = 0xFF }
      }
    }
    let key = try #require(
      Digest(sha256: String(path.split(separator: "-").last ?? ""))
    )
    try image.claimSound(
      CacheFileName(.trees, of: sha256(image.blobs[1]), variant: key)
    )
    let loaded = try image.open()
    #expect(loaded.files.tree.nodeCount == right.nodes.count)
    #expect(loaded.files.tree.totals == right.totals)
    #expect(loaded.files.tree.nodes.allSatisfy { $0.kindCode == 0xFF })
    // Looked at wholly, it is found, and nobody trusts it any more.
    #expect(try image.store().damagedFiles().map(\.kind) == [.trees])
    #expect(try image.open().merged.whole == right)
    #expect(try image.store().damagedFiles() == [])
  }

  // MARK: Damage

  @Test(arguments: LayerStoreTests.damages)
  func `a bad tree file is made again, silently`(
    name: String,
    damage: LayerStoreTests.Damage
  ) throws {
    _ = try image.open()
    let path = try #require(try image.treePaths.first)
    let good = try image.bytes(path)
    // Also where the time of the last change that can be set stays.
    for keepingTime in [false, true] {
      try overwrite(path, keepingTime: keepingTime, damage)
      #expect(try image.open().merged.whole == right)
      #expect(try image.bytes(path) == good)
    }
    #expect(image.noted == [])
  }

  @Test func `a changed or missing byte anywhere leads to the right tree`() throws {
    _ = try image.open()
    let path = try #require(try image.treePaths.first)
    let good = try image.bytes(path)
    let places =
      Array(stride(from: 0, to: 240, by: 7)) + Array(stride(from: 4096, to: good.count, by: 29))
    for place in places {
      for isCut in [false, true] {
        try overwrite(path, keepingTime: true) { bytes in
          if isCut { bytes.removeLast(bytes.count - place) } else { bytes[place] ^= 0x10 }
        }
        #expect(try image.open().merged.whole == right, "byte \(place)")
        // Padding means nothing.
        let after = try image.bytes(path)
        #expect(after == good || (!isCut && place >= 4096), "byte \(place)")
        if after != good { try overwrite(path, keepingTime: true) { $0 = good } }
      }
    }
    #expect(image.noted == [])
  }

  @Test func `a tree under the name of another is none`() throws {
    let other = TreeOptions(owners: ["0:1000:5000"])
    _ = try image.open()
    let path = try #require(try image.treePaths.first)
    let owned = try image.open(other).merged.whole
    let otherPath = try #require(try image.treePaths.first { $0 != path })
    let (good, otherGood) = (try image.bytes(path), try image.bytes(otherPath))
    try overwrite(path, keepingTime: true) { $0 = otherGood }
    #expect(try image.open().merged.whole == right)
    #expect(try image.open(other).merged.whole == owned)
    #expect(try image.bytes(path) == good)
  }

  // MARK: Notes

  @Test func `a note is about one state of one file`() throws {
    _ = try image.open()
    let path = try #require(try image.treePaths.first)
    let tree = FileState(path)
    let note = path.replacing("/trees/", with: "/checked/")
    let first = try image.bytes(note)
    // The same bytes, and the same time; only the kernel's own says that somebody wrote.
    try overwrite(path, keepingTime: true) { _ in }
    #expect(try image.open().merged.whole == right)
    let second = try image.bytes(note)
    #expect(second != first && second.count == first.count)
    #expect(FileState(path) == tree)
    let state = FileState(note)
    #expect(try image.open().merged.whole == right)
    #expect(FileState(note) == state)
    // Without a note, or with a damaged one, the file is checked, and noted again.
    for damage in [{ $0 = [] }, { $0[3] ^= 1 }, { $0.append(0) }] as [(inout [UInt8]) -> Void] {
      try overwrite(note, keepingTime: false, damage)
      #expect(try image.open().merged.whole == right)
      #expect(try image.bytes(note) == second)
    }
    #expect(FileState(path) == tree)
    #expect(image.noted == [])
  }

  // MARK: Sharing

  @Test func `other options make another tree`() throws {
    var fewer = TreeLimits()
    fewer.entryCount = 100
    var fewerLinks = TreeLimits()
    fewerLinks.linkByteCount = 1000
    let all = [
      TreeOptions(), TreeOptions(lowerLinks: .follow), TreeOptions(owners: ["0:1000:5000"]),
      TreeOptions(owners: ["0:1001:5000"]), TreeOptions(limits: fewer),
      TreeOptions(limits: fewerLinks),
    ]
    let unshared = try all.enumerated().map { number, options in
      try image.open(options, cache: image.directory.appending("own\(number)")).merged.whole
    }
    for _ in 0..<2 {
      for (number, options) in all.enumerated() {
        #expect(try image.open(options).merged.whole == unshared[number], "\(number)")
      }
    }
    #expect(try image.treePaths.count == all.count)
    // The options do decide something.
    #expect(Set(unshared.map(\.dump)).count == 4)
    // The size of a table decides whether a layer is indexed, and nothing of the tree.
    var smaller = TreeLimits()
    smaller.tableByteCount = 1 << 20
    #expect(try image.open(TreeOptions(limits: smaller)).merged.whole == right)
    #expect(try image.treePaths.count == all.count)
  }

  @Test func `what larger limits let pass is refused by smaller ones`() throws {
    _ = try image.open()
    var limits = TreeLimits()
    limits.entryCount = 3
    for _ in 0..<2 {
      #expect(
        failure { try image.open(TreeOptions(limits: limits)) } == .merge(.tooManyFiles(limit: 3))
      )
    }
    // An owner that no range has.
    for _ in 0..<2 {
      #expect(
        failure { try image.open(TreeOptions(owners: [])) }
          == .merge(.ownerNotMapped(.user, id: 0, path: []))
      )
    }
    #expect(try image.treePaths.count == 1)
  }

  @Test func `what is laid over an image is merged anew, and the image's tree is kept`() throws {
    let place = try AdditionPlace()
    try place.write("x", Array("added".utf8))
    let additions = [Addition.files([place.file("x", at: "/d/a")], option: "--inject")]
    let opener = ImageOpener(store: try image.store())
    let resolved = try image.resolve()
    let merged = try opener.open(resolved, additions: additions)
    #expect(try image.treePaths == [])
    let first = try opener.open(resolved)
    let loaded = try opener.open(resolved)
    for opened in [first, loaded] {
      let added = try opened.adding(additions)
      #expect(added.merged.whole == merged.merged.whole)
      #expect(try added.rows() == merged.rows())
      #expect(try added.files.read("d/a", count: 9) == Array("added".utf8))
      #expect(try opened.history(of: Array("d/a".utf8)).events.isEmpty == false)
    }
    #expect(try image.treePaths.count == 1)
    #expect(loaded.merged.whole == right)
  }

  @Test func `an image without layers leaves no tree`() throws {
    let empty = try StoredImage([])
    for _ in 0..<2 { #expect(try empty.open().files.tree.nodeCount == 1) }
    #expect(try empty.treePaths == [])
  }

  // MARK: Others at the same time

  @Test func `threads that open the same image at once all get the tree`() throws {
    let trees = Mutex<[WholeTree]>([])
    try onThreads(6) { [image] _ in
      let opened = try image.open()
      trees.withLock { $0.append(opened.merged.whole) }
    }
    let all = trees.withLock { $0 }
    #expect(all.count == 6 && all.allSatisfy { $0 == right })
    #expect(try image.treePaths.count == 1)
    #expect(try image.open().merged.whole == right)
    #expect(image.noted == [])
  }

  @Test func `processes that make the same tree at once do no harm`() throws {
    let command = [
      try BuiltBinary.path, "dump", "--cache-dir", image.cachePath,
      "oci:\(image.fixture.path):latest",
    ]
    let outcomes = try (0..<3).map { _ in try Program(command) }.map { try $0.finish() }
    for outcome in outcomes {
      #expect((outcome.status, outcome.errors) == (0, ""))
      #expect(outcome.text == outcomes[0].text)
    }
    #expect(try image.treePaths.count == 1)
    let state = FileState(try #require(try image.treePaths.first))
    #expect(try image.open().merged.whole == right)
    #expect(FileState(try #require(try image.treePaths.first)) == state)
    #expect(image.noted == [])
  }
}

extension Digest {
  fileprivate init?(sha256 hex: String) {
    guard case .success(let digest) = Result(catching: { try Digest("sha256:\(hex)") }) else {
      return nil
    }
    self = digest
  }
}
