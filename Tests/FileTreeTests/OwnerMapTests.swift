// Owner maps: which texts are ranges, and which ids become which, in every place of a tree that has ids.

import FileTree
import FlatArrays
import Offsets
import TestKit
import Testing

struct OwnerMapTests {
  @Test func `ids map inside their ranges and nowhere else`() throws {
    let map = try OwnerMap(["0:100000:65536", "u:70000:5:1", "g:4294967294:0:1"])
    let ids: [UInt32] = [0, 1, 65535, 65536, 69999, 70000, 70001, 4_294_967_294, .max]
    #expect(ids.map(map.map(uid:)) == [100_000, 100_001, 165_535, nil, nil, 5, nil, nil, nil])
    #expect(ids.map(map.map(gid:)) == [100_000, 100_001, 165_535, nil, nil, nil, nil, 0, nil])
  }

  @Test func `a kind without a range maps nothing`() throws {
    let map = try OwnerMap(["g:0:7:1"])
    #expect(map.map(uid: 0) == nil)
    #expect(map.map(gid: 0) == 7)
    #expect(try OwnerMap([]).map(uid: 0) == nil)
  }

  @Test(arguments: [
    "", ":", "::", "0", "0:0", "0:0:", ":0:1", "0::1", "0:0:0", "0:0:1:", "0:0:1:1", "x:0:0:1",
    "u:0:0", "u:", "u:g:0:0:1", "U:0:0:1", " 0:0:1", "0:0:1 ", "0:0:+1", "-1:0:1", "0x1:0:1",
    "0,0,1", "٠:0:1", "4294967295:0:1", "0:4294967295:1", "0:0:4294967296", "4294967294:0:2",
    "0:4294967294:2", "1:0:4294967295", "4294967296:0:1", "99999999999999999999:0:1",
  ])
  func `what is not a range is refused`(text: String) {
    #expect(throws: TreeError.malformedOwnerRange(text)) { try OwnerMap(["5:5:1", text]) }
  }

  @Test(arguments: ["0:0:4294967295", "00:007:1", "4294967294:4294967294:1", "u:1:2:3"])
  func `what is a range is taken`(text: String) throws {
    #expect(try OwnerMap([text]) != OwnerMap([]))
  }

  @Test(arguments: [
    ("0:0:10", "9:100:1"), ("0:0:10", "100:9:1"), ("5:5:1", "0:100:10"), ("5:5:1", "100:0:10"),
    ("0:0:10", "u:3:300:1"), ("u:3:300:1", "0:0:10"), ("g:0:0:1", "g:0:0:1"),
    ("0:0:4294967295", "g:4294967294:0:1"),
  ])
  func `an id in two ranges is refused`(first: String, second: String) {
    #expect(throws: TreeError.overlappingOwnerRanges(second)) { try OwnerMap([first, second]) }
  }

  @Test func `neighbours do not overlap, and users are not groups`() throws {
    let map = try OwnerMap(["0:10:10", "10:0:10", "u:20:20:1", "g:20:21:1"])
    #expect([0, 9, 10, 19, 20].map(map.map(uid:)) == [10, 19, 0, 9, 20])
    #expect(map.map(gid: 20) == 21)
  }

  @Test func `equal maps are equal however they were written`() throws {
    let one = try OwnerMap(["10:20:5", "u:0:0:1", "g:0:0:1"])
    let other = try OwnerMap(["0:0:01", "g:10:20:5", "u:10:20:5"])
    #expect(one == other)
    #expect(one.description == "u:0:0:1 u:10:20:5 g:0:0:1 g:10:20:5")
    #expect(other.description == one.description)
  }

  @Test func `errors say which id of which file, or how a range is written`() {
    let errors: [TreeError] = [
      .malformedOwnerRange("0:x:1"), .overlappingOwnerRanges("0:0:1"),
      .ownerNotMapped(.user, id: 7, path: []),
      .ownerNotMapped(.group, id: 4_294_967_294, path: Array("a\nb".utf8)),
    ]
    #expect(
      errors.map { "\($0)" } == [
        "0:x:1: not an owner range: FIRST:TO:COUNT, with u: or g: in front for one kind of ids",
        "0:0:1: another owner range has some of these ids, inside or outside",
        "/: no owner range has user 7", "/a\\x0ab: no owner range has group 4294967294",
      ]
    )
    #expect(errors.allSatisfy { $0.layer == nil })
  }
}

struct MappedTreeTests {
  /// `posix_acl_xattr`: version 2, then tag, permissions and id.
  private func list(_ entries: [(tag: UInt8, permissions: UInt8, id: UInt32)]) -> PathBytes {
    PathBytes(
      [2, 0, 0, 0] + entries.flatMap { [$0.tag, 0, $0.permissions, 0] + littleEndian($0.id) }
    )
  }

