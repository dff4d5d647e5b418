// Hard links of a layer: to earlier members, to later ones, and to what lower layers have.

import FlatArrays
import Offsets

extension TreeBuilder {
  /// A link's own owner, mode and times are not used: they are its target's, as tar writes them.
  mutating func putLink(
    _ position: Int,
    _ entry: LayerEntry,
    as name: PooledName,
    in directory: UInt32
  ) throws(TreeError) {
    if table.slice(entry.payload).array == table.path(of: entry) {
      warn(.linkToItself, entry)
      if watch != nil { try noticeIgnored(entry, as: name, in: directory) }
      return
    }
    if let node = try earlierTarget(of: entry) {
      try requireFile(own.kind(of: node), entry)
      compareAttributes(of: entry, with: own.nodes[Int(node)])
      try replace(name, in: directory, by: node, entry)
      return
    }
    // The target may still come in this layer, or be in a lower one: known at the layer's end. Until
    // then the name is free, and whatever comes later for it wins.
    let place = try replace(name, in: directory, by: DraftTree.none, entry)
    deferredLinks[place] = position
  }

  /// Notes a link that says something else about itself than its target does: some tools take that
  /// for the target's new attributes.
  private mutating func compareAttributes(of link: LayerEntry, with node: DraftNode) {
    if !isAlike(link, node) { warn(.linkAttributesIgnored, link) }
  }

  /// Whether a hard link of the layer says of itself what its target, `node`, is.
  func isAlike(_ link: LayerEntry, _ node: DraftNode) -> Bool {
    let table = layers[Int(node.layer)]
    let target = table.entries[Int(node.entry)]
    var expected = target.attributes
    // What mode a symbolic link has is up to whoever wrote the archive.
    if node.kind == .symbolicLink { expected.mode = link.mode }
    return link.attributes == expected
      && self.table.slice(link.extendedAttributes) == table.slice(target.extendedAttributes)
  }

  private func requireFile(_ kind: NodeKind, _ entry: LayerEntry) throws(TreeError) {
    guard kind == .directory else { return }
    throw .hardLinkToDirectory(
      path: table.path(of: entry),
      target: table.slice(entry.payload).array,
      layer: Int(layer),
      member: entry.header
    )
  }

  /// The link's target as the layer alone has it so far.
  private func earlierTarget(of entry: LayerEntry) throws(TreeError) -> UInt32? {
    let end = paths.end(
      of: PooledName(layer: layer, range: entry.payload),
      from: DraftTree.root
    ) { (directory, name, isLast) in
      if let node = own.node(name, in: directory) {
        return step(to: node, own.nodes[Int(node)], isLast: isLast)
      }
      // The way that the target itself took, in an added layer: in an image's own, links of lower layers
      // are looked at when the layer is whole.
      guard role != .image, !isLast, own.place(of: name, in: directory) == nil,
        let lower = lowerNode(name, in: directory), merged.kind(of: lower) == .symbolicLink,
        meaning(ofLowerLink: lower, name, isInRoot: directory == DraftTree.root) == .followed
      else { return .nowhere }
      return .link(target: target(of: merged.nodes[Int(lower)]))
    }
    return try found(end, entry)
  }

  /// The last component of a link's target is not followed: a symbolic link can have two names.
  private func step<Place>(to place: Place, _ node: DraftNode, isLast: Bool) -> PathStep<Place> {
    if isLast || node.kind == .directory { return .place(place) }
    return node.kind == .symbolicLink ? .link(target: target(of: node)) : .nowhere
  }
}

// MARK: - At the layer's end

extension TreeBuilder {
  /// A node as the layer or, where that has none, the layers below have it.
  private struct Found {
    /// In `own`, or `none`.
    var own: UInt32
    /// In `merged`: the lower directory of the same path, or what was found there.
    var lower: UInt32
  }

  private enum Target {
    case found(Found)
    /// Through this place, whose own target is not known yet.
    case waits(for: Int)
    case missing
  }

  /// Settles all links whose targets had not come before them.
  mutating func linkDeferred() throws(TreeError) {
    if deferredLinks.isEmpty { return }
    for first in placesOfDeferredLinks() {
      // Links that wait for each other, the one to settle first at the end.
      var chain = [first]
      var waiting: Set = [first]
      while let place = chain.last {
        let next = try settle(place)
        if let next {
          guard waiting.insert(next).inserted else {
            throw failure(of: place, TreeError.hardLinkLoop)
          }
          chain.append(next)
        } else {
          deferredLinks[place] = nil
          chain.removeLast()
        }
      }
    }
  }

