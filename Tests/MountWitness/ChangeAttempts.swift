// Every system call that changes a file system, tried on a mount: each must fail with EROFS, whatever
// else could be wrong with it. Source: Linux man-pages, section 2.

import Glibc
import TestKit

enum ChangeAttempts {
  /// `CALL: ERROR` for each call; the error is empty when the call succeeded.
  ///
  /// `file` is a regular file below `directory`.
  static func all(in directory: String, file: String) throws -> [String] {
    let new = directory + "/new"
    let existing = directory + "/" + file
    return byPath(directory, new, existing) + (try byDescriptor(existing))
  }

  private static func byPath(_ directory: String, _ new: String, _ existing: String) -> [String] {
    let now = [timespec](repeating: timespec(tv_sec: 1, tv_nsec: 0), count: 2)
    return [
      result("open O_WRONLY", open(existing, O_WRONLY)),
      result("open O_RDWR", open(existing, O_RDWR)),
      result("open O_TRUNC", open(existing, O_RDONLY | O_TRUNC)),
      result("open O_CREAT", open(new, O_WRONLY | O_CREAT, 0o644)),
      result("open O_TMPFILE", open(directory, O_WRONLY | __O_TMPFILE | O_DIRECTORY, 0o644)),
      result("mkdir", mkdir(new, 0o755)),
      result("mknod", mknod(new, S_IFREG | 0o644, 0)),
      result("mkfifo", mkfifo(new, 0o644)),
      result("symlink", symlink("target", new)),
      result("link", link(existing, new)),
      result("unlink", unlink(existing)),
      result("rmdir", rmdir(directory + "/usr")),
      result("rename", rename(existing, new)),
      result("truncate", truncate(existing, 0)),
      result("chmod", chmod(existing, 0o600)),
      result("chown", chown(existing, getuid(), getgid())),
      result("lchown", lchown(existing, getuid(), getgid())),
      result("utimensat", utimensat(AT_FDCWD, existing, now, 0)),
      result("lsetxattr", AttributeCalls.lsetxattr(existing, "user.new", "value")),
      result("lremovexattr", AttributeCalls.lremovexattr(existing, "user.new")),
      result("access W_OK", access(existing, W_OK)),
    ]
  }

  private static func byDescriptor(_ existing: String) throws -> [String] {
    let file = open(existing, O_RDONLY)
    guard file >= 0 else { throw SystemFailure("open", Array(existing.utf8)) }
    defer { close(file) }
    let now = [timespec](repeating: timespec(tv_sec: 1, tv_nsec: 0), count: 2)
    return [
      result("fchmod", fchmod(file, 0o600)),
      result("fchown", fchown(file, getuid(), getgid())),
      result("futimens", futimens(file, now)),
      result("fsetxattr", AttributeCalls.fsetxattr(file, "user.new", "value")),
      result("fremovexattr", AttributeCalls.fremovexattr(file, "user.new")),
    ]
  }

  private static func result(_ call: String, _ outcome: Int32) -> String {
    if outcome >= 0 { return call + ": succeeded" }
    return call + ": " + (errno == EROFS ? "EROFS" : String(cString: strerror(errno)))
  }
}
