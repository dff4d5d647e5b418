// A lock with a condition: state that threads change and wait for. Swift's `Mutex` has no
// condition, and the threads that wait here belong to no executor. Source: pthread_mutex_lock(3),
// pthread_cond_wait(3).

import Glibc

/// State that several threads share, one at a time, and can wait on.
package final class Monitor<State: ~Copyable>: Sendable {
  private let locked: LockedValue<State>
  // Safe: made in `init`, destroyed in `deinit`, and pthread's own calls are thread safe.
  nonisolated(unsafe) private let condition: UnsafeMutablePointer<pthread_cond_t>

  package init(_ initial: consuming sending State) {
    locked = LockedValue(initial)
    condition = .allocate(capacity: 1)
    condition.initialize(to: pthread_cond_t())
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    condition.deallocate()
  }

  /// Changes the state, and wakes everybody who waits.
  package func update<Result: ~Copyable>(_ body: (inout State) -> Result) -> Result {
    pthread_mutex_lock(locked.mutex)
    defer {
      pthread_cond_broadcast(condition)
      pthread_mutex_unlock(locked.mutex)
    }
    return body(&locked.value.pointee)
  }

  /// Changes the state, and wakes those who wait only where `body` says that it matters to them.
  package func updateWaking(where body: (inout State) -> Bool) {
    pthread_mutex_lock(locked.mutex)
    defer { pthread_mutex_unlock(locked.mutex) }
    if body(&locked.value.pointee) { pthread_cond_broadcast(condition) }
  }

  /// Waits until `isReady`, then changes the state.
  ///
  /// Wakes nobody.
  package func wait<Result: ~Copyable>(
    until isReady: (borrowing State) -> Bool,
    then body: (inout State) -> Result
  ) -> Result {
    pthread_mutex_lock(locked.mutex)
    defer { pthread_mutex_unlock(locked.mutex) }
    while !isReady(locked.value.pointee) {
      pthread_cond_wait(condition, locked.mutex)
    }
    return body(&locked.value.pointee)
  }
}
