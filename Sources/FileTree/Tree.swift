// The flattened image: one immutable tree in flat arrays. A hard link is two names with one node.
// Nodes are numbered in the order of a depth-first walk with names sorted as bytes, which is the order in
// which mkfs.ext4 -d visits them.

package import FlatArrays
import Offsets

/// An immutable file system tree.
///
/// Node *i* has inode number *i* + 1. Everything can be read from any thread without a lock.
package struct Tree: Sendable {
  package let nodes: FlatArray<Node>
  /// The children of each directory, sorted by name as bytes.
  package let childTable: FlatArray<Child>
  package let segments: FlatArray<DataSegment>
  /// Names, link targets and extended attributes.
  package let bytes: FlatArray<UInt8>
  package let totals: TreeTotals

  /// Takes arrays as they are; those of a file must be, or have been, found sound (`isSound`).
  package init(
    nodes: FlatArray<Node>,
    childTable: FlatArray<Child>,
    segments: FlatArray<DataSegment>,
    bytes: FlatArray<UInt8>,
    totals: TreeTotals
  ) {
    self.nodes = nodes
    self.childTable = childTable
    self.segments = segments
    self.bytes = bytes
    self.totals = totals
  }

  /// Takes arrays that were just made, and counts what a mount says of them as a whole.
  init(
    nodes: FlatArray<Node>,
    childTable: FlatArray<Child>,
    segments: FlatArray<DataSegment>,
    bytes: FlatArray<UInt8>
  ) {
    self.init(
      nodes: nodes,
      childTable: childTable,
      segments: segments,
      bytes: bytes,
      totals: TreeTotals(of: nodes)
    )
  }

  package var nodeCount: Int { nodes.count }

  /// The node, or `nil` when the tree has none of that number.
  package func node(_ id: NodeID) -> Node? {
    Int(id.index) < nodes.count ? nodes[Int(id.index)] : nil
  }

  package subscript(id: NodeID) -> Node { nodes[Int(id.index)] }

  package func name(of child: Child) -> ByteSlice { slice(child.name) }

  package func target(of link: Node) -> ByteSlice { slice(link.payload) }

  package func extendedAttributes(of node: Node) -> ExtendedAttributes {
    ExtendedAttributes(packed: slice(node.extendedAttributes))
  }

  /// The children of a directory, by their places in `childTable`; empty for anything else.
  package func childRange(of directory: Node) -> Range<Int> {
    let start = Int(directory.children.start)
    return start..<(start + Int(directory.children.count))
  }

  package func children(of directory: Node) -> some RandomAccessCollection<Child> {
    childTable[childRange(of: directory)]
  }

  /// The stored runs of a sparse file, ascending; empty for any other file.
  package func segments(of file: Node) -> Slice<FlatArray<DataSegment>> {
    guard isSparse(file) else { return segments[0..<0] }
    let start = Int(file.payload.start)
    return segments[start..<(start + Int(file.payload.count))]
  }

  package func isSparse(_ file: Node) -> Bool {
    file.kind == .regular && file.payload.count > 0
  }

  private func slice(_ range: PoolRange) -> ByteSlice {
    bytes.slice(at: Int(range.start), count: Int(range.count))
  }
}

/// What a mount says about a tree as a whole: counted when the tree is made, since counting looks at
/// every node.
package struct TreeTotals: Hashable, Sendable {
  /// Blocks of 4 KiB that hold the regular files; the largest number where there are more.
  package var blockCount: UInt64
  /// Whether any node carries an extended attribute: a mount of a tree without them need not answer
  /// for them at all.
  package var hasExtendedAttributes: Bool

  package init(blockCount: UInt64, hasExtendedAttributes: Bool) {
    self.blockCount = blockCount
    self.hasExtendedAttributes = hasExtendedAttributes
  }

  init(of nodes: FlatArray<Node>) {
    blockCount = 0
    hasExtendedAttributes = false
    for node in nodes {
      if node.extendedAttributes.count > 0 { hasExtendedAttributes = true }
      guard node.kind == .regular else { continue }
      // Sizes are claims: a sparse file may make any.
      let (sum, overflow) = blockCount.addingReportingOverflow(
        DataBlockCounter.blockCount(of: node.size)
      )
      blockCount = overflow ? .max : sum
    }
  }
}
