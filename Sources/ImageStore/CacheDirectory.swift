// The cache: where it is, whom it must belong to, and the files in it that are ours. Knows neither
// what an index file contains nor when one is stale. Everything here may be deleted at any time.
//
//   CACHE/banger/index/VERSION/sha256/HEX    one index for each layer blob
//   CACHE/banger/locks/sha256-HEX            held while that index is being made
//
// Source: XDG Base Directory Specification 0.8 (XDG_CACHE_HOME).

import Glibc
package import OCISpec
package import SystemPackage

/// The open cache directory of one user.
///
/// Usable from any thread, and by several processes at once.
package final class CacheDirectory: Sendable {
  package let path: FilePath
  private let sha256Indexes: DirectoryHandle
  private let sha512Indexes: DirectoryHandle
  private let locks: DirectoryHandle

  /// Where the cache is unless somebody says otherwise, or `nil` without a home directory.
  ///
  /// `$XDG_CACHE_HOME/banger/oci`, else `$HOME/.cache/banger/oci`. As the specification wants it, a
  /// relative `XDG_CACHE_HOME` is ignored.
  package static func standardPath(environment: [String: String]) -> FilePath? {
    if let cache = environment["XDG_CACHE_HOME"].map({ FilePath($0) }), cache.isAbsolute {
      return cache.appending("banger/oci")
    }
    guard let home = environment["HOME"].map({ FilePath($0) }), home.isAbsolute else { return nil }
    return home.appending(".cache/banger/oci")
  }

  /// Opens the cache at `path`, making what is missing with mode 0700, and removes temporary files
  /// that died with their writers.
  ///
  /// - Throws: `.cacheOwnedByAnother` and `.cacheWritableByOthers`, because whoever can write to a
  ///   cache decides what an image contains; else the system's refusal.
  package init(opening path: FilePath, indexVersion: Int) throws(ImageStoreError) {
    self.path = path
    try Self.makeDirectories(path)
    let root: DirectoryHandle
    do { root = try DirectoryHandle.open(path) } catch { throw .system("open", path, error) }
    try Self.checkOwnership(of: root)
    let ours = try Self.open("banger", in: root)
    locks = try Self.open("locks", in: ours)
    let version = try Self.open(String(indexVersion), in: Self.open("index", in: ours))
    sha256Indexes = try Self.open(Digest.Algorithm.sha256.rawValue, in: version)
    sha512Indexes = try Self.open(Digest.Algorithm.sha512.rawValue, in: version)
    PendingFile.removeAbandoned(in: sha256Indexes)
    PendingFile.removeAbandoned(in: sha512Indexes)
  }

  /// Where the index of a blob is or would be, for messages.
  package func indexPath(of blob: Digest) -> FilePath {
    directory(for: blob).path.appending(blob.hex)
  }

  /// Opens the index of a blob for reading, or returns `nil` where there is none to be trusted.
  ///
  /// A link, a directory, or a file that others own or may write is none. The caller closes it.
  package func openIndex(of blob: Digest) throws(ImageStoreError) -> FileDescriptor? {
    let descriptor: FileDescriptor
    do {
      descriptor = try directory(for: blob).openFile(blob.hex, O_RDONLY)
    } catch Errno.noSuchFileOrDirectory, Errno.tooManySymbolicLinkLevels {
      return nil
    } catch {
      throw .system("open", indexPath(of: blob), error)
    }
    do {
      let status = try fileStatus(of: descriptor)
      if status.isRegularFile, status.isOursAlone { return descriptor }
    } catch {
      descriptor.closeIgnoringErrors()
      throw .system("read the status", indexPath(of: blob), error)
    }
    descriptor.closeIgnoringErrors()
    return nil
  }

  /// Begins a new index for a blob; it appears, whole, when it is published.
  package func createIndex(of blob: Digest) throws(ImageStoreError) -> PendingFile {
    try PendingFile(replacing: blob.hex, in: directory(for: blob))
  }

  /// Waits until no other thread or process holds the lock of a blob, and takes it.
  package func lock(_ blob: Digest) throws(ImageStoreError) -> CacheLock {
    try CacheLock.acquire(Self.lockName(blob), in: locks)
  }

  /// Takes the lock of a blob, or returns `nil` when another thread or process holds it.
  package func tryLock(_ blob: Digest) throws(ImageStoreError) -> CacheLock? {
    try CacheLock.tryAcquire(Self.lockName(blob), in: locks)
  }

  private static func lockName(_ blob: Digest) -> String {
    "\(blob.algorithm.rawValue)-\(blob.hex)"
  }

  private func directory(for blob: Digest) -> DirectoryHandle {
    switch blob.algorithm {
    case .sha256: sha256Indexes
    case .sha512: sha512Indexes
    }
  }

  /// Makes `path` and whatever is missing above it.
  private static func makeDirectories(_ path: FilePath) throws(ImageStoreError) {
    var missing: [FilePath] = []
    var current = path
    while !current.isEmpty, current.withPlatformString({ access($0, F_OK) }) != 0 {
      missing.append(current)
      guard current.removeLastComponent() else { break }
    }
    for directory in missing.reversed() {
      do {
        try retrying { directory.withPlatformString { mkdir($0, 0o700) } }
      } catch Errno.fileExists {
        continue  // Another process was faster.
      } catch {
        throw .system("create", directory, error)
      }
    }
  }

  private static func open(
    _ name: String,
    in parent: DirectoryHandle
  ) throws(ImageStoreError) -> DirectoryHandle {
    let directory: DirectoryHandle
    do {
      try parent.makeDirectory(name)
      directory = try parent.directory(name)
    } catch {
      throw .system("open", parent.path.appending(name), error)
    }
    try checkOwnership(of: directory)
    return directory
  }

  private static func checkOwnership(of directory: DirectoryHandle) throws(ImageStoreError) {
    let status: stat
    do {
      status = try directory.status()
    } catch {
      throw .system("read the status", directory.path, error)
    }
    guard status.st_uid == geteuid() else {
      throw .cacheOwnedByAnother(directory.path, owner: status.st_uid)
    }
    guard status.isOursAlone else {
      throw .cacheWritableByOthers(directory.path, mode: status.st_mode & 0o7777)
    }
  }
}

extension stat {
  /// Whether the file belongs to this process's user and no other may write to it.
  fileprivate var isOursAlone: Bool { st_uid == geteuid() && st_mode & 0o022 == 0 }
}
