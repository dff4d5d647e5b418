// Reads one layer as a tree of its own, entry by entry in the order of its tar stream.

import FlatArrays

extension TreeBuilder {
  /// Makes `own` from the layer's entries.
  ///
  /// `lowerRoot` is the root of the layers below, or `DraftTree.none` to read the layer as if there
  /// were none.
  mutating func read(over lowerRoot: UInt32) throws(TreeError) {
    own = DraftTree(pools: paths.pools, nameCount: table.entries.count, limits: limits)
    own.setLower(of: DraftTree.root, to: lowerRoot)
    lastParent = nil
    deferredLinks = [:]
    hiddenDirectories = []
    paths.budget.admit(entryCount: table.entries.count)
    watchedPaths.budget.admit(entryCount: table.entries.count)
    watch?.beginReading()
    for position in table.entries.indices {
      try put(position, table.entries[position])
    }
  }

  private mutating func put(_ position: Int, _ entry: LayerEntry) throws(TreeError) {
    guard let kind = entry.kind, kind != .whiteout, kind != .opaque else { return }
    if entry.name.count == 0 && entry.directory.count == 0 {
      guard kind == .directory else {
        throw .rootIsNotADirectory(layer: Int(layer), member: entry.header)
      }
      // The directory that an overlay was made from is not the root that it is laid over.
      if role == .image { try describeRoot(position, entry) }
      return
    }
    let directory = try parent(of: entry)
    if !hiddenDirectories.isEmpty, hiddenDirectories.contains(directory) {
      warn(.belowWhiteoutName, entry)
    }
    let name = PooledName(layer: layer, range: entry.name)
    switch kind {
    case .directory: try putDirectory(position, entry, as: name, in: directory)
    case .hardLink: try putLink(position, entry, as: name, in: directory)
    case .regular: try putFile(.regular, position, entry, as: name, in: directory)
    case .symbolicLink: try putFile(.symbolicLink, position, entry, as: name, in: directory)
    case .characterDevice:
      if entry.size == 0 { warn(.nullDevice, entry) }
      try putFile(.characterDevice, position, entry, as: name, in: directory)
    case .blockDevice: try putFile(.blockDevice, position, entry, as: name, in: directory)
    case .fifo: try putFile(.fifo, position, entry, as: name, in: directory)
    case .whiteout, .opaque: break
    }
  }

  private mutating func describeRoot(_ position: Int, _ entry: LayerEntry) throws(TreeError) {
    let isAgain = own.nodes[Int(DraftTree.root)].entry != Node.implicitEntry
    if isAgain { warn(.duplicateEntry, entry) }
    own.setAttributes(of: DraftTree.root, layer: layer, entry: UInt32(position))
    if watch != nil { try noticeAttributes(of: DraftTree.root, by: entry) }
  }

  private mutating func putDirectory(
    _ position: Int,
    _ entry: LayerEntry,
    as name: PooledName,
    in directory: UInt32
  ) throws(TreeError) {
    if let node = own.node(name, in: directory), own.kind(of: node) == .directory {
      if own.nodes[Int(node)].entry != Node.implicitEntry { warn(.duplicateEntry, entry) }
      own.setAttributes(of: node, layer: layer, entry: UInt32(position))
      if watch != nil { try noticeAttributes(of: node, by: entry) }
      return
    }
    if role != .image, own.node(name, in: directory) == nil,
      let lower = lowerNode(name, in: directory), merged.kind(of: lower) == .symbolicLink
    {
      try putDirectory(position, entry, throughLink: name)
      return
    }
    let node = try addDirectory(name, in: directory, entry: UInt32(position))
    try replace(name, in: directory, by: node, entry)
  }

  private mutating func putFile(
    _ kind: NodeKind,
    _ position: Int,
    _ entry: LayerEntry,
    as name: PooledName,
    in directory: UInt32
  ) throws(TreeError) {
    try requireNoDirectory(name, in: directory, entry)
    let node = try own.addNode(kind, layer: layer, entry: UInt32(position))
    try replace(name, in: directory, by: node, entry)
  }

  /// Puts a node, or none yet; a directory that stood there falls away with all that is in it.
  ///
  /// - Returns: The name's place in `own`.
  @discardableResult
  mutating func replace(
    _ name: PooledName,
    in directory: UInt32,
    by node: UInt32,
    _ entry: LayerEntry
  ) throws(TreeError) -> Int {
    let (place, replaced) = try own.put(node, as: name, in: directory)
    let overtakesLink = !deferredLinks.isEmpty && deferredLinks.removeValue(forKey: place) != nil
    let displaces = overtakesLink || replaced != DraftTree.none
    if displaces {
      warn(.duplicateEntry, entry)
      lastParent = nil
    }
    if watch != nil { try notice(node, as: name, in: directory, by: entry, displacing: displaces) }
    return place
  }

