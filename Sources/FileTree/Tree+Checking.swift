// Whether arrays from a file are a tree: everything that readers of a tree rely on, so that no bytes
// whatever make one trap, or walk without end. Looks at every node and name once.

import FlatArrays

extension Tree {
  /// Whether the arrays are what a merge of `layerCount` layers could have made, as far as readers
  /// rely on it: numbers, names, ranges, counts and totals.
  package func isSound(layerCount: Int) -> Bool {
    var check = TreeChecking(tree: self, layerCount: layerCount)
    return check.run()
  }
}

/// The walk in whose order nodes are numbered and children stored; it goes on as long as they are.
private struct TreeChecking {
  let tree: Tree
  let layerCount: Int
  /// Nodes met so far, which are those below this number.
  private var nodeCount = 0
  /// Places in the child table that were taken by directories met so far.
  private var childCount = 0
  /// Links to each node, as far as they were met.
  private var linkCounts: [UInt32]
  /// The directories on the way, with the children still to come.
  private var levels: [(directory: NodeID, start: Int, children: Range<Int>)] = []

  /// A path is no longer than that, and each of its names is followed by a slash.
  private static let deepestLevel = EntryPath.pathLimit / 2 + 1

  init(tree: Tree, layerCount: Int) {
    self.tree = tree
    self.layerCount = layerCount
    linkCounts = [UInt32](repeating: 0, count: tree.nodeCount)
  }

  mutating func run() -> Bool {
    guard meet(.root, in: .root), tree[.root].kind == .directory else { return false }
    while let level = levels.last {
      guard let place = level.children.first else {
        levels.removeLast()
        continue
      }
      levels[levels.count - 1].children.removeFirst()
      let child = tree.childTable[place]
      guard isSound(child.name), isSorted(place, behind: level.start),
        meet(child.node, in: level.directory)
      else { return false }
    }
    return nodeCount == tree.nodeCount && childCount == tree.childTable.count
      && tree.nodes.indices.allSatisfy { tree.nodes[$0].linkCount == linkCounts[$0] }
      && TreeTotals(of: tree.nodes) == tree.totals
  }

  /// Comes to a node by one of its names: the next one in number, or a file met before.
  private mutating func meet(_ id: NodeID, in parent: NodeID) -> Bool {
    guard let node = tree.node(id), let kind = NodeKind(rawValue: node.kindCode) else {
      return false
    }
    // Nobody has more names than there are places in the child table, which 32 bits count.
    if id.index < nodeCount {
      linkCounts[Int(id.index)] &+= 1
      return kind != .directory
    }
    guard id.index == nodeCount, isSound(node, kind) else { return false }
    nodeCount += 1
    guard kind == .directory else {
      linkCounts[Int(id.index)] = 1
      return node.parent == .root && node.children == .none
    }
    linkCounts[Int(id.index)] = 2
    // As above.
    if id != .root { linkCounts[Int(parent.index)] &+= 1 }
    return node.parent == parent && enter(id, node)
  }

  private mutating func enter(_ id: NodeID, _ directory: Node) -> Bool {
    if directory.children == .none { return true }
    guard directory.children.count > 0, directory.children.start == childCount,
      directory.children.fits(in: tree.childTable.count), levels.count < Self.deepestLevel
    else { return false }
    let children = tree.childRange(of: directory)
    childCount = children.upperBound
    levels.append((id, children.lowerBound, children))
    return true
  }

  private func isSound(_ node: Node, _ kind: NodeKind) -> Bool {
    guard node.mode <= 0o7777, node.nanoseconds < 1_000_000_000, Int(node.layer) < layerCount,
      node.extendedAttributes.fits(in: tree.bytes.count)
    else { return false }
    if kind == .regular { return StoredFile(node).isSound(in: tree.segments) }
    guard node.dataBlocks == 0, node.dataRuns == 0 else { return false }
    return kind == .symbolicLink
      ? node.payload.fits(in: tree.bytes.count) && node.size == node.payload.count
      : node.payload == .none
  }

  private func isSound(_ name: PoolRange) -> Bool {
    guard (1...EntryPath.componentLimit).contains(Int(name.count)), name.fits(in: tree.bytes.count)
    else { return false }
    let name = tree.bytes.slice(at: Int(name.start), count: Int(name.count))
    for place in 0..<name.count where name[place] == 0 || name[place] == UInt8(ascii: "/") {
      return false
    }
    return !(name == "." || name == "..")
  }

  /// Whether a name stands behind the one before it; both are sound.
  private func isSorted(_ place: Int, behind start: Int) -> Bool {
    place == start
      || tree.name(of: tree.childTable[place - 1]) < tree.name(of: tree.childTable[place])
  }
}
