// Layers and the trees below them as one file system, without a kernel: which inodes are whose, and when
// trees are made.

import FileTree
import FlatArrays
import FuseServer
import Layers
import TestKit
import Testing
import Threading

@testable import TreeMount

struct LayersFileSystemTests {
  private static let stack: [[LayerMember]] = [
    [
      .directory("", mode: 0o751), .directory("a"), .file("a/f", bytes: 3),
      .hardLink("h", to: "a/f"), .symlink("l", to: "a"),
    ],
    [.file("a/g", bytes: 4), .whiteout("h")],
    [LayerMember.directory("", mode: 0o700).owned(by: 7, 8).modified(at: 9), .file("b")],
  ]

  /// What a test sees of the work that a mount does.
  private final class Work: Sendable {
    let made = Mutex<[LayerSelection]>([])
    let failures = Mutex<[ReadFailure]>([])
  }

  private func system(
    _ stack: [[LayerMember]] = stack,
    nodeLimit: Int = 100,
    work: Work = Work(),
    failing: LayerSelection? = nil
  ) throws -> LayersFileSystem {
    let tables = try stack.map(layer)
    let merged = try TreeBuilder.merge(tables)
    return LayersFileSystem(
      tables: tables,
      merged: ImageFiles(merged, of: [], sources: []),
      nodeLimit: nodeLimit,
      facts: .forTests,
      reportFailure: { failure in work.failures.withLock { $0.append(failure) } }
    ) { selection throws(LayersError) in
      work.made.withLock { $0.append(selection) }
      if selection == failing { throw .merge(.treeTooLarge) }
      let range = selection.range(ofCount: tables.count)
      do throws(TreeError) {
        let tree = try TreeBuilder.merge(Array(tables[range]))
        return ImageFiles(tree, of: [], sources: [])
      } catch {
        throw .merge(error)
      }
    }
  }

  @Test(arguments: [
    ("layers/0/a/f", true), ("layers/1/a/f", false), ("layers/1/a/g", true), ("layers/2/b", true),
    ("upto/0/h", true), ("upto/1/h", false), ("upto/1/a/g", true), ("upto/0/b", false),
    ("upto/2/b", true), ("merged/a/f", true), ("merged/h", false), ("layers/3", false),
    ("upto/00", false), ("a", false), ("layers", true), ("upto/2", true), ("merged", true),
  ])
  func `each layer and each tree is where it belongs`(path: String, isThere: Bool) throws {
    #expect((try system().find(path) != nil) == isThere)
  }