  /// In the order of their entries, without those in directories that a later entry replaced.
  private func placesOfDeferredLinks() -> [Int] {
    var places: [Int] = []
    var directories = [DraftTree.root]
    while let directory = directories.popLast() {
      for place in own.places(in: directory) {
        let node = own.names[place].node
        if node == DraftTree.none {
          places.append(place)
        } else if own.kind(of: node) == .directory {
          directories.append(node)
        }
      }
    }
    return places.sorted { deferredLinks[$0, default: 0] < deferredLinks[$1, default: 0] }
  }

  /// Makes the link at `place`, or says which link must be made before it.
  private mutating func settle(_ place: Int) throws(TreeError) -> Int? {
    // Settled already, or overtaken by a later entry of the same name.
    guard let position = deferredLinks[place] else { return nil }
    let entry = table.entries[position]
    switch try target(of: entry) {
    case .waits(let other):
      return other
    case .found(let found) where found.own != DraftTree.none:
      try requireFile(own.kind(of: found.own), entry)
      // One that came earlier was not found then because a lower layer's link leads to it.
      let target = own.nodes[Int(found.own)]
      let isEarlier = target.layer == layer && target.entry < UInt32(position)
      if !isEarlier { warn(.linkBeforeTarget, entry) }
      compareAttributes(of: entry, with: target)
      own.setNode(found.own, at: place)
    case .found(let found):
      try link(place, to: found.lower, entry)
    case .missing:
      try settleMissing(place, position, entry)
    }
    return nil
  }

  /// Makes a link whose target neither the layer nor those below it have now.
  private mutating func settleMissing(
    _ place: Int,
    _ position: Int,
    _ entry: LayerEntry
  ) throws(TreeError) {
    if let hidden = try hiddenTarget(of: entry) {
      warn(.linkToHiddenTarget, entry)
      try link(place, to: hidden, entry)
    } else if showsMarks {
      warn(.linkToLowerLayer, entry)
      own.setNode(try own.addNode(.regular, layer: layer, entry: UInt32(position)), at: place)
    } else {
      throw failure(of: place, TreeError.hardLinkTargetMissing)
    }
  }

  /// Gives the layer a name for a file of the layers below.
  private mutating func link(_ place: Int, to lower: UInt32, _ entry: LayerEntry) throws(TreeError)
  {
    let node = merged.nodes[Int(lower)]
    try requireFile(node.kind, entry)
    compareAttributes(of: entry, with: node)
    let new = try own.addNode(node.kind, layer: node.layer, entry: node.entry, lower: lower)
    own.setNode(new, at: place)
  }

  /// The error of a link that has no file, at its name's place.
  private func failure(
    of place: Int,
    _ error: ([UInt8], [UInt8], Int, TarOffset) -> TreeError
  ) -> TreeError {
    let entry = table.entries[deferredLinks[place] ?? 0]
    return error(
      table.path(of: entry),
      table.slice(entry.payload).array,
      Int(layer),
      entry.header
    )
  }

  /// The link's target in the whole layer, laid over the layers below.
  private func target(of entry: LayerEntry) throws(TreeError) -> Target {
    var waitsFor: Int?
    let end = paths.end(
      of: PooledName(layer: layer, range: entry.payload),
      from: Found(own: DraftTree.root, lower: DraftTree.root)
    ) { (directory, name, isLast) in
      if directory.own != DraftTree.none, let place = own.place(of: name, in: directory.own) {
        let id = own.names[place].node
        if id == DraftTree.none {
          waitsFor = place
          return .nowhere
        }
        let node = own.nodes[Int(id)]
        return step(to: Found(own: id, lower: node.lower), node, isLast: isLast)
      }
      guard directory.lower != DraftTree.none,
        let lower = merged.node(name, in: directory.lower)
      else { return .nowhere }
      let found = Found(own: DraftTree.none, lower: lower)
      return step(to: found, merged.nodes[Int(lower)], isLast: isLast)
    }
    if let waitsFor { return .waits(for: waitsFor) }
    return try found(end, entry).map(Target.found) ?? .missing
  }

  /// The link's target in the layers below as they were before this one.
  private func hiddenTarget(of entry: LayerEntry) throws(TreeError) -> UInt32? {
    let end = paths.end(
      of: PooledName(layer: layer, range: entry.payload),
      from: DraftTree.root
    ) { (directory, name, isLast) in
      guard let node = merged.node(name, in: directory, before: layer) else {
        return .nowhere
      }
      return step(to: node, merged.nodes[Int(node)], isLast: isLast)
    }
    return try found(end, entry)
  }
}
