// Hard links of a layer: to earlier members, to later ones, and to what lower layers have.

import FlatArrays

extension TreeBuilder {
  /// A link's own owner, mode and times are not used: they are its target's, as tar writes them.
  mutating func putLink(
    _ position: Int,
    _ entry: LayerEntry,
    as name: ByteSlice,
    in directory: UInt32
  ) throws(TreeError) {
    let target = table.slice(entry.payload)
    if target.array == table.path(of: entry) {
      warn(.linkToItself, entry)
      return
    }
    if let found = find(target), draft.names[found].layer == layer,
      draft.names[found].node != DraftTree.none
    {
      try link(entry, as: name, in: directory, to: draft.names[found].node)
      return
    }
    // The target may still come in this layer, or be in a lower one: known at the layer's end. Until
    // then the name is free, and whatever comes later for it wins.
    warnIfTaken(name, in: directory, entry)
    try replace(name, in: directory, by: DraftTree.none)
    guard let place = draft.place(of: name, in: directory) else { return }
    draft.forgetHidden(place)
    deferredLinks.append(DeferredLink(entry: position, directory: directory, place: place))
  }

  private mutating func link(
    _ entry: LayerEntry,
    as name: ByteSlice,
    in directory: UInt32,
    to node: UInt32
  ) throws(TreeError) {
    guard draft.nodes[Int(node)].kind != .directory else {
      throw .hardLinkToDirectory(
        path: table.path(of: entry),
        target: table.slice(entry.payload).array,
        layer: Int(layer),
        member: entry.header
      )
    }
    warnIfTaken(name, in: directory, entry)
    try replace(name, in: directory, by: node)
  }

  /// Links to later members, to lower layers, and to other deferred links, until none is left.
  mutating func linkDeferred() throws(TreeError) {
    var waiting = deferredLinks
    deferredLinks = []
    while !waiting.isEmpty {
      var stillWaiting: [DeferredLink] = []
      for deferred in waiting where try !resolve(deferred) {
        stillWaiting.append(deferred)
      }
      if stillWaiting.count == waiting.count, let first = stillWaiting.first {
        let entry = table.entries[first.entry]
        throw .hardLinkTargetMissing(
          path: table.path(of: entry),
          target: table.slice(entry.payload).array,
          layer: Int(layer),
          member: entry.header
        )
      }
      waiting = stillWaiting
    }
  }

  /// Whether the link is settled: made, or overtaken by a later entry of the same name.
  private mutating func resolve(_ deferred: DeferredLink) throws(TreeError) -> Bool {
    let entry = table.entries[deferred.entry]
    let name = draft.names[deferred.place]
    if name.node != DraftTree.none { return true }
    let path = table.slice(entry.payload)
    var node = DraftTree.none
    if let place = find(path), draft.names[place].node != DraftTree.none {
      if draft.names[place].layer == layer { warn(.linkBeforeTarget, entry) }
      node = draft.names[place].node
    } else if let place = find(path, preferringHidden: true),
      let hidden = presentOrHidden(place, preferringHidden: true)
    {
      warn(.linkToHiddenTarget, entry)
      node = hidden
    }
    if node == DraftTree.none { return false }
    try link(entry, as: name.name, in: deferred.directory, to: node)
    return true
  }

  /// The place of a link's target.
  ///
  /// Symbolic links among its directories are followed, inside the root. `preferringHidden` looks
  /// at the tree as it was before this layer's whiteouts.
  private func find(_ path: ByteSlice, preferringHidden: Bool = false) -> Int? {
    var pending = Array(components(of: path).reversed())
    var ancestors: [UInt32] = [DraftTree.root]
    var linkCount = 0
    while let name = pending.popLast() {
      if name == ".." {
        if ancestors.count > 1 { ancestors.removeLast() }
        continue
      }
      guard let place = draft.place(of: name, in: ancestors[ancestors.count - 1]) else {
        return nil
      }
      if pending.isEmpty { return place }
      guard let node = presentOrHidden(place, preferringHidden: preferringHidden) else {
        return nil
      }
      switch draft.nodes[Int(node)].kind {
      case .directory:
        ancestors.append(node)
      case .symbolicLink:
        linkCount += 1
        if linkCount > Self.linkLimit { return nil }
        let target = target(of: draft.nodes[Int(node)])
        if target.count > 0, target[0] == slash { ancestors = [DraftTree.root] }
        pending += components(of: target).reversed()
      default:
        return nil
      }
    }
    return nil
  }

  private func presentOrHidden(_ place: Int, preferringHidden: Bool) -> UInt32? {
    let name = draft.names[place]
    if preferringHidden, name.hiddenIn == layer { return name.hiddenNode }
    return name.node == DraftTree.none ? nil : name.node
  }
}
