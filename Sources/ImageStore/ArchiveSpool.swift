// Where the files of a compressed archive wait until it is known which of them belong to an image: in a
// directory of the cache that goes with its owner. Most archives name their files before they say what
// those are for, and many files may be for nothing: so none is synchronized, and none is a blob, before
// somebody asks for it.
//
//   CACHE/banger/archives/1/.spool-RANDOM/.pending-RANDOM
//
// The owner holds a lock on the directory, which the kernel drops with the process: a directory that can
// be locked is abandoned.

import Glibc
import OCISpec
import SystemPackage
import Threading

/// The files of one pass through an archive.
///
/// Usable from any thread. Destroying it removes what was not published.
final class ArchiveSpool: Sendable {
  private static let prefix = ".spool-"

  private let blobs: BlobDirectory
  private let parent: DirectoryHandle
  private let name: String
  private let directory: DirectoryHandle
  /// Open for its lock.
  private let lock: FileDescriptor
  /// Names of files by what they hold.
  private let files = Mutex<[Digest: File]>([:])

  private struct File {
    let name: String
    let byteCount: UInt64
  }

  /// How often to start over when somebody sweeps between making a directory and locking it.
  private static let attempts = 16

  /// Makes the directory in `parent`, which must be on the file system of `blobs`.
  init(in parent: DirectoryHandle, for blobs: BlobDirectory) throws(ImageStoreError) {
    self.blobs = blobs
    self.parent = parent
    for _ in 0..<Self.attempts {
      let name = Self.prefix + String(UInt64.random(in: .min ... .max), radix: 16)
      do {
        try parent.makeDirectory(name)
        guard let (directory, lock) = try Self.open(name, in: parent) else { continue }
        self.directory = directory
        self.lock = lock
        self.name = name
        return
      } catch {
        throw .system("create", parent.path.appending(name), error)
      }
    }
    throw .system("create", parent.path.appending(Self.prefix), .fileExists)
  }

  /// Opens and locks a directory, or returns `nil` where somebody took it for abandoned.
  private static func open(
    _ name: String,
    in parent: DirectoryHandle
  ) throws(Errno) -> (DirectoryHandle, FileDescriptor)? {
    let (directory, lock): (DirectoryHandle, FileDescriptor)
    do {
      directory = try parent.directory(name)
      lock = try parent.openFile(name, O_RDONLY | O_DIRECTORY)
    } catch Errno.noSuchFileOrDirectory {
      return nil
    }
    do {
      lock.holdShared(isPatient: true)
      if try fileStatus(of: lock).st_nlink > 0 { return (directory, lock) }
    } catch {
      lock.closeIgnoringErrors()
      throw error
    }
    lock.closeIgnoringErrors()
    return nil
  }

  deinit {
    Self.remove(name, in: parent)
    lock.closeIgnoringErrors()
  }

  /// Begins a file whose digest, of `algorithm`, is known only at its end.
  func create(_ algorithm: Digest.Algorithm) throws(ImageStoreError) -> PendingFile {
    try PendingFile(replacing: "", in: blobs.directory(algorithm), from: directory)
  }

  /// Keeps a whole file, unless there is one of this content.
  func keep(_ file: consuming PendingFile, as digest: Digest, byteCount: UInt64) {
    let isKnown = files.withLock { $0[digest] != nil }
    if isKnown { return }
    let name = file.leave()
    files.withLock { $0[digest] = File(name: name, byteCount: byteCount) }
  }

  /// Makes a file a blob of the cache, which the result holds; `nil` where there is none.
  func publish(_ digest: Digest, byteCount: UInt64) throws(ImageStoreError) -> BlobFile? {
    let file = files.withLock { $0[digest] }
    guard let file, file.byteCount == byteCount else { return nil }
    let pending = try PendingFile(
      continuing: file.name,
      in: directory,
      replacing: digest.hex,
      in: blobs.directory(digest.algorithm)
    )
    let blob = try pending.hold(as: digest, byteCount: byteCount)
    try pending.publish()
    files.withLock { $0[digest] = nil }
    return blob
  }

  /// Removes the directories in `parent` whose owners are gone; best effort.
  static func removeAbandoned(in parent: DirectoryHandle) {
    _ = Result { () throws(Errno) in
      for name in try parent.names(startingWith: prefix) {
        let lock = try parent.openFile(name, O_RDONLY | O_DIRECTORY)
        if lock.tryHoldExclusively() { remove(name, in: parent) }
        lock.closeIgnoringErrors()
      }
    }
  }

  /// Nothing can be done about a failure: the next sweep will try again.
  private static func remove(_ name: String, in parent: DirectoryHandle) {
    _ = Result { () throws(Errno) in
      let directory = try parent.directory(name)
      for file in try directory.names(startingWith: ".pending-") { try directory.unlink(file) }
      try parent.removeDirectory(name)
    }
  }
}
