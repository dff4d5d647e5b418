// A file that appears under its name when it is complete, in place of what was there: made in a private
// directory beside it. What a killed run leaves is removed by the next one for the same file.

import Ext4Image
import Glibc
import SystemPackage

enum WholeFile {
  /// Writes `bytes` to a regular file at `path`, which may be there or not.
  ///
  /// - Throws: `Ext4Error`: `.outputIsNotAFile`, `.diskFull`, `.systemCall`.
  static func write(_ bytes: [UInt8], at path: FilePath) throws(Ext4Error) {
    let target = try OutputTarget(path)
    let work: WorkDirectory
    do throws(Ext4Error) {
      work = try WorkDirectory(beside: target)
    } catch .diskFull {
      throw .diskFull(target.path)
    }
    defer { work.remove() }
    let file = work.image
    do {
      // The directory around it is private, so that the file can have its final mode from the start.
      let descriptor = try FileDescriptor.open(
        file,
        .writeOnly,
        options: [.create, .exclusiveCreate, .closeOnExec],
        permissions: [.ownerReadWrite, .groupRead, .otherRead]
      )
      try descriptor.closeAfter {
        try descriptor.writeAll(bytes)
        if fsync(descriptor.rawValue) != 0 { throw Errno(rawValue: errno) }
      }
      try rename(file, to: target.path)
    } catch let cause as Errno {
      throw cause == .noSpace || cause == .diskQuotaExceeded
        ? .diskFull(target.path) : .systemCall("write", path: target.path, errno: cause)
    } catch {
      throw .systemCall("write", path: target.path, errno: .ioError)
    }
  }

  private static func rename(_ old: FilePath, to new: FilePath) throws(Errno) {
    let result = old.withPlatformString { old in
      new.withPlatformString { Glibc.rename(old, $0) }
    }
    if result != 0 { throw Errno(rawValue: errno) }
  }
}
