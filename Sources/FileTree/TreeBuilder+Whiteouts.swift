// What a layer takes away from those below it: whiteouts and opaque marks, before any of its entries.
// Source: OCI image-spec, layer.md, "Whiteouts".

import FlatArrays

extension TreeBuilder {
  /// Applies the layer's whiteouts and opaque marks to the layers below.
  ///
  /// `own` is the layer read alone.
  mutating func hideLowerNames(_ hiding: [LayerEntry]) {
    // Resolve all of them before the first takes effect: one must not depend on another.
    let directories = hiding.map { directory(of: $0)?.lower ?? DraftTree.none }
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
    for entry in hiding where directory(of: entry) == nil {
      warn(.whiteoutWithoutDirectory, entry)
    }
  }

  /// A directory as the layer and the layers below have it; either may lack it.
  private struct Sides {
    var own: UInt32
    var lower: UInt32
  }

  /// The directory that a whiteout or opaque mark is about; `nil` when it is gone or none.
  private func directory(of entry: LayerEntry) -> Sides? {
    let end = paths.end(
      of: PooledName(layer: layer, range: entry.directory),
      from: Sides(own: DraftTree.root, lower: DraftTree.root)
    ) { (sides, name, _) in
      step(name, from: sides)
    }
    if case .place(let sides) = end { return sides }
    return nil
  }

  /// A link of this layer is followed, unless it takes the place of a lower directory: what is hidden
  /// below that is gone with it.
  private func step(_ name: PooledName, from sides: Sides) -> PathStep<Sides> {
    let lower = sides.lower == DraftTree.none ? nil : merged.node(name, in: sides.lower)
    let lowerKind = lower.map(merged.kind)
    let lowerDirectory = lowerKind == .directory ? lower : nil
    guard let own = sides.own == DraftTree.none ? nil : own.node(name, in: sides.own) else {
      if let lower, lowerKind == .symbolicLink, lowerLinks == .follow {
        return .link(target: target(of: merged.nodes[Int(lower)]))
      }
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
}
