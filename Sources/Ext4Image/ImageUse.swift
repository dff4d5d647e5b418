// Whether an image file is in use: attached to a loop device, mounted, or locked by a virtual
// machine or by another run of this program. Sources: proc_pid_mountinfo(5); fcntl(2), "Open file
// description locks".

import Glibc
import SystemPackage

enum ImageUse {
  /// Takes the image for ourselves, for as long as `file` is open.
  ///
  /// `file` is open for writing, and its path is absolute and without symbolic links.
  ///
  /// - Throws: `.inUse`, `.systemCall`.
  static func claim(_ file: OpenFile) throws(Ext4Error) {
    if flock(file.descriptor.rawValue, LOCK_EX | LOCK_NB) != 0 {
      if errno == EWOULDBLOCK { throw .inUse(file.path) }
      throw HostFile.error("lock", file.path, errno)
    }
    guard try !isUsedByOthers(file), try !isMounted(file) else { throw .inUse(file.path) }
  }

  /// Whether a virtual machine has locked `file`, or a loop device stands on it.
  ///
  /// A loop device may be mounted anywhere, in places that this process cannot see.
  ///
  /// - Throws: `.systemCall`.
  static func isUsedByOthers(_ file: OpenFile) throws(Ext4Error) -> Bool {
    if try isLocked(file) { return true }
    return try LoopDevices.areUsing(file)
  }

  /// QEMU and others lock bytes of the images that they use.
  private static func isLocked(_ file: OpenFile) throws(Ext4Error) -> Bool {
    // any lock, on any byte to the end of the file
    var lock = Glibc.flock()
    lock.l_type = Int16(F_WRLCK)
    lock.l_whence = Int16(SEEK_SET)
    try HostFile.check("lock", file.path) { _ in
      fcntl(file.descriptor.rawValue, openFileGetLock, &lock)
    }
    return lock.l_type != Int16(F_UNLCK)
  }

  /// F_OFD_GETLK, which glibc hides from programs that do not ask for GNU extensions.
  ///
  /// Source: Linux include/uapi/asm-generic/fcntl.h.
  private static let openFileGetLock: Int32 = 36

  /// File systems in user space are mounted from the image itself.
  private static func isMounted(_ file: OpenFile) throws(Ext4Error) -> Bool {
    guard let table = try HostFile.text(of: "/proc/self/mountinfo") else { return false }
    for line in table.split(separator: UInt8(ascii: "\n")) {
      // fields of no fixed number, `-`, type, source, options
      let words = line.split(separator: UInt8(ascii: " "))
      guard let dash = words.firstIndex(of: [UInt8(ascii: "-")]), dash + 2 < words.count else {
        continue
      }
      if try names(unescaped(words[dash + 2]), file) { return true }
    }
    return false
  }

  /// Blanks and the like are written as `\040`.
  private static func unescaped(_ word: ArraySlice<UInt8>) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = word
    while let first = rest.popFirst() {
      let digits = rest.prefix(3).map { $0 &- UInt8(ascii: "0") }
      if first == UInt8(ascii: "\\"), digits.count == 3, digits.allSatisfy({ $0 < 8 }) {
        bytes.append(digits.reduce(0) { $0 &* 8 &+ $1 })
        rest = rest.dropFirst(3)
      } else {
        bytes.append(first)
      }
    }
    return bytes
  }

  /// Whether `path` is that of `file`.
  ///
  /// Only where the last names are the same is it looked at: what else is mounted may not answer.
  private static func names(_ path: [UInt8], _ file: OpenFile) throws(Ext4Error) -> Bool {
    let ours = file.path.rawBytes
    if path == ours { return true }
    let slash = UInt8(ascii: "/")
    guard path.first == slash,
      path.split(separator: slash).last == ours.split(separator: slash).last
    else { return false }
    var other = stat()
    guard FilePath(rawBytes: path).withPlatformString({ stat($0, &other) }) == 0 else {
      return false
    }
    let own = try file.status()
    return own.st_dev == other.st_dev && own.st_ino == other.st_ino
  }
}

extension HostFile {
  /// All of a small file that the kernel writes; `nil` where there is none.
  ///
  /// - Throws: `.systemCall`.
  static func text(of path: FilePath) throws(Ext4Error) -> [UInt8]? {
    let descriptor = path.withPlatformString { open($0, O_RDONLY | O_CLOEXEC) }
    if descriptor < 0 {
      let code = errno
      if code == ENOENT { return nil }
      throw error("open", path, code)
    }
    defer { close(descriptor) }
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      if count < 0 { throw error("read", path, errno) }
      if count == 0 { return text }
      text += buffer[..<count]
    }
  }
}
