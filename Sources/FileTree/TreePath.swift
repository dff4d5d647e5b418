// From a node back to a path that leads to it. Nodes do not hold their names: a file may have several.

import FlatArrays

extension Tree {
  /// A path that leads to a node, from the root, without a slash at its beginning.
  ///
  /// Of a file with several names it may be any. Looks at the names in each directory on the way, and
  /// at no others: nodes are numbered in the order of a depth-first walk.
  package func path(of id: NodeID) -> [UInt8] {
    var path: [UInt8] = []
    var current = NodeID.root
    while current != id, let child = child(towards: id, in: current) {
      if !path.isEmpty { path.append(UInt8(ascii: "/")) }
      name(of: child).append(to: &path)
      current = child.node
    }
    return path
  }

  /// The child that is `id`, or else the directory behind which it comes: the last that is not behind it.
  private func child(towards id: NodeID, in directory: NodeID) -> Child? {
    var nearest: Child?
    for child in children(of: self[directory]) {
      if child.node == id { return child }
      // Files may be further names of nodes anywhere.
      guard self[child.node].kind == .directory, child.node < id, child.node > directory else {
        continue
      }
      if nearest.map({ $0.node < child.node }) ?? true { nearest = child }
    }
    return nearest
  }
}
