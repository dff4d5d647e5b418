// Pushes files into the kernel's page cache ahead of a reader that takes them in the tree's order, so that
// it finds everything there and need not ask. What costs is not bytes but round trips. What is to be
// pushed next is found in PumpCourse, by one thread at a time; all decode and push side by side.

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
}

package final class Pump: CachePusher {
  /// One processor is left to the reader; more than four decode more than any reader takes.
  private static var usualThreadCount: Int {
    min(max(sysconf(Int32(_SC_NPROCESSORS_ONLN)) - 1, 1), 4)
  }

  package let threadCount: Int
  private let files: ImageFiles
  private let reader: PumpReader
  private let track: Monitor<ReaderTrack>
  /// Held by the thread that looks for the next batch, also while it waits for the reader.
  private let turn: Mutex<Turn>

  private struct Turn {
    var course: PumpCourse?
    /// The last walk that there was a course for.
    var lastWalk: UInt32?
    /// For a walker, whose directories are listed on the way.
    var paths: DirectoryPaths?
  }

  package init(_ files: ImageFiles, for reader: PumpReader) {
    self.files = files
    self.reader = reader
    threadCount = Self.usualThreadCount + (reader == .anybody ? 1 : 0)
    track = Monitor(ReaderTrack(mayTurn: reader == .anybody))
    var turn = Turn()
    if case .walker(let mountpoint) = reader {
      turn.paths = DirectoryPaths(of: files.tree, below: mountpoint)
    }
    self.turn = Mutex(turn)
  }

  /// Takes note of a READ, on the thread that answers it.
  ///
  /// Never waits.
  func note(_ inode: InodeNumber, at offset: UInt64) {
    guard let node = UInt32(exactly: inode.rawValue - 1) else { return }
    track.updateWaking { $0.note(ReadPosition(node: node, offset: offset)) }
  }

  /// Takes note that a directory was listed to its end, on the thread that answers.
  ///
  /// Never waits.
  func note(listed directory: InodeNumber) {
    guard let node = UInt32(exactly: directory.rawValue - 1) else { return }
    track.updateWaking { $0.note(listed: node) }
  }

  package func stop() {
    track.update { $0.isStopped = true }
  }

  package func push(to cache: KernelCache, thread: Int) {
    let memory = UnsafeMutableRawBufferPointer.allocate(
      byteCount: PieceCursor.pieceByteCount,
      alignment: Int(getpagesize())
    )
    defer { memory.deallocate() }
    // A walker lists no directory before the pump has.
    if thread == 0, reader == .anybody {
      while let batch = nextListing() { push(batch, to: cache, memory) }
    } else {
      while let batch = turn.withLock({ nextBatch(&$0) }) { push(batch, to: cache, memory) }
    }
  }

  // MARK: What was listed

  /// Waits for a directory that the reader has listed, and is about to read files of.
  private func nextListing() -> PumpBatch? {
    let listing: (NodeID, walk: UInt32)? = track.wait(until: { $0.isStopped || $0.hasListed }) {
      track in
      if track.isStopped { return nil }
      return track.takeListed().map { (NodeID($0), track.walk) }
    }
    return listing.map { directory, walk in
      PumpBatch(walk: walk, pieces: PieceCursor.firstPieces(in: directory, of: files.tree))
    }
  }

  // MARK: What comes next

  /// Waits until there is something to push; `nil` when there never will be.
  private func nextBatch(_ turn: inout Turn) -> PumpBatch? {
    while true {
      if turn.course == nil { turn.course = nextCourse(after: turn.lastWalk) }
      guard var course = turn.course else { return nil }
      turn.lastWalk = course.walk
      if let batch = nextBatch(&course, &turn.paths) {
        turn.course = course
        return batch
      }
      turn.course = nil
    }
  }

  /// The next batch of a course; `nil` at its end, or when the reader turned elsewhere.
  private func nextBatch(_ course: inout PumpCourse, _ paths: inout DirectoryPaths?) -> PumpBatch? {
    while true {
      guard let position = advance(course.walk, to: course.position) else { return nil }
      switch course.nextStep(readerAt: position, stretchOf: stretch) {
      case .push(let batch): return batch
      case .list(let directory):
        if let path = paths?.path(of: directory) { DirectoryListing.list(path) }
      case .wait(let mark):
        guard wait(course.walk, for: mark) else { return nil }
        course.windowWasUsed()
      case .end: return nil
      }
    }
  }

  private func stretch(of piece: Piece) -> DecodedStretch {
    files.stretch(of: files.tree[NodeID(piece.position.node)], at: piece.position.offset)
  }

  /// Waits for somebody who reads in order, and not as the one before.
  private func nextCourse(after last: UInt32?) -> PumpCourse? {
    switch reader {
    case .walker:
      // One walk is all there is.
      return last == nil ? PumpCourse(files.tree, from: .start, walk: 0, for: reader) : nil
    case .anybody:
      return track.wait(until: { $0.isStopped || $0.isInOrder && $0.walk != last }) { track in
        if track.isStopped { return nil }
        return PumpCourse(files.tree, from: track.position, walk: track.walk, for: reader)
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

  // MARK: One batch

  /// Pushes pieces that are ahead of the reader, until it turns elsewhere.
  private func push(
    _ batch: PumpBatch,
    to cache: KernelCache,
    _ memory: UnsafeMutableRawBufferPointer
  ) {
    for piece in batch.pieces {
      guard let position = advance(batch.walk, to: piece.position) else { return }
      if piece.position <= position { continue }
      // Where the reader has not listed the directory yet, its files are decoded at least.
      if push(piece, to: cache, memory) == .refused { stop() }
    }
  }

  private func push(
    _ piece: Piece,
    to cache: KernelCache,
    _ memory: UnsafeMutableRawBufferPointer
  ) -> KernelCache.Outcome {
    let id = NodeID(piece.position.node)
    let offset = piece.position.offset
    let part = UnsafeMutableRawBufferPointer(rebasing: memory[..<piece.byteCount])
    do throws(LayersError) {
      guard try files.read(files.tree[id], at: offset, into: part) == part.count else {
        return .stored
      }
      let inode = InodeNumber(rawValue: id.inodeNumber)
      return cache.store(UnsafeRawBufferPointer(part), of: inode, at: offset)
    } catch {
      // Whoever reads it is told.
      return .stored
    }
  }
}
