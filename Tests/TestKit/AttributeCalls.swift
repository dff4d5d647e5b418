// The system calls on extended attributes, which Swift's Glibc module does not have, by the names and
// with the arguments of sys/xattr.h. Source: listxattr(2), getxattr(2), setxattr(2), removexattr(2).

import Glibc

package enum AttributeCalls {
  package static func llistxattr(
    _ path: UnsafePointer<CChar>,
    _ list: UnsafeMutablePointer<CChar>?,
    _ byteCount: Int
  ) -> Int {
    typealias Call =
      @convention(c) (UnsafePointer<CChar>, UnsafeMutablePointer<CChar>?, Int) -> Int
    return find("llistxattr", as: Call.self)(path, list, byteCount)
  }

  package static func lgetxattr(
    _ path: UnsafePointer<CChar>,
    _ name: UnsafePointer<CChar>,
    _ value: UnsafeMutablePointer<CChar>?,
    _ byteCount: Int
  ) -> Int {
    typealias Call =
      @convention(c) (
        UnsafePointer<CChar>, UnsafePointer<CChar>, UnsafeMutablePointer<CChar>?, Int
      ) -> Int
    return find("lgetxattr", as: Call.self)(path, name, value, byteCount)
  }

  package static func lsetxattr(_ path: String, _ name: String, _ value: String) -> Int32 {
    typealias Call =
      @convention(c) (
        UnsafePointer<CChar>, UnsafePointer<CChar>, UnsafePointer<CChar>, Int, Int32
      ) -> Int32
    return find("lsetxattr", as: Call.self)(path, name, value, value.utf8.count, 0)
  }

  package static func fsetxattr(_ file: Int32, _ name: String, _ value: String) -> Int32 {
    typealias Call =
      @convention(c) (Int32, UnsafePointer<CChar>, UnsafePointer<CChar>, Int, Int32) -> Int32
    return find("fsetxattr", as: Call.self)(file, name, value, value.utf8.count, 0)
  }

  package static func lremovexattr(_ path: String, _ name: String) -> Int32 {
    typealias Call = @convention(c) (UnsafePointer<CChar>, UnsafePointer<CChar>) -> Int32
    return find("lremovexattr", as: Call.self)(path, name)
  }

  package static func fremovexattr(_ file: Int32, _ name: String) -> Int32 {
    typealias Call = @convention(c) (Int32, UnsafePointer<CChar>) -> Int32
    return find("fremovexattr", as: Call.self)(file, name)
  }

  private static func find<Call>(_ name: String, as type: Call.Type) -> Call {
    guard let symbol = dlsym(nil, name) else { preconditionFailure("no \(name) in the C library") }
    return unsafeBitCast(symbol, to: type)
  }
}
