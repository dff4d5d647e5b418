// What can be laid over an image, as it is asked for: directories and archives of this machine, single
// files, links. Knows nothing of how it gets there; docs/SEMANTICS.md, "Added layers", says what it means.

import FileTree
import Glibc
package import SystemPackage

/// Something to be laid over an image, or to make a tree of its own.
package enum Addition: Hashable, Sendable {
  /// All that is in a directory of this machine, but not the directory's own owner, mode and time.
  case directory(FilePath, owner: AddedOwner, option: String = "--overlay")
  /// A tar archive, plain or compressed with gzip or zstd.
  case archive(FilePath, option: String = "--overlay")
  case files([AddedFile], option: String = "--inject")
  case links([AddedLink], option: String = "--enable-unit")
}

/// Whose the files of a directory of this machine become.
package enum AddedOwner: Hashable, Sendable {
  case ids(uid: UInt32, gid: UInt32)
  /// They stay whose they are here.
  case host

  package static var root: AddedOwner { .ids(uid: 0, gid: 0) }
}

/// A regular file of this machine, and its place in the tree.
package struct AddedFile: Hashable, Sendable {
  /// Followed where it is a symbolic link.
  package var host: FilePath
  /// A path from the root; one that ends in a slash is a directory, in which the file keeps its name.
  package var guest: [UInt8]
  /// 07777; `nil` for the file's own without setuid and setgid.
  package var mode: UInt16?
  package var uid: UInt32
  package var gid: UInt32

  package init(
    host: FilePath,
    guest: [UInt8],
    mode: UInt16? = nil,
    uid: UInt32 = 0,
    gid: UInt32 = 0
  ) {
    self.host = host
    self.guest = guest
    self.mode = mode
    self.uid = uid
    self.gid = gid
  }
}

/// A symbolic link to be made.
package struct AddedLink: Hashable, Sendable {
  /// From the root.
  package var path: [UInt8]
  package var target: [UInt8]

  package init(path: [UInt8], target: [UInt8]) {
    self.path = path
    self.target = target
  }
}

extension FilePath {
  /// The path as the system takes it.
  var rawBytes: [UInt8] {
    withPlatformString { text in
      var bytes: [UInt8] = []
      var next = text
      while next.pointee != 0 {
        bytes.append(UInt8(bitPattern: next.pointee))
        next += 1
      }
      return bytes
    }
  }
}

extension Addition {
  /// What `path` is: a directory, or else an archive.
  ///
  /// - Throws: `.addition` where nothing can be known of it.
  package static func overlay(
    _ path: FilePath,
    owner: AddedOwner,
    option: String = "--overlay"
  ) throws(LayersError) -> Addition {
    let bytes = path.rawBytes
    return try named(additionName(option, bytes)) { () throws(AdditionFault) in
      let type = try opening(bytes) { () throws(Errno) in
        try HostFile.open(path, hostPathOnly).status().type
      }
      return type == S_IFDIR
        ? .directory(path, owner: owner, option: option) : .archive(path, option: option)
    }
  }
}
