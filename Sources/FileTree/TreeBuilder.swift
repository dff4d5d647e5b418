// Folds layers, base first, into one tree. The only place that knows what a layer does to those below.
// Sources: OCI image-spec, layer.md ("Applying Changesets", "Whiteouts"); docs/SEMANTICS.md for the
// points where other tools disagree.

import FlatArrays
import Offsets

/// A tree and what was odd about its layers.
package struct MergedTree: Sendable {
  package let tree: Tree
  package let warnings: TreeWarnings
}

/// How to read a parent directory that is a symbolic link of a lower layer.
package enum LowerLinkPolicy: Sendable {
  /// A directory takes the link's place, as overlay file systems show it.
  case replace
  /// The entry goes where the link leads, inside the root.
  case follow
}

package struct TreeBuilder {
  var draft = DraftTree()
  var warnings = TreeWarnings()
  let layers: [LayerTable]
  let lowerLinks: LowerLinkPolicy

  // The layer being applied.
  var layer: UInt16 = 0
  var table: LayerTable
  /// The directory that the entry before this one went into: a layer names its siblings in a row.
  var lastParent: (range: PoolRange, node: UInt32)?
  var deferredLinks: [DeferredLink] = []

  /// A hard link whose target has not come yet in its layer.
  struct DeferredLink {
    let entry: Int
    let directory: UInt32
    let place: Int
  }

  /// Merges `layers`, base first.
  ///
  /// - Throws: `TreeError` with the layer and the member's position in its tar stream.
  package static func merge(
    _ layers: [LayerTable],
    lowerLinks: LowerLinkPolicy = .replace
  ) throws(TreeError) -> MergedTree {
    guard let first = layers.first else {
      return MergedTree(
        tree: try TreeFlattening.flatten(DraftTree(), layers: []),
        warnings: .init()
      )
    }
    // A node keeps its layer in 16 bits.
    guard layers.count < Int(UInt16.max) else { throw .treeTooLarge }
    var builder = TreeBuilder(layers: layers, table: first, lowerLinks: lowerLinks)
    for index in layers.indices {
      try builder.apply(UInt16(index))
    }
    return MergedTree(
      tree: try TreeFlattening.flatten(builder.draft, layers: layers),
      warnings: builder.warnings
    )
  }

  private init(layers: [LayerTable], table: LayerTable, lowerLinks: LowerLinkPolicy) {
    self.layers = layers
    self.table = table
    self.lowerLinks = lowerLinks
  }

  /// Whiteouts and opaque marks first, wherever they stand: they act on lower layers only.
  mutating func apply(_ index: UInt16) throws(TreeError) {
    layer = index
    table = layers[Int(index)]
    lastParent = nil
    hideLowerNames()
    for position in table.entries.indices {
      try put(position, table.entries[position])
    }
    try linkDeferred()
  }

  var slash: UInt8 { UInt8(ascii: "/") }

  /// MAXSYMLINKS of Linux.
  static let linkLimit = 40

  mutating func warn(_ kind: TreeWarning.Kind, _ entry: LayerEntry) {
    warnings.note(kind, layer: Int(layer), member: entry.header)
  }
}

// MARK: - Entries

extension TreeBuilder {
  private mutating func put(_ position: Int, _ entry: LayerEntry) throws(TreeError) {
    guard let kind = entry.kind, kind != .whiteout, kind != .opaque else { return }
    if entry.name.count == 0 && entry.directory.count == 0 {
      guard kind == .directory else {
        throw .rootIsNotADirectory(layer: Int(layer), member: entry.header)
      }
      draft.setAttributes(of: DraftTree.root, layer: layer, entry: UInt32(position))
      return
    }
    let directory = try parent(of: entry)
    let name = table.slice(entry.name)
    if kind == .directory {
      try putDirectory(position, entry, as: name, in: directory)
    } else if kind == .hardLink {
      try putLink(position, entry, as: name, in: directory)
    } else {
      try putFile(nodeKind(of: kind), position, entry, as: name, in: directory)
    }
  }

  private func nodeKind(of kind: EntryKind) -> NodeKind {
    switch kind {
    case .symbolicLink: .symbolicLink
    case .characterDevice: .characterDevice
    case .blockDevice: .blockDevice
    case .fifo: .fifo
    case .directory, .whiteout, .opaque: .directory
    case .regular, .hardLink: .regular
    }
  }

  private mutating func putDirectory(
    _ position: Int,
    _ entry: LayerEntry,
    as name: ByteSlice,
    in directory: UInt32
  ) throws(TreeError) {
    if let place = draft.place(of: name, in: directory), draft.names[place].node != DraftTree.none {
      let node = draft.names[place].node
      if draft.nodes[Int(node)].kind == .directory {
        warnIfRepeated(draft.nodes[Int(node)], entry)
        draft.setAttributes(of: node, layer: layer, entry: UInt32(position))
        _ = try draft.put(node, as: name, in: directory, layer: layer)
        return
      }
      if draft.names[place].layer == layer { warn(.duplicateEntry, entry) }
    }
    let node = try draft.addNode(.directory, layer: layer, entry: UInt32(position))
    try replace(name, in: directory, by: node)
  }

