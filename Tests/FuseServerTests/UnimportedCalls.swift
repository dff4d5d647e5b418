// System calls that Swift's Glibc module does not have: extended attributes and file handles.
// Source: getxattr(2), listxattr(2), open_by_handle_at(2).

import Glibc

private typealias GetCall =
  @convention(c) (
    UnsafePointer<CChar>, UnsafePointer<CChar>, UnsafeMutableRawPointer?, Int
  ) -> Int

private typealias ListCall =
  @convention(c) (
    UnsafePointer<CChar>, UnsafeMutablePointer<CChar>?, Int
  ) -> Int

private typealias NameToHandleCall =
  @convention(c) (
    Int32, UnsafePointer<CChar>, UnsafeMutableRawPointer, UnsafeMutablePointer<Int32>, Int32
  ) -> Int32

private typealias OpenByHandleCall =
  @convention(c) (
    Int32, UnsafeMutableRawPointer, Int32
  ) -> Int32

func getExtendedAttribute(
  _ path: String,
  _ name: String,
  _ buffer: UnsafeMutableRawPointer?,
  _ byteCount: Int
) -> Int {
  unsafeBitCast(dlsym(nil, "getxattr"), to: GetCall.self)(path, name, buffer, byteCount)
}

func listExtendedAttributes(
  _ path: String,
  _ buffer: UnsafeMutablePointer<CChar>?,
  _ byteCount: Int
) -> Int {
  unsafeBitCast(dlsym(nil, "listxattr"), to: ListCall.self)(path, buffer, byteCount)
}

/// A file named without a path: the length and type of the kernel's handle, and the handle.
struct FileHandle {
  private static let headerByteCount = 8
  private static let longestHandle = 128
  private var bytes: [UInt8]

  /// Asks for the handle of the file at `path`; `nil` if its file system has none.
  init?(of path: String) {
    bytes = [UInt8](repeating: 0, count: Self.headerByteCount + Self.longestHandle)
    let call = unsafeBitCast(dlsym(nil, "name_to_handle_at"), to: NameToHandleCall.self)
    let outcome = bytes.withUnsafeMutableBytes { bytes -> Int32 in
      bytes.storeBytes(of: UInt32(Self.longestHandle), as: UInt32.self)
      var mount: Int32 = 0
      guard let base = bytes.baseAddress else { return -1 }
      return call(AT_FDCWD, path, base, &mount, 0)
    }
    guard outcome == 0 else { return nil }
  }

  /// Opens what has this handle on the file system that is mounted at `mountpoint`.
  func open(onMountOf mountpoint: String) -> Int32 {
    let root = Glibc.open(mountpoint, O_RDONLY | O_DIRECTORY)
    defer { close(root) }
    let call = unsafeBitCast(dlsym(nil, "open_by_handle_at"), to: OpenByHandleCall.self)
    var bytes = bytes
    return bytes.withUnsafeMutableBytes { bytes in
      guard let base = bytes.baseAddress else { return -1 }
      return call(root, base, O_RDONLY)
    }
  }

  /// A handle that starts with another inode number, as FUSE's do, in two words, the upper first.
  func changingInode(to inode: UInt32) -> FileHandle {
    var changed = self
    changed.bytes.withUnsafeMutableBytes {
      $0.storeBytes(of: inode, toByteOffset: Self.headerByteCount + 4, as: UInt32.self)
    }
    return changed
  }
}
