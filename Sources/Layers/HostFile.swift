// The system calls that read directories and files of this machine, one directory at a time and never
// through a symbolic link that nobody named. Knows nothing of layers.
// Sources: openat(2), fstatat(2), readdir(3), flistxattr(2), lseek(2).

import FileTree
import Glibc
import SystemPackage

/// An open file or directory of this machine; closed when the last reference goes.
final class HostFile: Sendable {
  let descriptor: FileDescriptor

  private init(_ descriptor: CInt) {
    self.descriptor = FileDescriptor(rawValue: descriptor)
  }

  deinit {
    close(descriptor.rawValue)
  }

  /// Opens what a user named, through symbolic links.
  static func open(_ path: FilePath, _ flags: CInt = 0) throws(Errno) -> HostFile {
    HostFile(
      try calling { path.withPlatformString { Glibc.open($0, flags | O_CLOEXEC | O_NOCTTY) } }
    )
  }

  /// Opens a name of this directory; a symbolic link is ELOOP, or ENOTDIR for a directory.
  ///
  /// Opening a fifo that took the place of a file must not wait for its other end.
  func open(_ name: [UInt8], _ flags: CInt = 0) throws(Errno) -> HostFile {
    let flags = flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
    return HostFile(
      try calling { withName(name) { openat(descriptor.rawValue, $0, flags) } }
    )
  }

  func status() throws(Errno) -> stat {
    var status = stat()
    _ = try calling { fstat(descriptor.rawValue, &status) }
    return status
  }

  /// The status of a name of this directory, a symbolic link's own.
  func status(of name: [UInt8]) throws(Errno) -> stat {
    var status = stat()
    _ = try calling {
      withName(name) { fstatat(descriptor.rawValue, $0, &status, AT_SYMLINK_NOFOLLOW) }
    }
    return status
  }

  /// The target of a symbolic link of this directory, up to 4096 bytes.
  func target(of name: [UInt8]) throws(Errno) -> [UInt8] {
    var target = [UInt8](repeating: 0, count: 4096)
    let capacity = target.count
    let count = try calling {
      target.withUnsafeMutableBytes { buffer in
        guard let start = buffer.baseAddress else { return 0 }
        return withName(name) {
          readlinkat(
            descriptor.rawValue,
            $0,
            start.assumingMemoryBound(to: CChar.self),
            capacity
          )
        }
      }
    }
    return Array(target[..<count])
  }

  /// The names in this directory but `.` and `..`, in no order.
  func names() throws(Errno) -> [[UInt8]] {
    // A descriptor of its own: the stream takes it.
    let own = try calling { openat(descriptor.rawValue, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    guard let stream = fdopendir(own) else {
      let error = Errno(rawValue: errno)
      close(own)
      throw error
    }
    defer { closedir(stream) }
    var names: [[UInt8]] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else { break }
      let name = Self.name(of: entry)
      if name != Self.dot, name != Self.dots { names.append(name) }
    }
    if errno != 0 { throw Errno(rawValue: errno) }
    return names
  }

  private static let dot = Array(".".utf8)
  static let dots = Array("..".utf8)

  /// Some file systems have names over 255 bytes, for which the structure has no room in its type.
  private static func name(of entry: UnsafeMutablePointer<dirent>) -> [UInt8] {
    let offset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 0
    let text = UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: CChar.self)
    return Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
  }

  /// The start and the end of the next bytes that are not in a hole, from `position` on.
  ///
  /// `nil` where there are none. A file system that knows no holes has none.
  func dataRun(from position: UInt64, byteCount: UInt64) throws(Errno) -> Range<UInt64>? {
    guard position < byteCount else { return nil }
    let start: UInt64
    do {
      start = UInt64(try calling { lseek(descriptor.rawValue, off_t(position), SEEK_DATA) })
    } catch Errno.noSuchAddressOrDevice {
      return nil
    } catch Errno.invalidArgument {
      return position..<byteCount
    }
    guard start < byteCount else { return nil }
    let end = UInt64(try calling { lseek(descriptor.rawValue, off_t(start), SEEK_HOLE) })
    return start..<max(start + 1, min(end, byteCount))
  }
}

