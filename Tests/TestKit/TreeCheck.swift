// What is true of every tree, whatever it was made from.

package import FileTree
import FlatArrays

/// Checks everything that every tree promises.
package struct TreeCheck {
  private let tree: Tree
  private var faults: [String] = []
  private var nodesSeen: UInt32 = 0
  private var nameCounts: [NodeID: UInt32] = [:]
  private var subdirectoryCounts: [NodeID: UInt32] = [:]

  private init(tree: Tree) { self.tree = tree }

  /// The promises that `tree` breaks, each with its path; empty for a sound tree.
  package static func faults(of tree: Tree) -> [String] {
    var check = TreeCheck(tree: tree)
    check.run()
    return check.faults
  }

  private mutating func require(_ isTrue: Bool, _ promise: String, _ path: [UInt8] = []) {
    if !isTrue { faults.append("/" + EscapedBytes.string(path) + ": " + promise) }
  }

  private mutating func run() {
    for step in tree.walk() {
      visit(step)
    }
    require(Int(nodesSeen) == tree.nodeCount, "every node has a name")
    require(tree.node(NodeID(nodesSeen)) == nil, "there is no node after the last one")
    for id in (0..<nodesSeen).map(NodeID.init) {
      let node = tree[id]
      let isDirectory = node.kind == .directory
      let links = isDirectory ? 2 + subdirectoryCounts[id, default: 0] : nameCounts[id, default: 0]
      require(node.linkCount == links, "node \(id.index) has \(links) links")
      require(isDirectory || node.parent == .root, "node \(id.index) has no parent of its own")
    }
  }

  private mutating func visit(_ step: WalkStep) {
    let node = tree[step.node]
    let isFirstName = step.node.index == nodesSeen
    if isFirstName { nodesSeen += 1 }
    require(step.node.index < nodesSeen, "numbered in walking order", step.path)
    nameCounts[step.node, default: 0] += 1
    if node.kind == .directory {
      require(isFirstName, "a directory has one name", step.path)
      if step.node != .root { subdirectoryCounts[node.parent, default: 0] += 1 }
      visitChildren(of: node, step.path)
    } else {
      require(tree.children(of: node).isEmpty, "only directories have children", step.path)
    }
    visitPath(step, node)
  }

  private mutating func visitChildren(of directory: Node, _ path: [UInt8]) {
    let names = tree.children(of: directory).map { tree.name(of: $0).array }
    for (left, right) in zip(names, names.dropFirst()) {
      require(left.lexicographicallyPrecedes(right), "children are sorted", path)
    }
    for name in names {
      let isOrdinary = !name.isEmpty && !name.contains(UInt8(ascii: "/"))
      require(isOrdinary && !name.starts(with: ".wh.".utf8), "names are ordinary", path)
    }
  }

  /// A walked name is found again: by its path, and in its directory.
  private mutating func visitPath(_ step: WalkStep, _ node: Node) {
    let (directory, name) = EntryPath.split(step.path)
    do {
      require(try tree.lookUp(step.path) == step.node, "the path leads to the node", step.path)
      if name.isEmpty { return }
      let parent = try tree.lookUp(Array(directory))
      let found = tree.child(ByteSlice(Array(name)), of: tree[parent])
      require(found == step.node, "the name is found in its directory", step.path)
      let knowsParent = node.kind != .directory || node.parent == parent
      require(knowsParent, "a directory knows its parent", step.path)
    } catch {
      require(false, "the path leads somewhere: \(error)", step.path)
    }
  }
}

extension Tree {
  /// The dump's rows, with the member that a file is from in place of its digest.
  package var rowsWithOrigins: [DumpRow] {
    dumpRows { id in "\(self[id].layer).\(self[id].entry)" }
  }
}
