// The few calls on files of the host that the builder needs, with typed errors.
// Sources: open(2), mkdir(2), flock(2), rename(2), fsync(2), realpath(3), lstat(2).

import Glibc
import SystemPackage

enum HostFile {
  /// Calls `body` until it is not interrupted by a signal.
  ///
  /// - Throws: `.diskFull` for ENOSPC and EDQUOT, `.systemCall` for anything else.
  @discardableResult
  static func check(
    _ call: String,
    _ path: FilePath,
    _ body: (UnsafePointer<CChar>) -> Int32
  ) throws(Ext4Error) -> Int32 {
    while true {
      let result = path.withPlatformString(body)
      if result >= 0 { return result }
      let code = errno
      if code == EINTR { continue }
      throw error(call, path, code)
    }
  }

  static func error(_ call: String, _ path: FilePath, _ code: Int32) -> Ext4Error {
    code == ENOSPC || code == EDQUOT
      ? .diskFull(path) : .systemCall(call, path: path, errno: Errno(rawValue: code))
  }

  /// `st_mode` of what is at `path` itself; `nil` where nothing is.
  static func mode(of path: FilePath) throws(Ext4Error) -> mode_t? {
    var status = stat()
    let result = path.withPlatformString { lstat($0, &status) }
    if result == 0 { return status.st_mode }
    let code = errno
    if code == ENOENT { return nil }
    throw error("stat", path, code)
  }

  /// The absolute path without symbolic links.
  static func resolved(_ path: FilePath) throws(Ext4Error) -> FilePath {
    guard let text = path.withPlatformString({ realpath($0, nil) }) else {
      throw error("resolve", path, errno)
    }
    defer { free(text) }
    return FilePath(platformString: text)
  }

  /// Creates a file that did not exist, writes `bytes` and closes it.
  static func create(
    _ path: FilePath,
    permissions: mode_t,
    bytes: [UInt8]
  ) throws(Ext4Error) {
    let descriptor = try createOpen(path, permissions: permissions)
    defer { close(descriptor) }
    try write(bytes, to: descriptor, path)
  }

  /// Writes all of `bytes` where the last write has ended.
  static func write(
    _ bytes: [UInt8],
    to descriptor: Int32,
    _ path: FilePath
  ) throws(Ext4Error) {
    var done = 0
    while done < bytes.count {
      let result = bytes[done...].withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      if result < 0, errno == EINTR { continue }
      if result <= 0 { throw error("write", path, errno) }
      done += result
    }
  }

  /// Creates a file that did not exist and opens it for reading and writing.
  static func createOpen(_ path: FilePath, permissions: mode_t) throws(Ext4Error) -> Int32 {
    try check("create", path) {
      open($0, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, permissions)
    }
  }

  static func openDirectory(_ path: FilePath) throws(Ext4Error) -> Int32 {
    try check("open", path) { open($0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
  }

  /// Makes what was written, or a directory's names, survive a crash.
  static func synchronize(_ descriptor: Int32, _ path: FilePath) throws(Ext4Error) {
    try check("fsync", path) { _ in fsync(descriptor) }
  }

  /// Bytes that an open file takes on its disk.
  static func allocatedByteCount(_ descriptor: Int32, _ path: FilePath) throws(Ext4Error) -> UInt64
  {
    var status = stat()
    try check("stat", path) { _ in fstat(descriptor, &status) }
    // st_blocks counts 512 bytes, whatever the file system
    return UInt64(max(status.st_blocks, 0)) * 512
  }

  /// The names in a directory, `.` and `..` left out.
  static func names(in path: FilePath) throws(Ext4Error) -> [[UInt8]] {
    guard let stream = path.withPlatformString({ opendir($0) }) else {
      throw error("open", path, errno)
    }
    defer { closedir(stream) }
    var names: [[UInt8]] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        Array(bytes.prefix { $0 != 0 })
      }
      if name != Array(".".utf8), name != Array("..".utf8) { names.append(name) }
    }
    return names
  }
}
