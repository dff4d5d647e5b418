// What has arrived of a blob, as a file that outlives its writer. Trusts nothing it finds: what an
// earlier run left is taken only if nobody else can have written it, and is hashed again from its
// first byte.

import Glibc
import OCISpec
import SystemPackage

/// The open partial file of one blob.
///
/// Its writer holds the lock of the blob's download.
///
/// Closed with `close()`; reading is possible from any thread until then.
struct PartialFile: Sendable {
  let descriptor: FileDescriptor
  private let name: String
  private let directory: DirectoryHandle

  /// What a blob's partial file is called.
  static func name(_ digest: Digest) -> String {
    "\(digest.algorithm.rawValue)-\(digest.hex)"
  }

  /// The digest whose partial file has this name.
  static func digest(_ name: String) -> Digest? {
    let parts = name.split(separator: "-", maxSplits: 1).map(String.init)
    guard parts.count == 2, let algorithm = Digest.Algorithm(rawValue: parts[0]) else { return nil }
    return Digest(algorithm: algorithm, hex: parts[1])
  }

  private var path: FilePath { directory.path.appending(name) }

  /// Opens what there is of a blob, or begins a new file.
  ///
  /// Links, files with other names besides, files that others own or may write, and those longer
  /// than the blob are put out of the way.
  init(of blob: Descriptor, in directory: DirectoryHandle) throws(ImageStoreError) {
    self.directory = directory
    name = Self.name(blob.digest)
    do {
      if let found = try Self.openTrusted(name, in: directory, limit: blob.byteCount) {
        descriptor = found
        return
      }
      do { try directory.unlink(name) } catch Errno.noSuchFileOrDirectory {}
      descriptor = try directory.openFile(name, O_RDWR | O_CREAT | O_EXCL)
    } catch {
      throw .system("create", directory.path.appending(name), error)
    }
  }

  private static func openTrusted(
    _ name: String,
    in directory: DirectoryHandle,
    limit: UInt64
  ) throws(Errno) -> FileDescriptor? {
    guard let before = try directory.status(of: name), before.isRegularFile else { return nil }
    let descriptor: FileDescriptor
    do {
      descriptor = try directory.openFile(name, O_RDWR)
    } catch Errno.permissionDenied, Errno.noSuchFileOrDirectory, Errno.tooManySymbolicLinkLevels {
      return nil
    }
    if case .success(let status) = Result(catching: { () throws(Errno) in
      try fileStatus(of: descriptor)
    }), status.isRegularFile, status.isOursAlone, status.st_nlink == 1,
      UInt64(clamping: status.st_size) <= limit
    {
      return descriptor
    }
    descriptor.closeIgnoringErrors()
    return nil
  }

  func close() {
    descriptor.closeIgnoringErrors()
  }

  /// Hashes everything that is there, in pieces, and returns how much that was.
  func hash(into hasher: inout DigestHasher) throws(ImageStoreError) -> UInt64 {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { buffer.deallocate() }
    var position: UInt64 = 0
    while true {
      let count: Int
      do {
        count = try descriptor.readFully(at: position, into: buffer)
      } catch {
        throw .system("read", path, error)
      }
      hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      position += UInt64(count)
      if count < buffer.count { return position }
    }
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(ImageStoreError) {
    do {
      try descriptor.writeFully(bytes, at: offset)
    } catch {
      throw .system("write", path, error)
    }
  }

  /// Cuts the file to its first `byteCount` bytes.
  func truncate(to byteCount: UInt64) throws(ImageStoreError) {
    do {
      try retrying { ftruncate(descriptor.rawValue, off_t(byteCount)) }
    } catch {
      throw .system("truncate", path, error)
    }
  }

  /// Takes the file's name away; where that fails, it costs only the name.
  func remove() {
    _ = Result { () throws(Errno) in try directory.unlink(name) }
  }

  func synchronize() throws(ImageStoreError) {
    do {
      try retrying { fsync(descriptor.rawValue) }
    } catch {
      throw .system("write", path, error)
    }
  }

  /// Gives the file a blob's name, replacing what was there.
  ///
  /// The result holds it already when it appears, so that nobody can take it for unused.
  func publish(_ blob: Descriptor, in blobs: BlobDirectory) throws(ImageStoreError) -> BlobFile {
    let target = blobs.directory(blob.digest.algorithm)
    do throws(Errno) {
      let reader = try directory.openFile(name, O_RDONLY | O_NOATIME)
      reader.holdShared(isPatient: true)
      let result: BlobFile
      do throws(Errno) {
        let status = try fileStatus(of: reader)
        // Somebody has put another file in our file's place.
        guard status.isSameFile(as: try fileStatus(of: descriptor)) else {
          throw .staleNFSFileHandle
        }
        let identity = BlobFile.Identity(ours: status)
        result = BlobFile(blob.digest, byteCount: blob.byteCount, in: reader, identity: identity)
      } catch {
        reader.closeIgnoringErrors()
        throw error
      }
      try directory.rename(name, to: blob.digest.hex, in: target)
      try target.synchronize()
      return result
    } catch {
      throw .system("publish", target.path.appending(blob.digest.hex), error)
    }
  }
}
