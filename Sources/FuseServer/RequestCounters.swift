// How often the kernel asked for what, counted before anything is answered, so that requests which
// libfuse answers by itself count too. Source: linux/fuse.h, enum fuse_opcode.

import Synchronization

/// One count per kind of request.
final class RequestCounters: Sendable {
  /// The names of linux/fuse.h without their prefix; the index is the opcode, "" is none.
  private static let names: [String] = [
    "", "LOOKUP", "FORGET", "GETATTR", "SETATTR", "READLINK", "SYMLINK", "", "MKNOD", "MKDIR",
    "UNLINK", "RMDIR", "RENAME", "LINK", "OPEN", "READ", "WRITE", "STATFS", "RELEASE", "",
    "FSYNC", "SETXATTR", "GETXATTR", "LISTXATTR", "REMOVEXATTR", "FLUSH", "INIT", "OPENDIR",
    "READDIR", "RELEASEDIR", "FSYNCDIR", "GETLK", "SETLK", "SETLKW", "ACCESS", "CREATE",
    "INTERRUPT", "BMAP", "DESTROY", "IOCTL", "POLL", "NOTIFY_REPLY", "BATCH_FORGET", "FALLOCATE",
    "READDIRPLUS", "RENAME2", "LSEEK", "COPY_FILE_RANGE", "SETUPMAPPING", "REMOVEMAPPING",
    "SYNCFS", "TMPFILE", "STATX", "COPY_FILE_RANGE_64",
  ]

  /// The known opcodes, and one count for all others.
  private static let slotCount = names.count + 1

  // Safe: fixed memory of atomics.
  nonisolated(unsafe) private let counts: UnsafeMutablePointer<Atomic<UInt64>>

  init() {
    counts = .allocate(capacity: Self.slotCount)
    for slot in 0..<Self.slotCount {
      (counts + slot).initialize(to: Atomic(0))
    }
  }

  deinit {
    counts.deinitialize(count: Self.slotCount)
    counts.deallocate()
  }

  /// Counts a request.
  ///
  /// Safe from every thread, and cheap.
  func count(_ opcode: UInt32) {
    let slot = min(Int(opcode), Self.slotCount - 1)
    counts[slot].add(1, ordering: .relaxed)
  }

  /// The counts so far of everything that was asked at least once.
  var snapshot: [String: UInt64] {
    var result: [String: UInt64] = [:]
    for slot in 0..<Self.slotCount {
      let count = counts[slot].load(ordering: .relaxed)
      if count > 0 {
        result[Self.name(of: UInt32(slot)), default: 0] += count
      }
    }
    return result
  }

  /// The name of an opcode; `UNKNOWN` for those that linux/fuse.h did not have.
  static func name(of opcode: UInt32) -> String {
    guard Int(opcode) < names.count, !names[Int(opcode)].isEmpty else { return "UNKNOWN" }
    return names[Int(opcode)]
  }
}
