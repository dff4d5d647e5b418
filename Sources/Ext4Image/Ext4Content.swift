// What a tree takes in an ext4 file system beside an empty one, in the order in which mkfs.ext4 -d makes
// it, and bounds for its blocks. Where the blocks go, and so how many there are, knows Ext4Placement.
// Sources: Linux Documentation/filesystems/ext4/{directory,ifork,attributes}.rst; e2fsprogs, misc/create_inode.c.

import FlatArrays
package import FileTree
import Offsets

/// What a tree needs beside an empty file system.
package struct Ext4Content: Hashable, Sendable {
  /// Blocks of 4 KiB that are enough on a file system of any size, by any version of e2fsprogs.
  package private(set) var blockCount: UInt64 = 0
  /// How many of them may turn out not to be needed; 0: the count is exact.
  package private(set) var uncertainBlockCount: UInt64 = 0
  /// Inodes beside the reserved ones that mkfs.ext4 takes.
  package private(set) var inodeCount: UInt64 = 0
  /// Of these, further names of symbolic links: they are given back when the names are joined.
  package private(set) var joinedInodeCount: UInt64 = 0
  /// Blocks that are given back with them.
  package private(set) var joinedBlockCount: UInt64 = 0
  /// Of the blocks, those of extended attributes, which are set after everything else.
  package private(set) var attributeBlockCount: UInt64 = 0
  /// Bytes of the largest regular file.
  package private(set) var largestFile: UInt64 = 0
  /// That file; the root where there is none.
  package private(set) var largestFileNode = NodeID.root
  /// What mkfs.ext4 does below the root, in its order.
  private(set) var steps: [ContentStep] = []

  /// Nothing: a work disk.
  package static var empty: Ext4Content { Ext4Content() }

  private init() {}

  /// `numbering` is the one before links are joined.
  ///
  /// - Throws: what ext4 cannot hold: `.tooManyLinks`, `.symbolicLinkTooLong`, `.fileTooLarge`,
  ///   `.attributesTooLarge`, `.unsafeAttributeName`, `.malformedAccessControlList`,
  ///   `.lostAndFoundIsNotADirectory`, `.sizeTooLarge`.
  package init(of tree: Tree, numbering: InodeNumbering) throws(Ext4Error) {
    try Ext4Limits.checkRoot(of: tree)
    attributeBlockCount = try Self.attributeBlocks(of: .root, in: tree)
    addDirectory(.root, in: tree, existing: 1)
    var walk = ContentWalk(of: tree, numbering: numbering)
    while let name = walk.next() {
      steps.append(try step(for: name, in: tree))
      // checked at each step, so that no sum can overflow
      let limit = Ext4Limits.imageByteCount
      if blockCount > limit >> 12 {
        throw .sizeTooLarge(requested: blockCount << 12, limit: limit)
      }
    }
    blockCount += attributeBlockCount
  }

  private mutating func step(
    for name: ContentWalk.Name,
    in tree: Tree
  ) throws(Ext4Error) -> ContentStep {
    guard let id = name.node else { return ContentStep(kind: .end) }
    var step = ContentStep(kind: .name, entry: name.entryByteCount)
    if !name.isNew { return step }
    let node = tree[id]
    try Ext4Limits.check(node, isLostAndFound: name.isLostAndFound) {
      InodeNumbering.path(of: id, in: tree)
    }
    // a name that will be joined gets no attributes of its own
    if !name.isJoined { attributeBlockCount += try Self.attributeBlocks(of: id, in: tree) }
    if !name.isLostAndFound { inodeCount += 1 }
    if name.isJoined { joinedInodeCount += 1 }
    switch node.kind {
    case .directory:
      // mkfs.ext4 has made four blocks of lost+found
      addDirectory(id, in: tree, existing: name.isLostAndFound ? 4 : 0)
      step.kind = name.isLostAndFound ? .lostAndFound : .directory
    case .regular:
      addFile(node, id)
      (step.kind, step.blocks, step.runs) = (.file, node.dataBlocks, node.dataRuns)
    case .symbolicLink:
      // the inode itself holds up to 59 bytes and an end mark
      step.kind = node.size < 60 ? .shortLink : .longLink
      blockCount += node.size < 60 ? 0 : 1
      joinedBlockCount += node.size < 60 || !name.isJoined ? 0 : 1
    case .characterDevice, .blockDevice, .fifo:
      step.kind = .special
    }
    return step
  }

  private static func attributeBlocks(of id: NodeID, in tree: Tree) throws(Ext4Error) -> UInt64 {
    let node = tree[id]
    if node.extendedAttributes.count == 0 { return 0 }
    let path = { InodeNumbering.path(of: id, in: tree) }
    let attributes = try tree.storedAttributes(of: node, path: path).map(\.stored)
    switch DiskAttribute.placement(of: attributes) {
    case .inode: return 0
    case .inodeAndBlock: return 1
    case .nowhere: throw .attributesTooLarge(path: path())
    }
  }

  /// At least the bytes of all entries; at most each entry in the last block, if it fits there.
  private mutating func addDirectory(_ id: NodeID, in tree: Tree, existing: UInt64) {
    var packed = PackedDirectory(isRoot: id == .root, blockCount: existing, hasChecksum: true)
    var byteCount = 12 + 12
    for child in tree.children(of: tree[id]) {
      if id == .root, tree.name(of: child) == "lost+found" { continue }
      let entry = (8 + Int(child.name.count) + 3) & ~3
      if !packed.add(entry, appending: true) { packed.expand(for: entry) }
      byteCount += entry
    }
    let most = max(UInt64(packed.blockCount), existing)
    let fewest = Ext4Layout.dividedUp(UInt64(byteCount), by: Ext4Layout.blockByteCount)
    let tree = FileBlocks.treeBlocks(ofExtents: most)
    blockCount += most - existing + tree
    uncertainBlockCount += most - max(fewest, existing, 1) + tree
  }

  private mutating func addFile(_ file: Node, _ id: NodeID) {
    if file.size > largestFile { (largestFile, largestFileNode) = (file.size, id) }
    let blocks = UInt64(file.dataBlocks)
    let fewest = max(UInt64(file.dataRuns), blocks / FileBlocks.extentLimit)
    let most = min(blocks, UInt64(file.dataRuns) + Self.breaks(inBlocks: blocks))
    let tree = FileBlocks.treeBlocks(ofExtents: most)
    blockCount += blocks + tree
    uncertainBlockCount += tree - FileBlocks.treeBlocks(ofExtents: fewest)
  }

  /// How often a file of so many blocks is broken by the tables of its groups, and by the length of
  /// an extent.
  private static func breaks(inBlocks blocks: UInt64) -> UInt64 {
    2 * Ext4Layout.dividedUp(blocks, by: Ext4Layout.blocksPerGroup)
  }
}

