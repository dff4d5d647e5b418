// How many bytes the files below the directories of a tree have. docs/SEMANTICS.md, "Sizes", says what
// counts; of layers this knows no more than which of them put a node.

import FlatArrays

/// The bytes of all files below one node of a tree, and below each directory there.
///
/// A file counts with the size that its readers see, and once: at the name where a depth-first walk, with
/// names sorted as bytes, meets it first.
package struct PathSizes: Sendable {
  package let start: NodeID
  /// The bytes of all files below the start, or of the start, where that is a file.
  package private(set) var byteCount: UInt64 = 0
  /// How many files that are.
  package private(set) var fileCount = 0
  /// The bytes of those files that each layer put, as far as a layer put any.
  package private(set) var layers: [UInt64] = []
  /// By a directory's node; 0 for all others.
  private var totals: [UInt64]

  /// Counts what is below `start`.
  package init(of tree: Tree, from start: NodeID = .root) {
    self.start = start
    totals = [UInt64](repeating: 0, count: tree.nodeCount)
    var files = NumberSet(below: tree.nodeCount)
    var levels: [(directory: NodeID, children: Range<Int>)] = []
    let first = tree[start]
    switch first.kind {
    case .directory: levels.append((start, tree.childRange(of: first)))
    case .regular: add(first)
    default: break
    }
    while let level = levels.last {
      guard let place = level.children.first else {
        levels.removeLast()
        close(level.directory, into: levels.last?.directory)
        continue
      }
      levels[levels.count - 1].children.removeFirst()
      let id = tree.childTable[place].node
      let node = tree[id]
      if node.kind == .directory {
        levels.append((id, tree.childRange(of: node)))
      } else if node.kind == .regular, files.insert(Int(id.index)) {
        add(node, in: level.directory)
      }
    }
  }

  private mutating func add(_ file: Node, in directory: NodeID? = nil) {
    let layer = Int(file.layer)
    while layers.count <= layer { layers.append(0) }
    layers[layer] = layers[layer].addingUpTo(file.size)
    byteCount = byteCount.addingUpTo(file.size)
    fileCount += 1
    if let directory { add(file.size, to: directory) }
  }

  private mutating func close(_ directory: NodeID, into parent: NodeID?) {
    if let parent { add(totals[Int(directory.index)], to: parent) }
  }

  private mutating func add(_ bytes: UInt64, to directory: NodeID) {
    totals[Int(directory.index)] = totals[Int(directory.index)].addingUpTo(bytes)
  }

  /// The bytes of all files below a directory; 0 for what is no directory, or not below the start.
  package func byteCount(below directory: NodeID) -> UInt64 { totals[Int(directory.index)] }
}

/// A directory, or a file that was asked for, with the bytes below it.
package struct SizedPath: Hashable, Sendable {
  /// From the root, without a leading slash.
  package var path: [UInt8]
  package var byteCount: UInt64
}

extension PathSizes {
  /// The start, whose path is `path`, and the directories up to `depth` levels below it, the largest
  /// first; those of one size in the order of a walk.
  package func paths(in tree: Tree, path: [UInt8], depth: Int) -> [SizedPath] {
    var found: [SizedPath] = []
    var pending = [(path: path, node: start, level: 0)]
    while let next = pending.popLast() {
      let isStart = next.level == 0
      let count = isStart ? byteCount : byteCount(below: next.node)
      found.append(SizedPath(path: next.path, byteCount: count))
      if next.level >= depth { continue }
      for child in tree.children(of: tree[next.node]).reversed()
      where tree[child.node].kind == .directory {
        let name = tree.name(of: child).array
        let childPath = next.path.isEmpty ? name : next.path + [UInt8(ascii: "/")] + name
        pending.append((childPath, child.node, next.level + 1))
      }
    }
    return Self.largestFirst(found)
  }

  private static func largestFirst(_ paths: [SizedPath]) -> [SizedPath] {
    let order = paths.indices.sorted { left, right in
      (paths[right].byteCount, left) < (paths[left].byteCount, right)
    }
    return order.map { paths[$0] }
  }
}
