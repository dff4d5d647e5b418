// Finished file systems that are kept to be cloned the next time the same is asked for. Only where the
// file system shares blocks between files: a kept copy costs nothing there until the original goes. What
// decides the bytes of a file system, and so its key, is the caller's to know.
// docs/FORMATS.md says what is in a kept file.

import FileTree
import Glibc
package import SystemPackage

/// The kept results in one directory.
///
/// Usable from any thread and by several processes at once; anybody may remove files there at any time.
package struct ResultCache: Sendable {
  private let directory: FilePath

  /// What all results together may take on the disk: those used longest ago go first.
  package static let byteLimit: UInt64 = 8 << 30

  /// `directory` exists, belongs to this user, and nobody else may write to it.
  package init(directory: FilePath) {
    self.directory = directory
  }

  /// Clones the result of `key` to `output`, as a build would make it.
  ///
  /// The clone's size and superblock are compared with what was kept. A result that is damaged is as good
  /// as absent, and removed.
  ///
  /// - Returns: `nil` where there is no such result, or where `output` cannot share its blocks.
  /// - Throws: As a build does about `output`: `.outputIsNotAFile`, `.diskFull`, `.systemCall`,
  ///   `.cancelled`.
  package func clone(
    key: [UInt8],
    to output: FilePath
  ) throws(Ext4Error) -> Ext4Result? {
    let entry = path(of: key)
    guard let descriptor = try openEntry(entry) else { return nil }
    defer { close(descriptor) }
    let kept = OpenFile(FileDescriptor(rawValue: descriptor), path: entry)
    guard let facts = try KeptFacts(of: kept, key: key) else {
      remove(entry)
      return nil
    }
    let target = try OutputTarget(output)
    let work = try WorkDirectory(beside: target)
    defer { work.remove() }
    let image = OpenFile(
      FileDescriptor(rawValue: try HostFile.createOpen(work.image, permissions: 0o644)),
      path: work.image
    )
    defer { close(image.descriptor.rawValue) }
    guard try FileClone.share(kept, with: image) else { return nil }
    // the facts are behind the image
    try image.truncate(to: facts.byteCount)
    guard try facts.describe(image) else {
      remove(entry)
      return nil
    }
    var result = try Ext4Result(of: image, at: target.path)
    result.joinedLinkCount = Int(facts.joinedLinkCount)
    result.correctedInodeCount = Int(facts.correctedInodeCount)
    try HostFile.publish(image, as: target)
    // for who removes what was not used for long; that it was used is all that could be lost
    var now = [
      timespec(tv_sec: 0, tv_nsec: presentTime), timespec(tv_sec: 0, tv_nsec: sameTime),
    ]
    futimens(descriptor, &now)
    return result
  }

  /// Keeps a result that was just finished, and removes others beyond `byteLimit`.
  ///
  /// - Returns: `false` where the file and the cache cannot share blocks, or the file is no longer what
  ///   `result` says.
  /// - Throws: `.diskFull`, `.systemCall`; then nothing is kept.
  package func keep(
    _ result: Ext4Result,
    key: [UInt8],
    byteLimit: UInt64 = Self.byteLimit
  ) throws(Ext4Error) -> Bool {
    guard try publish(result, key: key) else { return false }
    // not before the new file is closed: XFS has room for more of it until then, and counts that
    try evict(downTo: byteLimit, keeping: path(of: key))
    return true
  }

  private func publish(_ result: Ext4Result, key: [UInt8]) throws(Ext4Error) -> Bool {
    let descriptor = try HostFile.check("open", result.path) { open($0, O_RDONLY | O_CLOEXEC) }
    defer { close(descriptor) }
    let source = OpenFile(FileDescriptor(rawValue: descriptor), path: result.path)
    let pending = try PendingResult(in: directory)
    defer { pending.remove() }
    guard try FileClone.share(source, with: pending.file),
      let facts = try KeptFacts(of: result, in: pending.file, key: key)
    else { return false }
    let outcome = facts.bytes.withUnsafeBytes { bytes in
      Result { () throws(Ext4Error) in try pending.file.write(bytes, at: facts.byteCount) }
    }
    try outcome.get()
    try pending.publish(as: path(of: key))
    return true
  }

  private func path(of key: [UInt8]) -> FilePath {
    directory.appending(key.hexadecimal)
  }

  /// - Returns: `nil` where there is no file that could be ours.
  private func openEntry(_ path: FilePath) throws(Ext4Error) -> Int32? {
    let descriptor = path.withPlatformString {
      open($0, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    }
    if descriptor < 0 {
      let code = errno
      if code == ENOENT || code == ELOOP { return nil }
      throw HostFile.error("open", path, code)
    }
    var status = stat()
    if fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      status.st_uid == geteuid(), status.st_mode & 0o022 == 0
    {
      return descriptor
    }
    close(descriptor)
    return nil
  }

  private func remove(_ path: FilePath) {
    path.withPlatformString { _ = unlink($0) }
  }

  /// Blocks that results share with each other count for each: less may be made free than is counted.
  private func evict(downTo limit: UInt64, keeping kept: FilePath) throws(Ext4Error) {
    var files: [(path: FilePath, used: timespec, byteCount: UInt64)] = []
    for name in try HostFile.names(in: directory) where name.first != UInt8(ascii: ".") {
      let path = FilePath(rawBytes: directory.rawBytes + [UInt8(ascii: "/")] + name)
      var status = stat()
      // another process evicts too
      guard path.withPlatformString({ lstat($0, &status) }) == 0 else { continue }
      files.append((path, status.st_atim, UInt64(max(status.st_blocks, 0)) * 512))
    }
    files.sort { ($0.used.tv_sec, $0.used.tv_nsec) < ($1.used.tv_sec, $1.used.tv_nsec) }
    var total = files.reduce(UInt64(0)) { $0 + $1.byteCount }
    for file in files where total > limit && file.path != kept {
      remove(file.path)
      total -= file.byteCount
    }
  }
}

/// In place of nanoseconds: the present time; the time that is there.
///
/// Glibc hides them. Source: utimensat(2).
private let presentTime = (1 << 30) - 1
private let sameTime = (1 << 30) - 2