/// One name, or the end of a directory: 12 bytes.
struct ContentStep: Hashable, Sendable {
  enum Kind: UInt8 {
    /// A file with `blocks` blocks of data in `runs` runs.
    case file
    /// A device or a queue.
    case special
    case shortLink
    /// A symbolic link whose target takes a block.
    case longLink
    /// A further name of a file.
    case name
    case directory
    /// The directory that mkfs.ext4 has made already.
    case lostAndFound
    case end
  }

  var kind: Kind
  /// A quarter of the bytes of the entry in the directory.
  private let entryWords: UInt8
  var blocks: UInt32 = 0
  var runs: UInt32 = 0

  init(kind: Kind, entry: Int = 0) {
    self.kind = kind
    entryWords = UInt8(entry / 4)
  }

  var entryByteCount: Int { Int(entryWords) * 4 }
}

/// The names of a tree in mkfs.ext4's order, and the ends of directories.
private struct ContentWalk {
  struct Name {
    /// `nil`: the end of a directory.
    var node: NodeID?
    /// 8 bytes and the name, padded to 4.
    var entryByteCount = 0
    /// Not a further name of a file that was met before.
    var isNew = false
    /// A further name of a symbolic link, which mkfs.ext4 takes for a link of its own.
    var isJoined = false
    var isLostAndFound = false
  }

  private let tree: Tree
  private let inodeOfPlace: [UInt32]
  private var levels: [Range<Int>]
  private var nextInode: UInt32?
  private var links: Set<NodeID> = []

  init(of tree: Tree, numbering: InodeNumbering) {
    self.tree = tree
    inodeOfPlace = numbering.inodeOfPlace
    levels = [tree.childRange(of: tree[.root])]
  }

  mutating func next() -> Name? {
    guard let places = levels.last else { return nil }
    guard let place = places.first else {
      levels.removeLast()
      return Name()
    }
    levels[levels.count - 1].removeFirst()
    let child = tree.childTable[place]
    let name = tree.name(of: child).array
    let inode = inodeOfPlace[place]
    var found = Name(node: child.node, entryByteCount: (8 + name.count + 3) & ~3)
    found.isLostAndFound = levels.count == 1 && name.elementsEqual("lost+found".utf8)
    // numbers ascend: another than the next one was given to an earlier name
    found.isNew = found.isLostAndFound || inode == nextInode ?? inode
    if found.isNew, !found.isLostAndFound { nextInode = inode + 1 }
    let node = tree[child.node]
    if node.kind == .symbolicLink, node.linkCount > 1 {
      found.isJoined = !links.insert(child.node).inserted
    }
    if node.kind == .directory { levels.append(tree.childRange(of: node)) }
    return found
  }
}
