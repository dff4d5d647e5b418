// Compares an ext4 image with the tree that it was made from: every inode, every name. What debugfs can
// mend is returned as corrections, everything else is an error. Does not compare the content of files.

package import FileTree
import FlatArrays

/// The comparison of one image with one tree.
package struct TreeComparison {
  private let tree: Tree
  private let numbering: InodeNumbering
  private var reader: Ext4ImageReader

  package init(_ reader: Ext4ImageReader, with tree: Tree, numbering: InodeNumbering) {
    self.reader = reader
    self.tree = tree
    self.numbering = numbering
  }

  /// Calls `body` with what has to be changed in each inode for the image to be the tree.
  ///
  /// Proves the numbering on the way: type, size, links, device numbers, link targets, and each
  /// directory's names with their inode numbers.
  ///
  /// - Throws: `.inodeDiffers`, `.directoryDiffers`, `.unsafeAttributeName`, `.malformedImage`,
  ///   `.systemCall`, `.cancelled`, and what `body` throws.
  package mutating func forEachCorrection(
    _ body: (InodeCorrection) throws(Ext4Error) -> Void
  ) throws(Ext4Error) {
    for assignment in numbering.assignments {
      if Task.isCancelled { throw .cancelled }
      let settings = try settings(for: assignment)
      if settings.isEmpty { continue }
      try body(InodeCorrection(inode: assignment.inode, settings: settings))
    }
  }

  private mutating func settings(
    for assignment: InodeNumbering.Assignment
  ) throws(Ext4Error) -> [InodeSetting] {
    let node = tree[assignment.node]
    let inode = try reader.inode(assignment.inode)
    let comparison = NodeComparison(
      tree: tree,
      node: node,
      reader: reader,
      number: assignment.inode,
      inode: inode,
      path: { [self] in path(assignment) }
    )
    try comparison.checkFixed()
    let links = linkCount(of: node, assignment)
    if UInt64(inode.linkCount) != links {
      throw comparison.differs("link count", "\(links)", "\(inode.linkCount)")
    }
    if node.kind == .directory { try checkNames(in: inode, of: node, assignment) }
    // an inode that goes needs no correction
    if assignment.joins != nil { return [] }
    let isLink = node.kind == .symbolicLink
    return try comparison.settings(linkCount: isLink ? UInt64(node.linkCount) : nil)
  }

  private func linkCount(of node: Node, _ assignment: InodeNumbering.Assignment) -> UInt64 {
    // until they are joined, every name of a symbolic link has an inode of its own
    if node.kind == .symbolicLink, !numbering.isJoined { return 1 }
    // mkfs adds lost+found to the root
    let added: UInt64 = assignment.place == nil && !treeHasLostAndFound ? 1 : 0
    return UInt64(node.linkCount) + added
  }

  private var treeHasLostAndFound: Bool {
    tree.child(ByteSlice(Array("lost+found".utf8)), of: tree[.root]) != nil
  }

  private func checkNames(
    in inode: Ext4Inode,
    of directory: Node,
    _ assignment: InodeNumbering.Assignment
  ) throws(Ext4Error) {
    var found: [[UInt8]: UInt32] = [:]
    for entry in try reader.entries(of: inode)
    where found.updateValue(entry.inode, forKey: entry.name) != nil {
      throw .directoryDiffers(
        path: path(assignment),
        inode: assignment.inode,
        name: entry.name
      )
    }
    var expected = [Array(".".utf8): assignment.inode]
    for place in tree.childRange(of: directory) {
      expected[tree.name(of: tree.childTable[place]).array] = numbering.inodeOfPlace[place]
    }
    if assignment.place == nil, !treeHasLostAndFound {
      expected[Array("lost+found".utf8)] = InodeNumbering.lostAndFound
    }
    // the parent's number is e2fsck's to check
    found[Array("..".utf8)] = nil
    if found == expected { return }
    let names = Set(found.keys).union(expected.keys)
    let differing = names.filter { found[$0] != expected[$0] }
    let first = differing.min { $0.lexicographicallyPrecedes($1) } ?? []
    throw .directoryDiffers(path: path(assignment), inode: assignment.inode, name: first)
  }

  private func path(_ assignment: InodeNumbering.Assignment) -> [UInt8] {
    InodeNumbering.path(of: assignment.node, in: tree)
  }
}
