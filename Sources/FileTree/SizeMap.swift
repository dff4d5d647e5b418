// The largest parts of a tree, as a picture of it needs them: directories and files from some size on, each
// with the layer that most of its bytes come from. However large the tree is, the picture stays small.

import FlatArrays

/// The large parts of a tree.
///
/// Every part but the first, which is the root, comes behind the directory that holds it.
package struct SizeMap: Sendable {
  /// A directory or a file.
  package struct Part: Hashable, Sendable {
    package var node: NodeID
    /// The place of the directory that holds it; the root's is its own.
    package var parent: Int
    /// Empty for the root.
    package var name: [UInt8]
    /// Of all files below, as `PathSizes` counts.
    package var byteCount: UInt64
    package var isDirectory: Bool
    /// The layer that most of the bytes come from, and how many do.
    package var layer = 0
    package var layerByteCount: UInt64 = 0
    /// Names in the directory that are no parts, and the bytes of those and what is below them.
    package var otherCount = 0
    package var otherByteCount: UInt64 = 0
  }

  package private(set) var parts: [Part]

  /// Takes in what has at least `smallest` bytes, and more than none; of that the largest, so that there
  /// are at most `limit` parts.
  ///
  /// `sizes` are those of the whole tree.
  package init(of tree: Tree, _ sizes: PathSizes, smallest: UInt64, limit: Int) {
    let found = Self.parts(of: tree, sizes, smallest: max(smallest, 1))
    parts = Self.largest(found, limit: max(limit, 1))
    countOthers(in: tree)
    findLayers(in: tree)
  }

  /// A directory on the way of a walk.
  private struct Level {
    var directory: NodeID
    var children: Range<Int>
    /// The nearest directory above that is a part, or this one.
    var part: Int
  }

  // MARK: Choosing

  /// All that are large enough, in the order of a walk.
  private static func parts(of tree: Tree, _ sizes: PathSizes, smallest: UInt64) -> [Part] {
    var parts = [
      Part(node: .root, parent: 0, name: [], byteCount: sizes.byteCount, isDirectory: true)
    ]
    var files = NumberSet(below: tree.nodeCount)
    var levels = [Level(directory: .root, children: tree.childRange(of: tree[.root]), part: 0)]
    while let level = levels.last {
      guard let place = level.children.first else {
        levels.removeLast()
        continue
      }
      levels[levels.count - 1].children.removeFirst()
      let child = tree.childTable[place]
      let node = tree[child.node]
      let isDirectory = node.kind == .directory
      let byteCount = isDirectory ? sizes.byteCount(below: child.node) : node.size
      // What is below a small directory is small, and so is a file that has another name there.
      guard isDirectory || node.kind == .regular, byteCount >= smallest,
        isDirectory || files.insert(Int(child.node.index))
      else { continue }
      if isDirectory {
        let children = tree.childRange(of: node)
        levels.append(Level(directory: child.node, children: children, part: parts.count))
      }
      parts.append(
        Part(
          node: child.node,
          parent: level.part,
          name: tree.name(of: child).array,
          byteCount: byteCount,
          isDirectory: isDirectory
        )
      )
    }
    return parts
  }

  /// No directory is smaller than what is in it, so those above a part are there.
  private static func largest(_ parts: [Part], limit: Int) -> [Part] {
    if parts.count <= limit { return parts }
    // Also where sizes were cut to the largest number, a directory comes before what is in it.
    let order = parts.indices.sorted { left, right in
      (parts[right].byteCount, left) < (parts[left].byteCount, right)
    }
    var places = [Int](repeating: -1, count: parts.count)
    var kept: [Part] = []
    for place in order.prefix(limit).sorted() {
      var part = parts[place]
      if place > 0 { part.parent = places[part.parent] }
      places[place] = kept.count
      kept.append(part)
    }
    return kept
  }

  // MARK: Counting

  private mutating func countOthers(in tree: Tree) {
    for place in parts.indices where parts[place].isDirectory {
      parts[place].otherCount = Int(tree[parts[place].node].children.count)
      parts[place].otherByteCount = parts[place].byteCount
    }
    for part in parts.dropFirst() {
      parts[part.parent].otherCount -= 1
      let rest = parts[part.parent].otherByteCount
      parts[part.parent].otherByteCount = rest - min(rest, part.byteCount)
    }
  }

  private mutating func findLayers(in tree: Tree) {
    var shares = shares(in: tree)
    for place in parts.indices.reversed() {
      for (layer, byteCount) in shares[place] {
        let largest = parts[place].layerByteCount
        if byteCount > largest || byteCount == largest && layer < parts[place].layer {
          parts[place].layer = layer
          parts[place].layerByteCount = byteCount
        }
        if place > 0 {
          let above = shares[parts[place].parent][layer, default: 0]
          shares[parts[place].parent][layer] = above.addingUpTo(byteCount)
        }
      }
    }
  }

  /// The bytes of each layer in each part, without those that are in another part in it.
  private func shares(in tree: Tree) -> [[Int: UInt64]] {
    var shares = [[Int: UInt64]](repeating: [:], count: parts.count)
    let places = Dictionary(uniqueKeysWithValues: zip(parts.map(\.node), parts.indices))
    var files = NumberSet(below: tree.nodeCount)
    var levels = [Level(directory: .root, children: tree.childRange(of: tree[.root]), part: 0)]
    while let level = levels.last {
      guard let place = level.children.first else {
        levels.removeLast()
        continue
      }
      levels[levels.count - 1].children.removeFirst()
      let id = tree.childTable[place].node
      let node = tree[id]
      if node.kind == .directory {
        let children = tree.childRange(of: node)
        let part = places[id] ?? level.part
        levels.append(Level(directory: id, children: children, part: part))
      } else if node.kind == .regular, node.size > 0, files.insert(Int(id.index)) {
        let part = places[id] ?? level.part
        let layer = Int(node.layer)
        shares[part][layer] = shares[part][layer, default: 0].addingUpTo(node.size)
      }
    }
    return shares
  }
}
