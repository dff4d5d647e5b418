// The system calls on extended attributes of files of this machine, which Glibc's module hides.
// Source: sys/xattr.h; listxattr(2), getxattr(2), setxattr(2).

import Glibc

/// The calls, by what they do; as if the file system had no attributes where they are not found.
///
/// Each returns -1 on failure, with the reason in `errno`.
package enum AttributeCalls {
  private typealias List = @convention(c) (CInt, UnsafeMutableRawPointer?, Int) -> Int
  private typealias Value =
    @convention(c) (CInt, UnsafePointer<CChar>, UnsafeMutableRawPointer?, Int) -> Int
  private typealias Set =
    @convention(c) (CInt, UnsafePointer<CChar>, UnsafeRawPointer?, Int, CInt) -> CInt
  private typealias SetByPath =
    @convention(c) (
      UnsafePointer<CChar>, UnsafePointer<CChar>, UnsafeRawPointer?, Int, CInt
    ) -> CInt

  private static let flistxattr = dlsym(nil, "flistxattr").map {
    unsafeBitCast($0, to: List.self)
  }
  private static let fgetxattr = dlsym(nil, "fgetxattr").map {
    unsafeBitCast($0, to: Value.self)
  }
  private static let fsetxattr = dlsym(nil, "fsetxattr").map {
    unsafeBitCast($0, to: Set.self)
  }
  private static let lsetxattr = dlsym(nil, "lsetxattr").map {
    unsafeBitCast($0, to: SetByPath.self)
  }

  /// The names of an open file's attributes, each ended by NUL.
  static func list(_ file: CInt, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
    guard let flistxattr else { return unsupported() }
    return flistxattr(file, buffer.baseAddress, buffer.count)
  }

  static func value(
    _ file: CInt,
    _ name: UnsafePointer<CChar>,
    _ buffer: UnsafeMutableRawBufferPointer
  ) -> Int {
    guard let fgetxattr else { return unsupported() }
    return fgetxattr(file, name, buffer.baseAddress, buffer.count)
  }

  /// Gives an open file an attribute, or another value of it.
  package static func set(
    _ file: CInt,
    _ name: UnsafePointer<CChar>,
    _ value: UnsafeRawBufferPointer
  ) -> CInt {
    guard let fsetxattr else { return CInt(unsupported()) }
    return fsetxattr(file, name, value.baseAddress, value.count, 0)
  }

  /// Gives what is at a path an attribute, without following a symbolic link there.
  package static func set(
    at path: UnsafePointer<CChar>,
    _ name: UnsafePointer<CChar>,
    _ value: UnsafeRawBufferPointer
  ) -> CInt {
    guard let lsetxattr else { return CInt(unsupported()) }
    return lsetxattr(path, name, value.baseAddress, value.count, 0)
  }

  private static func unsupported() -> Int {
    errno = EOPNOTSUPP
    return -1
  }
}
