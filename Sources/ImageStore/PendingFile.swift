// A file that is being written and has no name of its own yet. It appears under its final name
// complete or not at all, and leaves nothing behind when its writer gives up or dies.
//
// The writer holds a lock on the temporary file for as long as it lives, and the kernel drops the
// lock with the process. So a temporary file that can be locked is abandoned: no process id to be
// reused, no clock to be compared.

import Glibc
package import SystemPackage

/// A temporary file on its way to becoming `name` in a directory.
///
/// Owned by one thread. Destroying it unpublished removes it.
package struct PendingFile: ~Copyable {
  /// The open file, for reading back what was written; do not close it.
  package let descriptor: FileDescriptor
  private let directory: DirectoryHandle
  private let temporaryName: String
  private let name: String
  private var isPublished = false

  private static let prefix = ".pending-"
  /// How often to start over when a name is taken or swept away: both need a race with luck of one
  /// in 2^64 or a sweep in the instant between two system calls.
  private static let attempts = 16

  /// Creates the temporary file, mode 0600.
  init(replacing name: String, in directory: DirectoryHandle) throws(ImageStoreError) {
    self.directory = directory
    self.name = name
    for _ in 0..<Self.attempts {
      let candidate = Self.prefix + String(UInt64.random(in: .min ... .max), radix: 16)
      do {
        if let descriptor = try Self.create(candidate, in: directory) {
          self.descriptor = descriptor
          temporaryName = candidate
          return
        }
      } catch {
        throw .system("create", directory.path.appending(candidate), error)
      }
    }
    throw .system("create", directory.path.appending(name), .fileExists)
  }

  deinit {
    if !isPublished {
      // Nothing can be done about a failure here; the next sweep will try again.
      _ = unlinkResult(temporaryName, in: directory)
    }
    descriptor.closeIgnoringErrors()
  }

  /// Writes all of `bytes` at `offset`.
  package func write(
    _ bytes: UnsafeRawBufferPointer,
    at offset: UInt64
  ) throws(ImageStoreError) {
    do {
      try descriptor.writeFully(bytes, at: offset)
    } catch {
      throw .system("write", directory.path.appending(temporaryName), error)
    }
  }

  /// Gives the file its final name, replacing what was there, and makes both survive a crash.
  ///
  /// - Throws: the system's refusal; then the final name is as it was or absent.
  package consuming func publish() throws(ImageStoreError) {
    do {
      try retrying { [descriptor] in fsync(descriptor.rawValue) }
      try directory.rename(temporaryName, to: name)
    } catch {
      throw .system("publish", directory.path.appending(name), error)
    }
    isPublished = true
    do {
      try directory.synchronize()
    } catch {
      _ = unlinkResult(name, in: directory)
      throw .system("publish", directory.path.appending(name), error)
    }
  }

  /// Removes the temporary files in `directory` whose writers are gone.
  ///
  /// Best effort: what cannot be removed now costs only its space.
  static func removeAbandoned(in directory: DirectoryHandle) {
    guard
      case .success(let names) = Result(catching: { () throws(Errno) in
        try directory.names(startingWith: prefix)
      })
    else { return }
    for name in names {
      // For writing, because some file systems turn flock into a lock that needs it.
      guard
        case .success(let descriptor) = Result(catching: { () throws(Errno) in
          try directory.openFile(name, O_RDWR)
        })
      else { continue }
      // The name is unlinked under the lock. It cannot mean another file by then: a published one
      // has moved to its final name, and random names do not come back.
      if flock(descriptor.rawValue, LOCK_EX | LOCK_NB) == 0 {
        _ = unlinkResult(name, in: directory)
      }
      descriptor.closeIgnoringErrors()
    }
  }

  /// Creates and locks a file, or returns `nil` to try another name.
  private static func create(
    _ name: String,
    in directory: DirectoryHandle
  ) throws(Errno) -> FileDescriptor? {
    let descriptor: FileDescriptor
    do {
      descriptor = try directory.openFile(name, O_RDWR | O_CREAT | O_EXCL)
    } catch Errno.fileExists {
      return nil
    }
    do {
      // A sweep between the two calls may have locked and removed the file: then it has no name.
      try retrying { flock(descriptor.rawValue, LOCK_EX) }
      if try fileStatus(of: descriptor).st_nlink == 1 { return descriptor }
    } catch {
      _ = unlinkResult(name, in: directory)
      descriptor.closeIgnoringErrors()
      throw error
    }
    descriptor.closeIgnoringErrors()
    return nil
  }
}

private func unlinkResult(_ name: String, in directory: DirectoryHandle) -> Result<Void, Errno> {
  Result { () throws(Errno) in try directory.unlink(name) }
}
