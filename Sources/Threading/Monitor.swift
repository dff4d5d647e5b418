// A lock with a condition: state that threads change and wait for. Swift's `Mutex` has no
// condition, and the threads that wait here belong to no executor. Source: pthread_mutex_lock(3),
// pthread_cond_wait(3).

import Glibc

/// State that several threads share, one at a time, and can wait on.
package final class Monitor<State: ~Copyable>: Sendable {
  // Safe: only reached while the mutex is held.
  nonisolated(unsafe) private let state: UnsafeMutablePointer<State>
  // Safe: made in `init`, destroyed in `deinit`, and pthread's own calls are thread safe.
  nonisolated(unsafe) private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  nonisolated(unsafe) private let condition: UnsafeMutablePointer<pthread_cond_t>

  package init(_ initial: consuming sending State) {
    state = .allocate(capacity: 1)
    state.initialize(to: initial)
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
    condition = .allocate(capacity: 1)
    condition.initialize(to: pthread_cond_t())
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    condition.deallocate()
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
    state.deinitialize(count: 1)
    state.deallocate()
  }

  /// Changes the state, and wakes everybody who waits.
  package func update<Result: ~Copyable>(_ body: (inout State) -> Result) -> Result {
    pthread_mutex_lock(mutex)
    defer {
      pthread_cond_broadcast(condition)
      pthread_mutex_unlock(mutex)
    }
    return body(&state.pointee)
  }

  /// Waits until `isReady`, then changes the state.
  ///
  /// Wakes nobody.
  package func wait<Result: ~Copyable>(
    until isReady: (borrowing State) -> Bool,
    then body: (inout State) -> Result
  ) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while !isReady(state.pointee) {
      pthread_cond_wait(condition, mutex)
    }
    return body(&state.pointee)
  }
}
