// A file of the cache while it is being written. Its name begins as ImageStore's temporary files do, and it
// is locked like them, so that what a killed writer leaves is removed when the cache is opened.

import Glibc
import SystemPackage

/// A file in the cache that has no name of its own yet.
///
/// The writer holds a lock on it; the cache removes those that nobody holds when it is opened.
struct PendingResult {
  let file: OpenFile

  /// 64 random bits; two names that are taken are no chance.
  private static let attempts = 16

  init(in directory: FilePath) throws(Ext4Error) {
    for _ in 0..<Self.attempts {
      if let file = try Self.create(in: directory) {
        self.file = file
        return
      }
    }
    throw .systemCall("lock", path: directory, errno: .resourceTemporarilyUnavailable)
  }

  /// One attempt; `nil` where whoever opened the cache just now removed the file before it was locked.
  private static func create(in directory: FilePath) throws(Ext4Error) -> OpenFile? {
    let digits = String(UInt64.random(in: .min ... .max), radix: 16)
    let path = directory.appending(".pending-" + digits)
    let descriptor = try HostFile.createOpen(path, permissions: 0o600)
    var status = stat()
    if flock(descriptor, LOCK_EX | LOCK_NB) == 0, fstat(descriptor, &status) == 0,
      status.st_nlink == 1
    {
      return OpenFile(FileDescriptor(rawValue: descriptor), path: path)
    }
    path.withPlatformString { _ = unlink($0) }
    close(descriptor)
    return nil
  }

  /// Removes the file unless it was published, and closes it.
  func remove() {
    file.path.withPlatformString { _ = unlink($0) }
    close(file.descriptor.rawValue)
  }

  func publish(as path: FilePath) throws(Ext4Error) {
    try HostFile.synchronize(file.descriptor.rawValue, path)
    try HostFile.check("rename", file.path) { old in path.withPlatformString { rename(old, $0) } }
    let directory = try HostFile.openDirectory(path.removingLastComponent())
    defer { close(directory) }
    try HostFile.synchronize(directory, path)
  }
}