/// Values of the kernel's generic headers, which Glibc's module hides.
///
/// Source: Linux include/uapi/linux/fs.h.
private let SEEK_DATA: CInt = 3
private let SEEK_HOLE: CInt = 4

// MARK: - Extended attributes

extension HostFile {
  /// The extended attributes that can be read.
  func extendedAttributes() throws(Errno) -> [ExtendedAttribute] {
    let list: [UInt8]
    do {
      list = try growing { AttributeCalls.list(descriptor.rawValue, $0) }
    } catch Errno.notSupported {
      return []
    }
    var attributes: [ExtendedAttribute] = []
    for name in list.split(separator: 0) {
      do {
        let value = try growing { buffer in
          withName(Array(name)) { AttributeCalls.value(descriptor.rawValue, $0, buffer) }
        }
        attributes.append(ExtendedAttribute(name: Array(name), value: value))
      } catch Errno.noData, Errno.permissionDenied, Errno.notPermitted, Errno.notSupported {
        // Listed, but not to be had by this user, or gone meanwhile.
      }
    }
    return attributes
  }

  /// The bytes that a call gives when its buffer is large enough: it says how much it needs.
  private func growing(
    _ call: (UnsafeMutableRawBufferPointer) -> Int
  ) throws(Errno) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 256)
    while true {
      do {
        let count = try calling { bytes.withUnsafeMutableBytes(call) }
        return Array(bytes[..<count])
      } catch Errno.outOfRange {
        // XATTR_SIZE_MAX and XATTR_LIST_MAX are both 64 KiB; see xattr(7).
        if bytes.count > 64 << 10 { throw Errno.outOfRange }
        bytes = [UInt8](repeating: 0, count: bytes.count * 4)
      }
    }
  }
}

// MARK: - Status

/// What tells one file of this machine from all others, while it is there.
struct HostIdentity: Hashable {
  var device: UInt64
  var inode: UInt64
}

extension stat {
  var identity: HostIdentity { HostIdentity(device: UInt64(st_dev), inode: UInt64(st_ino)) }
  var type: mode_t { st_mode & S_IFMT }

  /// Whether nothing was written to the file between two looks at it.
  func isUnchanged(since earlier: stat) -> Bool {
    identity == earlier.identity && st_size == earlier.st_size
      && st_mtim.tv_sec == earlier.st_mtim.tv_sec && st_mtim.tv_nsec == earlier.st_mtim.tv_nsec
      && st_ctim.tv_sec == earlier.st_ctim.tv_sec && st_ctim.tv_nsec == earlier.st_ctim.tv_nsec
  }

  /// Source: makedev(3) of Glibc.
  var deviceMajor: UInt32 {
    let device = UInt64(st_rdev)
    return UInt32(truncatingIfNeeded: (device >> 8 & 0xFFF) | (device >> 32 & 0xFFFF_F000))
  }

  var deviceMinor: UInt32 {
    let device = UInt64(st_rdev)
    return UInt32(truncatingIfNeeded: (device & 0xFF) | (device >> 12 & 0xFFFF_FF00))
  }

  var modificationNanoseconds: UInt32 {
    UInt32(clamping: min(max(st_mtim.tv_nsec, 0), 999_999_999))
  }
}

/// Calls a C function that returns -1 on failure until it is not interrupted by a signal.
private func calling<Count: SignedInteger>(_ call: () -> Count) throws(Errno) -> Count {
  while true {
    let result = call()
    if result != -1 { return result }
    let error = Errno(rawValue: errno)
    if error != .interrupted { throw error }
  }
}

private func withName<Result>(_ name: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result {
  (name + [0]).withUnsafeBytes { bytes in
    bytes.withMemoryRebound(to: CChar.self) { text in
      // One byte at least: the NUL.
      withUnsafePointer(to: 0 as CChar) { body(text.baseAddress ?? $0) }
    }
  }
}
