// An ext4 file that is to be copied: whether it is one, and in a state in which a copy is worth
// anything. Source: Linux Documentation/filesystems/ext4/super.rst.

import Glibc
import SystemPackage

/// An open seed, with what its superblock said when it was opened.
struct Seed: Sendable {
  let file: OpenFile
  let superblock: Ext4Superblock
  /// The file's size, which may be more than the file system's.
  let byteCount: UInt64
  private let modified: timespec

  /// - Throws: `.notAnExt4`, `.fileSystemNotClean`, `.inUse`, `.malformedImage`, `.systemCall`.
  init(opening path: FilePath) throws(Ext4Error) {
    // a fifo must not be waited for
    let descriptor = try HostFile.check("open", path) {
      open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    }
    file = OpenFile(FileDescriptor(rawValue: descriptor), path: path)
    do throws(Ext4Error) {
      let status = try file.status()
      guard status.st_mode & S_IFMT == S_IFREG else { throw .notAnExt4(path) }
      byteCount = UInt64(max(status.st_size, 0))
      modified = status.st_mtim
      superblock = try Self.superblock(of: file, byteCount: byteCount)
      try Self.check(superblock, file: file, byteCount: byteCount)
    } catch {
      Glibc.close(descriptor)
      throw error
    }
  }

  func close() {
    Glibc.close(file.descriptor.rawValue)
  }

  /// A copy that was made while somebody wrote is of nothing that ever was.
  ///
  /// - Throws: `.sourceChanged`, `.systemCall`.
  func requireUnchanged() throws(Ext4Error) {
    let now = try file.status()
    guard UInt64(max(now.st_size, 0)) == byteCount, now.st_mtim.tv_sec == modified.tv_sec,
      now.st_mtim.tv_nsec == modified.tv_nsec
    else { throw .sourceChanged(file.path) }
  }

  private static func superblock(of file: OpenFile, byteCount: UInt64) throws(Ext4Error)
    -> Ext4Superblock
  {
    let (start, count) = (Ext4Superblock.offset, Ext4Superblock.byteCount)
    guard byteCount >= start + UInt64(count) else { throw .notAnExt4(file.path) }
    let record = try file.bytes(count, at: start)
    guard record.little(UInt16.self, at: 0x38) == 0xEF53 else { throw .notAnExt4(file.path) }
    let superblock = try Ext4Superblock(record)
    // ext2 and ext3 have no extents
    guard superblock.features.incompatible & 0x40 != 0 else { throw .notAnExt4(file.path) }
    return superblock
  }

  private static func check(
    _ superblock: Ext4Superblock,
    file: OpenFile,
    byteCount: UInt64
  ) throws(Ext4Error) {
    if try LoopDevices.areWriting(to: file) { throw .inUse(file.path) }
    if let what = superblock.whatIsUnclean { throw .fileSystemNotClean(file.path, what: what) }
    if byteCount < superblock.byteCount {
      let what = "the file ends before the file system"
      throw .fileSystemNotClean(file.path, what: what)
    }
  }
}
