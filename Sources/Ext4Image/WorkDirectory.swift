// A private directory beside the output, for the unfinished image and the files that debugfs reads. Also
// clears what a killed run has left there. Nothing in it has a name of the user's or of an image's.

import Glibc
package import SystemPackage

/// A directory `.NAME.banger-XXXXXXXXXXXXXXXX` beside the file NAME, mode 0700, locked while in use.
///
/// Not for several threads. Whoever makes one must call `remove`.
package final class WorkDirectory: Sendable {
  package let path: FilePath
  /// Open for as long as the lock is wanted.
  private let descriptor: Int32

  package static let imageName = "image"
  package static let batchName = "batch"
  package static let questionName = "question"
  /// Content of files on its way into an image.
  package static let contentPrefix = "content-"

  /// 64 random bits in hexadecimal.
  private static let suffixCount = 16
  /// NAME_MAX.
  private static let nameLimit = 255
  /// Two at once for the same output are rare, three names that are taken are no chance.
  private static let attempts = 16

  /// Removes what earlier runs left for the same output, then makes a new directory.
  ///
  /// - Throws: `.systemCall`, `.diskFull`.
  package convenience init(beside target: OutputTarget) throws(Ext4Error) {
    let prefix = Self.prefix(for: target)
    try Self.removeStale(in: target.directory, prefix: prefix)
    for _ in 0..<Self.attempts {
      let digits = String(UInt64.random(in: 0...UInt64.max), radix: 16)
      let zeros = String(repeating: "0", count: Self.suffixCount - digits.count)
      let path = Self.child(prefix + Array((zeros + digits).utf8), of: target.directory)
      try HostFile.check("mkdir", path) { mkdir($0, 0o700) }
      let descriptor: Int32
      do throws(Ext4Error) {
        descriptor = try HostFile.openDirectory(path)
      } catch .systemCall(_, _, .noSuchFileOrDirectory) {
        // another run took it for stale before it was open
        continue
      }
      if Self.isLockedAndPresent(descriptor) {
        self.init(path: path, descriptor: descriptor)
        return
      }
      // another run took it for stale between mkdir and flock, and removes it
      close(descriptor)
    }
    throw .systemCall("lock", path: target.directory, errno: .resourceTemporarilyUnavailable)
  }

  private init(path: FilePath, descriptor: Int32) {
    self.path = path
    self.descriptor = descriptor
  }

  /// A name for the directory that has nothing but ASCII in it, whatever the output's name.
  var processPath: FilePath { FilePath("/proc/\(getpid())/fd/\(descriptor)") }

  package var image: FilePath { path.appending(Self.imageName) }

  /// Removes the directory with our files in it; what is gone already is no error.
  package func remove() {
    Self.empty(path, descriptor)
    close(descriptor)
  }

  private static func prefix(for target: OutputTarget) -> [UInt8] {
    let mark = Array(".banger-".utf8)
    let room = nameLimit - 1 - mark.count - suffixCount
    return [UInt8(ascii: ".")] + target.name.prefix(room) + mark
  }

  private static func child(_ name: [UInt8], of directory: FilePath) -> FilePath {
    FilePath(rawBytes: directory.rawBytes + [UInt8(ascii: "/")] + name)
  }

  private static func isLockedAndPresent(_ descriptor: Int32) -> Bool {
    var status = stat()
    return flock(descriptor, LOCK_EX | LOCK_NB) == 0 && fstat(descriptor, &status) == 0
      && status.st_nlink > 0
  }

  /// Directories of our pattern that nobody holds locked belong to runs that were killed.
  private static func removeStale(in directory: FilePath, prefix: [UInt8]) throws(Ext4Error) {
    for name in try HostFile.names(in: directory) where isOurs(name, prefix: prefix) {
      let path = child(name, of: directory)
      let descriptor = path.withPlatformString {
        open($0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      }
      // not a directory, or not ours to open: left alone
      if descriptor < 0 { continue }
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { empty(path, descriptor) }
      close(descriptor)
    }
  }

  private static func isOurs(_ name: [UInt8], prefix: [UInt8]) -> Bool {
    name.starts(with: prefix) && name.count == prefix.count + suffixCount
      && name.dropFirst(prefix.count).allSatisfy {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
          || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
      }
  }

  /// Removes the files that we put there and then the directory, which stays if anything else is in it.
  private static func empty(_ path: FilePath, _ descriptor: Int32) {
    let names: [[UInt8]]
    do { names = try HostFile.names(in: path) } catch { return }
    for name in names where isFileOfOurs(name) {
      FilePath(rawBytes: name).withPlatformString { _ = unlinkat(descriptor, $0, 0) }
    }
    path.withPlatformString { _ = rmdir($0) }
  }

  private static func isFileOfOurs(_ name: [UInt8]) -> Bool {
    [imageName, batchName, questionName].contains { name.elementsEqual($0.utf8) }
      || ["value-", contentPrefix].contains { name.starts(with: $0.utf8) }
  }
}
