// An open directory, and the system calls made relative to it. Everything below a layout or the
// cache is reached from such a handle, one component at a time and never through a symbolic link,
// so that nobody can redirect a path between a check and its use.
//
// The ladder: C returns -1 and errno; here that becomes a typed `Errno`; callers, who know which
// absence is expected, turn it into an `ImageStoreError`.

import Glibc
import SystemPackage

/// An open directory; closed when the last reference goes.
///
/// Usable from any thread. The names passed in are ours: constants, or digests in hexadecimal.
final class DirectoryHandle: Sendable {
  /// Where the directory was found, for messages.
  let path: FilePath
  private let descriptor: CInt

  private init(path: FilePath, descriptor: CInt) {
    self.path = path
    self.descriptor = descriptor
  }

  deinit {
    close(descriptor)
  }

  private static let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC

  /// Opens the directory a user named, through symbolic links if there are any.
  static func open(_ path: FilePath) throws(Errno) -> DirectoryHandle {
    let descriptor = try retrying { path.withPlatformString { Glibc.open($0, flags) } }
    return DirectoryHandle(path: path, descriptor: descriptor)
  }

  /// Opens a directory in this one; a symbolic link is ENOTDIR.
  func directory(_ name: String) throws(Errno) -> DirectoryHandle {
    let descriptor = try retrying { openat(self.descriptor, name, Self.flags | O_NOFOLLOW) }
    return DirectoryHandle(path: path.appending(name), descriptor: descriptor)
  }

  /// Makes a directory that only its owner may enter, unless it exists.
  func makeDirectory(_ name: String) throws(Errno) {
    do {
      try retrying { mkdirat(descriptor, name, 0o700) }
    } catch Errno.fileExists {
      return
    }
  }

  /// Opens a file in this directory; a symbolic link is ELOOP.
  ///
  /// With `O_NONBLOCK` always: opening a fifo must not wait for its other end. It has no effect on
  /// regular files.
  func openFile(
    _ name: String,
    _ flags: CInt,
    mode: mode_t = 0o600
  ) throws(Errno) -> FileDescriptor {
    let flags = flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
    return FileDescriptor(rawValue: try retrying { openat(descriptor, name, flags, mode) })
  }

  /// The status of this directory.
  func status() throws(Errno) -> stat {
    try fileStatus(of: FileDescriptor(rawValue: descriptor))
  }

  /// Moves a file, to another directory too, in place of what has the new name there.
  func rename(
    _ name: String,
    to newName: String,
    in directory: DirectoryHandle
  ) throws(Errno) {
    try retrying { renameat(descriptor, name, directory.descriptor, newName) }
  }

  func unlink(_ name: String) throws(Errno) {
    try retrying { unlinkat(descriptor, name, 0) }
  }

  /// Removes an empty directory.
  func removeDirectory(_ name: String) throws(Errno) {
    try retrying { unlinkat(descriptor, name, AT_REMOVEDIR) }
  }

  /// The status of what has a name here, a symbolic link's own; `nil` where nothing has it.
  func status(of name: String) throws(Errno) -> stat? {
    var status = stat()
    do {
      try retrying { fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) }
    } catch Errno.noSuchFileOrDirectory {
      return nil
    }
    return status
  }

  /// The finished plain files in this directory, the one that was used longest ago first.
  ///
  /// Opening a file for reading counts as a use as far as the mount option `relatime` lets it.
  func filesByLastUse() throws(Errno) -> [(name: String, byteCount: UInt64)] {
    var files: [(name: String, byteCount: UInt64, used: timespec)] = []
    // Names with a leading dot are files that somebody is still writing.
    for name in try names(startingWith: "") where !name.hasPrefix(".") {
      var status = stat()
      guard fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0, status.isRegularFile
      else { continue }
      files.append((name, UInt64(clamping: status.st_size), status.st_atim))
    }
    files.sort { ($0.used.tv_sec, $0.used.tv_nsec) < ($1.used.tv_sec, $1.used.tv_nsec) }
    return files.map { ($0.name, $0.byteCount) }
  }

  /// Makes names created, renamed or removed here survive a crash.
  func synchronize() throws(Errno) {
    try retrying { fsync(descriptor) }
  }

  /// The names in this directory that begin with `prefix`.
  func names(startingWith prefix: String) throws(Errno) -> [String] {
    // A descriptor of its own: reading moves a position that all duplicates share.
    let own = try retrying { openat(descriptor, ".", Self.flags) }
    guard let stream = fdopendir(own) else {
      let error = Errno(rawValue: errno)
      close(own)
      throw error
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name.hasPrefix(prefix) { names.append(name) }
    }
    return names
  }
}

/// Reading leaves the time of last use alone; only for files of our own.
///
/// Its value in the kernel's generic header, which Glibc hides. Source: open(2).
let O_NOATIME: CInt = 0o1_000_000
/// In place of nanoseconds: the present time; the time that is there.
///
/// Source: utimensat(2).
let UTIME_NOW = (1 << 30) - 1
let UTIME_OMIT = (1 << 30) - 2

extension FileDescriptor {
  /// Fills `buffer` from `offset` on; the count is short only at the end of the file.
  ///
  /// The corresponding C function is `pread`.
  func readFully(
    at offset: UInt64,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(Errno) -> Int {
    var filled = 0
    while filled < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
      let position = off_t(offset + UInt64(filled))
      let count = try retrying { Glibc.pread(rawValue, rest.baseAddress, rest.count, position) }
      if count == 0 { break }
      filled += count
    }
    return filled
  }

  /// Writes all of `bytes` at `offset`.
  ///
  /// The corresponding C function is `pwrite`.
  func writeFully(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(Errno) {
    var written = 0
    while written < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
      let position = off_t(offset + UInt64(written))
      written += try retrying { Glibc.pwrite(rawValue, rest.baseAddress, rest.count, position) }
    }
  }

  /// Closes the file where a failure to do so can change nothing.
  ///
  /// For files that were only read, or were synchronized before.
  func closeIgnoringErrors() {
    Glibc.close(rawValue)
  }
}

/// The status of an open file.
///
/// The corresponding C function is `fstat`.
func fileStatus(of descriptor: FileDescriptor) throws(Errno) -> stat {
  var status = stat()
  try retrying { fstat(descriptor.rawValue, &status) }
  return status
}

extension stat {
  var isRegularFile: Bool { st_mode & S_IFMT == S_IFREG }

  /// Whether the file belongs to this process's user and no other may write to it.
  var isOursAlone: Bool { st_uid == geteuid() && st_mode & 0o022 == 0 }

  /// Whether both are the status of one file.
  func isSameFile(as other: stat) -> Bool {
    st_dev == other.st_dev && st_ino == other.st_ino
  }
}

/// Calls a C function that returns -1 on failure until it is not interrupted by a signal.
@discardableResult
func retrying<Count: SignedInteger>(_ call: () -> Count) throws(Errno) -> Count {
  while true {
    let result = call()
    if result != -1 { return result }
    let error = Errno(rawValue: errno)
    if error != .interrupted { throw error }
  }
}
