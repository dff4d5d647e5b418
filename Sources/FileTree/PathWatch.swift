// What a merge sees of one path while it goes on: which of a layer's entries have to do with it. What
// they mean together is known when the layer is whole; see PathExplanation.

import FlatArrays

/// A path that a merge keeps an eye on.
struct PathWatch {
  /// A whiteout or opaque mark that has to do with the path.
  struct Hiding {
    var entry: LayerEntry
    var effect: Effect
    var links: [PassedLink] = []

    enum Effect {
      /// What stands at this level of the path: 1 in the root. One more than the path has: what is in
      /// the directory that the path is.
      case level(Int)
      /// The path, where nothing was.
      case nothing
      /// The path, below something that is gone or no directory.
      case nowhere
    }

    var level: Int? {
      if case .level(let level) = effect { level } else { nil }
    }
  }

  /// Something that an entry puts at the path, or at a directory on its way.
  struct Placement {
    var entry: LayerEntry
    /// How many components of the path lead there.
    var level: Int
    /// Counts all placements of the layer, from 0: those that were not kept, too.
    var number = 0
    /// A directory, made since the entry lies below it.
    var isImplied = false
    /// Something that the layer had put there before fell away.
    var displaces = false
    /// A hard link to itself: nothing is put.
    var isIgnored = false
    var links: [PassedLink] = []

    var isDirectory: Bool { isImplied || entry.kind == .directory }

    /// Whether what was put at a path of so many components counts no longer.
    func overtakes(level end: Int) -> Bool { !isIgnored && (level == end || displaces) }
  }

  /// Twice as many are kept of a layer, the first and the last: a hostile one could have millions.
  private static let eventLimit = 100

  let path: [UInt8]
  /// The path as a pool of names, behind the layers' own.
  let pool: FlatArray<UInt8>
  /// Its names, in that pool.
  let components: [PooledName]
  private(set) var events: [PathEvent] = []

  // The layer being applied.
  private(set) var hidings: [Hiding] = []
  private(set) var placements: [Placement] = []
  private(set) var omittedHidingCount = 0
  private(set) var omittedPlacementCount = 0
  /// The highest level of the path that one of those hides that were not kept.
  private(set) var omittedHidingLevel: Int?
  /// The first that was not kept and took the place of those before it.
  private(set) var omittedOvertaker: Placement?
  /// Which placement made what the layer has at a level, by their numbers: the root first.
  private var makers: [(level: Int, number: Int)] = []
  /// The directories of the layer's own tree that the path leads through, by how deep they are.
  private(set) var levels: [UInt32: Int] = [:]

  /// `path` is in normal form.
  init(path: [UInt8], layerCount: Int) {
    self.path = path
    pool = FlatArray(path)
    let layer = UInt16(truncatingIfNeeded: layerCount)
    components = path.split(separator: UInt8(ascii: "/")).map { name in
      let range = PoolRange(
        start: UInt32(truncatingIfNeeded: name.startIndex),
        count: UInt32(truncatingIfNeeded: name.count)
      )
      return PooledName(layer: layer, range: range)
    }
  }

  /// The path of the first `level` components.
  func prefix(_ level: Int) -> [UInt8] {
    guard level > 0 else { return [] }
    let last = components[level - 1].range
    return Array(path[..<Int(last.start + last.count)])
  }

  mutating func beginReading() {
    placements = []
    omittedPlacementCount = 0
    omittedOvertaker = nil
    makers = []
    levels = [DraftTree.root: 0]
  }

  mutating func endLayer(_ found: [PathEvent]) {
    events += found
    beginReading()
    hidings = []
    omittedHidingCount = 0
    omittedHidingLevel = nil
  }

  mutating func note(directory: UInt32, at level: Int) {
    levels[directory] = level
  }

  mutating func note(_ placement: Placement) {
    var placement = placement
    placement.number = placements.count + omittedPlacementCount
    noteMaker(placement)
    placements.append(placement)
    guard placements.count > 2 * Self.eventLimit else { return }
    let omitted = placements.remove(at: Self.eventLimit)
    omittedPlacementCount += 1
    if omittedOvertaker == nil, omitted.overtakes(level: components.count) {
      omittedOvertaker = omitted
    }
  }

  mutating func note(_ hiding: Hiding) {
    hidings.append(hiding)
    guard hidings.count > 2 * Self.eventLimit else { return }
    let omitted = hidings.remove(at: Self.eventLimit)
    omittedHidingCount += 1
    if let level = omitted.level { omittedHidingLevel = min(omittedHidingLevel ?? level, level) }
  }

  /// Where in `hidings` those are missing that were not kept.
  var hidingGap: Int? { omittedHidingCount > 0 ? Self.eventLimit : nil }

  /// Where in `placements` those are missing that were not kept.
  var placementGap: Int? { omittedPlacementCount > 0 ? Self.eventLimit : nil }

  /// What took the place of what the layer had put at the path by `placements[place]`.
  func overtaker(ofPlacement place: Int) -> Placement? {
    let gap = placementGap ?? placements.count
    let before = placements[min(place + 1, gap)..<gap].first {
      $0.overtakes(level: components.count)
    }
    if let before, place < gap { return before }
    if place < gap, let omittedOvertaker { return omittedOvertaker }
    return placements[max(place + 1, gap)...].first { $0.overtakes(level: components.count) }
  }

  /// Whether a placement made what the layer has on the way: nothing fell away since then, and before
  /// it nothing was there.
  func isMaker(_ placement: Placement) -> Bool {
    makers.contains { $0.level == placement.level && $0.number == placement.number }
  }

  private mutating func noteMaker(_ placement: Placement) {
    let level = placement.level
    if placement.displaces {
      while let last = makers.last, last.level >= level { makers.removeLast() }
    }
    if placement.isIgnored { return }
    // By halves: there may be as many as a path has components.
    var (low, high) = (0, makers.count)
    while low < high {
      let middle = low + (high - low) / 2
      if makers[middle].level < level { low = middle + 1 } else { high = middle }
    }
    if low < makers.count, makers[low].level == level { return }
    makers.insert((level, placement.number), at: low)
  }
}
