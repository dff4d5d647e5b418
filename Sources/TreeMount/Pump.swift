// Pushes files into the kernel's page cache ahead of a reader that takes them in the tree's order, so that
// it finds everything there and need not ask. What costs is not bytes but round trips.
//
// The kernel does not say what it finds in its cache. So now and then a piece is left out, a mark: the
// READ that comes for it tells how far the reader is. The pump is at most two windows ahead of it.

import FileTree
import FlatArrays
package import FuseServer
import Glibc
package import Layers
import Threading

/// Whom a pump works for.
package enum PumpReader: Sendable, Equatable {
  /// One that copies the whole tree from this mountpoint, from the beginning, directories too.
  case walker(mountpoint: [UInt8])
  /// Whoever is seen to read one file after the other.
  case anybody

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

package final class Pump: CachePusher {
  private let files: ImageFiles
  private let reader: PumpReader
  private let track: Monitor<ReaderTrack>

  package init(_ files: ImageFiles, for reader: PumpReader) {
    self.files = files
    self.reader = reader
    track = Monitor(ReaderTrack(mayTurn: reader == .anybody))
  }

  /// Takes note of a READ, on the thread that answers it.
  ///
  /// Never waits.
  func note(_ inode: InodeNumber, at offset: UInt64) {
    guard let node = UInt32(exactly: inode.rawValue - 1) else { return }
    track.updateWaking { $0.note(ReadPosition(node: node, offset: offset)) }
  }

  package func stop() {
    track.update { $0.isStopped = true }
  }

  package func push(to cache: KernelCache) {
    let memory = UnsafeMutableRawBufferPointer.allocate(
      byteCount: PieceCursor.pieceByteCount,
      alignment: Int(getpagesize())
    )
    defer { memory.deallocate() }
    switch reader {
    case .walker(let mountpoint):
      var paths = DirectoryPaths(of: files.tree, below: mountpoint)
      run(from: .start, walk: 0, cache, memory) { DirectoryListing.list(paths.path(of: $0)) }
    case .anybody:
      var last: UInt32?
      while let (start, walk) = waitForWalk(after: last) {
        // Whoever reads a directory's files has listed it before.
        run(from: start, walk: walk, cache, memory) { _ in }
        last = walk
      }
    }
  }

  /// Waits for somebody who reads in order, and not as the one before.
  private func waitForWalk(after last: UInt32?) -> (ReadPosition, walk: UInt32)? {
    track.wait(until: { $0.isStopped || $0.isInOrder && $0.walk != last }) { track in
      track.isStopped ? nil : (track.position, track.walk)
    }
  }

  // MARK: One walk

  /// Pushes what lies behind `start` until the tree ends or the reader turns elsewhere.
  private func run(
    from start: ReadPosition,
    walk: UInt32,
    _ cache: KernelCache,
    _ memory: UnsafeMutableRawBufferPointer,
    list: (NodeID) -> Void
  ) {
    var cursor = PieceCursor(files.tree, from: start, takesWholeFiles: reader.takesWholeFiles)
    var (window, largest) = reader.windows
    var room = window
    var mark = start
    while let piece = cursor.nextPiece() {
      guard let position = advance(walk, to: piece.position) else { return }
      if piece.position <= position, piece.position != .start {
        cursor.skip(behind: position)
        continue
      }
      if case .bytes = piece.content, room <= 0 {
        guard wait(walk, for: mark) else { return }
        mark = piece.position
        window = min(window * 2, largest)
        room = window
        continue
      }
      switch push(piece, to: cache, memory, list) {
      case .stored: room -= piece.byteCount
      case .refused: return
      case .unknownInode:
        if case .walker = reader { continue }
        // The reader has not listed that directory yet.
        mark = piece.position
        guard wait(walk, for: mark) else { return }
      }
    }
  }

  /// Tells the track how far the pump is.
  ///
  /// - Returns: Where the reader is; `nil` when there is nothing more to be done for it.
  private func advance(_ walk: UInt32, to position: ReadPosition) -> ReadPosition? {
    track.update { track in
      guard !track.isStopped, track.walk == walk else { return nil }
      track.pushed = max(track.pushed, position)
      return track.position
    }
  }

  /// Waits until the reader is at `mark` or behind it, and tells whether it still reads in order.
  private func wait(_ walk: UInt32, for mark: ReadPosition) -> Bool {
    track.wait(until: { $0.isStopped || $0.walk != walk || $0.position >= mark }) {
      !$0.isStopped && $0.walk == walk
    }
  }

  // MARK: One piece

  private func push(
    _ piece: Piece,
    to cache: KernelCache,
    _ memory: UnsafeMutableRawBufferPointer,
    _ list: (NodeID) -> Void
  ) -> KernelCache.Outcome {
    let id = NodeID(piece.position.node)
    let inode = InodeNumber(rawValue: id.inodeNumber)
    switch piece.content {
    case .directory:
      list(id)
      return .stored
    case .bytes(let count):
      let part = UnsafeMutableRawBufferPointer(rebasing: memory[..<count])
      do throws(LayersError) {
        let offset = piece.position.offset
        guard try files.read(files.tree[id], at: offset, into: part) == count else {
          return .stored
        }
        return cache.store(UnsafeRawBufferPointer(part), of: inode, at: offset)
      } catch {
        // Whoever reads it is told.
        return .stored
      }
    }
  }
}

extension Piece {
  /// What it counts for: the work of pushing the smallest is that of a page.
  fileprivate var byteCount: Int {
    guard case .bytes(let count) = content else { return 4096 }
    return max(count, 4096)
  }
}
