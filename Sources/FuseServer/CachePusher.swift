// Filling the kernel's page cache without being asked: what a file system may do beside answering.
// Knows how libfuse is told; not what is worth telling. Source: fuse_lowlevel.h
// (fuse_lowlevel_notify_store), linux/fuse.h (FUSE_NOTIFY_STORE).

import CFuse3
import Glibc

/// What pushes bytes into the kernel's cache, on threads of its own, while a session serves.
///
/// Nothing may depend on it: whatever is not pushed is asked for.
package protocol CachePusher: Sendable {
  /// How many threads call `push`.
  var threadCount: Int { get }

  /// Pushes until `stop` is called, or for as long as there is something to push.
  ///
  /// Called by each thread, with its number from 0 on. Holds no lock that an answer to a READ needs
  /// while it calls `cache`: the kernel may make it wait for a READ of the same page. May touch paths
  /// below the mountpoint, for the session serves.
  func push(to cache: KernelCache, thread: Int)

  /// Makes `push` return soon; called from another thread, before or while it runs.
  func stop()
}

/// The kernel's page cache for the files of one session.
package struct KernelCache: Sendable {
  let connection: Connection

  package enum Outcome: Sendable, Equatable {
    case stored
    /// The kernel does not know the inode: nobody has looked at it, or it was forgotten.
    case unknownInode
    /// Nothing can be stored, now or later.
    case refused
  }

  /// Stores bytes of a regular file as if they had been read.
  ///
  /// Only whole pages count, and the last one when it ends where the file does: `offset` is a
  /// multiple of the page size, and `bytes` end at another one or with the file. Never beyond the
  /// file's end, which would move it.
  package func store(
    _ bytes: UnsafeRawBufferPointer,
    of inode: InodeNumber,
    at offset: UInt64
  ) -> Outcome {
    guard !bytes.isEmpty, let start = off_t(exactly: offset) else { return .refused }
    var vector = fuse_bufvec()
    vector.count = 1
    vector.buf.size = bytes.count
    vector.buf.mem = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
    vector.buf.fd = -1
    let failure = fuse_lowlevel_notify_store(
      connection.session,
      fuse_ino_t(inode.rawValue),
      start,
      &vector,
      fuse_buf_copy_flags(0)
    )
    switch failure {
    case 0: return .stored
    case -ENOENT: return .unknownInode
    default: return .refused
    }
  }
}
