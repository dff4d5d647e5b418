// What the kernel can be given of a tree beforehand, piece by piece, in the order of its nodes. Pure.

import FileTree

struct Piece: Equatable {
  enum Content: Equatable {
    /// A directory, whose listing makes the kernel know what is in it.
    case directory
    /// Bytes of a regular file, from the piece's offset on.
    case bytes(Int)
  }

  var position: ReadPosition
  var content: Content
}

struct PieceCursor {
  /// 1 MiB, as much as the largest READ: whole pages, and few calls.
  static let pieceByteCount = 1 << 20

  private let tree: Tree
  private let takesWholeFiles: Bool
  private var next: ReadPosition

  /// Of each file the first piece or, with `takesWholeFiles`, all.
  init(_ tree: Tree, from start: ReadPosition, takesWholeFiles: Bool) {
    self.tree = tree
    self.takesWholeFiles = takesWholeFiles
    next = start
  }

  /// The next piece; `nil` at the tree's end.
  ///
  /// Sparse files are left out: most of them is zeros, which need no decoding, and may be terabytes.
  mutating func nextPiece() -> Piece? {
    while let node = tree.node(NodeID(next.node)) {
      let position = next
      switch node.kind {
      case .directory:
        nextNode()
        return Piece(position: position, content: .directory)
      case .regular where position.offset < node.size && !tree.isSparse(node):
        let count = min(node.size - position.offset, UInt64(Self.pieceByteCount))
        if takesWholeFiles { next.offset += count } else { nextNode() }
        return Piece(position: position, content: .bytes(Int(count)))
      default:
        nextNode()
      }
    }
    return nil
  }

  private mutating func nextNode() {
    next = ReadPosition(node: next.node + 1, offset: 0)
  }

  /// Goes on behind the piece that a reader is at, if that is further.
  mutating func skip(behind reader: ReadPosition) {
    let size = UInt64(Self.pieceByteCount)
    let (offset, overflow) = (reader.offset / size * size).addingReportingOverflow(size)
    let behind = ReadPosition(node: reader.node, offset: overflow ? .max : offset)
    next = max(next, behind)
  }
}
