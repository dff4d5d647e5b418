// What a layer takes away from those below it: whiteouts and opaque marks, before any of its entries.
// Source: OCI image-spec, layer.md, "Whiteouts".

import FlatArrays

extension TreeBuilder {
  /// Applies the layer's whiteouts and opaque marks to the layers below.
  ///
  /// `own` is the layer read alone.
  mutating func hideLowerNames(_ hiding: [LayerEntry]) throws(TreeError) {
    // Resolve all of them before the first takes effect: one must not depend on another.
    var found: [Sides?] = []
    for entry in hiding { found.append(try directory(of: entry)) }
    if watch != nil { try notice(hiding, in: found) }
    let directories = found.map { $0?.lower ?? DraftTree.none }
    var emptied: Set<UInt32> = []
    for (entry, directory) in zip(hiding, directories) where directory != DraftTree.none {
      if entry.kind == .whiteout {
        let name = PooledName(layer: layer, range: entry.name)
        if let place = merged.place(of: name, in: directory) { merged.hide(place, in: layer) }
      } else if emptied.insert(directory).inserted {
        for place in merged.places(in: directory) {
          merged.hide(place, in: layer)
        }
      }
    }
    for entry in hiding where try directory(of: entry) == nil {
      warn(.whiteoutWithoutDirectory, entry)
    }
  }

  /// A directory as the layer and the layers below have it; either may lack it.
  struct Sides {
    var own: UInt32
    var lower: UInt32
  }

  /// The directory that a whiteout or opaque mark is about; `nil` when it is gone or none.
  func directory(of entry: LayerEntry) throws(TreeError) -> Sides? {
    let end = paths.end(
      of: PooledName(layer: layer, range: entry.directory),
      from: Sides(own: DraftTree.root, lower: DraftTree.root)
    ) { (sides, name, _) in
      step(name, from: sides)
    }
    return try found(end, entry)
  }

  /// A link of this layer is followed, unless it takes the place of a lower directory: what is hidden
  /// below that is gone with it.
  func step(_ name: PooledName, from sides: Sides) -> PathStep<Sides> {
    let lower = sides.lower == DraftTree.none ? nil : merged.node(name, in: sides.lower)
    let lowerKind = lower.map(merged.kind)
    let lowerDirectory = lowerKind == .directory ? lower : nil
    let own = sides.own == DraftTree.none ? nil : own.node(name, in: sides.own)
    if let lower, lowerKind == .symbolicLink, isFollowed(lower, name, from: sides, own: own) {
      return .link(target: target(of: merged.nodes[Int(lower)]))
    }
    guard let own else {
      return lowerDirectory.map { .place(Sides(own: DraftTree.none, lower: $0)) } ?? .nowhere
    }
    switch self.own.kind(of: own) {
    case .directory:
      return .place(Sides(own: own, lower: lowerDirectory ?? DraftTree.none))
    case .symbolicLink where lowerDirectory == nil:
      return .link(target: target(of: self.own.nodes[Int(own)]))
    default:
      return .nowhere
    }
  }

  /// An added layer's directory where a link is leads there, too: see `putDirectory`.
  private func isFollowed(
    _ link: UInt32,
    _ name: PooledName,
    from sides: Sides,
    own: UInt32?
  ) -> Bool {
    let isHeld = own.map { role == .image || self.own.kind(of: $0) != .directory } ?? false
    let isInRoot = sides.lower == DraftTree.root
    return !isHeld && meaning(ofLowerLink: link, name, isInRoot: isInRoot) == .followed
  }
}
