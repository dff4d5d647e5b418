// A directory of this machine, held open, and the system calls on what is in it. Names are bytes, and a
// path may be as deep as it likes: nothing is addressed from the root.

package import Glibc

/// A directory that stays open as long as this lives.
package final class OpenDirectory {
  /// For system calls.
  package let descriptor: Int32

  /// Opens a directory by its path, through symbolic links.
  package init(_ path: String) throws {
    descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw SystemFailure("open", Array(path.utf8)) }
  }

  /// Opens a directory in another.
  package init(_ name: [UInt8], in parent: OpenDirectory) throws {
    let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
    descriptor = openat(parent.descriptor, name.cString, flags)
    guard descriptor >= 0 else { throw SystemFailure("open", name) }
  }

  deinit { close(descriptor) }

  /// The names in it, sorted as bytes, without `.` and `..`, which must be there.
  package func names() throws -> [[UInt8]] {
    let entries = try DirectoryStream(self).entries()
    let (dot, dots) = ([UInt8](".".utf8), [UInt8]("..".utf8))
    guard entries.contains(where: { $0.name == dot }), entries.contains(where: { $0.name == dots })
    else { throw WitnessFailure(description: "a directory without . or ..") }
    return entries.map(\.name).filter { $0 != dot && $0 != dots }
      .sorted { $0.lexicographicallyPrecedes($1) }
  }

  /// What lstat(2) says about a name.
  package func status(of name: [UInt8]) throws -> stat {
    var status = stat()
    guard fstatat(descriptor, name.cString, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
      throw SystemFailure("lstat", name)
    }
    return status
  }

  /// The target of a symbolic link.
  package func target(of name: [UInt8]) throws -> [UInt8] {
    // One more than the longest there is, to see that it is not longer.
    var target = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    let count = readlinkat(descriptor, name.cString, &target, target.count)
    guard count >= 0 else { throw SystemFailure("readlink", name) }
    return target.prefix(count).map { UInt8(bitPattern: $0) }
  }

  /// Opens a file for reading; the caller closes it.
  package func openFile(_ name: [UInt8], flags: Int32 = 0) throws -> Int32 {
    let file = openat(descriptor, name.cString, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags)
    guard file >= 0 else { throw SystemFailure("open", name) }
    return file
  }

  /// A path for calls that take no directory, good while this is open.
  package func path(of name: [UInt8]) -> [CChar] {
    (Array("/proc/self/fd/\(descriptor)/".utf8) + name).cString
  }
}

/// A listing of a directory under way.
package final class DirectoryStream {
  /// One entry as readdir(3) tells it.
  package struct Entry: Equatable {
    package var name: [UInt8]
    package var inode: UInt64
    /// `DT_REG` and the like.
    package var type: UInt8
  }

  private let stream: OpaquePointer

  package init(_ directory: OpenDirectory) throws {
    let copy = openat(directory.descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard copy >= 0, let stream = fdopendir(copy) else { throw SystemFailure("opendir", []) }
    self.stream = stream
  }

  deinit { closedir(stream) }

  /// Where the next entry is, for `position`.
  package var position: Int {
    get { telldir(stream) }
    set { seekdir(stream, newValue) }
  }

  package func next() throws -> Entry? {
    errno = 0
    guard let entry = readdir(stream) else {
      guard errno == 0 else { throw SystemFailure("readdir", []) }
      return nil
    }
    let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
      Array(bytes.prefix { $0 != 0 })
    }
    return Entry(name: name, inode: UInt64(entry.pointee.d_ino), type: entry.pointee.d_type)
  }

  /// What is left of the listing.
  package func entries() throws -> [Entry] {
    var entries: [Entry] = []
    while let entry = try next() { entries.append(entry) }
    return entries
  }
}

/// A system call that failed on a name.
package struct SystemFailure: Error, CustomStringConvertible {
  package let description: String

  package init(_ call: String, _ name: [UInt8]) {
    let reason = String(cString: strerror(errno))
    description = "\(call): \(String(decoding: name, as: UTF8.self)): \(reason)"
  }
}

extension Array where Element == UInt8 {
  /// The bytes with the end that C wants.
  package var cString: [CChar] { map { CChar(bitPattern: $0) } + [0] }
}
