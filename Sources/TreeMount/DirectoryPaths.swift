// Paths of the directories of a tree, for who takes them in the order of their nodes. Pure.

import FileTree
import FlatArrays

/// Finds each directory's path from the one before: all together look at each name once.
struct DirectoryPaths {
  private let tree: Tree
  /// From the root down; the last one's path is all of `path`.
  private var chain: [Step]
  private var path: [UInt8]

  private struct Step {
    let directory: NodeID
    /// Where its path ends.
    let end: Int
    /// Its children that are still to be looked at.
    var places: Range<Int>
  }

  /// Paths begin with `root`, which has no slash at its end.
  init(of tree: Tree, below root: [UInt8]) {
    self.tree = tree
    path = root
    let places = tree.childRange(of: tree[.root])
    chain = [Step(directory: .root, end: root.count, places: places)]
  }

  /// The path of `directory`, which is behind all that were asked for before.
  mutating func path(of directory: NodeID) -> [UInt8] {
    var missing: [NodeID] = []
    var next = directory
    while !chain.contains(where: { $0.directory == next }) {
      missing.append(next)
      next = tree[next].parent
    }
    while let last = chain.last, last.directory != next { chain.removeLast() }
    path.removeSubrange((chain.last?.end ?? 0)...)
    for directory in missing.reversed() { descend(to: directory) }
    return path
  }

  private mutating func descend(to directory: NodeID) {
    guard var parent = chain.popLast() else { return }
    while let place = parent.places.popFirst() {
      let child = tree.childTable[place]
      guard child.node == directory else { continue }
      path.append(UInt8(ascii: "/"))
      tree.name(of: child).append(to: &path)
      break
    }
    chain.append(parent)
    let places = tree.childRange(of: tree[directory])
    chain.append(Step(directory: directory, end: path.count, places: places))
  }
}
