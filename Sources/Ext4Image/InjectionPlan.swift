// What adding a tree to an image means: which directories are there, which have to be made, which
// files take the place of others. Decides everything before anything is written, and writes
// nothing.
// Source: docs/SEMANTICS.md, "Added layers".

import FileTree
import FlatArrays

/// The names to be added to an image, each behind the directory that it goes into.
struct InjectionPlan: Sendable {
  enum Directory: Hashable, Sendable {
    /// An inode of the image.
    case existing(UInt32)
    /// An item of the plan.
    case made(Int)
  }

  /// A file that loses a name.
  struct Replaced: Hashable, Sendable {
    var number: UInt32
    /// The file goes with this name.
    var isLastName: Bool
    /// The file's block of attributes; 0: none.
    var attributeBlock: UInt64
    /// No other file has the block any more.
    var freesAttributeBlock: Bool
  }

  struct Item: Sendable {
    var directory: Directory
    var name: [UInt8]
    /// Where it will be in the image, for messages.
    var path: [UInt8]
    var node: NodeID
    /// The item whose file this is a further name of.
    var linkedTo: Int?
    var replaced: Replaced?
  }

  fileprivate(set) var items: [Item] = []
  /// Directories of the image that the tree says something about.
  fileprivate(set) var changed: [UInt32: Change] = [:]
  /// Bytes of blocks of attributes that lose some of their files.
  fileprivate(set) var patches: [LinkJoining.Patch] = []
  fileprivate(set) var freedInodeCount: UInt64 = 0
  fileprivate(set) var freedBlockCount: UInt64 = 0

  struct Change: Sendable {
    var node: NodeID
    var path: [UInt8]
  }

  var isEmpty: Bool { items.isEmpty && changed.isEmpty }

  /// Names of each new file.
  var linkCounts: [NodeID: UInt64] {
    items.reduce(into: [:]) { $0[$1.node, default: 0] += 1 }
  }

  /// - Throws: `.injection` for places that cannot be taken, `.malformedImage`, `.systemCall`.
  init(
    of tree: Tree,
    in reader: Ext4ImageReader,
    followingLinks: Bool,
    keepingDirectories: Bool
  ) throws(Ext4Error) {
    var planner = InjectionPlanner(
      tree: tree,
      reader: reader,
      followingLinks: followingLinks,
      keepingDirectories: keepingDirectories
    )
    try planner.run()
    self = planner.plan
  }

  fileprivate init() {}
}

private struct InjectionPlanner {
  let tree: Tree
  var reader: Ext4ImageReader
  let followingLinks: Bool
  let keepingDirectories: Bool
  var plan = InjectionPlan()

  /// A directory of the tree, and where it is in the image.
  private struct Level {
    var node: NodeID
    var directory: InjectionPlan.Directory
    var path: [UInt8]
  }

  /// A name in a directory.
  private struct Place: Hashable {
    var directory: InjectionPlan.Directory
    var name: [UInt8]
  }

  private var pending: [Level] = []
  private var taken: [Place: Int] = [:]
  private var firstItems: [NodeID: Int] = [:]
  /// How many names each file loses.
  private var dropped: [UInt32: UInt64] = [:]
  /// How many files each block of attributes loses.
  private var droppedBlocks: [UInt64: UInt32] = [:]

  init(
    tree: Tree,
    reader: Ext4ImageReader,
    followingLinks: Bool,
    keepingDirectories: Bool
  ) {
    self.tree = tree
    self.reader = reader
    self.followingLinks = followingLinks
    self.keepingDirectories = keepingDirectories
  }

  mutating func run() throws(Ext4Error) {
    let root = Ext4ImageReader.root
    change(root, to: .root, at: [])
    pending.append(Level(node: .root, directory: .existing(root), path: []))
    while let level = pending.popLast() { try add(level) }
    for (block, count) in droppedBlocks.sorted(by: { $0.key < $1.key }) {
      try patch(block, losing: count)
    }
  }

  private mutating func add(_ level: Level) throws(Ext4Error) {
    let children = tree.children(of: tree[level.node])
    var present: [[UInt8]: UInt32] = [:]
    if case .existing(let number) = level.directory {
      let names = Set(children.map { tree.name(of: $0).array })
      present = try reader.children(names, of: reader.inode(number))
    }
    for child in children {
      let name = tree.name(of: child).array
      let path = level.path + (level.path.isEmpty ? [] : [UInt8(ascii: "/")]) + name
      let item = InjectionPlan.Item(
        directory: level.directory,
        name: name,
        path: path,
        node: child.node
      )
      if tree[child.node].kind == .directory {
        try addDirectory(item, present[name])
      } else {
        try addFile(item, present[name])
      }
    }
  }

  // MARK: Directories

  private mutating func addDirectory(
    _ item: InjectionPlan.Item,
    _ present: UInt32?
  ) throws(Ext4Error) {
    let place = Place(directory: item.directory, name: item.name)
    if let index = taken[place] {
      // the same directory by two ways, one of them through a link
      guard tree[plan.items[index].node].kind == .directory else {
        throw .injection(.addedTwice(path: item.path))
      }
      if isExplicit(item.node) { plan.items[index].node = item.node }
      enter(item, .made(index), at: item.path)
    } else if let present {
      let (number, path) = try existingDirectory(present, item)
      change(number, to: item.node, at: path)
      enter(item, .existing(number), at: path)
    } else {
      taken[place] = plan.items.count
      enter(item, .made(plan.items.count), at: item.path)
      plan.items.append(item)
    }
  }

