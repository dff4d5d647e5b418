// From nodes to paths: each path leads back to its node.

import FileTree
import TestKit
import Testing

struct TreePathTests {
  private func expectPaths(_ tree: Tree, _ note: Comment) throws {
    for index in 0..<UInt32(tree.nodeCount) {
      let path = tree.path(of: NodeID(index))
      #expect(try tree.lookUp(path) == NodeID(index), note)
    }
  }

  @Test func `a node's path leads to it`() throws {
    let members: [LayerMember] = [
      .file("a/b/c"), .file("a/z"), .hardLink("a/y", to: "z-file"), .file("z-file"), .file("a.b"),
      .hardLink("z/first", to: "a/b/c"), .directory("z/empty"), .symlink("up", to: ".."),
    ]
    let tree = try TreeBuilder.merge([try layer(members)]).tree
    try expectPaths(tree, "a tree with links")
    #expect(tree.path(of: .root) == [])
    let deep = try tree.lookUp(Array("a/b/c".utf8))
    #expect([Array("a/b/c".utf8), Array("z/first".utf8)].contains(tree.path(of: deep)))
  }

  @Test(arguments: 0..<4) func `in any tree`(batch: UInt64) throws {
    for seed in batch * 50..<(batch + 1) * 50 {
      let stack = RandomLayers.mergeableStack(seed: seed, layerCount: 3, memberCount: 30)
      try expectPaths(try TreeBuilder.merge(stack.map(layer)).tree, "seed \(seed)")
    }
  }
}
