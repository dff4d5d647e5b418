// What each thread is working on right now, for whoever looks for a request that hangs. Costs a
// thread three stores and a clock reading per request. Knows nothing of waiting requests.

import CFuse3
import Glibc
import Synchronization

/// A request that a thread is working on.
package struct FuseRequestInFlight: Sendable, Equatable {
  /// As in `FuseSession.requestCounts`.
  package let operation: String
  package let inode: InodeNumber
  package let ageNanoseconds: UInt64
}

/// One place per thread of a session.
final class InFlightTable: Sendable {
  private struct Entry: ~Copyable {
    let opcode = Atomic<UInt32>(0)
    let inode = Atomic<UInt64>(0)
    /// Monotonic nanoseconds, 0 while the thread is idle.
    let start = Atomic<UInt64>(0)
  }

  private let entryCount: Int
  // Safe: fixed memory of atomics; each entry has one writer.
  nonisolated(unsafe) private let entries: UnsafeMutablePointer<Entry>

  init(threadCount: Int) {
    entryCount = threadCount
    entries = .allocate(capacity: threadCount)
    for index in 0..<threadCount {
      (entries + index).initialize(to: Entry())
    }
  }

  deinit {
    entries.deinitialize(count: entryCount)
    entries.deallocate()
  }

  /// Notes that a thread begins a request; to be called by that thread only.
  func begin(thread: Int, opcode: UInt32, inode: UInt64) {
    entries[thread].opcode.store(opcode, ordering: .relaxed)
    entries[thread].inode.store(inode, ordering: .relaxed)
    entries[thread].start.store(Self.now(), ordering: .releasing)
  }

  /// Notes that a thread has answered.
  func end(thread: Int) {
    entries[thread].start.store(0, ordering: .releasing)
  }

  /// What is being worked on, longest first.
  ///
  /// A thread that changes its request meanwhile may show the new one with the age of the old.
  var snapshot: [FuseRequestInFlight] {
    let now = Self.now()
    var result: [FuseRequestInFlight] = []
    for index in 0..<entryCount {
      let start = entries[index].start.load(ordering: .acquiring)
      guard start != 0 else { continue }
      result.append(
        FuseRequestInFlight(
          operation: RequestCounters.name(of: entries[index].opcode.load(ordering: .relaxed)),
          inode: InodeNumber(rawValue: entries[index].inode.load(ordering: .relaxed)),
          ageNanoseconds: now > start ? now - start : 0
        )
      )
    }
    return result.sorted { $0.ageNanoseconds > $1.ageNanoseconds }
  }

  private static func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }
}
