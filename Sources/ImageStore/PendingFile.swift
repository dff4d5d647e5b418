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
  /// Where the file is to have its name.
  private let directory: DirectoryHandle
  /// Where it is until then.
  private let workplace: DirectoryHandle
  private let temporaryName: String
  private var name: String
  private var isPublished = false

  private static let prefix = ".pending-"
  /// How often to start over when a name is taken or swept away: both need a race with luck of one
  /// in 2^64 or a sweep in the instant between two system calls.
  private static let attempts = 16

  /// Creates the temporary file, mode 0600, in `workplace`, which must be on the same file system.
  init(
    replacing name: String,
    in directory: DirectoryHandle,
    from workplace: DirectoryHandle
  ) throws(ImageStoreError) {
    self.directory = directory
    self.workplace = workplace
    self.name = name
    for _ in 0..<Self.attempts {
      let candidate = Self.prefix + String(UInt64.random(in: .min ... .max), radix: 16)
      do {
        if let descriptor = try Self.create(candidate, in: workplace) {
          self.descriptor = descriptor
          temporaryName = candidate
          return
        }
      } catch {
        throw .system("create", workplace.path.appending(candidate), error)
      }
    }
    throw .system("create", directory.path.appending(name), .fileExists)
  }

  /// Takes over the temporary file that `leave` left under `temporaryName` in `workplace`.
  init(
    continuing temporaryName: String,
    in workplace: DirectoryHandle,
    replacing name: String,
    in directory: DirectoryHandle
  ) throws(ImageStoreError) {
    do {
      descriptor = try Self.reopen(temporaryName, in: workplace)
    } catch {
      throw .system("open", workplace.path.appending(temporaryName), error)
    }
    self.directory = directory
    self.workplace = workplace
    self.name = name
    self.temporaryName = temporaryName
  }

  /// Creates the temporary file where it is to have its name.
  init(replacing name: String, in directory: DirectoryHandle) throws(ImageStoreError) {
    try self.init(replacing: name, in: directory, from: directory)
  }

  deinit {
    if !isPublished {
      // Nothing can be done about a failure here; the next sweep will try again.
      _ = unlinkResult(temporaryName, in: workplace)
    }
    descriptor.closeIgnoringErrors()
  }

  /// Closes the file and leaves it where it is, unlocked, under the name that is returned.
  ///
  /// Only for a workplace in which nobody sweeps.
  consuming func leave() -> String {
    isPublished = true
    return temporaryName
  }

  /// Writes all of `bytes` at `offset`.
  package func write(
    _ bytes: UnsafeRawBufferPointer,
    at offset: UInt64
  ) throws(ImageStoreError) {
    do {
      try descriptor.writeFully(bytes, at: offset)
    } catch {
      throw .system("write", workplace.path.appending(temporaryName), error)
    }
  }

  /// Makes what was written survive a crash; publishing does so too.
  func synchronize() throws(ImageStoreError) {
    do {
      try retrying { fsync(descriptor.rawValue) }
    } catch {
      throw .system("publish", directory.path.appending(name), error)
    }
  }

  /// Opens the file again, for reading and held as one that is in use.
  ///
  /// The writer's own lock becomes a shared one, which a sweep respects as well.
  func reopenShared() throws(ImageStoreError) -> FileDescriptor {
    do {
      let reader = try workplace.openFile(temporaryName, O_RDONLY | O_NOATIME)
      descriptor.holdShared(isPatient: true)
      reader.holdShared(isPatient: true)
      return reader
    } catch {
      throw .system("open", workplace.path.appending(temporaryName), error)
    }
  }

  /// Gives the file its final name, replacing what was there, and makes both survive a crash.
  ///
  /// `keepsName` is for files that hold what was in the one they replace: theirs is not taken away
  /// again where nobody knows whether the new name would survive a crash.
  ///
  /// - Throws: the system's refusal; then the final name is as it was or, unless it is kept, absent.
  package consuming func publish(keepsName: Bool = false) throws(ImageStoreError) {
    try place(keepsName: keepsName)
  }

  /// As above, and tells by what this very file is known from then on.
  package consuming func publishKnown() throws(ImageStoreError) -> BlobFile.Identity {
    try place(keepsName: false)
    do {
      return BlobFile.Identity(foreign: try fileStatus(of: descriptor))
    } catch {
      throw .system("read the status", directory.path.appending(name), error)
    }
  }

  /// Gives the file its final name without waiting for the disk: for what is held against something
  /// else whenever it is read, so that after a crash it means nothing or what it meant.
  package consuming func publishUnsynchronized() throws(ImageStoreError) {
    try rename()
  }

  private mutating func rename() throws(ImageStoreError) {
    do {
      try workplace.rename(temporaryName, to: name, in: directory)
    } catch {
      throw .system("publish", directory.path.appending(name), error)
    }
    isPublished = true
  }

  private mutating func place(keepsName: Bool) throws(ImageStoreError) {
    try synchronize()
    try rename()
    do {
      try directory.synchronize()
    } catch {
      if !keepsName { _ = unlinkResult(name, in: directory) }
      throw .system("publish", directory.path.appending(name), error)
    }
  }

  /// As above, for a file whose name depends on what was written.
  consuming func publish(as name: String) throws(ImageStoreError) {
    self.name = name
    try publish()
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

  /// Opens and locks a file that nobody else has open.
  private static func reopen(
    _ name: String,
    in directory: DirectoryHandle
  ) throws(Errno) -> FileDescriptor {
    let descriptor = try directory.openFile(name, O_RDWR)
    if descriptor.tryHoldExclusively() { return descriptor }
    descriptor.closeIgnoringErrors()
    throw .resourceBusy
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
