// Has the kernel list a directory of our own mount, and read its symbolic links, so that it knows the inodes
// in it. Source: readdir(3), readlink(2).

import Glibc

enum DirectoryListing {
  /// Lists to the end, follows no link, and forgets it all.
  ///
  /// What cannot be listed, as below paths that are too long, is left to whoever needs it. Targets are
  /// asked for because the kernel takes nothing for links that it did not ask for.
  static func list(_ path: [UInt8]) {
    let stream = (path + [0]).withUnsafeBufferPointer { bytes in
      bytes.withMemoryRebound(to: CChar.self) { name in name.baseAddress.flatMap { opendir($0) } }
    }
    guard let stream else { return }
    defer { closedir(stream) }
    while let entry = readdir(stream) {
      guard entry.pointee.d_type == UInt8(DT_LNK) else { continue }
      withUnsafeBytes(of: &entry.pointee.d_name) { name in
        var first: CChar = 0
        // One byte is enough: the kernel keeps the whole target.
        let name = name.assumingMemoryBound(to: CChar.self).baseAddress
        if let name { _ = readlinkat(dirfd(stream), name, &first, 1) }
      }
    }
  }
}
