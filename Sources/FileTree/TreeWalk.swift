// Every name of a tree, in the order of `LC_ALL=C find`: depth first, names sorted as bytes.

import FlatArrays

/// A name met on a walk: its path from the root without a leading slash, and its node.
package struct WalkStep: Hashable, Sendable {
  package var path: [UInt8]
  package var node: NodeID

  package init(path: [UInt8], node: NodeID) {
    self.path = path
    self.node = node
  }
}

extension Tree {
  /// Walks everything below `start`, itself first.
  ///
  /// `prefix` is the path of `start`.
  package func walk(from start: NodeID = .root, prefix: [UInt8] = []) -> TreeWalk {
    TreeWalk(tree: self, start: WalkStep(path: prefix, node: start))
  }
}

/// A depth-first walk.
///
/// Its memory grows with the depth of the tree, not with its size.
package struct TreeWalk: Sequence, IteratorProtocol {
  private let tree: Tree
  private var first: WalkStep?
  /// The directories on the way: the rest of each one's children, and its path's length.
  private var levels: [(children: Range<Int>, pathCount: Int)] = []
  private var path: [UInt8]

  fileprivate init(tree: Tree, start: WalkStep) {
    self.tree = tree
    first = start
    path = start.path
    enter(start.node)
  }

  package mutating func next() -> WalkStep? {
    if let start = first {
      first = nil
      return start
    }
    while let level = levels.last {
      path.removeLast(path.count - level.pathCount)
      if level.children.isEmpty {
        levels.removeLast()
        continue
      }
      return step(to: level.children.lowerBound)
    }
    return nil
  }

  private mutating func step(to place: Int) -> WalkStep {
    levels[levels.count - 1].children.removeFirst()
    let child = tree.childTable[place]
    if !path.isEmpty { path.append(UInt8(ascii: "/")) }
    path += tree.name(of: child).array
    let step = WalkStep(path: path, node: child.node)
    enter(child.node)
    return step
  }

  private mutating func enter(_ id: NodeID) {
    let node = tree[id]
    if node.kind == .directory {
      levels.append((tree.childRange(of: node), path.count))
    }
  }
}
