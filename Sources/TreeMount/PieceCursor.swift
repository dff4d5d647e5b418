// What the kernel can be given of a tree beforehand, piece by piece, in the order of its nodes. Pure.

import FileTree

/// Bytes of a regular file.
struct Piece: Equatable {
  var position: ReadPosition
  var byteCount: Int
}

struct PieceCursor {
  enum Item: Equatable {
    /// A directory, whose listing makes the kernel know what is in it.
    case directory(NodeID)
    case piece(Piece)
  }

  /// 1 MiB, as much as the largest READ: whole pages, and few calls.
  static let pieceByteCount = 1 << 20

  private let tree: Tree
  private let takesWholeFiles: Bool
  /// Where the next item is, or behind.
  private(set) var position: ReadPosition

  /// Of each file the first piece or, with `takesWholeFiles`, all.
  init(_ tree: Tree, from start: ReadPosition, takesWholeFiles: Bool) {
    self.tree = tree
    self.takesWholeFiles = takesWholeFiles
    position = start
  }

  /// The next item; `nil` at the tree's end.
  ///
  /// Sparse files are left out: most of them is zeros, which need no decoding, and may be terabytes.
  mutating func next() -> Item? {
    while let node = tree.node(NodeID(position.node)) {
      let start = position
      switch node.kind {
      case .directory:
        nextNode()
        return .directory(NodeID(start.node))
      case .regular where start.offset < node.size && !tree.isSparse(node):
        let count = min(node.size - start.offset, UInt64(Self.pieceByteCount))
        if takesWholeFiles { position.offset += count } else { nextNode() }
        return .piece(Piece(position: start, byteCount: Int(count)))
      default:
        nextNode()
      }
    }
    return nil
  }

  /// The first piece of each file in a directory, in the order of their nodes.
  ///
  /// Not those of files that are elsewhere already, under another name.
  static func firstPieces(in directory: NodeID, of tree: Tree) -> [Piece] {
    tree.children(of: tree[directory]).compactMap { child in
      let node = tree[child.node]
      guard node.kind == .regular, node.size > 0, !tree.isSparse(node), child.node > directory
      else { return nil }
      let position = ReadPosition(node: child.node.index, offset: 0)
      return Piece(position: position, byteCount: Int(min(node.size, UInt64(pieceByteCount))))
    }
  }

  private mutating func nextNode() {
    position = ReadPosition(node: position.node + 1, offset: 0)
  }

  /// Goes on behind the piece that a reader is at, if that is further.
  mutating func skip(behind reader: ReadPosition) {
    let size = UInt64(Self.pieceByteCount)
    let (offset, overflow) = (reader.offset / size * size).addingReportingOverflow(size)
    let behind = ReadPosition(node: reader.node, offset: overflow ? .max : offset)
    position = max(position, behind)
  }
}
