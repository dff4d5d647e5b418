// An open blob: bytes at any position, for as long as anybody holds it. It is a file of its own, or a
// run of bytes inside an archive. Knows its digest and that its size is right; whether its content
// is, the reader of the whole blob has to find out.

import Glibc
package import OCISpec
import SystemPackage

/// A blob that was opened, found to be in a regular file and to have the size its descriptor says.
///
/// Usable from any thread. The file stays open for the life of the object, so a blob that is
/// replaced or removed under its name meanwhile goes on being served as it was. A blob of a layout or
/// of the cache is locked, shared, just as long: whoever clears the cache lets it be.
package final class BlobFile: Sendable {
  package let digest: Digest
  /// The size of the blob in bytes.
  package let byteCount: UInt64
  /// Which file this was when it was opened.
  package let identity: Identity
  /// Where the blob begins in its file.
  private let start: UInt64
  private let descriptor: FileDescriptor

  /// What tells one state of one file from another, so that a verified blob need not be verified
  /// again.
  package struct Identity: Hashable, Sendable {
    package let device: UInt64
    package let inode: UInt64
    /// The size of the whole file in bytes.
    package let byteCount: UInt64
    /// When the content last changed, in seconds since 1970 and nanoseconds.
    package let modifiedSeconds: Int64
    package let modifiedNanoseconds: Int64
    /// When anything about the file last changed; `nil` where that counts for nothing, because
    /// nobody but us can have written to the file.
    ///
    /// Unlike the time above it cannot be set, so that it tells of what was written and hidden.
    package let changed: Moment?
    /// Where the blob begins in the file; 0 where it is the file.
    package let start: UInt64

    /// A time of a file system: seconds since 1970, and nanoseconds.
    package struct Moment: Hashable, Sendable {
      package let seconds: Int64
      package let nanoseconds: Int64

      package init(seconds: Int64, nanoseconds: Int64) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
      }
    }

    package init(
      device: UInt64,
      inode: UInt64,
      byteCount: UInt64,
      modifiedSeconds: Int64,
      modifiedNanoseconds: Int64,
      changed: Moment? = nil,
      start: UInt64 = 0
    ) {
      self.device = device
      self.inode = inode
      self.byteCount = byteCount
      self.modifiedSeconds = modifiedSeconds
      self.modifiedNanoseconds = modifiedNanoseconds
      self.changed = changed
      self.start = start
    }

    /// The same file, for a blob that begins elsewhere in it.
    func starting(at start: UInt64) -> Identity {
      copy(changed: changed, start: start)
    }

    /// The same, had it last changed when `other` did.
    func changed(as other: Identity) -> Identity {
      copy(changed: other.changed, start: start)
    }

    private func copy(changed: Moment?, start: UInt64) -> Identity {
      Identity(
        device: device,
        inode: inode,
        byteCount: byteCount,
        modifiedSeconds: modifiedSeconds,
        modifiedNanoseconds: modifiedNanoseconds,
        changed: changed,
        start: start
      )
    }

    /// Of a file of ours alone, which gets its name and is marked as used after it was verified.
    init(ours status: stat) {
      self.init(status, changed: nil, start: 0)
    }

    /// Of a file that others may write to.
    init(foreign status: stat) {
      let changed = Moment(
        seconds: Int64(status.st_ctim.tv_sec),
        nanoseconds: Int64(status.st_ctim.tv_nsec)
      )
      self.init(status, changed: changed, start: 0)
    }

    /// What a later look at the same open file found.
    func renewed(_ status: stat) -> Identity {
      let now = changed == nil ? Identity(ours: status) : Identity(foreign: status)
      return now.starting(at: start)
    }

    private init(_ status: stat, changed: Moment?, start: UInt64) {
      self.init(
        device: UInt64(status.st_dev),
        inode: UInt64(status.st_ino),
        byteCount: UInt64(clamping: status.st_size),
        modifiedSeconds: Int64(status.st_mtim.tv_sec),
        modifiedNanoseconds: Int64(status.st_mtim.tv_nsec),
        changed: changed,
        start: start
      )
    }
  }

  /// Takes `byteCount` bytes of an open file, from `identity.start` on; `descriptor` is closed with
  /// the blob.
  init(
    _ digest: Digest,
    byteCount: UInt64,
    in descriptor: FileDescriptor,
    identity: Identity
  ) {
    self.digest = digest
    self.byteCount = byteCount
    self.identity = identity
    self.descriptor = descriptor
    start = identity.start
  }

  deinit {
    descriptor.closeIgnoringErrors()
  }

  /// Opens the blob `blobs/ALGORITHM/HEX` of the layout at `layout`.
  static func open(_ blob: Descriptor, in layout: DirectoryHandle) throws(ImageStoreError)
    -> BlobFile
  {
    let descriptor = try openPlainFile(blob.digest, in: layout)
    do {
      return try BlobFile(checking: descriptor, against: blob, path: layout.path)
    } catch {
      descriptor.closeIgnoringErrors()
      throw error
    }
  }

  private convenience init(
    checking descriptor: FileDescriptor,
    against blob: Descriptor,
    path: FilePath
  ) throws(ImageStoreError) {
    descriptor.holdShared(isPatient: false)
    let status: stat
    do {
      status = try fileStatus(of: descriptor)
    } catch {
      throw .blobUnreadable(blob.digest, at: 0, error)
    }
    guard status.isRegularFile else { throw .blobNotAPlainFile(blob.digest, isLink: false) }
    // Removed between opening and locking: who removed it did not know that we had it.
    guard status.st_nlink > 0 else { throw .blobMissing(blob.digest) }
    let identity = Identity(foreign: status)
    guard identity.byteCount == blob.byteCount else {
      throw .blobSizeMismatch(
        blob.digest,
        expected: blob.byteCount,
        actual: identity.byteCount
      )
    }
    self.init(blob.digest, byteCount: identity.byteCount, in: descriptor, identity: identity)
  }

  private static func openPlainFile(
    _ digest: Digest,
    in layout: DirectoryHandle
  ) throws(ImageStoreError) -> FileDescriptor {
    do {
      return try layout.directory("blobs").directory(digest.algorithm.rawValue)
        .openFile(digest.hex, O_RDONLY)
    } catch Errno.noSuchFileOrDirectory {
      throw .blobMissing(digest)
    } catch Errno.tooManySymbolicLinkLevels, Errno.notDirectory {
      // The latter: in place of a directory on the way.
      throw .blobNotAPlainFile(digest, isLink: true)
    } catch Errno.noSuchAddressOrDevice, Errno.operationNotSupportedByDevice {
      // A socket, or a device without a driver.
      throw .blobNotAPlainFile(digest, isLink: false)
    } catch {
      let path = layout.path.appending("blobs/\(digest.algorithm.rawValue)/\(digest.hex)")
      throw .system("open", path, error)
    }
  }

  /// Fills `buffer` with the bytes from `offset` on, and returns how many there were.
  ///
  /// The count is the buffer's, or less only because the blob ends. Blocks until it is there.
  ///
  /// - Throws: `.blobUnreadable`, or `.blobSizeMismatch` when the file is shorter than it was.
  package func read(
    at offset: UInt64,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(ImageStoreError) -> Int {
    guard offset < byteCount else { return 0 }
    let wanted = Int(min(UInt64(buffer.count), byteCount - offset))
    let target = UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted])
    let filled: Int
    do {
      filled = try descriptor.readFully(at: start + offset, into: target)
    } catch {
      throw .blobUnreadable(digest, at: offset, error)
    }
    guard filled == wanted else {
      throw .blobSizeMismatch(digest, expected: byteCount, actual: offset + UInt64(filled))
    }
    return filled
  }

  /// The identity of the open file now; it differs from `identity` once the file was written to.
  package func currentIdentity() throws(ImageStoreError) -> Identity {
    do {
      return identity.renewed(try fileStatus(of: descriptor))
    } catch {
      throw .blobUnreadable(digest, at: 0, error)
    }
  }

  /// Sets when the file was last used to now, and leaves when its content changed as it is.
  ///
  /// Best effort: where that is refused, the blob counts as used less lately than it was.
  func markUsed() {
    let now = timespec(tv_sec: 0, tv_nsec: UTIME_NOW)
    let unchanged = timespec(tv_sec: 0, tv_nsec: UTIME_OMIT)
    _ = futimens(descriptor.rawValue, [now, unchanged])
  }

  /// The digest of what the blob holds, by the algorithm of the one it should have.
  ///
  /// Reads it from front to end in pieces; `progress` is told of each.
  package func contentDigest(
    progress: (_ byteCount: Int) -> Void = { _ in }
  ) throws(ImageStoreError) -> Digest {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { buffer.deallocate() }
    var hasher = DigestHasher(digest.algorithm)
    var position: UInt64 = 0
    while position < byteCount {
      let count = try read(at: position, into: buffer)
      hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      position += UInt64(count)
      progress(count)
    }
    return hasher.finalize()
  }

  /// All bytes of the blob, for documents, whose size the caller has bounded.
  func readAll() throws(ImageStoreError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Int(byteCount))
    _ = try bytes.withUnsafeMutableBufferPointer { (buffer) throws(ImageStoreError) in
      try read(at: 0, into: UnsafeMutableRawBufferPointer(buffer))
    }
    return bytes
  }
}
