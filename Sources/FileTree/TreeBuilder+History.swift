// Merging to find out about one path: the same merge, with somebody watching. Nothing of this costs a
// merge anything that nobody watches.

import FlatArrays

extension TreeBuilder {
  /// What `layers`, base first, do to `path`, which is in normal form and counted from the root.
  ///
  /// Merges as `merge` does with the same arguments: only those entries that have to do with the path,
  /// where that can be told from their names alone and not `mergesEverything`. Of one layer at most some
  /// hundred events are told.
  ///
  /// - Throws: what `merge` throws. Telling which links the members were led through has a bound as
  ///   large as that of leading them, and beyond it `.tooManyLinkBytes` too.
  package static func history(
    of path: [UInt8],
    in layers: [LayerTable],
    lowerLinks: LowerLinkPolicy = .replace,
    roles: [LayerRole] = [],
    limits: TreeLimits = TreeLimits(),
    mergesEverything: Bool = false
  ) throws(TreeError) -> PathHistory {
    let isExcerpt = !mergesEverything && roles.allSatisfy { $0 == .image }
    let excerpt = isExcerpt ? PathExcerpt.tables(of: path, in: layers) : nil
    var builder = try TreeBuilder(
      layers: excerpt ?? layers,
      lowerLinks: lowerLinks,
      roles: roles,
      limits: limits,
      watching: path
    )
    for index in layers.indices {
      try builder.apply(UInt16(index))
    }
    var events = builder.watch?.events ?? []
    if path.isEmpty, !layers.isEmpty, !events.contains(where: { $0.rules == [.rootEntry] }) {
      let root = builder.content(of: builder.merged.nodes[Int(DraftTree.root)])
      let implied = PathEvent(layer: nil, path: [], change: .put(root), rules: [.impliedRoot])
      events.insert(implied, at: 0)
    }
    return PathHistory(path: path, events: events)
  }

  /// Says what the layer, read and not yet laid over those below, does to the watched path.
  mutating func explainLayer() {
    guard let watch else { return }
    let events = PathExplanation(self, watch).events
    self.watch?.endLayer(events)
  }

  /// What a node of a draft is, for people.
  func content(of node: DraftNode) -> PathContent {
    guard node.entry != Node.implicitEntry else {
      return PathContent(
        kind: node.kind,
        layer: Int(node.layer),
        member: nil,
        attributes: .implicitDirectory,
        byteCount: 0
      )
    }
    let entry = layers[Int(node.layer)].entries[Int(node.entry)]
    return PathContent(
      kind: node.kind,
      layer: Int(node.layer),
      member: entry.header,
      attributes: entry.attributes,
      byteCount: node.kind == .regular ? entry.size : 0
    )
  }

  /// The nodes of a draft along the watched path, the root first, as far as there are any.
  func chain(in draft: DraftTree) -> [UInt32] {
    var chain = [DraftTree.root]
    for name in watch?.components ?? [] {
      let last = chain[chain.count - 1]
      guard draft.kind(of: last) == .directory, let next = draft.node(name, in: last) else { break }
      chain.append(next)
    }
    return chain
  }
}

// MARK: - What is put

extension TreeBuilder {
  /// Notes that an entry put `node`, or nothing yet, as `name` in a directory of the layer's own tree.
  mutating func notice(
    _ node: UInt32,
    as name: PooledName,
    in directory: UInt32,
    by entry: LayerEntry,
    displacing: Bool
  ) throws(TreeError) {
    guard let level = watchedLevel(of: name, in: directory) else { return }
    var placement = PathWatch.Placement(entry: entry, level: level, displaces: displacing)
    if node != DraftTree.none, own.kind(of: node) == .directory {
      watch?.note(directory: node, at: level)
      placement.isImplied = own.nodes[Int(node)].entry == Node.implicitEntry
    }
    // A path may lead through thousands of directories: where nothing stands in one's way, making it is
    // nothing to tell.
    let isOnTheWay = placement.isImplied && level < watch?.components.count ?? 0
    let isFree = lowerNode(name, in: directory).map { merged.kind(of: $0) == .directory } ?? true
    if isOnTheWay, isFree, !displacing { return }
    try note(placement)
  }

  /// Notes that an entry gave attributes to a directory of the layer's own tree.
  mutating func noticeAttributes(
    of directory: UInt32,
    by entry: LayerEntry
  ) throws(TreeError) {
    guard let level = watch?.levels[directory] else { return }
    try note(PathWatch.Placement(entry: entry, level: level))
  }

  /// Notes that an entry for `name` in a directory of the layer's own tree has no effect.
  mutating func noticeIgnored(
    _ entry: LayerEntry,
    as name: PooledName,
    in directory: UInt32
  ) throws(TreeError) {
    guard let level = watchedLevel(of: name, in: directory) else { return }
    try note(PathWatch.Placement(entry: entry, level: level, isIgnored: true))
  }

  private func watchedLevel(of name: PooledName, in directory: UInt32) -> Int? {
    guard let level = watch?.levels[directory], let components = watch?.components,
      level < components.count, own.bytes(of: name) == own.bytes(of: components[level])
    else { return nil }
    return level + 1
  }

