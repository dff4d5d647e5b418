// Finding nodes by name and by path, with symbolic links resolved inside the tree and never outside.
// Source: path_resolution(7).

package import FlatArrays

/// Why a path leads nowhere.
package enum LookupFailure: Error, Hashable, Sendable {
  case notFound
  case notADirectory
  /// More than 40 symbolic links on the way, the kernel's own limit.
  case tooManyLinks
}

extension Tree {
  /// The child `name` of a directory, or `nil`.
  ///
  /// Allocates nothing.
  package func child(_ name: ByteSlice, of directory: Node) -> NodeID? {
    child(of: directory) { $0.compare(to: name) }
  }

  /// The child of a directory for whose name `order` is 0, or `nil`.
  ///
  /// Binary search: `order` is negative for names that sort before the one that is looked for, positive
  /// for those behind it. Allocates nothing.
  package func child(of directory: Node, where order: (ByteSlice) -> Int) -> NodeID? {
    var range = childRange(of: directory)
    while !range.isEmpty {
      let middle = range.lowerBound + range.count / 2
      let order = order(name(of: childTable[middle]))
      if order == 0 { return childTable[middle].node }
      range = order < 0 ? (middle + 1)..<range.upperBound : range.lowerBound..<middle
    }
    return nil
  }

  /// The node at `path`, counted from the root.
  ///
  /// Symbolic links on the way are followed inside the tree, `..` stays below the root; the last
  /// component is followed only when asked for.
  package func lookUp(
    _ path: [UInt8],
    followingLast: Bool = false
  ) throws(LookupFailure) -> NodeID {
    var pending = Tree.reversedComponents(of: path[...])
    var current = NodeID.root
    var linkCount = 0
    while let name = pending.popLast() {
      let directory = self[current]
      guard directory.kind == .directory else { throw .notADirectory }
      if name == [UInt8(ascii: "."), UInt8(ascii: ".")] {
        current = directory.parent
        continue
      }
      guard let found = child(ByteSlice(name), of: directory) else { throw .notFound }
      guard self[found].kind == .symbolicLink, followingLast || !pending.isEmpty else {
        current = found
        continue
      }
      linkCount += 1
      if linkCount > Tree.linkLimit { throw .tooManyLinks }
      let target = self.target(of: self[found]).array
      if target.first == UInt8(ascii: "/") { current = .root }
      pending += Tree.reversedComponents(of: target[...])
    }
    return current
  }

  /// `path` from the root, in normal form and without symbolic links on its way, as far as the tree
  /// has it; from there on as it is written.
  ///
  /// The last component is followed only when asked for.
  package func canonicalPath(of path: [UInt8], followingLast: Bool = false) -> [UInt8] {
    var pending = Tree.reversedComponents(of: path[...])
    var names: [[UInt8]] = []
    // The root and, behind it, what the names lead to; fewer where something is not there.
    var nodes = [NodeID.root]
    var linkCount = 0
    while let name = pending.popLast() {
      if name == [UInt8(ascii: "."), UInt8(ascii: ".")] {
        _ = names.popLast()
        nodes.removeLast(max(0, nodes.count - names.count - 1))
        continue
      }
      let isThere = nodes.count == names.count + 1
      guard isThere, let found = child(ByteSlice(name), of: self[nodes[nodes.count - 1]]) else {
        names.append(name)
        continue
      }
      let isFollowed = followingLast || !pending.isEmpty
      guard isFollowed, self[found].kind == .symbolicLink, linkCount < Tree.linkLimit else {
        names.append(name)
        nodes.append(found)
        continue
      }
      linkCount += 1
      let target = self.target(of: self[found]).array
      if target.first == UInt8(ascii: "/") { (names, nodes) = ([], [.root]) }
      pending += Tree.reversedComponents(of: target[...])
    }
    return Array(names.joined(separator: [UInt8(ascii: "/")]))
  }

  /// MAXSYMLINKS of Linux.
  private static let linkLimit = 40

  private static func reversedComponents(of path: ArraySlice<UInt8>) -> [[UInt8]] {
    path.split(separator: UInt8(ascii: "/")).filter { !$0.elementsEqual(".".utf8) }
      .map(Array.init).reversed()
  }
}
