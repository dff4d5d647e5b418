// `blobs` of the cache: which of its files may be taken for blobs, and how one goes. Knows no documents
// and no names of images.
//
// A file counts as a blob only if it is a plain file, belongs to us, can be written by nobody else
// and has the size that its descriptor says. Anything else is as good as absent, and is replaced.

import Glibc
import OCISpec
import SystemPackage

/// The open directories of the cache's blobs, one for each digest algorithm.
struct BlobDirectory: Sendable {
  private let sha256: DirectoryHandle
  private let sha512: DirectoryHandle

  /// How often to look again when a blob vanishes, or is replaced, between opening and locking it.
  private static let attempts = 16

  init(in root: DirectoryHandle) throws(ImageStoreError) {
    let blobs = try CacheDirectory.open("blobs", in: root)
    sha256 = try CacheDirectory.open(Digest.Algorithm.sha256.rawValue, in: blobs)
    sha512 = try CacheDirectory.open(Digest.Algorithm.sha512.rawValue, in: blobs)
  }

  func directory(_ algorithm: Digest.Algorithm) -> DirectoryHandle {
    switch algorithm {
    case .sha256: sha256
    case .sha512: sha512
    }
  }

  func path(of digest: Digest) -> FilePath {
    directory(digest.algorithm).path.appending(digest.hex)
  }

  /// Opens and holds a blob of a size, or of any; `nil` where there is none to be trusted.
  func open(_ digest: Digest, byteCount: UInt64?) throws(ImageStoreError) -> BlobFile? {
    for _ in 0..<Self.attempts {
      guard let descriptor = try openFile(digest) else { return nil }
      switch hold(descriptor, byteCount: byteCount) {
      case .blob(let byteCount, let identity):
        return BlobFile(digest, byteCount: byteCount, in: descriptor, identity: identity)
      case .untrusted:
        descriptor.closeIgnoringErrors()
        return nil
      case .unlinked: descriptor.closeIgnoringErrors()
      }
    }
    return nil
  }

  private enum Finding {
    case blob(byteCount: UInt64, BlobFile.Identity)
    case untrusted
    /// Somebody removed it before we could say that we use it.
    case unlinked
  }

  private func hold(_ descriptor: FileDescriptor, byteCount: UInt64?) -> Finding {
    // Before the lock: a file of another kind is none of ours to wait for.
    guard case .success(let before) = status(descriptor), before.isRegularFile, before.isOursAlone
    else { return .untrusted }
    descriptor.holdShared(isPatient: true)
    guard case .success(let status) = status(descriptor) else { return .untrusted }
    guard status.st_nlink > 0 else { return .unlinked }
    let identity = BlobFile.Identity(ours: status)
    guard identity.byteCount == byteCount ?? identity.byteCount else { return .untrusted }
    return .blob(byteCount: identity.byteCount, identity)
  }

  private func status(_ descriptor: FileDescriptor) -> Result<stat, Errno> {
    Result { () throws(Errno) in try fileStatus(of: descriptor) }
  }

  /// Reading does not count as a use: what does is said with `BlobFile.markUsed()`.
  private func openFile(_ digest: Digest) throws(ImageStoreError) -> FileDescriptor? {
    do {
      return try directory(digest.algorithm).openFile(digest.hex, O_RDONLY | O_NOATIME)
    } catch {
      switch error {
      // Links, sockets and devices; and what belongs to somebody else.
      case .noSuchFileOrDirectory, .tooManySymbolicLinkLevels, .noSuchAddressOrDevice,
        .operationNotSupportedByDevice,
        .permissionDenied, .notPermitted:
        return nil
      default: throw .system("open", path(of: digest), error)
      }
    }
  }

  // MARK: Listing

  /// What lies in `blobs`: each name with its digest, or with none where it is no blob's name.
  func files() throws(ImageStoreError) -> [File] {
    var files: [File] = []
    for algorithm in Digest.Algorithm.allCases {
      let directory = directory(algorithm)
      do {
        for name in try directory.names(startingWith: "") where name != "." && name != ".." {
          guard let status = try directory.status(of: name) else { continue }
          let digest = Digest(algorithm: algorithm, hex: name)
          files.append(
            File(
              path: directory.path.appending(name),
              digest: digest,
              isPlain: status.isRegularFile && status.isOursAlone,
              identity: BlobFile.Identity(ours: status),
              facts: FileFacts(status)
            )
          )
        }
      } catch {
        throw .system("list", directory.path, error)
      }
    }
    return files.sorted { $0.path.string < $1.path.string }
  }

  struct File {
    let path: FilePath
    let digest: Digest?
    /// Whether it can be a blob at all.
    let isPlain: Bool
    let identity: BlobFile.Identity
    let facts: FileFacts
  }

  // MARK: Removing

  enum Removal: Equatable {
    case removed
    case inUse
    case absent
  }

  /// Removes a blob's file, whatever it is, unless somebody uses it.
  ///
  /// A dry run only finds out. The caller holds the lock of the names, so that nobody gives a name
  /// to what is about to go. With `identity`, a file that has taken the place of that one stays.
  func remove(
    _ digest: Digest,
    only identity: BlobFile.Identity? = nil,
    isDryRun: Bool
  ) throws(ImageStoreError) -> Removal {
    let directory = directory(digest.algorithm)
    do {
      guard let status = try directory.status(of: digest.hex) else { return .absent }
      if let identity, BlobFile.Identity(ours: status) != identity { return .absent }
      if status.isRegularFile {
        return try removePlainFile(digest.hex, in: directory, isDryRun: isDryRun)
      }
      if !isDryRun { try directory.unlink(digest.hex) }
      return .removed
    } catch Errno.noSuchFileOrDirectory {
      return .absent
    } catch {
      throw .system("remove", path(of: digest), error)
    }
  }

  private func removePlainFile(
    _ name: String,
    in directory: DirectoryHandle,
    isDryRun: Bool
  ) throws(Errno) -> Removal {
    let descriptor: FileDescriptor
    do {
      // For writing, because some file systems turn flock into a lock that needs it.
      descriptor = try directory.openFile(name, O_RDWR | O_NOATIME)
    } catch Errno.permissionDenied, Errno.notPermitted, Errno.tooManySymbolicLinkLevels {
      descriptor = try directory.openFile(name, O_RDONLY)
    }
    defer { descriptor.closeIgnoringErrors() }
    guard descriptor.tryHoldExclusively() else { return .inUse }
    // Another file under this name is one that somebody has just put there.
    guard let named = try directory.status(of: name) else { return .absent }
    guard named.isSameFile(as: try fileStatus(of: descriptor)) else { return .inUse }
    if !isDryRun { try directory.unlink(name) }
    return .removed
  }
}

/// What a file of the cache takes, and when it was last used.
struct FileFacts {
  let byteCount: UInt64
  let allocatedByteCount: UInt64
  /// In seconds since 1970.
  let lastUse: Int64

  init(_ status: stat) {
    byteCount = UInt64(clamping: status.st_size)
    // st_blocks counts units of 512 bytes, whatever the file system's blocks are.
    allocatedByteCount =
      UInt64(clamping: status.st_blocks).multipliedReportingOverflow(by: 512)
      .partialValue
    lastUse = Int64(status.st_atim.tv_sec)
  }
}

extension Digest {
  /// The digest with these hexadecimal digits, or `nil` where they are none.
  init?(algorithm: Algorithm, hex: String) {
    guard
      case .success(let digest) = Result(catching: { () throws(SpecError) in
        try Digest("\(algorithm.rawValue):\(hex)")
      })
    else { return nil }
    self = digest
  }
}
