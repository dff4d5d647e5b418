// An archive as a file: open for as long as anybody needs it, readable at any position. Knows its
// size and its first bytes, not what is in it.

import Glibc
import OCISpec
import SeekableCompression
import SystemPackage

/// An open archive.
///
/// Usable from any thread. The file stays open, so an archive that is replaced under its name goes
/// on being read as it was.
final class ArchiveFile: Sendable {
  let path: FilePath
  /// Which file this was when it was opened.
  let identity: BlobFile.Identity
  private let descriptor: FileDescriptor

  var byteCount: UInt64 { identity.byteCount }

  /// Opens the file a user named, through symbolic links if there are any.
  ///
  /// - Throws: `.noArchive`; `.badArchive` for a directory, a pipe, a device; else the system's
  /// refusal.
  init(opening path: FilePath) throws(ImageStoreError) {
    let status: stat
    do {
      descriptor = try Self.open(path)
    } catch Errno.noSuchFileOrDirectory, Errno.notDirectory {
      throw .noArchive(path)
    } catch {
      throw .system("open", path, error)
    }
    self.path = path
    do {
      status = try fileStatus(of: descriptor)
    } catch {
      descriptor.closeIgnoringErrors()
      throw .system("read the status", path, error)
    }
    identity = BlobFile.Identity(foreign: status)
    guard status.isRegularFile else { throw .badArchive(path, .notAFile) }
  }

  deinit {
    descriptor.closeIgnoringErrors()
  }

  /// Without waiting for the other end of a fifo.
  private static func open(_ path: FilePath) throws(Errno) -> FileDescriptor {
    let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
    return FileDescriptor(
      rawValue: try retrying { path.withPlatformString { Glibc.open($0, flags) } }
    )
  }

  /// Fills `buffer` from `offset` on; the count is short only at the end of the file.
  func read(
    at offset: UInt64,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(ImageStoreError) -> Int {
    do {
      return try descriptor.readFully(at: offset, into: buffer)
    } catch {
      throw .system("read", path, error)
    }
  }

  /// The run of `byteCount` bytes from `start` on as a blob, which keeps the archive open.
  func blob(
    _ digest: Digest,
    at start: UInt64,
    byteCount: UInt64
  ) throws(ImageStoreError) -> BlobFile {
    let own: CInt
    do {
      own = try retrying { fcntl(descriptor.rawValue, F_DUPFD_CLOEXEC, 0) }
    } catch {
      throw .system("open", path, error)
    }
    return BlobFile(
      digest,
      byteCount: byteCount,
      in: FileDescriptor(rawValue: own),
      identity: identity.starting(at: start)
    )
  }

  /// Throws where the file is no longer what it was when it was opened.
  ///
  /// `false` where it may be: it has lost its name, or somebody wrote to it and hid that.
  func checkUnchanged() throws(ImageStoreError) -> Bool {
    let status: stat
    do {
      status = try fileStatus(of: descriptor)
    } catch {
      throw .system("read the status", path, error)
    }
    let now = identity.renewed(status)
    if now == identity { return true }
    guard now.changed(as: identity) == identity else { throw .badArchive(path, .changed) }
    return false
  }

  /// How the archive is packed.
  func codec() throws(ImageStoreError) -> Codec {
    switch try sniff(at: 0) {
    case .known(let codec): return codec
    case .foreign(let format): throw .badArchive(path, .unsupportedFormat(format))
    case .undecided: return .identity
    }
  }

  /// What the bytes from `offset` on say of their format.
  func sniff(at offset: UInt64) throws(ImageStoreError) -> Codec.Sniffed {
    var magic = [UInt8](repeating: 0, count: 10)
    let count = try magic.withUnsafeMutableBufferPointer { (buffer) throws(ImageStoreError) in
      try read(at: offset, into: UnsafeMutableRawBufferPointer(buffer))
    }
    return Codec.sniff(magic.prefix(count))
  }
}
