// The largest files of a tree, and paths of chosen nodes.

import FlatArrays

extension Tree {
  /// The regular files of the tree that have most bytes, empty ones left out: those first, and among
  /// equals in the order of a walk.
  package func largestFiles(limit: Int) -> [NodeID] {
    var files: [(size: UInt64, node: NodeID)] = []
    // Thinned out whenever it is twice as long as what is wanted: a tree may have millions.
    for (index, node) in nodes.enumerated() where node.kind == .regular && node.size > 0 {
      files.append((node.size, NodeID(UInt32(index))))
      if files.count >= 2 * limit + 1024 { Self.keepLargest(&files, limit: limit) }
    }
    Self.keepLargest(&files, limit: limit)
    return files.map(\.node)
  }

  private static func keepLargest(_ files: inout [(size: UInt64, node: NodeID)], limit: Int) {
    files.sort { left, right in (right.size, left.node) < (left.size, right.node) }
    files.removeLast(max(0, files.count - limit))
  }

  /// The path of each of `nodes` that is met on a walk from `start`: the first one.
  package func firstPaths(of nodes: Set<NodeID>, from start: WalkStep) -> [NodeID: [UInt8]] {
    var wanted = nodes
    var paths: [NodeID: [UInt8]] = [:]
    for step in walk(from: start.node, prefix: start.path) {
      if wanted.isEmpty { break }
      if wanted.remove(step.node) != nil { paths[step.node] = step.path }
    }
    return paths
  }
}
