// The file that the user asked for, before anything is written: where it will be, and whether it may be
// replaced. A device or a directory never is.

import Glibc
package import SystemPackage

/// A place for a regular file: a directory that exists, and a name in it.
package struct OutputTarget: Hashable, Sendable {
  /// Absolute, without symbolic links.
  package let directory: FilePath
  package let name: [UInt8]

  package var path: FilePath {
    FilePath(rawBytes: directory.rawBytes + [UInt8(ascii: "/")] + name)
  }

  /// Symbolic links are followed, so that the file at their end is the one to be replaced.
  ///
  /// - Throws: `.outputIsNotAFile` for anything that exists and is no regular file; `.systemCall` for
  ///   a link that leads nowhere and for a directory that does not exist.
  package init(_ path: FilePath) throws(Ext4Error) {
    guard let last = path.lastComponent, last.kind == .regular else {
      throw .outputIsNotAFile(path)
    }
    var actual = path
    if let mode = try HostFile.mode(of: path) {
      if mode & S_IFMT == S_IFLNK { actual = try HostFile.resolved(path) }
      let target = try HostFile.mode(of: actual) ?? mode
      if target & S_IFMT != S_IFREG { throw .outputIsNotAFile(path) }
    }
    let parent = actual.removingLastComponent()
    directory = try HostFile.resolved(parent.isEmpty ? "." : parent)
    let bytes = actual.rawBytes
    name = Array(bytes[((bytes.lastIndex(of: UInt8(ascii: "/")) ?? -1) + 1)...])
  }
}
