// The kernel's table of mounts, as far as it concerns FUSE: which mounts are ours, which of them
// have lost their server, and how to clear those. Source: proc(5) "mountinfo"; statvfs(3).

import CFuse3
import Glibc

/// The mounts of this process's mount namespace, in the order they were made.
package struct MountTable: Sendable, Equatable {
  /// The device number of a file system, as `st_dev` has it in two parts.
  package struct DeviceNumber: Sendable, Equatable {
    package let major: UInt32
    package let minor: UInt32

    package init(major: UInt32, minor: UInt32) {
      self.major = major
      self.minor = minor
    }
  }

  /// One line of the table.
  package struct Mount: Sendable, Equatable {
    package let device: DeviceNumber
    /// An absolute path, unescaped.
    package let mountpoint: [UInt8]
    /// The type with its subtype, such as `fuse.banger-fs`.
    package let type: [UInt8]
    /// What the mounter gave as the source, unescaped.
    package let source: [UInt8]
    /// The mount's and then the file system's options, each joined by commas.
    package let options: [UInt8]
  }

  package let mounts: [Mount]

  package init(mounts: [Mount]) {
    self.mounts = mounts
  }

  /// The mounts that this program made, in this process or another.
  package var ownMounts: [Mount] { mounts.filter(\.isOurs) }

  /// What one sees at exactly this path: the last that was mounted there.
  package func mount(at path: [UInt8]) -> Mount? {
    mounts.last { $0.mountpoint == path }
  }
}

extension MountTable {
  /// Reads the table of this process.
  package static func current() throws(FuseError) -> MountTable {
    let file = try OwnedDescriptor(
      open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC),
      from: "open /proc/self/mountinfo"
    )
    var text: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = read(file.number, &chunk, chunk.count)
      let cause = POSIXErrno.current
      if count < 0, cause.rawValue == EINTR { continue }
      guard count >= 0 else { throw .systemCall(name: "read /proc/self/mountinfo", cause) }
      guard count > 0 else { return MountTable(parsing: text) }
      text.append(contentsOf: chunk[..<count])
    }
  }

  /// Reads the text of a table; lines that do not have its form are left out.
  package init(parsing text: [UInt8]) {
    mounts = text.split(separator: UInt8(ascii: "\n")).compactMap(Mount.init(parsing:))
  }
}

extension MountTable.Mount {
  /// Whether this program, in this process or another, made the mount.
  package var isOurs: Bool { type.elementsEqual(FuseOptions.mountType.utf8) }

  /// Whether the server of this mount is gone, so that it can only be cleared away.
  ///
  /// Asks for the size of the file system, which the kernel never answers by itself: attributes it
  /// may still have. Waits for a server that is there but does not answer. A mount that admits only
  /// another user counts as alive, for the kernel does not let us ask.
  ///
  /// The corresponding C function is `statvfs`.
  package var isDead: Bool {
    var status = statvfs()
    let path = cString(mountpoint)
    guard statvfs(path, &status) != 0 else { return false }
    let cause = POSIXErrno.current
    return cause.rawValue == ENOTCONN || cause.rawValue == ECONNABORTED
  }

  // 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
  // id parent dev root mountpoint options, any number of tags, "-", type source options
  fileprivate init?(parsing line: ArraySlice<UInt8>) {
    let fields = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard fields.count > 6,
      let dash = fields[6...].firstIndex(where: { $0.elementsEqual("-".utf8) }),
      fields.count == dash + 4,
      let device = MountTable.DeviceNumber(parsing: fields[2])
    else { return nil }
    self.device = device
    mountpoint = Self.unescape(fields[4])
    type = Self.unescape(fields[dash + 1])
    source = Self.unescape(fields[dash + 2])
    options = fields[5] + [UInt8(ascii: ",")] + fields[dash + 3]
  }

  /// Undoes the kernel's escapes: a backslash and three octal digits for one byte.
  private static func unescape(_ field: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    var rest = field
    while let byte = rest.popFirst() {
      let digits = rest.prefix(3)
      guard byte == UInt8(ascii: "\\"), digits.count == 3,
        digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) })
      else {
        result.append(byte)
        continue
      }
      let value = digits.reduce(0) { $0 * 8 + Int($1 - UInt8(ascii: "0")) }
      result.append(UInt8(truncatingIfNeeded: value))
      rest = rest.dropFirst(3)
    }
    return result
  }
}

extension MountTable.DeviceNumber {
  fileprivate init?(parsing field: ArraySlice<UInt8>) {
    let parts = field.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    guard parts.count == 2,
      let major = UInt32(String(decoding: parts[0], as: UTF8.self)),
      let minor = UInt32(String(decoding: parts[1], as: UTF8.self))
    else { return nil }
    self.init(major: major, minor: minor)
  }
}

extension MountTable {
  /// Unmounts one of our mounts, or, if `isLazy`, hides it until nobody uses it any more.
  ///
  /// `path` is as the mount table has it: absolute and without symbolic links.
  ///
  /// - Throws: `.notMounted`, `.notOurMount`, or why it was refused, such as that it is busy.
  package static func unmount(at path: [UInt8], isLazy: Bool) throws(FuseError) {
    guard let mount = try current().mount(at: path) else { throw .notMounted }
    guard mount.isOurs else { throw .notOurMount }
    try Mounter.unmount(path, isLazy: isLazy)
  }

  /// Removes one of our mounts at `path` if its server is gone, so that it can be mounted anew.
  ///
  /// - Returns: whether there was one.
  package static func clearDeadMount(at path: [UInt8]) throws(FuseError) -> Bool {
    guard let mount = try current().mount(at: path), mount.isOurs, mount.isDead else {
      return false
    }
    try Mounter.unmount(path, isLazy: true)
    return true
  }
}
