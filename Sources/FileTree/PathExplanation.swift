// What one layer does to a watched path, told from what it put on the way there: said when the layer has
// been read as a whole and is about to be laid over those below.

import FlatArrays

struct PathExplanation {
  private let builder: TreeBuilder
  private let watch: PathWatch
  /// The layers below along the path, without what this one hides.
  private let lower: [UInt32]
  /// The layer's own tree along the path.
  private let own: [UInt32]

  init(_ builder: TreeBuilder, _ watch: PathWatch) {
    self.builder = builder
    self.watch = watch
    lower = builder.chain(in: builder.merged)
    own = builder.chain(in: builder.own)
  }

  /// How many components the path has.
  private var end: Int { watch.components.count }

  var events: [PathEvent] {
    var events = hidings
    for place in watch.placements.indices {
      if place == watch.placementGap { events.append(omission(of: watch.omittedPlacementCount)) }
      if let event = event(ofPlacement: place) { events.append(event) }
    }
    return events
  }

  private func omission(of count: Int) -> PathEvent { event(.omitted(count), at: end) }

  private func event(
    _ change: PathChange,
    at level: Int,
    by entry: LayerEntry? = nil,
    through links: [PassedLink] = [],
    _ rules: [MergeRule] = []
  ) -> PathEvent {
    PathEvent(
      layer: Int(builder.layer),
      member: entry.map(name),
      path: watch.prefix(level),
      change: change,
      links: links,
      rules: rules
    )
  }

  private func name(of entry: LayerEntry) -> EntryName {
    let kind = entry.kind ?? .regular
    let hasTarget = kind == .symbolicLink || kind == .hardLink
    return EntryName(
      kind: kind,
      path: builder.table.path(of: entry),
      offset: entry.header,
      target: hasTarget ? builder.table.slice(entry.payload).array : []
    )
  }
}

// MARK: - What is hidden

extension PathExplanation {
  private var hidings: [PathEvent] {
    // The topmost takes away what the others are about.
    let levels = watch.hidings.compactMap(\.level) + [watch.omittedHidingLevel].compactMap { $0 }
    let top = levels.min()
    var isHidden = false
    var events: [PathEvent] = []
    for (place, hiding) in watch.hidings.enumerated() {
      if place == watch.hidingGap {
        events.append(omission(of: watch.omittedHidingCount))
        if watch.omittedHidingLevel == top { isHidden = true }
      }
      events.append(event(of: hiding, top: top, isHidden: &isHidden))
    }
    return events
  }

  /// `top` is the highest level of all that is hidden, `isHidden` whether that was done already.
  private func event(
    of hiding: PathWatch.Hiding,
    top: Int?,
    isHidden: inout Bool
  ) -> PathEvent {
    func event(_ change: PathChange, at level: Int, _ rules: [MergeRule]) -> PathEvent {
      self.event(change, at: level, by: hiding.entry, through: hiding.links, rules)
    }
    guard let level = hiding.level else {
      if case .nothing = hiding.effect { return event(.ignored, at: end, [.whiteoutOfNothing]) }
      return event(.ignored, at: end, [.whiteoutWithoutDirectory])
    }
    if let top, top < level { return event(.ignored, at: end, [.whiteoutWithoutDirectory]) }
    if isHidden { return event(.ignored, at: min(level, end), [.whiteoutOfNothing]) }
    isHidden = true
    let rules = rules(of: hiding, at: level)
    return level > end ? event(.emptied, at: end, rules) : event(.hidden, at: level, rules)
  }

  private func rules(of hiding: PathWatch.Hiding, at level: Int) -> [MergeRule] {
    let isOpaque = hiding.entry.kind == .opaque
    let rule =
      isOpaque ? rule(ofOpaqueMark: hiding, at: level) : rule(ofWhiteout: hiding, at: level)
    return hiding.links.isEmpty ? [rule] : [.whiteoutThroughLink, rule]
  }

  private func rule(ofWhiteout hiding: PathWatch.Hiding, at level: Int) -> MergeRule {
    guard own.count > level else { return .whiteout }
    if builder.own.kind(of: own[level]) == .directory { return .whiteoutOfNewDirectory }
    let isBefore = watch.placements.contains {
      $0.level == level && $0.entry.header < hiding.entry.header
    }
    return isBefore ? .whiteoutAfterEntry : .whiteoutBeforeEntry
  }

  /// `level` is that of what is in the directory.
  private func rule(ofOpaqueMark hiding: PathWatch.Hiding, at level: Int) -> MergeRule {
    if level == 1 { return .opaqueRoot }
    let hasEntry = watch.placements.contains { $0.level == level - 1 && !$0.isImplied }
    guard hasEntry else { return .opaqueMarkAlone }
    let isBehind = watch.placements.contains {
      $0.level >= level && $0.entry.header < hiding.entry.header
    }
    return isBehind ? .opaqueMarkAfterEntries : .opaqueMark
  }
}

// MARK: - What is put

