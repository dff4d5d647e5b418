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
  }

  /// Something that an entry puts at the path, or at a directory on its way.
  struct Placement {
    var entry: LayerEntry
    /// How many components of the path lead there.
    var level: Int
    /// A directory, made since the entry lies below it.
    var isImplied = false
    /// Something that the layer had put there before fell away.
    var displaces = false
    /// A hard link to itself: nothing is put.
    var isIgnored = false
    var links: [PassedLink] = []

    var isDirectory: Bool { isImplied || entry.kind == .directory }
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
    levels = [DraftTree.root: 0]
  }

  mutating func endLayer(_ found: [PathEvent]) {
    events += found
    beginReading()
    hidings = []
    omittedHidingCount = 0
  }

  mutating func note(directory: UInt32, at level: Int) {
    levels[directory] = level
  }

  mutating func note(_ placement: Placement) {
    placements.append(placement)
    guard placements.count > 2 * Self.eventLimit else { return }
    placements.remove(at: Self.eventLimit)
    omittedPlacementCount += 1
  }

  mutating func note(_ hiding: Hiding) {
    hidings.append(hiding)
    guard hidings.count > 2 * Self.eventLimit else { return }
    hidings.remove(at: Self.eventLimit)
    omittedHidingCount += 1
  }
}
