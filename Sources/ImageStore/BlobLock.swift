// Who uses a blob, and who may remove it: a shared lock on the blob's own file for as long as it is
// open, an exclusive one for the instant in which it is unlinked. The kernel drops both with their
// processes. Source: flock(2).

import Glibc
import SystemPackage

extension FileDescriptor {
  /// Says that the file is in use, for as long as it is open.
  ///
  /// Whoever removes files holds them exclusively for a moment only. `isPatient` waits for that;
  /// else, for files that other users may lock, a fraction of a second is all. Where the file system
  /// has no locks nobody is told, and the file can be used all the same.
  func holdShared(isPatient: Bool) {
    if isPatient {
      while flock(rawValue, LOCK_SH) != 0, errno == EINTR {}
      return
    }
    for _ in 0..<Self.attempts {
      if flock(rawValue, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK { return }
      usleep(2000)
    }
  }

  /// 50 attempts, 2 ms apart: a tenth of a second.
  private static let attempts = 50

  /// Takes the file for removal, unless somebody uses it or nobody can know.
  func tryHoldExclusively() -> Bool {
    flock(rawValue, LOCK_EX | LOCK_NB) == 0
  }
}
