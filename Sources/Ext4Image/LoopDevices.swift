// Which files of the host are the disks of loop devices just now. Source: Linux
// Documentation/ABI/testing/sysfs-block-loop.

import FileTree
import Glibc
import SystemPackage

enum LoopDevices {
  private static let directory: FilePath = "/sys/block"

  /// Whether a loop device that can be written to has `file` as its disk.
  ///
  /// One that the kernel shows under a name of another mount namespace is not recognised. A machine
  /// without sysfs shows none.
  ///
  /// - Throws: `.systemCall`.
  static func areWriting(to file: OpenFile) throws(Ext4Error) -> Bool {
    try are(usedFor: file) { line($0.appending("ro")) != [UInt8(ascii: "1")] }
  }

  /// The same for any loop device.
  static func areUsing(_ file: OpenFile) throws(Ext4Error) -> Bool {
    try are(usedFor: file) { _ in true }
  }

  private static func are(
    usedFor file: OpenFile,
    where counts: (_ device: FilePath) -> Bool
  ) throws(Ext4Error) -> Bool {
    let status = try file.status()
    let names: [[UInt8]]
    do { names = try HostFile.names(in: directory) } catch { return false }
    return names.contains { name in
      let device = FilePath(rawBytes: directory.rawBytes + [UInt8(ascii: "/")] + name)
      guard name.starts(with: "loop".utf8), let path = line(device.appending("loop/backing_file")),
        counts(device)
      else { return false }
      var other = stat()
      return FilePath(rawBytes: path).withPlatformString { stat($0, &other) } == 0
        && other.st_dev == status.st_dev && other.st_ino == status.st_ino
    }
  }

  /// The first line of an attribute; `nil` where there is none, as for devices without a disk.
  private static func line(_ path: FilePath) -> [UInt8]? {
    let descriptor = path.withPlatformString { open($0, O_RDONLY | O_CLOEXEC) }
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    // an attribute is at most a page
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
    return Array(bytes.prefix(max(count, 0)).prefix { $0 != UInt8(ascii: "\n") })
  }
}
