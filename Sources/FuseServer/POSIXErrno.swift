// The error numbers of errno(3) as a value: what a request is answered with, and what a failed
// system call left behind. Knows nothing of FUSE. Source: errno(3).

import Glibc

/// An error number of the operating system.
///
/// Always positive. The description is the C library's text, such as `No such file or directory`.
package struct POSIXErrno: RawRepresentable, Error, Hashable, Sendable, BitwiseCopyable {
  package let rawValue: Int32

  package init(rawValue: Int32) {
    self.rawValue = rawValue
  }

  /// What the last C call of this thread left in `errno`; to be read before any other call.
  static var current: Self { Self(rawValue: errno) }
}

extension POSIXErrno {
  /// `EIO`: the data is there in principle, but could not be read.
  package static var inputOutput: Self { Self(rawValue: EIO) }
  /// `ESTALE`: the inode number is not one of this file system.
  package static var stale: Self { Self(rawValue: ESTALE) }
  /// `ENOTDIR`.
  package static var notADirectory: Self { Self(rawValue: ENOTDIR) }
  /// `EISDIR`.
  package static var isADirectory: Self { Self(rawValue: EISDIR) }
  /// `EINVAL`.
  package static var invalidArgument: Self { Self(rawValue: EINVAL) }
  /// `ETIMEDOUT`: the bound in time of a request was reached.
  package static var timedOut: Self { Self(rawValue: ETIMEDOUT) }
  /// `ENOSYS`: not implemented; the kernel remembers this for the life of the mount.
  package static var notImplemented: Self { Self(rawValue: ENOSYS) }
  /// `ENODATA`: the inode has no extended attribute of that name.
  package static var noAttribute: Self { Self(rawValue: ENODATA) }
  /// `EOPNOTSUPP`: the file system has nothing of that kind at all.
  package static var notSupported: Self { Self(rawValue: EOPNOTSUPP) }
  /// `ERANGE`: the caller's buffer is too small.
  package static var bufferTooSmall: Self { Self(rawValue: ERANGE) }
  /// `E2BIG`: more extended attribute names than a list can carry.
  package static var listTooLong: Self { Self(rawValue: E2BIG) }
}

extension POSIXErrno: CustomStringConvertible {
  package var description: String { String(cString: strerror(rawValue)) }
}
