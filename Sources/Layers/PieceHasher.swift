// Hashing beside the pass that gives the bytes: the digests of a blob and of its tar stream and the
// checksums of the blob's blocks, on a thread of its own. They are a third of a pass's work and need
// nothing of the rest of it. Copies no bytes; knows nothing of what is right.

import Dispatch
import ImageStore
import OCISpec
import Threading

/// Hashes pieces in the order in which one thread gives them.
///
/// Whoever gives them calls `finish` before their memory is freed.
struct PieceHasher: ~Copyable {
  /// What all pieces come to.
  struct Sums: Sendable {
    /// `nil` where the blob is not to be hashed.
    fileprivate(set) var blob: DigestHasher?
    fileprivate(set) var tar: DigestHasher
    fileprivate(set) var blocks = BlockChecksumBuilder()
  }

  /// The place of a piece in the order; 0 comes before all.
  typealias Ticket = Int

  /// What the giver and the hashing thread share.
  private final class Shared: Sendable {
    let sums: Mutex<Sums>
    let hashed = Monitor<Ticket>(0)

    init(_ sums: Sums) { self.sums = Mutex(sums) }
  }

  private let queue = DispatchQueue(label: "banger-fs.hash")
  private let shared: Shared
  private var given: Ticket = 0

  init(blob: DigestHasher?, tar: DigestHasher) {
    shared = Shared(Sums(blob: blob, tar: tar))
  }

  /// Takes a piece of the blob, which must stay as it is until `wait` has returned for it.
  mutating func takeStored(_ piece: UnsafeRawBufferPointer) -> Ticket {
    take(piece) { sums, piece in
      sums.blob?.update(piece)
      sums.blocks.update(piece)
    }
  }

  /// Takes a piece of the tar stream, which must stay as it is until `wait` has returned for it.
  mutating func takeDecoded(_ piece: UnsafeRawBufferPointer) -> Ticket {
    take(piece) { sums, piece in sums.tar.update(piece) }
  }

  /// Waits until a piece, and all before it, were hashed.
  func wait(for ticket: Ticket) {
    shared.hashed.wait(until: { $0 >= ticket }, then: { _ in })
  }

  /// Waits for all pieces, and returns what they come to.
  func finish() -> Sums {
    wait(for: given)
    return shared.sums.withLock { $0 }
  }

  private mutating func take(
    _ piece: UnsafeRawBufferPointer,
    _ update: @escaping @Sendable (inout Sums, UnsafeRawBufferPointer) -> Void
  ) -> Ticket {
    given += 1
    // The giver leaves the bytes alone.
    nonisolated(unsafe) let piece = piece
    queue.async { [shared, given] in
      shared.sums.withLock { update(&$0, piece) }
      shared.hashed.update { $0 = given }
    }
    return given
  }
}
