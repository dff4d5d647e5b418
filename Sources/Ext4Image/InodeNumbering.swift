// Which inode of the file system mkfs.ext4 -d gives to which name of a tree. Knows mkfs's order and its
// exceptions; reads no file system. docs: mke2fs(8), -d; e2fsprogs, misc/create_inode.c.

import FlatArrays
package import FileTree

/// The inode numbers that mkfs.ext4 -d gives to the names of a tree.
///
/// mkfs walks depth first with names sorted as bytes and takes the next free number for each file
/// that it has not met before. A further name of a file is a link to the inode of the first one,
/// except that each name of a symbolic link gets an inode of its own, until they are joined. The
/// root is 2, and a directory `lost+found` in the root is 11, which mkfs has made already.
package struct InodeNumbering: Sendable {
  package static let root: UInt32 = 2
  package static let lostAndFound: UInt32 = 11

  /// An inode that mkfs made, and the node that it is a copy of.
  package struct Assignment: Hashable, Sendable {
    package var inode: UInt32
    package var node: NodeID
    /// The place of its first name in the tree's child table; `nil` for the root.
    package var place: Int?
    /// The inode of the same link's first name, if this is a further one: it goes when the two are
    /// joined.
    package var joins: UInt32?
  }

  /// All inodes of the tree, in the order in which mkfs makes them: ascending, but for `lost+found`.
  package private(set) var assignments: [Assignment]
  /// The inode of each name, by its place in the tree's child table.
  package private(set) var inodeOfPlace: [UInt32]
  /// The highest number in use, before any links are joined.
  package let last: UInt32
  /// Inodes beyond one a file: the further names of symbolic links.
  package let splitLinkCount: Int
  /// Whether all names of a symbolic link have one inode.
  package private(set) var isJoined: Bool

  /// `firstFree` is 12 on a file system without an orphan file.
  ///
  /// - Throws: `.sizeTooLarge` when there are more names than inode numbers.
  package init(of tree: Tree, firstFree: UInt32 = Self.lostAndFound + 1) throws(Ext4Error) {
    var walk = NumberingWalk(tree: tree, next: firstFree)
    try walk.run()
    assignments = walk.assignments
    inodeOfPlace = walk.inodeOfPlace
    last = walk.next - 1
    splitLinkCount = walk.splitLinkCount
    isJoined = splitLinkCount == 0
  }

  /// The numbers when each further name of a symbolic link has the inode of its first one.
  package func joined() -> InodeNumbering {
    var joined = self
    for assignment in assignments {
      if let place = assignment.place, let kept = assignment.joins {
        joined.inodeOfPlace[place] = kept
      }
    }
    joined.assignments.removeAll { $0.joins != nil }
    joined.isJoined = true
    return joined
  }

  /// The path of an inode's first name, for messages: looked for only when something is wrong.
  package static func path(of node: NodeID, in tree: Tree) -> [UInt8] {
    tree.walk().first { $0.node == node }?.path ?? []
  }

  func path(ofInode inode: UInt32, in tree: Tree) -> [UInt8] {
    assignments.first { $0.inode == inode }.map { Self.path(of: $0.node, in: tree) } ?? []
  }
}

/// The state of one walk.
private struct NumberingWalk {
  let tree: Tree
  var next: UInt32
  var assignments: [InodeNumbering.Assignment] = []
  var inodeOfPlace: [UInt32]
  var splitLinkCount = 0
  /// By node; 0: not met yet.
  private var inodeOfNode: [UInt32]
  private var levels: [Range<Int>] = []

  init(tree: Tree, next: UInt32) {
    self.tree = tree
    self.next = next
    inodeOfPlace = Array(repeating: 0, count: tree.childTable.count)
    inodeOfNode = Array(repeating: 0, count: tree.nodeCount)
  }

  mutating func run() throws(Ext4Error) {
    assignments.append(.init(inode: InodeNumbering.root, node: .root, place: nil))
    levels.append(tree.childRange(of: tree[.root]))
    while let places = levels.last {
      guard let place = places.first else {
        levels.removeLast()
        continue
      }
      levels[levels.count - 1].removeFirst()
      try visit(place)
    }
  }

  private mutating func visit(_ place: Int) throws(Ext4Error) {
    let child = tree.childTable[place]
    let node = tree[child.node]
    let known = inodeOfNode[Int(child.node.index)]
    if known != 0 {
      if node.kind != .symbolicLink {
        inodeOfPlace[place] = known
        return
      }
      splitLinkCount += 1
    }
    let inode = try number(of: child)
    inodeOfPlace[place] = inode
    if known == 0 { inodeOfNode[Int(child.node.index)] = inode }
    assignments.append(
      .init(inode: inode, node: child.node, place: place, joins: known == 0 ? nil : known)
    )
    if node.kind == .directory { levels.append(tree.childRange(of: node)) }
  }

  private mutating func number(of child: Child) throws(Ext4Error) -> UInt32 {
    if levels.count == 1, tree.name(of: child) == "lost+found" {
      return InodeNumbering.lostAndFound
    }
    let number = next
    let (following, overflow) = next.addingReportingOverflow(1)
    if overflow {
      throw .sizeTooLarge(requested: UInt64(number), limit: UInt64(UInt32.max))
    }
    next = following
    return number
  }
}
