// What a pump does next for a reader, step by step: which pieces are pushed together, which directories are
// listed, and where it waits. Pure.
//
// The kernel does not say what it finds in its cache. So now and then a piece is left out, a mark: the
// READ that comes for it tells how far the reader is. The pump is at most two windows ahead of it.

import FileTree

/// Pieces that are pushed by one thread, one after the other: they are decoded together.
struct PumpBatch: Equatable {
  var walk: UInt32
  var pieces: [Piece]
}

/// The way through a tree ahead of one reader.
struct PumpCourse {
  enum Step: Equatable {
    case push(PumpBatch)
    /// The kernel takes nothing for inodes that no listing told it of.
    case list(NodeID)
    /// Until the reader has come so far.
    case wait(ReadPosition)
    case end
  }

  let walk: UInt32
  private var cursor: PieceCursor
  private var mark: ReadPosition
  /// Bytes from one mark to the next.
  private var window: Int
  private let largestWindow: Int
  /// What may still be pushed before the next mark.
  private var room: Int

  init(_ tree: Tree, from start: ReadPosition, walk: UInt32, for reader: PumpReader) {
    self.walk = walk
    cursor = PieceCursor(tree, from: start, takesWholeFiles: reader.takesWholeFiles)
    mark = start
    (window, largestWindow) = reader.windows
    room = window
  }

  /// Where it goes on.
  var position: ReadPosition { cursor.position }

  /// The next step for a reader at `reader`, where `stretchOf` tells what is decoded together.
  ///
  /// A batch ends where a stretch does, at a directory, and with the window.
  mutating func nextStep<Stretch: Equatable>(
    readerAt reader: ReadPosition,
    stretchOf: (Piece) -> Stretch
  ) -> Step {
    var batch = PumpBatch(walk: walk, pieces: [])
    var stretch: Stretch?
    while true {
      var behind = cursor
      guard let item = behind.next() else { return batch.pieces.isEmpty ? .end : .push(batch) }
      switch item {
      case .directory(let id):
        if !batch.pieces.isEmpty { return .push(batch) }
        cursor = behind
        room -= PumpCourse.leastCost
        return .list(id)
      case .piece(let piece) where piece.position <= reader:
        behind.skip(behind: reader)
        cursor = behind
      case .piece(let piece):
        let own = stretchOf(piece)
        if !batch.pieces.isEmpty, stretch != own || room <= 0 { return .push(batch) }
        cursor = behind
        if room <= 0 {
          let last = mark
          mark = piece.position
          return .wait(last)
        }
        stretch = own
        batch.pieces.append(piece)
        room -= max(piece.byteCount, PumpCourse.leastCost)
      }
    }
  }

  /// The reader came to the mark that was waited for: it may be further ahead of the next one.
  mutating func windowWasUsed() {
    window = min(window * 2, largestWindow)
    room = window
  }

  /// The work of pushing the smallest file, or of listing a directory, is that of a page.
  private static let leastCost = 4096
}

extension PumpReader {
  /// Who reads a file's beginning may not want the rest, and the kernel reads ahead in it by itself.
  fileprivate var takesWholeFiles: Bool { self != .anybody }

  /// Bytes to be pushed in one go, at first and at most.
  ///
  /// A walker will want everything: 32 MiB are tens of milliseconds of its time. Anybody else may stop
  /// at any moment, so that what is pushed begins with two windows of the kernel's own read-ahead.
  fileprivate var windows: (first: Int, last: Int) {
    switch self {
    case .walker: (32 << 20, 32 << 20)
    case .anybody: (256 << 10, 8 << 20)
    }
  }
}
