// Reads that have to wait for something, and the threads that do them. A fixed ring of places, so
// that nothing is allocated for a read and the kernel's readers cannot pile up without bound.

import Threading

/// A read that is owed an answer.
struct ReadJob: ~Copyable {
  let reply: FuseReply
  let file: InodeNumber
  let offset: UInt64
  let byteCount: Int
}

/// Waiting reads, first come first served.
///
/// The threads that offer never wait here. When the ring is full they get the read back and do it
/// themselves: each becomes one more worker for the length of one read and takes no new request
/// from the kernel meanwhile, which holds the readers back. Nothing waits for a place, so there is
/// nothing to deadlock on, and each such read is bounded in time by the file system.
final class ReadPool: Sendable {
  private struct Ring: ~Copyable {
    let places: UnsafeMutableBufferPointer<ReadJob>
    var first = 0
    var count = 0
    var isClosed = false

    init(capacity: Int) {
      places = .allocate(capacity: capacity)
    }

    deinit {
      precondition(count == 0, "a ring of reads went away with reads in it")
      places.deallocate()
    }

    mutating func append(_ job: consuming ReadJob) {
      places.initializeElement(at: (first + count) % places.count, to: job)
      count += 1
    }

    mutating func removeFirst() -> ReadJob? {
      guard count > 0 else { return nil }
      let job = places.moveElement(from: first)
      first = (first + 1) % places.count
      count -= 1
      return job
    }
  }

  private let ring: Monitor<Ring>

  init(capacity: Int) {
    precondition(capacity > 0, "a ring of reads needs a place")
    ring = Monitor(Ring(capacity: capacity))
  }

  /// Hands over a read, or gives it back when there is no place or the pool is closed.
  func offer(_ job: consuming ReadJob) -> ReadJob? {
    var offered: ReadJob? = job
    return ring.update { ring in
      guard !ring.isClosed, ring.count < ring.places.count, let job = offered.take() else {
        return offered.take()
      }
      ring.append(job)
      return nil
    }
  }

  /// Waits for a read; `nil` when the pool is closed and empty.
  func next() -> ReadJob? {
    ring.wait(until: { $0.count > 0 || $0.isClosed }, then: { $0.removeFirst() })
  }

  /// Takes no more reads, answers those that wait with EIO, and lets the workers end.
  func close() {
    ring.update { $0.isClosed = true }
    while let job = ring.update({ $0.removeFirst() }) {
      job.reply.fail(.inputOutput)
    }
  }
}