  private mutating func warnIfRepeated(_ node: DraftNode, _ entry: LayerEntry) {
    if node.layer == layer, node.entry != Node.implicitEntry { warn(.duplicateEntry, entry) }
  }

  private mutating func putFile(
    _ kind: NodeKind,
    _ position: Int,
    _ entry: LayerEntry,
    as name: ByteSlice,
    in directory: UInt32
  ) throws(TreeError) {
    if kind == .characterDevice, entry.size == 0 { warn(.nullDevice, entry) }
    warnIfTaken(name, in: directory, entry)
    let node = try draft.addNode(kind, layer: layer, entry: UInt32(position))
    try replace(name, in: directory, by: node)
  }

  mutating func warnIfTaken(_ name: ByteSlice, in directory: UInt32, _ entry: LayerEntry) {
    guard let place = draft.place(of: name, in: directory),
      draft.names[place].node != DraftTree.none, draft.names[place].layer == layer
    else { return }
    warn(.duplicateEntry, entry)
  }

  /// Puts a new node; a directory that stood there falls away with all that is in it.
  mutating func replace(
    _ name: ByteSlice,
    in directory: UInt32,
    by node: UInt32
  ) throws(TreeError) {
    if draft.node(name, in: directory) != nil { lastParent = nil }
    _ = try draft.put(node, as: name, in: directory, layer: layer)
  }
}

// MARK: - Parents

extension TreeBuilder {
  private mutating func parent(of entry: LayerEntry) throws(TreeError) -> UInt32 {
    if entry.directory.count == 0 { return DraftTree.root }
    if let lastParent, lastParent.range == entry.directory { return lastParent.node }
    let node = try directory(at: table.slice(entry.directory), for: entry)
    lastParent = (entry.directory, node)
    return node
  }

  /// The directory at `path`, made where it is missing.
  ///
  /// A symbolic link of this layer is followed inside the root; one of a lower layer is replaced,
  /// or followed if so asked.
  private mutating func directory(
    at path: ByteSlice,
    for entry: LayerEntry
  ) throws(TreeError) -> UInt32 {
    var pending = Array(components(of: path).reversed())
    var ancestors: [UInt32] = [DraftTree.root]
    var linkCount = 0
    while let name = pending.popLast() {
      if name == ".." {
        if ancestors.count > 1 { ancestors.removeLast() }
        continue
      }
      let step = try enter(name, in: ancestors[ancestors.count - 1], for: entry)
      switch step {
      case .directory(let node):
        ancestors.append(node)
      case .link(let target):
        linkCount += 1
        if linkCount > Self.linkLimit {
          throw .symbolicLinkLoop(
            path: path.array,
            layer: Int(layer),
            member: entry.header
          )
        }
        if target.count > 0, target[0] == slash { ancestors = [DraftTree.root] }
        pending += components(of: target).reversed()
      }
    }
    return ancestors[ancestors.count - 1]
  }

  private enum Step {
    case directory(UInt32)
    case link(target: ByteSlice)
  }

  private mutating func enter(
    _ name: ByteSlice,
    in directory: UInt32,
    for entry: LayerEntry
  ) throws(TreeError) -> Step {
    if let place = draft.place(of: name, in: directory), draft.names[place].node != DraftTree.none {
      let id = draft.names[place].node
      let node = draft.nodes[Int(id)]
      if node.kind == .directory { return .directory(id) }
      let isOwn = draft.names[place].layer == layer
      if node.kind == .symbolicLink, isOwn || lowerLinks == .follow {
        return .link(target: target(of: node))
      }
      warn(node.kind == .symbolicLink ? .replacedLowerSymbolicLink : .replacedParent, entry)
    }
    let node = try draft.addNode(.directory, layer: layer, entry: Node.implicitEntry)
    try replace(name, in: directory, by: node)
    return .directory(node)
  }

  func target(of link: DraftNode) -> ByteSlice {
    let table = layers[Int(link.layer)]
    return table.slice(table.entries[Int(link.entry)].payload)
  }

  /// The components of a path, without empty ones and `.`.
  func components(of path: ByteSlice) -> [ByteSlice] {
    var result: [ByteSlice] = []
    var start = 0
    for end in 0...path.count where end == path.count || path[end] == slash {
      let component = path.slice(at: start, count: end - start)
      if !component.isEmpty, !(component == ".") { result.append(component) }
      start = end + 1
    }
    return result
  }
}
