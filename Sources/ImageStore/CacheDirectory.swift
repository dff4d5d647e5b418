// The cache: where it is, whom it must belong to, and the files in it that are ours. Knows neither
// what an index file contains nor when one is stale. Everything here may be deleted at any time. The
// image layout that the cache also is, is ImageCache's.
//
//   CACHE/banger/index/VERSION/sha256/HEX     one index for each layer blob
//   CACHE/banger/copies/VERSION/sha256/HEX    seekable copies of those that need one
//   CACHE/banger/trees/VERSION/sha256/HEX-HEX merged trees, by the last layer and by what decides them
//   CACHE/banger/verified/VERSION/sha256/HEX  which file was found to be the blob
//   CACHE/banger/checked/VERSION/sha256/…     which index, and which tree, was found sound
//   CACHE/banger/results/1/HEX                finished file systems, by what decided their bytes
//   CACHE/banger/locks/sha256-HEX             held while one of these is being made
//   CACHE/banger/locks/ingest-sha256-HEX      held while a blob is downloaded
//   CACHE/banger/locks/index                  held while index.json is changed
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
  /// The cache itself, an image layout.
  let root: DirectoryHandle
  /// `banger`, where what is no part of the layout is.
  let ours: DirectoryHandle
  private let indexes: DigestDirectories
  private let copies: DigestDirectories
  private let trees: DigestDirectories
  private let verified: DigestDirectories
  private let checked: DigestDirectories
  let results: DirectoryHandle
  private let locks: DirectoryHandle
  /// The form of the files that we keep of layers.
  let version: Int

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
  /// `version` is the form of the files in it: those of another form are not seen.
  ///
  /// - Throws: `.cacheOwnedByAnother` and `.cacheWritableByOthers`, because whoever can write to a
  ///   cache decides what an image contains; else the system's refusal.
  package init(opening path: FilePath, version: Int) throws(ImageStoreError) {
    self.path = path
    self.version = version
    try Self.makeDirectories(path)
    do { root = try DirectoryHandle.open(path) } catch { throw .system("open", path, error) }
    try Self.checkOwnership(of: root)
    ours = try Self.open("banger", in: root)
    locks = try Self.open("locks", in: ours)
    indexes = try DigestDirectories(.index, version: version, in: ours)
    copies = try DigestDirectories(.copies, version: version, in: ours)
    trees = try DigestDirectories(.trees, version: version, in: ours)
    verified = try DigestDirectories(.verified, version: version, in: ours)
    checked = try DigestDirectories(.checked, version: version, in: ours)
    results = try Self.open(Self.resultsVersion, in: Self.open("results", in: ours))
    PendingFile.removeAbandoned(in: results)
  }

  /// The form of the files in `results`.
  private static let resultsVersion = "1"

  /// Where finished file systems are kept; the directory exists.
  package var resultsPath: FilePath { results.path }

  /// One kind of file of one version: a directory for each digest algorithm.
  private struct DigestDirectories {
    let sha256: DirectoryHandle
    let sha512: DirectoryHandle

    init(
      _ kind: CacheKind,
      version: Int,
      in parent: DirectoryHandle
    ) throws(ImageStoreError) {
      let place = try CacheDirectory.open(
        String(version),
        in: CacheDirectory.open(kind.rawValue, in: parent)
      )
      sha256 = try CacheDirectory.open(Digest.Algorithm.sha256.rawValue, in: place)
      sha512 = try CacheDirectory.open(Digest.Algorithm.sha512.rawValue, in: place)
      PendingFile.removeAbandoned(in: sha256)
      PendingFile.removeAbandoned(in: sha512)
    }
  }

  /// Where a blob's file is or would be, for messages.
  package func path(_ kind: CacheKind, of blob: Digest) -> FilePath {
    path(CacheFileName(kind, of: blob))
  }

  /// Where a file is or would be, for messages.
  package func path(_ name: CacheFileName) -> FilePath {
    directory(name.kind, for: name.blob).path.appending(name.text)
  }

  /// Opens a blob's file for reading, or returns `nil` where there is none to be trusted.
  ///
  /// A link, a directory, or a file that others own or may write is none.
  package func open(_ kind: CacheKind, of blob: Digest) throws(ImageStoreError) -> CachedFile? {
    try open(CacheFileName(kind, of: blob))
  }

  /// As above, by name.
  package func open(_ name: CacheFileName) throws(ImageStoreError) -> CachedFile? {
    let descriptor: FileDescriptor
    do {
      descriptor = try directory(name.kind, for: name.blob).openFile(name.text, O_RDONLY)
    } catch Errno.noSuchFileOrDirectory, Errno.tooManySymbolicLinkLevels {
      return nil
    } catch {
      throw .system("open", path(name), error)
    }
    do {
      let status = try fileStatus(of: descriptor)
      if status.isRegularFile, status.isOursAlone, let byteCount = Int(exactly: status.st_size) {
        return CachedFile(descriptor, status, byteCount: byteCount, path: path(name))
      }
    } catch {
      descriptor.closeIgnoringErrors()
      throw .system("read the status", path(name), error)
    }
    descriptor.closeIgnoringErrors()
    return nil
  }

  /// Begins a new file for a blob; it appears, whole, when it is published.
  package func create(_ kind: CacheKind, of blob: Digest) throws(ImageStoreError) -> PendingFile {
    try create(CacheFileName(kind, of: blob))
  }

  /// As above, by name.
  package func create(_ name: CacheFileName) throws(ImageStoreError) -> PendingFile {
    try PendingFile(replacing: name.text, in: directory(name.kind, for: name.blob))
  }

  /// Removes files of the kind of `kept`, those used longest ago first, down to `limit` bytes in all.
  ///
  /// The file of `kept` stays, and its size counts.
  /// A file that somebody has open or mapped lives on for them.
  package func evict(
    downTo limit: UInt64,
    keeping kept: CacheFileName
  ) throws(ImageStoreError) {
    let directory = directory(kept.kind, for: kept.blob)
    do throws(Errno) {
      var files = try directory.filesByLastUse()
      var total = files.reduce(UInt64(0)) { $0.addingReportingOverflow($1.byteCount).partialValue }
      while total > limit, !files.isEmpty {
        let oldest = files.removeFirst()
        if oldest.name == kept.text { continue }
        do {
          try directory.unlink(oldest.name)
        } catch Errno.noSuchFileOrDirectory {
          // Another process evicts too; the space is free either way.
        }
        total -= min(total, oldest.byteCount)
      }
    } catch {
      throw .system("evict files from", directory.path, error)
    }
  }

  /// Waits until no other thread or process holds the lock of a blob, and takes it.
  package func lock(_ blob: Digest) throws(ImageStoreError) -> CacheLock {
    try CacheLock.acquire(Self.lockName(blob), in: locks)
  }

  /// Takes the lock of a blob, or returns `nil` when another thread or process holds it.
  package func tryLock(_ blob: Digest) throws(ImageStoreError) -> CacheLock? {
    try CacheLock.tryAcquire(Self.lockName(blob), in: locks)
  }

  /// Takes the lock of a blob's download, or returns `nil` when another thread or process holds it.
  ///
  /// Another lock than the one under which the blob's index is made: a download can take hours, and
  /// whoever has the same layer elsewhere must not wait for it.
  func tryLockIngest(_ blob: Digest) throws(ImageStoreError) -> CacheLock? {
    try CacheLock.tryAcquire(Self.ingestLockName(blob), in: locks)
  }

  /// As above, for what takes no time to speak of: waits for the lock.
  func lockIngest(_ blob: Digest) throws(ImageStoreError) -> CacheLock {
    try CacheLock.acquire(Self.ingestLockName(blob), in: locks)
  }

  /// Waits until nobody else changes the names in `index.json`, nor removes what they do not need.
  func lockNames() throws(ImageStoreError) -> CacheLock {
    try CacheLock.acquire("index", in: locks)
  }

  /// Removes everything that was kept for a blob, the files of its locks too.
  ///
  /// Best effort: what is left costs only its space. Whoever waits for a lock that is removed
  /// notices, and makes a new one.
  package func removeFiles(of blob: Digest) {
    for kind in CacheKind.allCases {
      let directory = directory(kind, for: blob)
      _ = Result { () throws(Errno) in try directory.unlink(blob.hex) }
      _ = Result { () throws(Errno) in
        let variants = try directory.names(startingWith: CacheFileName.variantPrefix(blob))
        for name in variants { try directory.unlink(name) }
      }
    }
    for name in [Self.lockName(blob), Self.ingestLockName(blob)] { removeLock(name) }
  }

  /// Removes the files of all locks that nobody holds.
  ///
  /// Best effort, as above.
  func removeUnheldLocks() {
    guard
      case .success(let names) = Result(catching: { () throws(Errno) in
        try locks.names(startingWith: "")
      })
    else { return }
    for name in names where name != "." && name != ".." { removeLock(name) }
  }

  private func removeLock(_ name: String) {
    guard
      case .success(let lock?) = Result(catching: { () throws(ImageStoreError) in
        try CacheLock.tryAcquire(name, in: locks)
      })
    else { return }
    _ = Result { () throws(Errno) in try locks.unlink(name) }
    lock.release()
  }

  /// Removes a file, if it is there; whoever has it open or mapped keeps it.
  package func remove(_ name: CacheFileName) throws(ImageStoreError) {
    do {
      try directory(name.kind, for: name.blob).unlink(name.text)
    } catch Errno.noSuchFileOrDirectory {
      // Another process was faster.
    } catch {
      throw .system("remove", path(name), error)
    }
  }

  /// The names of the files of a kind, in no order.
  package func names(of kind: CacheKind) throws(ImageStoreError) -> [CacheFileName] {
    try files(kind).map(\.name)
  }

  /// The files of a kind, in no order.
  func files(
    _ kind: CacheKind
  ) throws(ImageStoreError) -> [(name: CacheFileName, facts: FileFacts)] {
    var files: [(name: CacheFileName, facts: FileFacts)] = []
    for algorithm in Digest.Algorithm.allCases {
      let directory = directory(kind, algorithm)
      do {
        for text in try directory.names(startingWith: "") {
          guard let name = CacheFileName(kind, algorithm, text),
            let status = try directory.status(of: text), status.isRegularFile
          else { continue }
          files.append((name, FileFacts(status)))
        }
      } catch {
        throw .system("list", directory.path, error)
      }
    }
    return files
  }

  private static func lockName(_ blob: Digest) -> String {
    "\(blob.algorithm.rawValue)-\(blob.hex)"
  }

  private static func ingestLockName(_ blob: Digest) -> String {
    "ingest-\(lockName(blob))"
  }

  private func directory(_ kind: CacheKind, for blob: Digest) -> DirectoryHandle {
    directory(kind, blob.algorithm)
  }

  private func directory(
    _ kind: CacheKind,
    _ algorithm: Digest.Algorithm
  ) -> DirectoryHandle {
    let directories =
      switch kind {
      case .index: indexes
      case .copies: copies
      case .trees: trees
      case .verified: verified
      case .checked: checked
      }
    return switch algorithm {
    case .sha256: directories.sha256
    case .sha512: directories.sha512
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

  /// Opens a directory of the cache, which is made if it is missing and must be ours alone.
  static func open(
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