  private mutating func enter(
    _ item: InjectionPlan.Item,
    _ directory: InjectionPlan.Directory,
    at path: [UInt8]
  ) {
    pending.append(Level(node: item.node, directory: directory, path: path))
  }

  private mutating func change(_ number: UInt32, to node: NodeID, at path: [UInt8]) {
    if keepingDirectories { return }
    if isExplicit(node) { plan.changed[number] = InjectionPlan.Change(node: node, path: path) }
  }

  /// A directory that only stands on the way to something says nothing of its own.
  private func isExplicit(_ node: NodeID) -> Bool { tree[node].entry != Node.implicitEntry }

  private mutating func existingDirectory(
    _ number: UInt32,
    _ item: InjectionPlan.Item
  ) throws(Ext4Error) -> (UInt32, [UInt8]) {
    let inode = try reader.inode(number)
    if inode.isDirectory { return (number, item.path) }
    guard inode.isSymbolicLink else {
      throw .injection(
        .parentIsNotADirectory(
          path: firstPath(below: item.node),
          parent: item.path
        )
      )
    }
    let target = try reader.target(of: inode)
    let end = try reader.lookUp(item.path, followingLast: true)
    let leadsTo = end.map { Array($0.path.joined(separator: [UInt8(ascii: "/")])) }
    guard let end, let leadsTo, end.inode.isDirectory, isFollowed(item, target) else {
      throw .injection(
        .linkOnTheWay(
          path: firstPath(below: item.node),
          link: item.path,
          target: target,
          leadsTo: leadsTo
        )
      )
    }
    return (end.number, leadsTo)
  }

  /// The first file that would go below a directory of the tree, for messages.
  private func firstPath(below node: NodeID) -> [UInt8] {
    let start = InodeNumbering.path(of: node, in: tree)
    let first = tree.walk(from: node, prefix: start).first { tree[$0.node].kind != .directory }
    return first?.path ?? start
  }

  /// A link `NAME` of the root to `usr/NAME` is the same place to everybody since distributions
  /// merged the two.
  private func isFollowed(_ link: InjectionPlan.Item, _ target: [UInt8]) -> Bool {
    let merged = Array("usr/".utf8) + link.name
    let isMerged =
      link.directory == .existing(Ext4ImageReader.root)
      && (target == merged || target == [UInt8(ascii: "/")] + merged)
    return followingLinks || isMerged
  }

  // MARK: Files

  private mutating func addFile(
    _ item: InjectionPlan.Item,
    _ present: UInt32?
  ) throws(Ext4Error) {
    let place = Place(directory: item.directory, name: item.name)
    if taken[place] != nil { throw .injection(.addedTwice(path: item.path)) }
    var item = item
    if let present { item.replaced = try replaced(present, by: item) }
    item.linkedTo = firstItems[item.node]
    taken[place] = plan.items.count
    firstItems[item.node] = item.linkedTo ?? plan.items.count
    plan.items.append(item)
  }

  private mutating func replaced(
    _ number: UInt32,
    by item: InjectionPlan.Item
  ) throws(Ext4Error) -> InjectionPlan.Replaced {
    let inode = try reader.inode(number)
    if inode.isDirectory { throw .injection(.directoryInTheWay(path: item.path)) }
    let count = (dropped[number] ?? 0) + 1
    // the file system's own inodes have no names
    guard number >= reader.superblock.firstInode, count <= UInt64(inode.linkCount) else {
      throw .malformedImage(what: "a name of inode \(number), which has none", byte: 0)
    }
    dropped[number] = count
    var replaced = InjectionPlan.Replaced(
      number: number,
      isLastName: count == UInt64(inode.linkCount),
      attributeBlock: inode.attributeBlock,
      freesAttributeBlock: false
    )
    if replaced.isLastName {
      plan.freedInodeCount += 1
      // units of 512 bytes
      plan.freedBlockCount += inode.sectorCount >> UInt64(reader.superblock.blockShift - 9)
      replaced.freesAttributeBlock = try dropAttributeBlock(of: inode)
    }
    return replaced
  }

  // MARK: Blocks of attributes

  /// - Returns: Whether no file has the block any more.
  private mutating func dropAttributeBlock(of inode: Ext4Inode) throws(Ext4Error) -> Bool {
    guard let block = try reader.attributeBlock(of: inode) else { return false }
    let count = (droppedBlocks[inode.attributeBlock] ?? 0) + 1
    droppedBlocks[inode.attributeBlock] = count
    return count >= block.little(UInt32.self, at: 4)
  }

  /// Writes a smaller count of files into a block, and the checksum of it.
  ///
  /// Source: Linux Documentation/filesystems/ext4/attributes.rst, checksums.rst.
  private mutating func patch(_ number: UInt64, losing count: UInt32) throws(Ext4Error) {
    let old = try reader.block(number)
    let (left, underflow) = old.little(UInt32.self, at: 4).subtractingReportingOverflow(count)
    if left == 0 || underflow { return }
    var new = old
    new.replaceSubrange(4..<8, with: left.littleEndianBytes)
    if let seed = reader.superblock.checksumSeed {
      new.replaceSubrange(16..<20, with: UInt32(0).littleEndianBytes)
      let sum = CRC32C.update(CRC32C.update(seed, number.littleEndianBytes), new)
      new.replaceSubrange(16..<20, with: sum.littleEndianBytes)
    }
    for offset in new.indices where new[offset] != old[offset] {
      plan.patches.append(.init(block: number, offset: offset, byte: new[offset]))
    }
  }
}

extension FixedWidthInteger {
  fileprivate var littleEndianBytes: [UInt8] {
    withUnsafeBytes(of: littleEndian) { Array($0) }
  }
}
