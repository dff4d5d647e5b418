// What of the files in an image's layers can still be seen, and what is shadowed: put by one layer, and
// overwritten or deleted by a later one. The merge itself says which members a layer puts and which of
// them are left in the end; paths are those that the members have. docs/SEMANTICS.md, "Sizes".

import FlatArrays

/// What one layer has of files, in bytes.
package struct LayerSpace: Hashable, Sendable {
  /// Of files that are in the tree of all layers, each counted once.
  package var visible: UInt64
  /// Of files that are there as far as this layer, and gone in the tree of all layers.
  package var shadowed: UInt64 = 0
  /// Of members whose place a later member of the same layer takes.
  package var overtaken: UInt64 = 0

  package init(visible: UInt64 = 0, shadowed: UInt64 = 0, overtaken: UInt64 = 0) {
    self.visible = visible
    self.shadowed = shadowed
    self.overtaken = overtaken
  }

  /// What the layer puts.
  package var put: UInt64 { visible.addingUpTo(shadowed) }
}

/// A path at which layers put files that cannot be seen any more.
package struct WastedPath: Hashable, Sendable {
  /// In normal form.
  package var path: [UInt8]
  package var byteCount: UInt64
  /// How many layers put a file there, whether or not it can be seen.
  package var layerCount: Int
}

/// What the layers of an image have of files, at one path and below.
package struct SpaceUse: Sendable {
  package fileprivate(set) var layers: [LayerSpace]
  /// The paths with the most wasted bytes, those first; among equals in the order of the layers.
  package fileprivate(set) var wasted: [WastedPath] = []
  /// How many paths with wasted bytes there are.
  package fileprivate(set) var wastedPathCount = 0
  /// Of all files that layers put, overwritten ones too.
  package fileprivate(set) var allByteCount: UInt64 = 0
  /// Of the smallest file that a layer put at each path; none for a path of which nothing can be seen.
  package fileprivate(set) var leastByteCount: UInt64 = 0

  package var putByteCount: UInt64 { layers.reduce(0) { $0.addingUpTo($1.put) } }
  package var shadowedByteCount: UInt64 { layers.reduce(0) { $0.addingUpTo($1.shadowed) } }
  package var overtakenByteCount: UInt64 { layers.reduce(0) { $0.addingUpTo($1.overtaken) } }

  /// From 0 to 1, as dive counts it; 1 where there is nothing.
  package var efficiency: Double {
    allByteCount == 0 ? 1 : Double(leastByteCount) / Double(allByteCount)
  }
}

extension TreeBuilder {
  /// What `layers`, base first, have of files at `path` and below, in normal form; nothing is the root.
  ///
  /// Merges as `merge` does with the same arguments, and holds what each layer puts against `tree`, which
  /// that makes. `sizes` are those of the node at `path`. At most `wastedLimit` wasted paths are told.
  ///
  /// - Throws: what `merge` throws.
  package static func spaceUse(
    of layers: [LayerTable],
    in tree: Tree,
    at path: [UInt8],
    _ sizes: PathSizes,
    wastedLimit: Int,
    lowerLinks: LowerLinkPolicy = .replace,
    roles: [LayerRole] = [],
    limits: TreeLimits = TreeLimits()
  ) throws(TreeError) -> SpaceUse {
    var census = SpaceCensus(of: layers, in: tree, at: path, visible: sizes.layers)
    var builder = try TreeBuilder(
      layers: layers,
      lowerLinks: lowerLinks,
      roles: roles,
      limits: limits
    )
    for index in layers.indices {
      let known = builder.merged.nodes.count
      try builder.apply(UInt16(index))
      census.take(layer: index, putting: builder.files(behind: known))
    }
    return census.result(wastedLimit: wastedLimit)
  }

  /// The entries of the layer just applied that made files: of nodes from that number on, since a hard
  /// link to a file of a lower layer makes no node.
  private func files(behind first: Int) -> NumberSet {
    var entries = NumberSet(below: table.entries.count)
    for node in merged.nodes[first...] where node.kind == .regular {
      entries.insert(Int(node.entry))
    }
    return entries
  }
}

/// Counts what layers have, one after the other.
private struct SpaceCensus {
  private let tables: [LayerTable]
  private let path: ByteSlice
  /// The entries of each layer whose files are in the whole tree.
  private let visible: [NumberSet]
  private var use: SpaceUse
  private var versions: PathVersions

  init(of tables: [LayerTable], in tree: Tree, at path: [UInt8], visible bytes: [UInt64]) {
    self.tables = tables
    self.path = ByteSlice(path)
    var visible = tables.map { NumberSet(below: $0.entries.count) }
    for node in tree.nodes where node.kind == .regular {
      let layer = Int(node.layer)
      // A tree that was kept says of itself which entries it is made of.
      guard layer < tables.count, Int(node.entry) < tables[layer].entries.count else { continue }
      visible[layer].insert(Int(node.entry))
    }
    self.visible = visible
    use = SpaceUse(
      layers: tables.indices.map { number in
        LayerSpace(visible: bytes.indices.contains(number) ? bytes[number] : 0)
      }
    )
    versions = PathVersions(of: tables)
  }

