// Where a finished file goes: checked before the work begins, which may take long.

import Ext4Image
import Glibc
import SystemPackage

/// A place where a regular file can be made or replaced.
struct OutputPlace {
  let path: FilePath

  /// The build finds out by itself, but late.
  init(checking output: String) throws {
    path = FilePath(output)
    do throws(Ext4Error) {
      let target = try OutputTarget(path)
      guard target.directory.withPlatformString({ access($0, W_OK | X_OK) }) != 0 else { return }
      throw .systemCall("write", path: target.directory, errno: Errno(rawValue: errno))
    } catch {
      guard case .systemCall(_, _, let cause) = error else { throw error }
      let isForbidden = cause == .permissionDenied || cause == .notPermitted
      throw CommandFailure(
        isForbidden ? .notPermitted : .cannotCreate,
        "\(output): cannot be created: \(cause)",
        hint: cause == .noSuchFileOrDirectory ? "make the directory first" : nil
      )
    }
  }
}
