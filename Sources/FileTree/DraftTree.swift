// The tree while it is being merged: nodes and names that can still be replaced. One hash table holds
// the names of all directories, keyed by directory and name.

import FlatArrays

/// A node of the draft: where its attributes come from, and its names where it is a directory.
struct DraftNode {
  var kind: NodeKind
  /// The layer that put it, or last gave it attributes.
  var layer: UInt16
  /// The entry in that layer, or `Node.implicitEntry`.
  var entry: UInt32
  /// The directory's first name, in the order in which they came; `DraftTree.none` ends the chain.
  var firstName = DraftTree.none
}

/// A name in a directory of the draft.
///
/// It stays when its node is taken away, and is used again.
struct DraftName {
  var directory: UInt32
  var name: ByteSlice
  /// `DraftTree.none` while nothing has the name.
  var node: UInt32
  /// The layer that put the node here.
  var layer: UInt16
  /// What the name meant before `hiddenIn` hid it: that layer's hard links may still mean it.
  var hiddenNode = DraftTree.none
  var hiddenIn: UInt16 = .max
  var nextInDirectory: UInt32
}

struct DraftTree {
  static let none = UInt32.max

  private(set) var nodes: [DraftNode] = []
  private(set) var names: [DraftName] = []
  /// Open addressing: a place in `names`, or `none`.
  ///
  /// The count is a power of two.
  private var slots = [UInt32](repeating: none, count: 1024)

  /// A tree of one implicit directory, the root.
  init() {
    nodes.append(DraftNode(kind: .directory, layer: 0, entry: Node.implicitEntry))
  }

  static let root: UInt32 = 0

  mutating func addNode(_ kind: NodeKind, layer: UInt16, entry: UInt32) throws(TreeError) -> UInt32
  {
    // One below `none`, and inode numbers are one above.
    guard nodes.count < Int(UInt32.max) - 1 else { throw .treeTooLarge }
    nodes.append(DraftNode(kind: kind, layer: layer, entry: entry))
    return UInt32(nodes.count - 1)
  }

  mutating func setAttributes(of node: UInt32, layer: UInt16, entry: UInt32) {
    nodes[Int(node)].layer = layer
    nodes[Int(node)].entry = entry
  }

  /// The place of `name` of `directory`, whether or not anything has it now.
  func place(of name: ByteSlice, in directory: UInt32) -> Int? {
    let slot = slot(of: name, in: directory)
    return slots[slot] == Self.none ? nil : Int(slots[slot])
  }

  /// The node that `name` of `directory` is now.
  func node(_ name: ByteSlice, in directory: UInt32) -> UInt32? {
    guard let place = place(of: name, in: directory), names[place].node != Self.none else {
      return nil
    }
    return names[place].node
  }

  /// Gives `name` of `directory` a node; whatever had it loses it.
  mutating func put(
    _ node: UInt32,
    as name: ByteSlice,
    in directory: UInt32,
    layer: UInt16
  ) throws(TreeError) -> Int {
    if let place = place(of: name, in: directory) {
      names[place].node = node
      names[place].layer = layer
      return place
    }
    return try addName(name, of: node, in: directory, layer: layer)
  }

  /// Takes the name away, and remembers for the rest of `layer` what it meant.
  mutating func hide(_ place: Int, in layer: UInt16) {
    guard names[place].node != Self.none else { return }
    names[place].hiddenNode = names[place].node
    names[place].hiddenIn = layer
    names[place].node = Self.none
  }

  /// Lets go of what the name meant before it was hidden.
  mutating func forgetHidden(_ place: Int) {
    names[place].hiddenNode = Self.none
    names[place].hiddenIn = .max
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

  private mutating func addName(
    _ name: ByteSlice,
    of node: UInt32,
    in directory: UInt32,
    layer: UInt16
  ) throws(TreeError) -> Int {
    guard names.count < Int(UInt32.max) - 1 else { throw .treeTooLarge }
    // At most half full, so that probes stay short.
    if names.count * 2 >= slots.count { grow() }
    let place = names.count
    names.append(
      DraftName(
        directory: directory,
        name: name,
        node: node,
        layer: layer,
        nextInDirectory: nodes[Int(directory)].firstName
      )
    )
    nodes[Int(directory)].firstName = UInt32(place)
    slots[slot(of: name, in: directory)] = UInt32(place)
    return place
  }

  private mutating func grow() {
    slots = [UInt32](repeating: Self.none, count: slots.count * 4)
    for place in names.indices {
      slots[slot(of: names[place].name, in: names[place].directory)] = UInt32(place)
    }
  }

  /// The slot that holds the name, or the free one where it belongs.
  private func slot(of name: ByteSlice, in directory: UInt32) -> Int {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: name.tableHash(seed: UInt64(directory))) & mask
    while slots[slot] != Self.none {
      let candidate = Int(slots[slot])
      if names[candidate].directory == directory, names[candidate].name == name { break }
      slot = (slot + 1) & mask
    }
    return slot
  }
}
