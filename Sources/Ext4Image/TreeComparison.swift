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
    try checkFixed(inode, node, assignment)
    if node.kind == .directory { try checkNames(in: inode, of: node, assignment) }
    // an inode that goes needs no correction
    if assignment.joins != nil { return [] }
    return metadata(inode, node) + (try attributes(inode, node, assignment))
  }

  /// What no command can mend.
  private func checkFixed(
    _ inode: Ext4Inode,
    _ node: Node,
    _ assignment: InodeNumbering.Assignment
  ) throws(Ext4Error) {
    func expect(_ field: String, _ actual: String, _ expected: String) throws(Ext4Error) {
      if actual == expected { return }
      throw .inodeDiffers(
        path: path(assignment),
        inode: assignment.inode,
        field: field,
        expected: expected,
        actual: actual
      )
    }
    if UInt32(inode.type) != node.kind.modeBits {
      try expect("type", octal(inode.type), octal(UInt16(truncatingIfNeeded: node.kind.modeBits)))
    }
    if node.kind == .regular || node.kind == .symbolicLink, inode.size != node.size {
      try expect("size", "\(inode.size)", "\(node.size)")
    }
    let links = linkCount(of: node, assignment)
    if UInt64(inode.linkCount) != links {
      try expect("link count", "\(inode.linkCount)", "\(links)")
    }
    switch node.kind {
    case .symbolicLink:
      let target = try reader.target(of: inode)
      if target != tree.target(of: node).array {
        try expect(
          "target",
          EscapedBytes.string(target),
          EscapedBytes.string(tree.target(of: node).array)
        )
      }
    case .characterDevice, .blockDevice:
      let device = inode.device
      try expect(
        "device",
        "\(device.major):\(device.minor)",
        "\(node.deviceMajor):\(node.deviceMinor)"
      )
    case .directory, .regular, .fifo:
      break
    }
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

  private func metadata(_ inode: Ext4Inode, _ node: Node) -> [InodeSetting] {
    var settings: [InodeSetting] = []
    let mode = UInt16(truncatingIfNeeded: node.kind.modeBits) | node.mode
    if inode.mode != mode { settings.append(.mode(mode)) }
    if inode.uid != node.uid { settings.append(.uid(node.uid)) }
    if inode.gid != node.gid { settings.append(.gid(node.gid)) }
    if node.kind == .symbolicLink, UInt64(inode.linkCount) != UInt64(node.linkCount) {
      settings.append(.linkCount(UInt16(clamping: node.linkCount)))
    }
    let time = Ext4Time(seconds: node.seconds, nanoseconds: node.nanoseconds)
    let present = [
      (InodeTimeField.accessed, inode.accessed), (.changed, inode.changed),
      (.modified, inode.modified),
    ]
    for (field, stored) in present where stored != time {
      if stored.low != time.low { settings.append(.seconds(field, time.low)) }
      settings.append(.extra(field, time.extra))
    }
    return settings
  }

  private func attributes(
    _ inode: Ext4Inode,
    _ node: Node,
    _ assignment: InodeNumbering.Assignment
  ) throws(Ext4Error) -> [InodeSetting] {
    let present = try reader.attributes(of: inode)
    if present.isEmpty, node.extendedAttributes.count == 0 { return [] }
    let wanted = try tree.storedAttributes(of: node) { path(assignment) }
    var settings: [InodeSetting] = []
    for attribute in present
    where !wanted.contains(where: {
      $0.stored.prefix == attribute.prefix && $0.stored.suffix == attribute.suffix
    }) {
      guard attribute.name.allSatisfy(DebugfsBatch.isSafe) else {
        throw .unsafeAttributeName(path: path(assignment), name: attribute.name)
      }
      settings.append(.removeAttribute(name: attribute.name))
    }
    for (stored, plain) in wanted where !present.contains(stored) {
      settings.append(.setAttribute(plain))
    }
    return settings
  }

  private func path(_ assignment: InodeNumbering.Assignment) -> [UInt8] {
    InodeNumbering.path(of: assignment.node, in: tree)
  }

  private func octal(_ number: UInt16) -> String { "0" + String(number, radix: 8) }
}
