// Where in a mount a tree is: which inodes are its nodes', and what is around it. Pure.

import FileTree
import FuseServer

/// The place of a tree in a mount.
struct TreePlace: Sendable {
  /// What is around a tree that is not all that a mount shows.
  struct Frame: Sendable {
    /// The tree's root, as the directory that holds it shows it.
    let root: FuseAttributes
    /// That directory.
    let holder: FuseAttributes
  }

  /// The tree's root; the inodes of its nodes follow in their order.
  let root: InodeNumber
  let frame: Frame?
  /// From the mount's root to the tree's.
  let path: [UInt8]

  /// Of a tree that is all there is.
  static let whole = TreePlace(root: .root, frame: nil, path: [])

  /// Of a tree at `path`.
  init(_ frame: Frame, path: [UInt8]) {
    self.init(root: frame.root.inode, frame: frame, path: path)
  }

  private init(root: InodeNumber, frame: Frame?, path: [UInt8]) {
    self.root = root
    self.frame = frame
    self.path = path
  }

  func inode(of id: NodeID) -> InodeNumber {
    InodeNumber(rawValue: root.rawValue + UInt64(id.index))
  }

  /// The node of an inode, if a tree here has so many.
  func node(of inode: InodeNumber) -> NodeID? {
    guard inode >= root, let index = UInt32(exactly: inode.rawValue - root.rawValue) else {
      return nil
    }
    return NodeID(index)
  }

  /// What is at `path` in the tree, from the mount's root.
  func path(to path: [UInt8]) -> [UInt8] {
    if self.path.isEmpty || path.isEmpty { return self.path + path }
    return self.path + [UInt8(ascii: "/")] + path
  }
}