extension PathExplanation {
  private func event(ofPlacement place: Int) -> PathEvent? {
    let placement = watch.placements[place]
    if placement.level < end { return changeOfParent(by: place) }
    if placement.isIgnored { return event(.ignored, at: end, by: placement.entry, [.linkToItself]) }
    guard let later = watch.overtaker(ofPlacement: place) else {
      return own.count > end ? change(by: placement) : nil
    }
    // A directory that was made for what is in it, and has its entry now, is one and the same.
    if placement.isImplied, later.isDirectory, later.level == end { return nil }
    return event(
      .overtaken(by: name(of: later.entry)),
      at: end,
      by: placement.entry,
      through: placement.links,
      [rule(of: placement, overtakenBy: later)]
    )
  }

  private func rule(
    of placement: PathWatch.Placement,
    overtakenBy later: PathWatch.Placement
  ) -> MergeRule {
    if later.level < placement.level || placement.isImplied {
      return later.entry.kind == .symbolicLink ? .linkAfterContents : .repeatedAsAnotherType
    }
    if placement.isDirectory && later.isDirectory { return .repeatedDirectory }
    let isSameType = placement.entry.kind == later.entry.kind && !later.isImplied
    return isSameType ? .repeated : .repeatedAsAnotherType
  }

  /// What the last entry for the path does to what the layers below have there.
  private func change(by placement: PathWatch.Placement) -> PathEvent? {
    let node = builder.own.nodes[Int(own[end])]
    let found = lower.count > end ? builder.merged.nodes[Int(lower[end])] : nil
    let new = builder.content(of: node)
    var rules = linkRules(of: placement, node)
    let change: PathChange
    if let found, node.kind == .directory, found.kind == .directory {
      if placement.isImplied { return nil }
      let isKept = builder.role == .directory
      change = isKept ? .kept(builder.content(of: found)) : .changedAttributes(new)
      if !isKept { rules.append(end == 0 ? .rootEntry : .directoryOverDirectory) }
    } else if let found {
      change = .replaced(builder.content(of: found), by: new)
      rules.append(rule(ofReplacing: found.kind, by: node.kind, placement))
    } else {
      change = .put(new)
      if placement.isImplied { rules.append(.impliedParent) }
    }
    if placement.entry.kind == .characterDevice, placement.entry.size == 0 {
      rules.append(.nullDevice)
    }
    if watch.components.contains(where: { builder.own.bytes(of: $0).hasPrefix(".wh.") }) {
      rules.append(.bookkeeping)
    }
    return event(change, at: end, by: placement.entry, through: placement.links, rules)
  }

  /// What an entry does to a directory on the way, if the way there changes by it.
  private func changeOfParent(by place: Int) -> PathEvent? {
    let placement = watch.placements[place]
    let level = placement.level
    guard watch.isMaker(placement), own.count > level, lower.count > level else { return nil }
    let found = builder.merged.nodes[Int(lower[level])]
    let node = builder.own.nodes[Int(own[level])]
    // What comes in a directory's place takes the path with it; in another's place, a directory lets
    // it be.
    let isChange =
      node.kind == .directory
      ? found.kind != .directory : found.kind == .directory && lower.count > end
    guard isChange else { return nil }
    let rules =
      linkRules(of: placement, node) + [rule(ofReplacing: found.kind, by: node.kind, placement)]
    return event(
      .replaced(builder.content(of: found), by: builder.content(of: node)),
      at: level,
      by: placement.entry,
      through: placement.links,
      rules
    )
  }

  private func rule(
    ofReplacing found: NodeKind,
    by kind: NodeKind,
    _ placement: PathWatch.Placement
  ) -> MergeRule {
    if placement.isImplied { return found == .symbolicLink ? .lowerLinkAsParent : .fileAsParent }
    if kind == .directory {
      return found == .symbolicLink ? .directoryOverLink : .directoryOverFile
    }
    return kind == .symbolicLink && found == .directory ? .linkOverDirectory : .fileOverAnything
  }

  /// The rules of the links, symbolic and hard, that `node` came here by.
  private func linkRules(of placement: PathWatch.Placement, _ node: DraftNode) -> [MergeRule] {
    var rules: [MergeRule] = []
    let layer = Int(builder.layer)
    if placement.links.contains(where: { $0.layer == layer }) { rules.append(.ownLinkAsParent) }
    if placement.links.contains(where: { $0.layer != layer }),
      builder.role == .image || builder.lowerLinks == .follow
    {
      rules.append(.lowerLinkAsParent)
    }
    guard placement.entry.kind == .hardLink, !placement.isImplied else { return rules }
    let target = builder.layers[Int(node.layer)].entries[Int(node.entry)]
    if Int(node.layer) != layer {
      rules.append(.linkToLowerLayer)
    } else {
      let isEarlier = target.header < placement.entry.header
      rules.append(isEarlier ? .linkToEarlierMember : .linkToLaterMember)
    }
    if node.kind != .regular { rules.append(.linkToSpecialFile) }
    if !builder.isAlike(placement.entry, node) { rules.append(.linkWithAttributes) }
    return rules
  }
}
