// Turns a finished draft into the flat arrays of a Tree: nodes numbered in walking order, children
// sorted, names and targets copied, so that the layers' tables are needed no longer.

import FlatArrays
import Offsets

struct TreeFlattening {
  private let draft: DraftTree
  private let layers: [LayerTable]
  private let showsMarks: Bool

  private var nodes: [Node] = []
  private var children: [Child] = []
  private var segments: [DataSegment] = []
  private var bytes: [UInt8] = []
  /// The number of each draft node that was met, else `DraftTree.none`.
  private var numbers: [UInt32]
  /// The children still to visit of each directory on the way down.
  private var levels: [Range<Int>] = []
  /// The draft nodes of `children`, place by place, until they have numbers.
  private var draftChildren: [UInt32] = []

  static func flatten(
    _ draft: DraftTree,
    layers: [LayerTable],
    showsMarks: Bool
  ) throws(TreeError) -> Tree {
    var flattening = TreeFlattening(draft: draft, layers: layers, showsMarks: showsMarks)
    try flattening.run()
    return Tree(
      nodes: FlatArray(flattening.nodes),
      childTable: FlatArray(flattening.children),
      segments: FlatArray(flattening.segments),
      bytes: FlatArray(flattening.bytes)
    )
  }

  private init(draft: DraftTree, layers: [LayerTable], showsMarks: Bool) {
    self.draft = draft
    self.layers = layers
    self.showsMarks = showsMarks
    numbers = [UInt32](repeating: DraftTree.none, count: draft.nodes.count)
    nodes.reserveCapacity(draft.nodes.count)
    children.reserveCapacity(draft.names.count)
  }

  private mutating func run() throws(TreeError) {
    _ = try number(DraftTree.root, parent: .root)
    var owners: [NodeID] = [.root]
    while let level = levels.last {
      guard let place = level.first else {
        levels.removeLast()
        owners.removeLast()
        continue
      }
      levels[levels.count - 1].removeFirst()
      let id = try number(draftChildren[place], parent: owners[owners.count - 1])
      children[place].node = id
      if levels.count > owners.count { owners.append(id) }
    }
  }

  /// The number of a draft node: a new one at its first name, the same at the others.
  private mutating func number(_ draftNode: UInt32, parent: NodeID) throws(TreeError) -> NodeID {
    let known = numbers[Int(draftNode)]
    if known != DraftTree.none {
      nodes[Int(known)].linkCount += 1
      return NodeID(known)
    }
    let id = NodeID(UInt32(nodes.count))
    numbers[Int(draftNode)] = id.index
    let source = draft.nodes[Int(draftNode)]
    nodes.append(try node(from: source))
    if source.kind == .directory {
      nodes[Int(id.index)].parent = parent
      if id != .root { nodes[Int(parent.index)].linkCount += 1 }
      try enter(draftNode, id)
    }
    return id
  }

  private mutating func enter(_ directory: UInt32, _ id: NodeID) throws(TreeError) {
    let sorted = visibleNames(of: directory).sorted { $0.name < $1.name }
    let start = children.count
    guard UInt32(exactly: start + sorted.count) != nil else { throw .treeTooLarge }
    for (name, node) in sorted {
      children.append(Child(name: try copy(name), node: .root))
      draftChildren.append(node)
    }
    nodes[Int(id.index)].children = range(from: start, count: sorted.count)
    levels.append(start..<children.count)
  }

  /// Names that begin with `.wh.` cannot be an image's own: what is left of them here is the
  /// bookkeeping of union file systems (`.wh..wh.plnk`), kept so far as the target of hard links; and
  /// where a layer is looked at alone, all that it has of the kind.
  private func visibleNames(of directory: UInt32) -> [(name: ByteSlice, node: UInt32)] {
    draft.places(in: directory).compactMap { place in
      let name = draft.bytes(of: draft.names[place].name)
      let node = draft.names[place].node
      let isHidden = !showsMarks && name.hasPrefix(".wh.")
      return node == DraftTree.none || isHidden ? nil : (name, node)
    }
  }

  private mutating func node(from source: DraftNode) throws(TreeError) -> Node {
    var node = Node(
      size: 0,
      seconds: 0,
      data: .zero,
      nanoseconds: 0,
      uid: 0,
      gid: 0,
      linkCount: source.kind == .directory ? 2 : 1,
      parent: .root,
      entry: source.entry,
      children: .none,
      payload: .none,
      extendedAttributes: .none,
      dataBlocks: 0,
      dataRuns: 0,
      layer: source.layer,
      mode: EntryAttributes.implicitDirectory.mode,
      kindCode: source.kind.rawValue
    )
    guard source.entry != Node.implicitEntry else { return node }
    let table = layers[Int(source.layer)]
    let entry = table.entries[Int(source.entry)]
    node.seconds = entry.seconds
    node.nanoseconds = entry.nanoseconds
    node.uid = entry.uid
    node.gid = entry.gid
    node.mode = entry.mode
    node.size = entry.size
    node.data = entry.data
    node.dataBlocks = entry.dataBlocks
    node.dataRuns = entry.dataRuns
    node.extendedAttributes = try copy(table.slice(entry.extendedAttributes))
    try setPayload(of: &node, from: entry, in: table)
    return node
  }

  private mutating func setPayload(
    of node: inout Node,
    from entry: LayerEntry,
    in table: LayerTable
  ) throws(TreeError) {
    if node.kind == .symbolicLink {
      node.payload = try copy(table.slice(entry.payload))
      node.size = UInt64(node.payload.count)
    } else if entry.kind == .regular, entry.payload.count > 0 {
      let start = segments.count
      let first = Int(entry.payload.start)
      segments += table.segments[first..<(first + Int(entry.payload.count))]
      guard UInt32(exactly: segments.count) != nil else { throw .treeTooLarge }
      node.payload = range(from: start, count: segments.count - start)
    }
  }

  private mutating func copy(_ slice: ByteSlice) throws(TreeError) -> PoolRange {
    if slice.isEmpty { return .none }
    let start = bytes.count
    guard UInt32(exactly: start + slice.count) != nil else { throw .treeTooLarge }
    slice.append(to: &bytes)
    return range(from: start, count: slice.count)
  }

  private func range(from start: Int, count: Int) -> PoolRange {
    count == 0
      ? .none
      : PoolRange(
        start: UInt32(truncatingIfNeeded: start),
        count: UInt32(truncatingIfNeeded: count)
      )
  }
}
