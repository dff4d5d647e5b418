// An image's layers side by side: each alone below `layers`, the tree as of each below `upto`, and all of
// them in `merged`. Knows where a request belongs; TreeFileSystem answers it.

import FileTree
import FlatArrays
package import FuseServer
package import Layers
import Threading

/// All layers of an image as one file system.
///
/// Trees are made when somebody looks into them, on the thread that prepares directories. All together
/// have at most `nodeLimit` nodes; what is beyond that cannot be looked into.
package final class LayersFileSystem: FuseFileSystem {
  private let skeleton: LayersSkeleton
  private let trees: [ShownTree]
  private let make: @Sendable (LayerSelection) throws(LayersError) -> ImageFiles
  private let facts: MountFacts
  private let reportFailure: @Sendable (ReadFailure) -> Void
  private let totals: FuseStatistics
  private let nodeLimit: Int
  private let nodeCount: Mutex<Int>

  /// Shows the layers of `image`, which must have all of them and nothing laid over.
  package convenience init(
    _ image: OpenedImage,
    nodeLimit: Int,
    facts: MountFacts,
    reportFailure: @escaping @Sendable (ReadFailure) -> Void
  ) {
    self.init(
      tables: image.indexes.map(\.table),
      merged: image.files,
      nodeLimit: nodeLimit,
      facts: facts,
      reportFailure: reportFailure
    ) { selection throws(LayersError) in
      try image.showing(selection).files
    }
  }

  init(
    tables: [LayerTable],
    merged: ImageFiles,
    nodeLimit: Int,
    facts: MountFacts,
    reportFailure: @escaping @Sendable (ReadFailure) -> Void,
    make: @escaping @Sendable (LayerSelection) throws(LayersError) -> ImageFiles
  ) {
    let roots = tables.map(\.rootAttributes)
    let skeleton = LayersSkeleton(layerCount: tables.count) { selection in
      let range = selection.range(ofCount: tables.count)
      return roots[range].last { $0 != nil }.flatMap { $0 } ?? .implicitDirectory
    }
    // The last tree but one and the last are the same, at two places.
    let isWhole = { (selection: LayerSelection) in
      selection == .all || selection == .upTo(tables.count - 1)
    }
    trees = skeleton.trees.map { shown in
      guard isWhole(shown.selection) else { return ShownTree(shown) }
      let system = TreeFileSystem(
        files: merged,
        at: shown.place,
        facts: facts,
        reportFailure: reportFailure
      )
      return ShownTree(shown, made: system)
    }
    self.skeleton = skeleton
    self.make = make
    self.facts = facts
    self.reportFailure = reportFailure
    self.nodeLimit = nodeLimit
    nodeCount = Mutex(merged.tree.nodeCount)
    totals = NodeAttributes.statistics(of: merged.tree)
  }

  // MARK: Trees

  private func shown(_ inode: InodeNumber) throws(POSIXErrno) -> ShownTree {
    guard let number = skeleton.tree(of: inode) else { throw .stale }
    return trees[number]
  }

  /// What answers for an inode.
  private func system(of inode: InodeNumber) throws(POSIXErrno) -> TreeFileSystem {
    let shown = try shown(inode)
    switch shown.made(by: makeTree) {
    case .success(let system): return system
    case .failure(let error):
      let path = shown.place.path
      reportFailure(ReadFailure(inode: inode, path: path, offset: 0, node: nil, error: error))
      throw .inputOutput
    }
  }

  private func makeTree(_ shown: ShownTree) -> ShownTree.Outcome {
    Result { () throws(LayersError) in
      let files = try make(shown.selection)
      let isWithin = nodeCount.withLock { count in
        if files.tree.nodeCount > nodeLimit - count { return false }
        count += files.tree.nodeCount
        return true
      }
      guard isWithin else { throw .merge(.tooManyFiles(limit: nodeLimit)) }
      return TreeFileSystem(
        files: files,
        at: shown.place,
        facts: facts,
        reportFailure: reportFailure
      )
    }
  }

  package func isPrepared(_ directory: InodeNumber) -> Bool {
    skeleton.tree(of: directory).map { trees[$0].made != nil } ?? true
  }

  package func prepare(_ directory: InodeNumber) {
    if let number = skeleton.tree(of: directory) { _ = trees[number].made(by: makeTree) }
  }

  // MARK: Directories

  package func lookUp(
    _ name: UnsafeRawBufferPointer,
    in parent: InodeNumber
  ) throws(POSIXErrno) -> FuseAttributes? {
    guard let directory = skeleton.directory(parent) else {
      return try system(of: parent).lookUp(name, in: parent)
    }
    if name.elementsEqual("..".utf8) { return directory.holder }
    return directory.entries.first { name.elementsEqual($0.name) }?.attributes
  }

  package func attributes(of inode: InodeNumber) throws(POSIXErrno) -> FuseAttributes {
    if let directory = skeleton.directory(inode) { return directory.own }
    if let root = try shown(inode).place.frame?.root, root.inode == inode { return root }
    return try system(of: inode).attributes(of: inode)
  }

  /// Cookies: 1 behind `.`, 2 behind `..`, *i* + 3 behind entry *i*.
  package func readDirectory(
    _ directory: InodeNumber,
    after cookie: UInt64,
    into reply: inout DirectoryReplyBuffer
  ) throws(POSIXErrno) {
    guard let known = skeleton.directory(directory) else {
      return try system(of: directory).readDirectory(directory, after: cookie, into: &reply)
    }
    let all =
      [
        LayersSkeleton.Entry(name: Array(".".utf8), attributes: known.own),
        LayersSkeleton.Entry(name: Array("..".utf8), attributes: known.holder),
      ] + known.entries
    for (place, entry) in all.enumerated().dropFirst(Int(clamping: cookie)) {
      let fits = entry.name.withUnsafeBytes {
        reply.append($0, entry.attributes, cookie: UInt64(place) + 1)
      }
      if !fits { return }
    }
  }

  package func copyTarget(
    of link: InodeNumber,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(POSIXErrno) -> Int {
    if skeleton.directory(link) != nil { throw .invalidArgument }
    return try system(of: link).copyTarget(of: link, into: buffer)
  }

  // MARK: Contents

  package func readImmediately(
    _ file: InodeNumber,
    at offset: UInt64,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(POSIXErrno) -> Int? {
    if skeleton.directory(file) != nil { throw .isADirectory }
    return try system(of: file).readImmediately(file, at: offset, into: buffer)
  }

  package func read(
    _ file: InodeNumber,
    at offset: UInt64,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(POSIXErrno) -> Int {
    if skeleton.directory(file) != nil { throw .isADirectory }
    return try system(of: file).read(file, at: offset, into: buffer)
  }

  // MARK: Attributes

  /// Whether an inode is a directory whose extended attributes nobody has looked for: the skeleton's, and
  /// the roots of trees, which would have to be made.
  private func isBare(_ inode: InodeNumber) throws(POSIXErrno) -> Bool {
    if skeleton.directory(inode) != nil { return true }
    return try shown(inode).place.root == inode
  }

  package func extendedAttribute(
    _ name: UnsafeRawBufferPointer,
    of inode: InodeNumber,
    for caller: FuseCaller,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(POSIXErrno) -> Int? {
    if inode == .root { return facts.copyFailures(name, for: caller, into: buffer) }
    if try isBare(inode) { return nil }
    return try system(of: inode)
      .extendedAttribute(name, of: inode, for: caller, into: buffer)
  }

  package func extendedAttributeNames(
    of inode: InodeNumber,
    for caller: FuseCaller,
    into list: inout ExtendedAttributeList
  ) throws(POSIXErrno) {
    if try isBare(inode) { return }
    try system(of: inode).extendedAttributeNames(of: inode, for: caller, into: &list)
  }

  package func statistics() -> FuseStatistics { totals }
}

extension LayerTable {
  /// What a layer says of the root: the last entry counts.
  fileprivate var rootAttributes: EntryAttributes? {
    entries.last { $0.kind == .directory && $0.directory.count == 0 && $0.name.count == 0 }?
      .attributes
  }
}
