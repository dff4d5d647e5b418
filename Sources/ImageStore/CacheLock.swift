// One exclusive lock per name, between threads and between processes, that the kernel releases with
// the process that held it. Source: flock(2).

import Glibc
import SystemPackage
import Threading

/// A lock that is held until `release()`.
///
/// Hold it with `defer { lock.release() }`: without a use after the protected work, the object may
/// be destroyed, and the lock released, before that work is done. Usable from any thread.
package final class CacheLock: Sendable {
  private let descriptor: Mutex<FileDescriptor?>

  private init(_ descriptor: FileDescriptor) {
    self.descriptor = Mutex(descriptor)
  }

  deinit {
    release()
  }

  /// Gives the lock up; again, without effect.
  package func release() {
    let held = descriptor.withLock { descriptor in
      defer { descriptor = nil }
      return descriptor
    }
    guard let held else { return }
    // Not by closing alone: a program that is being started has a copy until it runs.
    flock(held.rawValue, LOCK_UN)
    held.closeIgnoringErrors()
  }

  /// Waits for the lock `name` in `directory`.
  static func acquire(
    _ name: String,
    in directory: DirectoryHandle
  ) throws(ImageStoreError) -> CacheLock {
    while true {
      if let lock = try attempt(name, in: directory, LOCK_EX) { return lock }
    }
  }

  /// Takes the lock `name` in `directory`, or returns `nil` when it is held.
  static func tryAcquire(
    _ name: String,
    in directory: DirectoryHandle
  ) throws(ImageStoreError) -> CacheLock? {
    while true {
      do {
        if let lock = try attempt(name, in: directory, LOCK_EX | LOCK_NB) { return lock }
      } catch .failed(_, _, .wouldBlock) {
        return nil
      }
    }
  }

  /// One attempt; `nil` where the locked file had lost its name meanwhile.
  ///
  /// Somebody may delete the cache while we wait. Whoever comes next creates a new file and locks
  /// that, so a lock on the deleted one excludes nobody.
  private static func attempt(
    _ name: String,
    in directory: DirectoryHandle,
    _ operation: CInt
  ) throws(ImageStoreError) -> CacheLock? {
    let path = directory.path.appending(name)
    let descriptor: FileDescriptor
    do {
      descriptor = try directory.openFile(name, O_RDWR | O_CREAT)
    } catch {
      throw .system("open", path, error)
    }
    do {
      try retrying { flock(descriptor.rawValue, operation) }
      if try fileStatus(of: descriptor).st_nlink > 0 { return CacheLock(descriptor) }
    } catch {
      descriptor.closeIgnoringErrors()
      throw .system("lock", path, error)
    }
    descriptor.closeIgnoringErrors()
    return nil
  }
}
