// A value in memory of its own, and the mutex that guards it: what Monitor and Mutex are made
// of. Source: pthread_mutex_init(3).

import Glibc

/// Memory for a value and its mutex; whoever uses the value holds the mutex.
final class LockedValue<Value: ~Copyable>: Sendable {
  // Safe: only reached while the mutex is held.
  nonisolated(unsafe) let value: UnsafeMutablePointer<Value>
  // Safe: made in `init`, destroyed in `deinit`, and pthread's own calls are thread safe.
  nonisolated(unsafe) let mutex: UnsafeMutablePointer<pthread_mutex_t>

  init(_ initial: consuming sending Value) {
    value = .allocate(capacity: 1)
    value.initialize(to: initial)
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
    value.deinitialize(count: 1)
    value.deallocate()
  }
}