  mutating func take(layer: Int, putting files: NumberSet) {
    let table = tables[layer]
    var directory: (range: PoolRange, scope: Scope, hash: UInt64)?
    for place in table.entries.indices {
      let entry = table.entries[place]
      guard entry.kind == .regular else { continue }
      if directory?.range != entry.directory {
        let slice = table.slice(entry.directory)
        directory = (entry.directory, scope(of: slice), slice.tableHash(seed: 0))
      }
      guard let directory, directory.scope.contains(table.slice(entry.name)) else { continue }
      if !files.contains(place) {
        use.layers[layer].overtaken = use.layers[layer].overtaken.addingUpTo(entry.size)
        continue
      }
      let isVisible = visible[layer].contains(place)
      if !isVisible {
        use.layers[layer].shadowed = use.layers[layer].shadowed.addingUpTo(entry.size)
      }
      versions.add(entry, at: place, ofLayer: layer, in: directory.hash, isVisible: isVisible)
    }
  }

  /// Which entries of a directory are at the path or below.
  private enum Scope {
    case all
    case named(ByteSlice)
    case none

    func contains(_ name: ByteSlice) -> Bool {
      switch self {
      case .all: true
      case .named(let only): name == only
      case .none: false
      }
    }
  }

  private func scope(of directory: ByteSlice) -> Scope {
    if path.isEmpty || isPath(beginOf: directory) { return .all }
    // The path itself may be a file in the directory.
    let nameStart = directory.isEmpty ? 0 : directory.count + 1
    guard path.count > nameStart, path.slice(at: 0, count: directory.count) == directory,
      directory.isEmpty || path[directory.count] == UInt8(ascii: "/")
    else { return .none }
    return .named(path.slice(at: nameStart, count: path.count - nameStart))
  }

  private func isPath(beginOf directory: ByteSlice) -> Bool {
    directory.count >= path.count && directory.slice(at: 0, count: path.count) == path
      && (directory.count == path.count || directory[path.count] == UInt8(ascii: "/"))
  }

  func result(wastedLimit: Int) -> SpaceUse {
    var use = use
    use.allByteCount = versions.records.reduce(0) { $0.addingUpTo($1.all) }
    use.leastByteCount = versions.records.reduce(0) {
      $1.isVisible ? $0.addingUpTo($1.least) : $0
    }
    let wasted = versions.records.indices.filter { versions.records[$0].shadowed > 0 }
      .sorted { left, right in
        (versions.records[right].shadowed, left) < (versions.records[left].shadowed, right)
      }
    use.wastedPathCount = wasted.count
    use.wasted = wasted.prefix(wastedLimit).map { versions.wastedPath(at: $0) }
    return use
  }
}

/// The files that layers put at each path.
private struct PathVersions {
  /// Of one path: 48 bytes.
  struct Record {
    /// The first entry of the path, which has its bytes.
    var layer: UInt16
    var lastLayer: UInt16
    var entry: UInt32
    var hash: UInt32
    var layerCount: UInt32 = 1
    var all: UInt64 = 0
    var least: UInt64 = .max
    var shadowed: UInt64 = 0
    /// Whether any of them can be seen.
    var isVisible = false
  }

  private static let none = UInt32.max
  /// In the order in which layers have them.
  private(set) var records: [Record] = []
  private let tables: [LayerTable]
  /// Open addressing: a place in `records`, or `none`.
  ///
  /// The count is a power of two.
  private var slots = [UInt32](repeating: none, count: 1024)

  init(of tables: [LayerTable]) {
    self.tables = tables
  }

  /// `directoryHash` is the hash of the directory's path.
  mutating func add(
    _ entry: LayerEntry,
    at place: Int,
    ofLayer layer: Int,
    in directoryHash: UInt64,
    isVisible: Bool
  ) {
    let name = tables[layer].slice(entry.name)
    let hash = UInt32(truncatingIfNeeded: name.tableHash(seed: directoryHash))
    // At most half full, so that probes stay short.
    if records.count * 2 >= slots.count { grow() }
    let slot = slot(of: entry, ofLayer: layer, hash)
    if slots[slot] == Self.none {
      slots[slot] = UInt32(records.count)
      let number = UInt16(layer)
      let first = Record(layer: number, lastLayer: number, entry: UInt32(place), hash: hash)
      records.append(first)
    }
    let record = Int(slots[slot])
    if records[record].lastLayer != UInt16(layer) {
      records[record].lastLayer = UInt16(layer)
      records[record].layerCount += 1
    }
    records[record].all = records[record].all.addingUpTo(entry.size)
    records[record].least = min(records[record].least, entry.size)
    if isVisible {
      records[record].isVisible = true
    } else {
      records[record].shadowed = records[record].shadowed.addingUpTo(entry.size)
    }
  }

  func wastedPath(at place: Int) -> WastedPath {
    let record = records[place]
    let table = tables[Int(record.layer)]
    return WastedPath(
      path: table.path(of: table.entries[Int(record.entry)]),
      byteCount: record.shadowed,
      layerCount: Int(record.layerCount)
    )
  }

  /// The slot that holds the entry's path, or the free one where it belongs.
  private func slot(of entry: LayerEntry, ofLayer layer: Int, _ hash: UInt32) -> Int {
    let table = tables[layer]
    let mask = slots.count - 1
    var slot = Int(hash) & mask
    while slots[slot] != Self.none {
      let record = records[Int(slots[slot])]
      if record.hash == hash {
        let other = tables[Int(record.layer)]
        let first = other.entries[Int(record.entry)]
        if other.slice(first.name) == table.slice(entry.name),
          other.slice(first.directory) == table.slice(entry.directory)
        {
          break
        }
      }
      slot = (slot + 1) & mask
    }
    return slot
  }

  private mutating func grow() {
    slots = [UInt32](repeating: Self.none, count: slots.count * 4)
    let mask = slots.count - 1
    for place in records.indices {
      var slot = Int(records[place].hash) & mask
      while slots[slot] != Self.none { slot = (slot + 1) & mask }
      slots[slot] = UInt32(place)
    }
  }
}
