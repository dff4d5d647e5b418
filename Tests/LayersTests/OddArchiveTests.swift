// Random layers as archives of every odd form, in every encoding: read and merged they are what the
// naive reference makes of what was meant.

import FileTree
import Foundation
import TestKit
import Testing

@testable import Layers

struct OddArchiveTests {
  /// 8 × 40 seeds.
  @Test(arguments: 0..<8)
  func `random layers in odd forms merge as they were meant`(batch: Int) throws {
    let encodings = TestKit.LayerEncoding.allCases
    for seed in UInt64(batch * 40)..<UInt64(batch * 40 + 40) {
      let stack = RandomLayers.mergeableStack(seed: seed, layerCount: 4, memberCount: 20)
      let tars = OddArchives.tars(of: stack, seed: seed)
      let tables = try tars.enumerated().map { number, tar in
        let encoding = encodings[(Int(seed) + number) % encodings.count]
        return try index(encoding.blob(of: tar), tar: tar).table
      }
      let tree = try TreeBuilder.merge(tables).tree
      let expected = try ReferenceMerge.rows(of: stack)
      #expect(tree.rowsWithOrigins == expected, "seed \(seed)")
      #expect(TreeCheck.faults(of: tree) == [], "seed \(seed)")
    }
  }

  /// The forms must reach what they are there for.
  @Test(arguments: [
    "ustar\u{0}00", "ustar  \u{0}", "GNU.sparse.offset", "GNU.sparse.map", "GNU.sparse.major",
    "LIBARCHIVE.xattr", "security.selinux", "user.overlay.opaque", "security.capability",
    "user.unheard", "system.nfs4_acl", "/../", "//", ".wh..wh.plnk",
  ])
  func `odd forms reach what they are there for`(text: String) {
    let isReached = (UInt64(0)..<60).contains { seed in
      let stack = RandomLayers.mergeableStack(seed: seed, layerCount: 4, memberCount: 20)
      return OddArchives.tars(of: stack, seed: seed).contains { tar in
        Data(tar).range(of: Data(text.utf8)) != nil
      }
    }
    #expect(isReached)
  }
}
