// The lock of all targets: pthread's. The standard library's waits on futexes that hand on priorities
// (FUTEX_LOCK_PI): the kernel lets who waits for one spin for as long as its holder runs, and ours are held
// while a span is decoded, which is milliseconds that a processor could do better with.
// The thread sanitizer does not see those futexes either. Source: pthread_mutex_lock(3), futex(2).

import Glibc

/// A value that one thread at a time may use; as `Synchronization.Mutex`.
package struct Mutex<Value: ~Copyable>: ~Copyable, Sendable {
  private let locked: LockedValue<Value>

  package init(_ initial: consuming sending Value) {
    locked = LockedValue(initial)
  }

  package borrowing func withLock<Result: ~Copyable, Failure: Error>(
    _ body: (inout sending Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result {
    pthread_mutex_lock(locked.mutex)
    defer { pthread_mutex_unlock(locked.mutex) }
    return try body(&locked.value.pointee)
  }

  /// Returns `nil` where another thread has the value.
  package borrowing func withLockIfAvailable<Result: ~Copyable, Failure: Error>(
    _ body: (inout sending Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result? {
    guard pthread_mutex_trylock(locked.mutex) == 0 else { return nil }
    defer { pthread_mutex_unlock(locked.mutex) }
    return try body(&locked.value.pointee)
  }
}
