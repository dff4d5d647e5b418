// Everything that can go wrong with a mount, before, during and after. Knows no exit codes and no
// remedies: those belong to the program.

/// Why a mount could not be made, kept or removed.
package enum FuseError: Error, Equatable, Sendable {
  /// The path is empty or contains a NUL byte.
  case invalidPath
  case mountpointMissing
  case mountpointNotADirectory
  /// The server of a mount at this path is gone; see `MountTable.clearDeadMount`.
  case mountpointDead
  /// One of our own mounts is at this path already.
  case alreadyMounted
  case mountpointUnreachable(POSIXErrno)
  /// `fusermount3` mounts only at directories that the user may write to.
  case mountpointNotPermitted
  /// There is no `/dev/fuse`, or no driver behind it.
  case deviceMissing
  /// `/dev/fuse` is there, but not for this user.
  case deviceNotPermitted
  case deviceUnusable(POSIXErrno)
  /// An ordinary user needs `fusermount3`, and it is not in the search path.
  case helperMissing
  /// `/etc/fuse.conf` does not have `user_allow_other`.
  case allowOtherNotPermitted
  /// `fusermount3` refused; what it said on stderr.
  case helperRefused(message: String)
  case mountRefused(POSIXErrno)
  /// The kernel speaks a FUSE protocol that this program does not.
  case unsupportedProtocol(major: UInt32, minor: UInt32)
  /// The kernel and libfuse did not come to terms; the step, and what libfuse logged.
  case handshakeFailed(step: String, messages: [String])
  /// libfuse made no session; what it logged.
  case libraryRefused(messages: [String])
  /// A system call failed that should not.
  case systemCall(name: String, POSIXErrno)
  /// Nothing is mounted at this path.
  case notMounted
  /// What is mounted at this path is none of ours and is left alone.
  case notOurMount
  /// An ordinary user may unmount only what the same user mounted.
  case mountedByAnother
  case unmountRefused(POSIXErrno)
}

extension FuseError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .invalidPath: "the path is empty or contains a NUL byte"
    case .mountpointMissing: "the mountpoint does not exist"
    case .mountpointNotADirectory: "the mountpoint is not a directory"
    case .mountpointDead: "the server of the mount at the mountpoint is gone"
    case .alreadyMounted: "the mountpoint is already in use by a mount of this program"
    case .mountpointUnreachable(let cause): "the mountpoint cannot be reached: \(cause)"
    case .mountpointNotPermitted: "the mountpoint may not be written to by this user"
    case .deviceMissing: "/dev/fuse is missing or has no driver"
    case .deviceNotPermitted: "/dev/fuse may not be opened by this user"
    case .deviceUnusable(let cause): "/dev/fuse: \(cause)"
    case .helperMissing: "fusermount3 is not in the search path"
    case .allowOtherNotPermitted: "allow_other needs user_allow_other in /etc/fuse.conf"
    case .helperRefused(let message): "fusermount3: \(message)"
    case .mountRefused(let cause): "mount: \(cause)"
    case .unsupportedProtocol(let major, let minor):
      "the kernel speaks FUSE protocol \(major).\(minor)"
    case .handshakeFailed(let step, let messages):
      ([step] + messages).joined(separator: ": ")
    case .libraryRefused(let messages):
      (["libfuse made no session"] + messages).joined(separator: ": ")
    case .systemCall(let name, let cause): "\(name): \(cause)"
    case .notMounted: "nothing is mounted there"
    case .notOurMount: "what is mounted there does not belong to this program"
    case .mountedByAnother: "another user mounted it"
    case .unmountRefused(let cause): "unmount: \(cause)"
    }
  }
}
