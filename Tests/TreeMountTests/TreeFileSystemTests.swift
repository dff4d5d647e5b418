// A tree as a file system, without a kernel: the attributes that are not the image's, and its place in a
// larger mount.

import FileTree
import FlatArrays
import FuseServer
import Layers
import TestKit
import Testing

@testable import TreeMount

/// Files that nobody reads.
func files(_ layers: [[LayerMember]]) throws -> ImageFiles {
  ImageFiles(try TreeBuilder.merge(try layers.map(layer)), of: [], sources: [])
}

extension FuseFileSystem {
  /// What leads there, name by name.
  func find(_ path: String) throws -> FuseAttributes? {
    var found = try attributes(of: .root)
    for name in path.split(separator: "/") {
      let next = try Array(name.utf8).withUnsafeBytes { try lookUp($0, in: found.inode) }
      guard let next else { return nil }
      found = next
    }
    return found
  }

  func attribute(_ name: String, of path: String, user: UInt32 = 0) throws -> String? {
    guard let inode = try find(path)?.inode else { return nil }
    var value = [UInt8](repeating: 0, count: 64 << 10)
    let caller = FuseCaller(userID: user, groupID: 0)
    let count = try value.withUnsafeMutableBytes { buffer in
      try Array(name.utf8).withUnsafeBytes { name in
        try extendedAttribute(name, of: inode, for: caller, into: buffer)
      }
    }
    return count.map { String(decoding: value.prefix($0), as: UTF8.self) }
  }
}

extension MountFacts {
  /// Tells of each node its layer and what was asked for; failed reads to root alone.
  static let forTests = MountFacts(
    provenance: { $0 == .option ? nil : Array("\($0) \($1.layer)".utf8) },
    failures: { $0.userID == 0 ? Array("none".utf8) : nil }
  )
}

struct TreeFileSystemTests {
  private func system(
    _ layers: [[LayerMember]],
    _ facts: MountFacts? = .forTests
  ) throws -> TreeFileSystem {
    TreeFileSystem(files: try files(layers), facts: facts) { _ in }
  }

  private static let layers: [[LayerMember]] = [
    [.file("lower"), .file("own").with("user.banger.layer", "mine")], [.file("upper")],
  ]

  @Test(arguments: [
    ("layer", "lower", "layer 0"), ("layer", "upper", "layer 1"), ("digest", "upper", "digest 1"),
    ("offset", "lower", "offset 0"), ("history", "", "history 0"), ("option", "lower", nil),
    ("layer", "own", "mine"), ("digest", "own", "digest 0"), ("nothing", "lower", nil),
    ("failures", "", "none"), ("failures", "lower", nil),
  ])
  func `a file tells where it comes from, unless the image says so itself`(
    attribute: String,
    path: String,
    value: String?
  ) throws {
    let told = try system(Self.layers).attribute("user.banger.\(attribute)", of: path)
    #expect(told == value)
  }

  @Test func `failed reads are told to those who may know`() throws {
    #expect(try system(Self.layers).attribute("user.banger.failures", of: "", user: 9) == nil)
  }

  @Test func `without facts there is nothing but the image's`() throws {
    let system = try system(Self.layers, nil)
    #expect(try system.attribute("user.banger.layer", of: "own") == "mine")
    #expect(try system.attribute("user.banger.layer", of: "lower") == nil)
  }

  @Test func `a tree without attributes supports no others`() throws {
    let system = try system([[.file("f")]])
    #expect(try system.attribute("user.banger.layer", of: "f") == "layer 0")
    for name in ["user.comment", "system.posix_acl_access", "security.capability"] {
      #expect(throws: POSIXErrno.notSupported) { try system.attribute(name, of: "f") }
    }
    let other = try self.system([[.file("f").with("user.comment", "c")]])
    #expect(try other.attribute("system.posix_acl_access", of: "f") == nil)
  }

  @Test func `an inode that no node has is stale`() throws {
    let system = try system(Self.layers)
    for number: UInt64 in [0, 5, 1 << 32, 1 << 40, .max] {
      #expect(throws: POSIXErrno.stale) {
        try system.attributes(of: InodeNumber(rawValue: number))
      }
    }
  }
}
