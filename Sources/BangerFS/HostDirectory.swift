// A directory of this machine that is held open while files are made in it: every call is about a name in
// it, and follows no link. Sources: openat(2), mkdirat(2), mknodat(2), linkat(2), symlinkat(2).

import FileTree
import Glibc
import Layers

/// An open directory.
final class HostDirectory {
  let descriptor: Int32

  private init(_ descriptor: Int32) {
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Opens a directory by its path, links followed.
  ///
  /// - Throws: `.cannotCreate`.
  init(opening path: String) throws(CommandFailure) {
    descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw CommandFailure(.cannotCreate, "\(path): \(String(cString: strerror(errno)))")
    }
  }

  // MARK: Making

  /// Makes a directory and opens it; only its owner gets in until it is given a mode.
  func makeDirectory(_ name: [UInt8], path: [UInt8]) throws(CommandFailure) -> HostDirectory {
    try check(name.withTerminator { mkdirat(descriptor, $0, 0o700) }, "make", path)
    let opened = name.withTerminator {
      openat(descriptor, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    }
    try check(opened, "open", path)
    return HostDirectory(opened)
  }

  /// Makes an empty regular file and opens it for writing.
  func makeFile(_ name: [UInt8], path: [UInt8]) throws(CommandFailure) -> Int32 {
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
    let opened = name.withTerminator { openat(descriptor, $0, flags, 0o600) }
    try check(opened, "make", path)
    return opened
  }

  func makeLink(_ name: [UInt8], to target: [UInt8], path: [UInt8]) throws(CommandFailure) {
    let result = name.withTerminator { name in
      target.withTerminator { symlinkat($0, descriptor, name) }
    }
    try check(result, "make", path)
  }

  /// Makes a device or a FIFO; `false` where this user may not.
  func makeSpecial(_ name: [UInt8], _ node: Node, path: [UInt8]) throws(CommandFailure) -> Bool {
    let device =
      node.kind == .fifo ? 0 : Self.device(major: node.deviceMajor, minor: node.deviceMinor)
    let result = name.withTerminator {
      mknodat(descriptor, $0, node.kind.modeBits | 0o600, device)
    }
    if result != 0, errno == EPERM { return false }
    try check(result, "make", path)
    return true
  }

  /// Source: makedev(3) of Glibc, which Swift does not see.
  private static func device(major: UInt32, minor: UInt32) -> dev_t {
    let (major, minor) = (UInt64(major), UInt64(minor))
    return dev_t(
      (major & 0xFFF) << 8 | (major & 0xFFFF_F000) << 32 | minor & 0xFF | (minor & 0xFFFF_FF00)
        << 12
    )
  }

  /// Gives a file that was made below `top` another name here; `false` where that fails.
  func link(_ path: [UInt8], of top: HostDirectory, as name: [UInt8]) -> Bool {
    let result = path.withTerminator { path in
      name.withTerminator { linkat(top.descriptor, path, descriptor, $0, 0) }
    }
    return result == 0
  }

  func remove(_ name: [UInt8]) {
    _ = name.withTerminator { unlinkat(descriptor, $0, 0) }
  }

  func rename(_ name: [UInt8], to other: [UInt8]) throws(CommandFailure) {
    let result = name.withTerminator { name in
      other.withTerminator { renameat(descriptor, name, descriptor, $0) }
    }
    try check(result, "replace", other)
  }

  /// Whether a name is there, and of which type.
  func type(ofName name: [UInt8]) -> mode_t? {
    var status = stat()
    let result = name.withTerminator {
      fstatat(descriptor, $0, &status, AT_SYMLINK_NOFOLLOW)
    }
    return result == 0 ? status.st_mode & S_IFMT : nil
  }

  // MARK: Attributes

  func setOwner(_ uid: UInt32, _ gid: UInt32) -> Int32 { fchown(descriptor, uid, gid) }

  func setOwner(ofName name: [UInt8], _ uid: UInt32, _ gid: UInt32) -> Int32 {
    name.withTerminator { fchownat(descriptor, $0, uid, gid, AT_SYMLINK_NOFOLLOW) }
  }

  func setAttribute(
    ofName name: [UInt8],
    _ attribute: UnsafePointer<CChar>,
    _ value: UnsafeRawBufferPointer
  ) -> Int32 {
    let path = Array("/proc/self/fd/\(descriptor)/".utf8) + name
    return path.withTerminator { AttributeCalls.set(at: $0, attribute, value) }
  }

  func setMode(ofName name: [UInt8], _ mode: mode_t, path: [UInt8]) throws(CommandFailure) {
    try check(name.withTerminator { fchmodat(descriptor, $0, mode, 0) }, "set the mode of", path)
  }

  func setTime(
    ofName name: [UInt8],
    _ times: [timespec],
    path: [UInt8]
  ) throws(CommandFailure) {
    let result = name.withTerminator {
      utimensat(descriptor, $0, times, AT_SYMLINK_NOFOLLOW)
    }
    try check(result, "set the time of", path)
  }

  // MARK: Writing

  func write(
    _ bytes: UnsafeRawBufferPointer,
    to file: Int32,
    at offset: off_t,
    _ path: [UInt8]
  ) throws(CommandFailure) {
    var done = 0
    while done < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
      let count = pwrite(file, rest.baseAddress, rest.count, offset + off_t(done))
      if count < 0, errno == EINTR { continue }
      try check(Int32(clamping: count), "write", path)
      done += count
    }
  }

  /// Throws what `errno` says where a call returned a negative number.
  func check(_ result: Int32, _ action: String, _ path: [UInt8]) throws(CommandFailure) {
    if result >= 0 { return }
    let status: ExitStatus =
      switch errno {
      case EACCES, EPERM: .notPermitted
      case EEXIST, ENOTDIR, ENAMETOOLONG, EMFILE: .cannotCreate
      default: .inputOutput
      }
    throw CommandFailure(
      status,
      "cannot \(action) \(EscapedBytes.string(path)): \(String(cString: strerror(errno)))"
    )
  }
}

extension [UInt8] {
  /// Calls `body` with the bytes as a C string.
  func withTerminator<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    (map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { text in
      // One byte at least: the NUL.
      withUnsafePointer(to: 0 as CChar) { body(text.baseAddress ?? $0) }
    }
  }
}
