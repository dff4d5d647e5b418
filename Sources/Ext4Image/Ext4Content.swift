// How many blocks and inodes a tree takes in an ext4 file system: an upper bound that is exact but for
// blocks of zeros, which mkfs.ext4 leaves out and which nobody knows without reading the files.
// Sources: Linux Documentation/filesystems/ext4/{directory,ifork,attributes}.rst; e2fsprogs, misc/create_inode.c.

import FlatArrays
package import FileTree
import Offsets

/// What a tree needs beside an empty file system.
package struct Ext4Content: Hashable, Sendable {
  /// Blocks of 4 KiB.
  package private(set) var blockCount: UInt64 = 0
  /// Inodes beside the reserved ones.
  package private(set) var inodeCount: UInt64 = 0
  /// Bytes of the largest regular file.
  package private(set) var largestFile: UInt64 = 0
  /// That file; the root where there is none.
  package private(set) var largestFileNode = NodeID.root

  /// Nothing: a work disk.
  package static var empty: Ext4Content { Ext4Content() }

  private init() {}

  /// - Throws: what ext4 cannot hold: `.tooManyLinks`, `.symbolicLinkTooLong`, `.fileTooLarge`,
  ///   `.attributesTooLarge`, `.unsafeAttributeName`, `.malformedAccessControlList`,
  ///   `.lostAndFoundIsNotADirectory`.
  package init(of tree: Tree, numbering: InodeNumbering) throws(Ext4Error) {
    for assignment in numbering.assignments {
      try add(assignment, of: tree)
      // checked at each step, so that no sum can overflow
      let limit = Ext4Limits.imageByteCount
      if blockCount > limit >> 12 {
        throw .sizeTooLarge(requested: blockCount << 12, limit: limit)
      }
    }
  }

  private mutating func add(
    _ assignment: InodeNumbering.Assignment,
    of tree: Tree
  ) throws(Ext4Error) {
    let node = tree[assignment.node]
    let isRoot = assignment.place == nil
    let name = assignment.place.map { tree.name(of: tree.childTable[$0]).array } ?? []
    let path = { InodeNumbering.path(of: assignment.node, in: tree) }
    let inRoot = assignment.place.map { tree.childRange(of: tree[.root]).contains($0) } ?? false
    try Ext4Limits.check(node, named: name, inRoot: inRoot, path: path)
    if assignment.inode > InodeNumbering.lostAndFound { inodeCount += 1 }
    blockCount += try attributeBlocks(of: node, in: tree, path: path)
    switch node.kind {
    case .directory:
      let blocks = directoryBlocks(of: node, in: tree, isRoot: isRoot)
      // the empty file system has the root's first block and lost+found's four
      let present: UInt64 = isRoot ? 1 : assignment.inode == InodeNumbering.lostAndFound ? 4 : 0
      blockCount += max(blocks, present) - present + Ext4Layout.extentBlocks(runs: blocks)
    case .regular:
      blockCount += fileBlocks(of: node, in: tree)
      if node.size > largestFile {
        largestFile = node.size
        largestFileNode = assignment.node
      }
    case .symbolicLink:
      // the inode itself holds up to 59 bytes and an end mark
      blockCount += node.size < 60 ? 0 : 1
    case .characterDevice, .blockDevice, .fifo:
      break
    }
  }

  private func attributeBlocks(
    of node: Node,
    in tree: Tree,
    path: () -> [UInt8]
  ) throws(Ext4Error) -> UInt64 {
    if node.extendedAttributes.count == 0 { return 0 }
    let attributes = try tree.storedAttributes(of: node, path: path).map(\.stored)
    switch DiskAttribute.placement(of: attributes) {
    case .inode: return 0
    case .inodeAndBlock: return 1
    case .nowhere: throw .attributesTooLarge(path: path())
    }
  }

  /// Blocks of a directory's entries.
  ///
  /// Entries of 8 bytes and the name, padded to 4, packed in order into blocks that end in a 12-byte
  /// checksum. The first block begins with `.` and `..`, 12 bytes each, and the root's goes on with
  /// lost+found. mkfs takes the first gap that is large enough, which never needs more blocks.
  private func directoryBlocks(of directory: Node, in tree: Tree, isRoot: Bool) -> UInt64 {
    let capacity = 4096 - 12
    var used = 12 + 12 + (isRoot ? 8 + 12 : 0)
    var blocks: UInt64 = 1
    for child in tree.children(of: directory) {
      let entry = (8 + Int(child.name.count) + 3) & ~3
      if used + entry > capacity {
        blocks += 1
        used = 0
      }
      used += entry
    }
    return blocks
  }

  private func fileBlocks(of file: Node, in tree: Tree) -> UInt64 {
    guard tree.isSparse(file) else {
      let blocks = Ext4Layout.dividedUp(file.size, by: Ext4Layout.blockByteCount)
      // blocks of zeros break a run, but each saves more than its share of the extent tree
      return blocks + Ext4Layout.extentBlocks(runs: Ext4Layout.runs(ofFile: blocks))
    }
    var blocks: UInt64 = 0
    var pieces: UInt64 = 0
    var end: UInt64 = 0
    for segment in tree.segments(of: file) where segment.byteCount > 0 {
      let first = max(segment.file.bytes / Ext4Layout.blockByteCount, end)
      let last = (segment.file.bytes &+ segment.byteCount &- 1) / Ext4Layout.blockByteCount
      guard last >= first else { continue }
      blocks += last - first + 1
      pieces += 1
      end = last + 1
    }
    return blocks + Ext4Layout.extentBlocks(runs: pieces + Ext4Layout.runs(ofFile: blocks))
  }
}
