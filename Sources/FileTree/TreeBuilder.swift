// Folds layers, base first, into one tree: each layer is read as a tree of its own, in which the last
// member of a name wins; what it hides is taken from the layers below; then it is laid over them.
// Sources: OCI image-spec, layer.md ("Applying Changesets", "Whiteouts"); docs/SEMANTICS.md for the
// points where other tools disagree.

import FlatArrays
import Offsets

/// A tree and what was odd about its layers.
package struct MergedTree: Sendable {
  package let tree: Tree
  package let warnings: TreeWarnings

  package init(tree: Tree, warnings: TreeWarnings) {
    self.tree = tree
    self.warnings = warnings
  }
}

package struct TreeBuilder {
  let layers: [LayerTable]
  let roles: [LayerRole]
  let lowerLinks: LowerLinkPolicy
  /// Whether a layer is looked at alone: its marks are files, and what it says of lower layers is told.
  let showsMarks: Bool
  let limits: TreeLimits
  let paths: PathWalk
  /// The same paths, for telling which links they lead through: counted apart, so that a merge that
  /// somebody watches is bounded like any other.
  let watchedPaths: PathWalk
  var warnings = TreeWarnings()
  /// The layers applied so far, as one.
  var merged: DraftTree

  // The layer being applied: its table, and what it alone puts.
  var layer: UInt16 = 0
  var role = LayerRole.image
  var table = LayerTable()
  var own: DraftTree
  /// The directory that the entry before this one went into: a layer names its siblings in a row.
  var lastParent: (range: PoolRange, node: UInt32)?
  /// Hard links whose targets have not come yet: the link's entry by its name's place in `own`.
  var deferredLinks: [Int: Int] = [:]
  /// Directories of `own` that are not shown, as a name on their path begins with `.wh.`.
  var hiddenDirectories: Set<UInt32> = []
  /// The path that somebody asks about; nobody does in an ordinary merge.
  var watch: PathWatch?

  /// Merges `layers`, base first.
  ///
  /// `roles` says what each layer is; those that it does not reach are an image's own.
  ///
  /// With `showsMarks` whiteouts and opaque marks are shown, as empty files of the names that an archive
  /// has for them, and hide nothing; a hard link to a file of a lower layer is shown as an empty file.
  /// So is looked at one layer, the others being empty tables.
  ///
  /// - Throws: `TreeError` with the layer and the member's position in its tar stream.
  package static func merge(
    _ layers: [LayerTable],
    lowerLinks: LowerLinkPolicy = .replace,
    roles: [LayerRole] = [],
    limits: TreeLimits = TreeLimits(),
    showsMarks: Bool = false
  ) throws(TreeError) -> MergedTree {
    var builder = try TreeBuilder(
      layers: layers,
      lowerLinks: lowerLinks,
      roles: roles,
      limits: limits,
      showsMarks: showsMarks
    )
    for index in layers.indices {
      try builder.apply(UInt16(index))
    }
    let tree = try TreeFlattening.flatten(
      builder.merged,
      layers: builder.layers,
      showsMarks: showsMarks
    )
    return MergedTree(tree: tree, warnings: builder.warnings)
  }

  /// Before the first layer.
  init(
    layers: [LayerTable],
    lowerLinks: LowerLinkPolicy,
    roles: [LayerRole],
    limits: TreeLimits,
    showsMarks: Bool = false,
    watching path: [UInt8]? = nil
  ) throws(TreeError) {
    // A node keeps its layer in 16 bits.
    guard layers.count < Int(UInt16.max) else { throw .treeTooLarge }
    self.showsMarks = showsMarks
    var tables = layers
    if showsMarks {
      for number in tables.indices { tables[number] = try tables[number].showingMarks() }
    }
    self.layers = tables
    self.lowerLinks = lowerLinks
    self.roles = roles
    self.limits = limits
    watch = path.map { PathWatch(path: $0, layerCount: layers.count) }
    let pools = tables.map(\.bytes) + (watch.map { [$0.pool] } ?? [])
    paths = PathWalk(pools: pools, budget: LinkBudget(limits))
    watchedPaths = PathWalk(pools: pools, budget: LinkBudget(limits))
    merged = DraftTree(pools: pools, limits: limits)
    own = DraftTree(pools: pools, limits: limits)
  }

  mutating func apply(_ index: UInt16) throws(TreeError) {
    layer = index
    role = roles.indices.contains(Int(index)) ? roles[Int(index)] : .image
    table = layers[Int(index)]
    let hiding = table.entries.filter(\.isMark)
    if !hiding.isEmpty {
      // Whiteouts act before any entry, but go where the layer's own links lead: read it twice.
      try read(over: DraftTree.none)
      warnings.forget(layer: Int(index))
      try hideLowerNames(hiding)
    }
    try read(over: DraftTree.root)
    try linkDeferred()
    explainLayer()
    try overlay()
    own = DraftTree(pools: paths.pools, limits: limits)
  }

  mutating func warn(_ kind: TreeWarning.Kind, _ entry: LayerEntry) {
    warnings.note(kind, layer: Int(layer), member: entry.header)
  }
}

// MARK: - Overlay

extension TreeBuilder {
  /// Lays the layer's own tree over those below it.
  ///
  /// A directory on a directory keeps what is in the lower one; all else replaces what it meets.
  private mutating func overlay() throws(TreeError) {
    var pending = [(own: DraftTree.root, merged: try mergedNode(of: DraftTree.root))]
    while let directory = pending.popLast() {
      for place in own.places(in: directory.own) where own.names[place].node != DraftTree.none {
        let node = own.names[place].node
        let target = try mergedNode(of: node)
        try merged.put(target, as: own.names[place].name, in: directory.merged)
        if own.kind(of: node) == .directory { pending.append((node, target)) }
      }
    }
  }

  /// The node of the merged tree that stands for a node of the layer: the lower one that it
  /// continues, or a new one, the same for all its names.
  private mutating func mergedNode(of id: UInt32) throws(TreeError) -> UInt32 {
    let node = own.nodes[Int(id)]
    if node.lower == DraftTree.none {
      let new = try merged.addNode(node.kind, layer: node.layer, entry: node.entry)
      own.setLower(of: id, to: new)
      return new
    }
    if node.kind == .directory, node.entry != Node.implicitEntry, role != .directory {
      merged.setAttributes(of: node.lower, layer: node.layer, entry: node.entry)
    }
    return node.lower
  }
}