  /// A directory of the layer, which continues the lower one of the same path if there is one.
  private mutating func addDirectory(
    _ name: PooledName,
    in directory: UInt32,
    entry: UInt32
  ) throws(TreeError) -> UInt32 {
    let lower = lowerNode(name, in: directory)
    let continues = lower.map { merged.kind(of: $0) == .directory } ?? false
    let node = try own.addNode(
      .directory,
      layer: layer,
      entry: entry,
      lower: continues ? lower ?? DraftTree.none : DraftTree.none
    )
    if !showsMarks, own.bytes(of: name).hasPrefix(".wh.") || hiddenDirectories.contains(directory) {
      hiddenDirectories.insert(node)
    }
    return node
  }

  /// What the layers below have as `name` in the directory of the same path.
  func lowerNode(_ name: PooledName, in directory: UInt32) -> UInt32? {
    let lower = own.nodes[Int(directory)].lower
    return lower == DraftTree.none ? nil : merged.node(name, in: lower)
  }
}

// MARK: - Parents

extension TreeBuilder {
  private mutating func parent(of entry: LayerEntry) throws(TreeError) -> UInt32 {
    if entry.directory.count == 0 { return DraftTree.root }
    if let lastParent, lastParent.range == entry.directory { return lastParent.node }
    let paths = paths
    let end = try paths.end(
      of: PooledName(layer: layer, range: entry.directory),
      from: DraftTree.root
    ) { (directory, name, _) throws(TreeError) in
      try self.enter(name, in: directory, for: entry)
    }
    let node = try place(end, entry)
    // Where a lower link was followed, a later entry may put something in its place unnoticed.
    lastParent = lowerLinks == .replace && role == .image ? (entry.directory, node) : nil
    return node
  }

  func place(_ end: PathEnd<UInt32>, _ entry: LayerEntry) throws(TreeError) -> UInt32 {
    switch end {
    case .place(let node):
      return node
    case .tooDeep:
      throw .pathBehindLinksTooLong(
        path: table.path(of: entry),
        layer: Int(layer),
        member: entry.header
      )
    case .tooManyLinks, .nowhere:
      throw .symbolicLinkLoop(
        path: table.slice(entry.directory).array,
        layer: Int(layer),
        member: entry.header
      )
    case .overBudget:
      throw tooManyLinkBytes(paths, entry)
    }
  }

  /// Where a path leads that need not lead anywhere.
  func found<Place>(_ end: PathEnd<Place>, _ entry: LayerEntry) throws(TreeError) -> Place? {
    switch end {
    case .place(let place): return place
    case .overBudget: throw tooManyLinkBytes(paths, entry)
    case .nowhere, .tooManyLinks, .tooDeep: return nil
    }
  }

  func tooManyLinkBytes(_ paths: PathWalk, _ entry: LayerEntry) -> TreeError {
    .tooManyLinkBytes(
      limit: paths.budget.limit,
      path: table.path(of: entry),
      layer: Int(layer),
      member: entry.header
    )
  }

  /// Where a parent directory's name leads; it is made where it is missing.
  ///
  /// A symbolic link of this layer is followed inside the root; for one of a lower layer see
  /// `meaning`.
  mutating func enter(
    _ name: PooledName,
    in directory: UInt32,
    for entry: LayerEntry
  ) throws(TreeError) -> PathStep<UInt32> {
    if let node = own.node(name, in: directory) {
      switch own.kind(of: node) {
      case .directory: return .place(node)
      case .symbolicLink: return .link(target: target(of: own.nodes[Int(node)]))
      default: if role == .files { throw refusal(ofParent: name, in: directory, entry) }
      }
    } else if let lower = lowerNode(name, in: directory), merged.kind(of: lower) != .directory {
      if let step = try enterLower(lower, name, in: directory, for: entry) { return step }
    }
    let node = try addDirectory(name, in: directory, entry: Node.implicitEntry)
    try replace(name, in: directory, by: node, entry)
    return .place(node)
  }

  /// What is not a directory in the layers below; `nil` where a directory is to take its place.
  private mutating func enterLower(
    _ lower: UInt32,
    _ name: PooledName,
    in directory: UInt32,
    for entry: LayerEntry
  ) throws(TreeError) -> PathStep<UInt32>? {
    guard merged.kind(of: lower) == .symbolicLink else {
      if role == .files { throw refusal(ofParent: name, in: directory, entry) }
      warn(.replacedParent, entry)
      return nil
    }
    switch meaning(ofLowerLink: lower, name, isInRoot: directory == DraftTree.root) {
    case .followed: return .link(target: target(of: merged.nodes[Int(lower)]))
    case .refused: throw refusal(ofLowerLink: lower, name, in: directory, entry)
    case .replaced: warn(.replacedLowerSymbolicLink, entry)
    }
    return nil
  }

  func target(of link: DraftNode) -> PooledName {
    let entry = layers[Int(link.layer)].entries[Int(link.entry)]
    return PooledName(layer: link.layer, range: entry.payload)
  }
}
