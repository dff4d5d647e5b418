// A tree while it is being made: nodes and names that can still be replaced. One hash table holds
// the names of all directories, keyed by directory and name.

import FlatArrays

/// A run of bytes in the pool of one layer's table: a path, or a component of one.
struct PooledName {
  var layer: UInt16
  var range: PoolRange
}

/// A node of a draft: where its attributes come from, and its names where it is a directory.
struct DraftNode {
  var kind: NodeKind
  /// The layer that put it, or last gave it attributes.
  var layer: UInt16
  /// The entry in that layer, or `Node.implicitEntry`.
  var entry: UInt32
  /// In the draft of one layer, the node of the layers below that this one continues: a directory
  /// both have, or a file that a hard link of this layer names.
  ///
  /// Else `DraftTree.none`.
  var lower = DraftTree.none
  /// The directory's newest name; `DraftTree.none` ends the chain.
  var firstName = DraftTree.none
}

/// A name in a directory of a draft.
///
/// It stays when its node is taken away, and is used again.
struct DraftName {
  var directory: UInt32
  /// Of the directory and the name's bytes: what the table is searched by.
  var hash: UInt32
  var name: PooledName
  /// `DraftTree.none` while nothing has the name.
  var node: UInt32
  /// What the name meant before `hiddenIn` hid it: that layer's hard links may still mean it.
  var hiddenNode = DraftTree.none
  var hiddenIn: UInt16 = .max
  var nextInDirectory: UInt32
}

struct DraftTree {
  static let none = UInt32.max
  static let root: UInt32 = 0
  private(set) var nodes: [DraftNode] = []
  private(set) var names: [DraftName] = []
  /// Each layer's bytes, which the names point into.
  private let pools: [FlatArray<UInt8>]
  /// Open addressing: a place in `names`, or `none`.
  ///
  /// The count is a power of two.
  private var slots: [UInt32]
  private let limits: TreeLimits

  /// A tree of one implicit directory, the root, with room for `nameCount` names; more may come.
  init(pools: [FlatArray<UInt8>], nameCount: Int = 0, limits: TreeLimits) {
    self.pools = pools
    self.limits = limits
    var slotCount = 1024
    while slotCount < nameCount * 2 { slotCount *= 2 }
    slots = [UInt32](repeating: Self.none, count: slotCount)
    names.reserveCapacity(nameCount)
    nodes.reserveCapacity(nameCount)
    nodes.append(DraftNode(kind: .directory, layer: 0, entry: Node.implicitEntry))
  }

  func bytes(of name: PooledName) -> ByteSlice {
    pools[Int(name.layer)].slice(at: Int(name.range.start), count: Int(name.range.count))
  }
}

// MARK: - Nodes

extension DraftTree {
  mutating func addNode(
    _ kind: NodeKind,
    layer: UInt16,
    entry: UInt32,
    lower: UInt32 = none
  ) throws(TreeError) -> UInt32 {
    guard nodes.count < limits.entryCount else { throw .tooManyFiles(limit: limits.entryCount) }
    nodes.append(DraftNode(kind: kind, layer: layer, entry: entry, lower: lower))
    return UInt32(nodes.count - 1)
  }

  mutating func setAttributes(of node: UInt32, layer: UInt16, entry: UInt32) {
    nodes[Int(node)].layer = layer
    nodes[Int(node)].entry = entry
  }

  mutating func setLower(of node: UInt32, to lower: UInt32) {
    nodes[Int(node)].lower = lower
  }

  func kind(of node: UInt32) -> NodeKind { nodes[Int(node)].kind }
}

// MARK: - Names

extension DraftTree {
  /// The place of `name` of `directory`, whether or not anything has it now.
  func place(of name: PooledName, in directory: UInt32) -> Int? {
    let place = slots[slot(of: bytes(of: name), in: directory).index]
    return place == Self.none ? nil : Int(place)
  }

  /// The node that `name` of `directory` is now.
  func node(_ name: PooledName, in directory: UInt32) -> UInt32? {
    guard let place = place(of: name, in: directory), names[place].node != Self.none else {
      return nil
    }
    return names[place].node
  }

  /// The node that `name` of `directory` was before `layer` hid anything.
  func node(_ name: PooledName, in directory: UInt32, before layer: UInt16) -> UInt32? {
    guard let place = place(of: name, in: directory) else { return nil }
    let found = names[place].hiddenIn == layer ? names[place].hiddenNode : names[place].node
    return found == Self.none ? nil : found
  }

  /// Gives `name` of `directory` a node, or `none`; whatever had it loses it.
  ///
  /// - Returns: The name's place, and the node that had it.
  @discardableResult
  mutating func put(
    _ node: UInt32,
    as name: PooledName,
    in directory: UInt32
  ) throws(TreeError) -> (place: Int, replaced: UInt32) {
    // At most half full, so that probes stay short.
    if names.count * 2 >= slots.count { grow() }
    let (slot, hash) = slot(of: bytes(of: name), in: directory)
    if slots[slot] != Self.none {
      let place = Int(slots[slot])
      let replaced = names[place].node
      names[place].node = node
      return (place, replaced)
    }
    guard names.count < limits.entryCount else { throw .tooManyFiles(limit: limits.entryCount) }
    let place = names.count
    names.append(
      DraftName(
        directory: directory,
        hash: hash,
        name: name,
        node: node,
        nextInDirectory: nodes[Int(directory)].firstName
      )
    )
    nodes[Int(directory)].firstName = UInt32(place)
    slots[slot] = UInt32(place)
    return (place, Self.none)
  }

  mutating func setNode(_ node: UInt32, at place: Int) {
    names[place].node = node
  }

  /// Takes the name away, and remembers for the rest of `layer` what it meant.
  mutating func hide(_ place: Int, in layer: UInt16) {
    guard names[place].node != Self.none else { return }
    names[place].hiddenNode = names[place].node
    names[place].hiddenIn = layer
    names[place].node = Self.none
  }

  /// The places of all names that `directory` ever had.
  func places(in directory: UInt32) -> [Int] {
    var places: [Int] = []
    var next = nodes[Int(directory)].firstName
    while next != Self.none {
      places.append(Int(next))
      next = names[Int(next)].nextInDirectory
    }
    return places
  }

  private mutating func grow() {
    slots = [UInt32](repeating: Self.none, count: slots.count * 4)
    let mask = slots.count - 1
    for place in names.indices {
      var slot = Int(names[place].hash) & mask
      while slots[slot] != Self.none { slot = (slot + 1) & mask }
      slots[slot] = UInt32(place)
    }
  }

  /// The slot that holds the name, or the free one where it belongs.
  private func slot(of name: ByteSlice, in directory: UInt32) -> (index: Int, hash: UInt32) {
    let hash = UInt32(truncatingIfNeeded: name.tableHash(seed: UInt64(directory)))
    let mask = slots.count - 1
    var slot = Int(hash) & mask
    while slots[slot] != Self.none {
      let candidate = names[Int(slots[slot])]
      if candidate.hash == hash, candidate.directory == directory,
        bytes(of: candidate.name) == name
      {
        break
      }
      slot = (slot + 1) & mask
    }
    return (slot, hash)
  }
}