  private func littleEndian(_ number: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * UInt32($0))) }
  }

  /// `vfs_cap_data` with CAP_NET_RAW, effective; of revision 3 with a root.
  private func capability(root: UInt32? = nil) -> PathBytes {
    let sets: [UInt8] = [0, 0x20] + [UInt8](repeating: 0, count: 14)
    return PathBytes([1, 0, 0, root == nil ? 2 : 3] + sets + (root.map(littleEndian) ?? []))
  }

  private func tree(_ members: [LayerMember]) throws -> Tree {
    try TreeBuilder.merge([layer(members)]).tree
  }

  @Test func `owners of everything are mapped, and nothing else changes`() throws {
    for seed in UInt64(0)..<100 {
      let layers = try RandomLayers.mergeableStack(seed: seed).map(layer)
      let before = try TreeBuilder.merge(layers).tree
      // The ids that RandomLayers gives: 0, 1000, 65534 and 100000.
      let map = try OwnerMap(["u:0:500000:200000", "g:0:1:65535"])
      let after = try before.mappingOwners(map)
      var expected = before.dumpRows { _ in nil }
      for index in expected.indices {
        expected[index].uid += 500_000
        expected[index].gid += 1
      }
      #expect(after.dumpRows { _ in nil } == expected, "seed \(seed)")
      #expect(Array(after.childTable) == Array(before.childTable), "seed \(seed)")
      expectSound(after, "seed \(seed)")
    }
  }

  @Test func `access control lists name the ids outside`() throws {
    let none = UInt32.max
    let before = list([
      (0x01, 7, none), (0x02, 5, 1000), (0x02, 4, 2000), (0x04, 5, none), (0x08, 1, 1000),
      (0x10, 7, none), (0x20, 0, none),
    ])
    let after = list([
      (0x01, 7, none), (0x02, 5, 11_000), (0x02, 4, 12_000), (0x04, 5, none), (0x08, 1, 51_000),
      (0x10, 7, none), (0x20, 0, none),
    ])
    let members: [LayerMember] = [
      .directory("d").with("system.posix_acl_access", before)
        .with("system.posix_acl_default", before).with("user.a", before),
      .directory("e").with("user.b", "1"),
    ]
    let expected: [LayerMember] = [
      .directory("d").with("system.posix_acl_access", after)
        .with("system.posix_acl_default", after).with("user.a", before).owned(by: 10_000, 50_000),
      .directory("e").with("user.b", "1").owned(by: 10_000, 50_000),
    ]
    let mapped = try tree(members).mappingOwners(
      try OwnerMap(["u:0:10000:10000", "g:0:50000:10000"])
    )
    #expect(
      mapped.dumpRows { _ in nil }.dropFirst()
        == (try tree(expected)).dumpRows { _ in nil }.dropFirst()
    )
  }

  @Test func `capabilities hold where the root of the image is root`() throws {
    let members: [LayerMember] = [
      .file("v2").with("security.capability", capability()),
      .file("v3").with("security.capability", capability(root: 1000)),
      .file("zero").with("security.capability", capability(root: 0)),
    ]
    func capabilities(_ ranges: String...) throws -> [[UInt8]?] {
      let tree = try tree(members).mappingOwners(try OwnerMap(ranges))
      return (1...3).map { index in
        tree.extendedAttributes(of: tree.nodes[index])
          .value(of: Array("security.capability".utf8))?.array
      }
    }
    #expect(
      try capabilities("0:100000:65536") == [
        capability(root: 100_000).bytes, capability(root: 101_000).bytes,
        capability(root: 100_000).bytes,
      ]
    )
    // Root is root: revision 2 says so too.
    #expect(
      try capabilities("0:0:1", "1:5001:65535") == [
        capability().bytes, capability(root: 6000).bytes, capability(root: 0).bytes,
      ]
    )
  }

  @Test func `an id that no range has is refused with its file`() throws {
    let user = list([
      (0x01, 7, .max), (0x02, 5, 70_000), (0x04, 5, .max), (0x10, 7, .max), (0x20, 0, .max),
    ])
    let group = list([
      (0x01, 7, .max), (0x04, 5, .max), (0x08, 5, 70_000), (0x10, 7, .max), (0x20, 0, .max),
    ])
    let rows: [([LayerMember], OwnerKind, UInt32, String)] = [
      ([.file("a"), .file("b/c").owned(by: 65_536, 70_000)], .user, 65_536, "b/c"),
      ([.file("b/c").owned(by: 65_535, 4_294_967_294)], .group, 4_294_967_294, "b/c"),
      ([.symlink("l", to: "x").owned(by: 1, 65_536)], .group, 65_536, "l"),
      ([.characterDevice("n", 1, 3).owned(by: 65_536, 0)], .user, 65_536, "n"),
      ([.directory("").owned(by: 0, 65_536)], .group, 65_536, ""),
      ([.file("x").with("system.posix_acl_access", user)], .user, 70_000, "x"),
      ([.directory("x").with("system.posix_acl_default", group)], .group, 70_000, "x"),
      ([.file("x").with("security.capability", capability(root: 70_000))], .user, 70_000, "x"),
      // The first name of several, and of several files the first of the walk.
      (
        [
          .file("z").owned(by: 65_536, 0), .hardLink("m", to: "z"), .file("n").owned(by: 65_537, 0),
        ],
        .user, 65_536, "m"
      ),
    ]
    let map = try OwnerMap(["0:100000:65536"])
    for (members, kind, id, path) in rows {
      let tree = try tree(members)
      #expect(throws: TreeError.ownerNotMapped(kind, id: id, path: Array(path.utf8))) {
        try tree.mappingOwners(map)
      }
    }
    // Revision 2 is about user 0, whom not every map has.
    let file = LayerMember.file("x").owned(by: 5, 0).with("security.capability", capability())
    let tree = try tree([.directory("").owned(by: 5, 0), file])
    #expect(throws: TreeError.ownerNotMapped(.user, id: 0, path: Array("x".utf8))) {
      try tree.mappingOwners(try OwnerMap(["u:5:1:1", "g:0:0:1"]))
    }
  }
}