  private mutating func note(_ placement: PathWatch.Placement) throws(TreeError) {
    var placement = placement
    let path = table.path(of: placement.entry)
    let direct = watch?.prefix(placement.level) ?? []
    let isDirect = placement.isImplied ? path.starts(with: direct) : path == direct
    if !isDirect {
      // An added layer's directory may itself have been led somewhere.
      let entry = placement.entry
      let last = entry.kind == .directory ? PooledName(layer: layer, range: entry.name) : nil
      placement.links = try links(of: entry, then: last, from: DraftTree.root) {
        (directory, name) in
        self.step(name, in: directory)
      }
    }
    watch?.note(placement)
  }

  /// Where `enter` led, or would lead, without making anything.
  private func step(_ name: PooledName, in directory: UInt32) -> PathStep<UInt32> {
    if let node = own.node(name, in: directory) {
      switch own.kind(of: node) {
      case .directory: return .place(node)
      case .symbolicLink: return .link(target: target(of: own.nodes[Int(node)]))
      default: return .nowhere
      }
    }
    guard let lower = lowerNode(name, in: directory), merged.kind(of: lower) == .symbolicLink,
      meaning(ofLowerLink: lower, name, isInRoot: directory == DraftTree.root) == .followed
    else { return .nowhere }
    return .link(target: target(of: merged.nodes[Int(lower)]))
  }

  /// The symbolic links that a path of the layer leads through.
  private func links<Place>(
    of entry: LayerEntry,
    then last: PooledName? = nil,
    from root: Place,
    step: (Place, PooledName) -> PathStep<Place>
  ) throws(TreeError) -> [PassedLink] {
    // How the walk came to each place: from which other one, and by which name.
    var ways: [(from: Int, name: PooledName)] = []
    var links: [PassedLink] = []
    func path(to last: PooledName, from way: Int) -> [UInt8] {
      var names = [own.bytes(of: last).array]
      var way = way
      while way >= 0 {
        names.append(own.bytes(of: ways[way].name).array)
        way = ways[way].from
      }
      return Array(names.reversed().joined(separator: [UInt8(ascii: "/")]))
    }
    let end = watchedPaths.end(
      of: PooledName(layer: layer, range: entry.directory),
      then: last,
      from: (place: root, way: -1)
    ) { (at, name, _) in
      switch step(at.place, name) {
      case .nowhere: return .nowhere
      case .place(let place):
        ways.append((at.way, name))
        return .place((place, ways.count - 1))
      case .link(let target):
        let bytes = own.bytes(of: target).array
        let link = path(to: name, from: at.way)
        links.append(PassedLink(path: link, target: bytes, layer: Int(target.layer)))
        return .link(target: target)
      }
    }
    if case .overBudget = end { throw tooManyLinkBytes(watchedPaths, entry) }
    return links
  }
}

// MARK: - What is hidden

extension TreeBuilder {
  /// Notes what whiteouts and opaque marks are about to do to the watched path.
  ///
  /// `directories` are those that they are about.
  mutating func notice(_ hiding: [LayerEntry], in directories: [Sides?]) throws(TreeError) {
    let lower = chain(in: merged)
    let levels = Dictionary(lower.indices.map { (lower[$0], $0) }) { first, _ in first }
    for (entry, directory) in zip(hiding, directories) {
      let level = directory.flatMap { levels[$0.lower] }
      guard let effect = effect(of: entry, in: directory, at: level, lower) else { continue }
      var hiding = PathWatch.Hiding(entry: entry, effect: effect)
      if !(watch?.path ?? []).starts(with: table.path(of: entry)) {
        let root = Sides(own: DraftTree.root, lower: DraftTree.root)
        hiding.links = try links(of: entry, from: root) { (sides, name) in
          self.step(name, from: sides)
        }
      }
      watch?.note(hiding)
    }
  }

  /// `level` is how deep the directory lies on the watched path, if it does; `lower` the layers below
  /// along that path.
  private func effect(
    of entry: LayerEntry,
    in directory: Sides?,
    at level: Int?,
    _ lower: [UInt32]
  ) -> PathWatch.Hiding.Effect? {
    guard let components = watch?.components else { return nil }
    let isThere = lower.count == components.count + 1
    if let level {
      if entry.kind == .opaque {
        let isDirectory = merged.kind(of: lower[lower.count - 1]) == .directory
        let isAbout = level < components.count || isDirectory
        return isThere && isAbout ? .level(level + 1) : nil
      }
      guard level < components.count, hasName(of: components[level], entry) else { return nil }
      if isThere { return .level(level + 1) }
      return level == components.count - 1 ? .nothing : nil
    }
    // It leads elsewhere or nowhere; it matters if it means the path.
    guard let last = components.last, entry.kind == .whiteout, hasName(of: last, entry),
      table.path(of: entry) == watch?.path ?? []
    else { return nil }
    return directory == nil ? .nowhere : .nothing
  }

  private func hasName(of component: PooledName, _ entry: LayerEntry) -> Bool {
    table.slice(entry.name) == own.bytes(of: component)
  }
}