  @Test func `inodes are told apart, known again, and lead up`() throws {
    let system = try system()
    let paths = [
      "", "layers", "layers/0", "layers/0/a", "layers/0/a/f", "layers/0/l", "layers/1",
      "layers/1/a", "upto", "upto/0", "upto/0/a", "upto/1/a/f", "upto/2", "upto/2/a/f", "merged",
      "merged/a/f",
    ]
    var inodes: Set<InodeNumber> = []
    for path in paths {
      let found = try #require(try system.find(path))
      inodes.insert(found.inode)
      #expect(try system.attributes(of: found.inode) == found)
      guard found.mode & 0o170000 == 0o040000 else { continue }
      let parent = path.split(separator: "/").dropLast().joined(separator: "/")
      #expect(try system.find(path + "/..") == system.find(parent), "\(path)")
    }
    #expect(inodes.count == paths.count)
    #expect(try system.find("upto/0/h")?.inode == system.find("upto/0/a/f")?.inode)
    #expect(try system.find("upto")?.linkCount == 5)
    #expect(try system.find("")?.linkCount == 5)
    for number: UInt64 in [0, 4, 8 << 32, 1 << 40, .max] {
      #expect(throws: POSIXErrno.stale) {
        try system.attributes(of: InodeNumber(rawValue: number))
      }
    }
  }

  @Test func `a tree is made when somebody looks into it, and once`() throws {
    let work = Work()
    let system = try system(work: work)
    func isPrepared(_ path: String) throws -> Bool {
      system.isPrepared(try #require(try system.find(path)).inode)
    }
    // The whole image is there from the beginning, at both its places.
    for path in ["", "layers", "upto", "merged", "upto/2"] { #expect(try isPrepared(path)) }
    for path in ["layers/0", "layers/2", "upto/0", "upto/1"] { #expect(try !isPrepared(path)) }
    #expect(try system.attribute("user.a", of: "upto/1") == nil)
    #expect(work.made.withLock { $0 } == [])
    let root = try #require(try system.find("upto/1")).inode
    system.prepare(root)
    system.prepare(root)
    #expect(try isPrepared("upto/1"))
    _ = try system.find("upto/1/a/g")
    _ = try system.find("layers/0/a")
    _ = try system.find("upto/2/b")
    #expect(work.made.withLock { $0 } == [.upTo(1), .alone(0)])
    system.prepare(.root)
    system.prepare(InodeNumber(rawValue: .max))
    #expect(work.made.withLock { $0.count } == 2)
  }

  @Test(arguments: 0..<4)
  func `what a root is like is known before its tree is made`(batch: UInt64) throws {
    for seed in batch * 25..<(batch + 1) * 25 {
      let stack = RandomLayers.mergeableStack(seed: seed, layerCount: 4)
      let system = try system(stack)
      for number in stack.indices {
        let tree = try TreeBuilder.merge(try stack[...number].map(layer)).tree
        let shown = try #require(try system.find("upto/\(number)"))
        var made = NodeAttributes.attributes(of: tree[.root], inode: shown.inode)
        made.linkCount = 1
        #expect(shown == made, "seed \(seed), layer \(number)")
      }
    }
  }

  @Test func `roots of layers alone are as the layer says, or as by default`() throws {
    let system = try system()
    let roots = try (0..<3).map { try #require(try system.find("layers/\($0)")) }
    #expect(roots.map { $0.mode & 0o7777 } == [0o751, 0o755, 0o700])
    #expect(roots.map(\.userID) == [0, 0, 7])
    #expect(roots.map(\.modified.seconds) == [0, 0, 9])
  }

  @Test func `trees beyond the bound cannot be looked into, and it is told why`() throws {
    let work = Work()
    // The whole image has 6 nodes: the root, a, a/f, a/g, b and l. Layer 1 alone has 3.
    let system = try system(nodeLimit: 9, work: work)
    #expect(try system.find("layers/1/a/g") != nil)
    for _ in 0..<2 {
      #expect(throws: POSIXErrno.inputOutput) { try system.find("upto/0/a") }
    }
    #expect(try system.find("merged/a/f") != nil)
    let failures = work.failures.withLock { $0 }
    #expect(failures.map(\.path) == [Array("upto/0".utf8), Array("upto/0".utf8)])
    #expect(
      failures.map(\.error) == [LayersError](repeating: .merge(.tooManyFiles(limit: 9)), count: 2)
    )
    #expect(failures.map(\.node) == [nil, nil])
    #expect(work.made.withLock { $0.count } == 2)
  }

  @Test func `a layer that makes no tree leaves the others alone`() throws {
    let work = Work()
    let system = try system(work: work, failing: .alone(1))
    let root = try #require(try system.find("layers/1")).inode
    system.prepare(root)
    #expect(system.isPrepared(root))
    #expect(throws: POSIXErrno.inputOutput) { try system.find("layers/1/a") }
    #expect(work.failures.withLock { $0.map(\.error) } == [.merge(.treeTooLarge)])
    #expect(try system.find("layers/0/a") != nil)
  }

  @Test func `files tell where they come from, and the mount of its failed reads`() throws {
    let system = try system()
    #expect(try system.attribute("user.banger.layer", of: "upto/2/b") == "layer 2")
    #expect(try system.attribute("user.banger.layer", of: "layers") == nil)
    #expect(try system.attribute("user.banger.layer", of: "upto/2") == nil)
    #expect(try system.attribute("user.banger.failures", of: "") == "none")
    #expect(try system.attribute("user.banger.failures", of: "upto/2/b") == nil)
    // Another tree may have some.
    #expect(try system.attribute("system.posix_acl_access", of: "upto/2/b") == nil)
  }

  @Test func `an image without layers has none to show`() throws {
    let system = try system([])
    #expect(try system.find("layers/0") == nil)
    #expect(try system.find("merged/a") == nil)
    #expect(try system.find("merged")?.mode == 0o040755)
  }
}
