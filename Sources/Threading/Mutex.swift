// The lock of all targets: the standard library's. It waits on futexes of its own, which the thread
// sanitizer does not see, so that it would call every use of what a lock holds a race; builds with that
// sanitizer have a lock in its place that it knows. Packaging/sanitize defines THREAD_SANITIZER.

#if !THREAD_SANITIZER
package import Synchronization
#endif

/// A value that one thread at a time may use; as `Synchronization.Mutex`.
package struct Mutex<Value: ~Copyable>: ~Copyable, Sendable {
  #if THREAD_SANITIZER
  @usableFromInline package let lock: VisibleMutex<Value>
  #else
  @usableFromInline package let lock: Synchronization.Mutex<Value>
  #endif

  @inlinable
  package init(_ initial: consuming sending Value) {
    lock = .init(initial)
  }

  @inlinable
  package borrowing func withLock<Result: ~Copyable, Failure: Error>(
    _ body: (inout sending Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result {
    try lock.withLock(body)
  }

  /// Returns `nil` where another thread has the value.
  @inlinable
  package borrowing func withLockIfAvailable<Result: ~Copyable, Failure: Error>(
    _ body: (inout sending Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result? {
    try lock.withLockIfAvailable(body)
  }
}

#if THREAD_SANITIZER
import Glibc

/// The same over pthread_mutex_lock(3).
package final class VisibleMutex<Value: ~Copyable>: Sendable {
  private let locked: LockedValue<Value>

  package init(_ initial: consuming sending Value) {
    locked = LockedValue(initial)
  }

  package func withLock<Result: ~Copyable, Failure: Error>(
    _ body: (inout sending Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result {
    pthread_mutex_lock(locked.mutex)
    defer { pthread_mutex_unlock(locked.mutex) }
    return try body(&locked.value.pointee)
  }

  package func withLockIfAvailable<Result: ~Copyable, Failure: Error>(
    _ body: (inout sending Value) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result? {
    guard pthread_mutex_trylock(locked.mutex) == 0 else { return nil }
    defer { pthread_mutex_unlock(locked.mutex) }
    return try body(&locked.value.pointee)
  }
}
#endif
