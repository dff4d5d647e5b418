// The values that go between a file system and the kernel: inode numbers, attributes, counts.
// Knows how they are spelled in C. Source: stat(2), statvfs(3), fuse_lowlevel.h.

import CFuse3
import Glibc

/// The number of an inode: the kernel's handle and `st_ino` at once.
///
/// 1 is the root directory; 0 is no inode. Stable and never reused while the file system is
/// mounted.
package struct InodeNumber: RawRepresentable, Hashable, Comparable, Sendable, BitwiseCopyable {
  package let rawValue: UInt64

  @inlinable
  package init(rawValue: UInt64) {
    self.rawValue = rawValue
  }

  package static var root: Self { Self(rawValue: 1) }

  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// A point in time: seconds since 1970, which may be negative, and nanoseconds after that second.
package struct FuseTime: Hashable, Sendable, BitwiseCopyable {
  package var seconds: Int64
  package var nanoseconds: UInt32

  package init(seconds: Int64, nanoseconds: UInt32 = 0) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }
}

/// What stat(2) tells about one inode.
///
/// The kernel keeps it for the life of the mount, so it must never change, least of all the type.
package struct FuseAttributes: Hashable, Sendable, BitwiseCopyable {
  package var inode: InodeNumber
  /// The type and the permissions, as in `st_mode`.
  package var mode: UInt32
  /// The names of this inode; for a directory 2 and its subdirectories.
  package var linkCount: UInt32
  package var userID: UInt32
  package var groupID: UInt32
  /// Bytes of a file; of a symbolic link exactly the length of its target.
  package var byteCount: UInt64
  /// Blocks of 512 bytes that hold data, as in `st_blocks`.
  package var blockCount: UInt64
  /// The device that a device node stands for, as in `st_rdev`.
  package var device: UInt64
  package var accessed: FuseTime
  package var modified: FuseTime
  package var changed: FuseTime

  /// Attributes with all three times at `modified`, blocks from the size, and no device.
  package init(
    inode: InodeNumber,
    mode: UInt32,
    linkCount: UInt32 = 1,
    userID: UInt32 = 0,
    groupID: UInt32 = 0,
    byteCount: UInt64 = 0,
    modified: FuseTime = FuseTime(seconds: 0)
  ) {
    self.inode = inode
    self.mode = mode
    self.linkCount = linkCount
    self.userID = userID
    self.groupID = groupID
    self.byteCount = byteCount
    blockCount = byteCount / 512 + (byteCount % 512 == 0 ? 0 : 1)
    device = 0
    accessed = modified
    self.modified = modified
    changed = modified
  }
}

extension FuseAttributes {
  /// What coreutils take as the unit to read in: 128 KiB, one window of the kernel's read-ahead.
  static var preferredReadSize: Int { 128 << 10 }

  /// These attributes in C.
  ///
  /// A size of 2^63 or more, which the kernel refuses, stays one.
  var status: stat {
    var status = stat()
    status.st_ino = ino_t(inode.rawValue)
    status.st_mode = mode_t(mode)
    status.st_nlink = nlink_t(linkCount)
    status.st_uid = uid_t(userID)
    status.st_gid = gid_t(groupID)
    status.st_size = off_t(truncatingIfNeeded: byteCount)
    status.st_blocks = blkcnt_t(truncatingIfNeeded: blockCount)
    status.st_blksize = blksize_t(Self.preferredReadSize)
    status.st_rdev = dev_t(device)
    status.st_atim = accessed.specification
    status.st_mtim = modified.specification
    status.st_ctim = changed.specification
    return status
  }
}

extension FuseTime {
  fileprivate var specification: timespec {
    timespec(tv_sec: time_t(seconds), tv_nsec: Int(nanoseconds))
  }
}

/// What statfs(2) tells about a read-only file system: nothing is free.
package struct FuseStatistics: Hashable, Sendable, BitwiseCopyable {
  /// Blocks of 4,096 bytes that the content takes; `df` hides a file system that has none.
  package var blockCount: UInt64
  package var inodeCount: UInt64

  package init(blockCount: UInt64, inodeCount: UInt64) {
    self.blockCount = blockCount
    self.inodeCount = inodeCount
  }

  var status: statvfs {
    var status = statvfs()
    status.f_bsize = 4096
    status.f_frsize = 4096
    status.f_blocks = fsblkcnt_t(blockCount)
    status.f_files = fsfilcnt_t(inodeCount)
    status.f_namemax = 255
    return status
  }
}

/// Who made a request.
package struct FuseCaller: Hashable, Sendable, BitwiseCopyable {
  package var userID: UInt32
  package var groupID: UInt32

  package init(userID: UInt32, groupID: UInt32) {
    self.userID = userID
    self.groupID = groupID
  }
}
