// In what two trees differ, found by walking both side by side: depth first, names sorted as bytes. Asks
// for the comparison of two files' bytes only where their nodes do not tell.

import FlatArrays

/// A path at which two trees differ.
package struct TreeDifference: Hashable, Sendable {
  package enum Change: Hashable, Sendable {
    case added(NodeID)
    case removed(NodeID)
    case changed(from: NodeID, to: NodeID, NodeChanges)
  }

  /// From the root, without a leading slash.
  package var path: [UInt8]
  package var change: Change

  package init(path: [UInt8], change: Change) {
    self.path = path
    self.change = change
  }
}

/// What one path leads to in two trees; `nil` where a tree does not have it.
package struct NodePair: Hashable, Sendable {
  package var old: NodeID?
  package var new: NodeID?

  package init(old: NodeID?, new: NodeID?) {
    self.old = old
    self.new = new
  }

  package static var roots: NodePair { NodePair(old: .root, new: .root) }
}

/// The differences of two trees, one after the other, in the order of `LC_ALL=C find`.
///
/// What is below a directory that was added or removed was so, too. The memory that this takes grows
/// with the depth of the trees and with the number of files that have several names, not with the size.
package struct TreeDifferences<Failure: Error> {
  private let old: Tree
  private let new: Tree
  private let ignoresTimes: Bool
  private let hasSameContent: (Node, Node) throws(Failure) -> Bool

  private var start: NodePair?
  private var levels: [Level] = []
  /// Where the walk is: of the difference that was returned last, or at which a comparison failed.
  package private(set) var path: [UInt8]

  /// What the first name of a file with several names, of those that both trees have, is in the other.
  private var newOfLinked: [NodeID: NodeID] = [:]
  private var oldOfLinked: [NodeID: NodeID] = [:]
  /// The contents of files with several names that were compared already.
  private var compared: [NodePair: Bool] = [:]

  /// A directory of either tree or of both: the rest of its children, and its path's length.
  private struct Level {
    var old: Range<Int>
    var new: Range<Int>
    var pathCount: Int
  }

  /// Compares what `start` names and all below it; `path` is the path of that.
  ///
  /// `hasSameContent` compares the bytes of a regular file of `old` and one of `new` that have the same
  /// size.
  package init(
    from old: Tree,
    to new: Tree,
    start: NodePair = .roots,
    path: [UInt8] = [],
    ignoringTimes: Bool = false,
    hasSameContent: @escaping (Node, Node) throws(Failure) -> Bool
  ) {
    self.old = old
    self.new = new
    self.start = start
    self.path = path
    ignoresTimes = ignoringTimes
    self.hasSameContent = hasSameContent
  }

  package mutating func next() throws(Failure) -> TreeDifference? {
    while let pair = nextPair() {
      switch (pair.old, pair.new) {
      case (let old?, let new?):
        let changes = try changes(from: old, to: new)
        if changes.isEmpty { continue }
        return TreeDifference(path: path, change: .changed(from: old, to: new, changes))
      case (let old?, nil): return TreeDifference(path: path, change: .removed(old))
      case (nil, let new?): return TreeDifference(path: path, change: .added(new))
      case (nil, nil): continue
      }
    }
    return nil
  }

  // MARK: Walking

  private mutating func nextPair() -> NodePair? {
    if let pair = start {
      start = nil
      enter(pair)
      return pair
    }
    while let level = levels.last {
      path.removeLast(path.count - level.pathCount)
      if !level.old.isEmpty || !level.new.isEmpty {
        let pair = step(in: level)
        enter(pair)
        return pair
      }
      levels.removeLast()
    }
    return nil
  }

  /// Takes the next name of a directory, from one tree or from both.
  private mutating func step(in level: Level) -> NodePair {
    let oldChild = level.old.first.map { old.childTable[$0] }
    let newChild = level.new.first.map { new.childTable[$0] }
    let order = order(oldChild, newChild)
    if !path.isEmpty { path.append(UInt8(ascii: "/")) }
    var pair = NodePair(old: nil, new: nil)
    if order <= 0, let oldChild {
      levels[levels.count - 1].old.removeFirst()
      old.name(of: oldChild).append(to: &path)
      pair.old = oldChild.node
    }
    if order >= 0, let newChild {
      levels[levels.count - 1].new.removeFirst()
      if pair.old == nil { new.name(of: newChild).append(to: &path) }
      pair.new = newChild.node
    }
    return pair
  }

  private func order(_ oldChild: Child?, _ newChild: Child?) -> Int {
    guard let oldChild else { return 1 }
    guard let newChild else { return -1 }
    return old.name(of: oldChild).compare(to: new.name(of: newChild))
  }

  private mutating func enter(_ pair: NodePair) {
    let level = Level(
      old: pair.old.map { old.childRange(of: old[$0]) } ?? 0..<0,
      new: pair.new.map { new.childRange(of: new[$0]) } ?? 0..<0,
      pathCount: path.count
    )
    if !level.old.isEmpty || !level.new.isEmpty { levels.append(level) }
  }

  // MARK: Comparing

  private mutating func changes(
    from oldID: NodeID,
    to newID: NodeID
  ) throws(Failure) -> NodeChanges {
    let (oldNode, newNode) = (old[oldID], new[newID])
    var changes = NodeChanges(from: oldNode, of: old, to: newNode, of: new)
    if ignoresTimes { changes.remove(.time) }
    if oldNode.kind == .regular, newNode.kind == .regular {
      if try !isSameContent(oldID, oldNode, newID, newNode) { changes.insert(.content) }
    }
    if oldNode.kind != .directory, newNode.kind != .directory {
      let keepsOld = Self.note(newID, for: oldID, of: oldNode, in: &newOfLinked)
      let keepsNew = Self.note(oldID, for: newID, of: newNode, in: &oldOfLinked)
      if !keepsOld || !keepsNew { changes.insert(.links) }
    }
    return changes
  }

  /// The same two files may share many names: their bytes are compared once.
  private mutating func isSameContent(
    _ oldID: NodeID,
    _ oldNode: Node,
    _ newID: NodeID,
    _ newNode: Node
  ) throws(Failure) -> Bool {
    if let isSame = oldNode.hasSameContent(as: newNode) { return isSame }
    guard oldNode.linkCount > 1, newNode.linkCount > 1 else {
      return try hasSameContent(oldNode, newNode)
    }
    let pair = NodePair(old: oldID, new: newID)
    if let isSame = compared[pair] { return isSame }
    let isSame = try hasSameContent(oldNode, newNode)
    compared[pair] = isSame
    return isSame
  }

  /// Whether a file of one tree is `partner` in the other under this name as under its first one.
  private static func note(
    _ partner: NodeID,
    for id: NodeID,
    of node: Node,
    in partners: inout [NodeID: NodeID]
  ) -> Bool {
    if node.linkCount == 1 { return true }
    if let known = partners[id] { return known == partner }
    partners[id] = partner
    return true
  }
}
