// Reading of small files that somebody else wrote: whole, bounded, and without ever waiting for one.
// The only file here that opens anything; what the bytes mean is for others to say.

import Glibc
import SystemPackage

enum ConfigurationFile {
  /// Largest file, 1 MiB.
  ///
  /// The largest in use are lists of short names (20 KiB) and bundles of authorities (250 KiB).
  static let byteCountLimit = 1 << 20
  /// Most files of one directory, 256.
  ///
  /// Debian and Fedora ship fewer than ten.
  static let fileCountLimit = 256

  /// All bytes of a file, or `nil` where there is none.
  ///
  /// Links are followed, since people keep such files elsewhere. `/dev/null` is an empty file; other
  /// devices, fifos and directories are refused without waiting for what they might say.
  static func read(_ path: FilePath) throws(RegistryError) -> [UInt8]? {
    let file: FileDescriptor
    do throws(Errno) {
      file = try open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
    } catch {
      if isAbsence(error) { return nil }
      throw .configurationUnreadable(operation: "open", path, error)
    }
    let result = Result { () throws(RegistryError) in try contents(of: file, path) }
    close(file.rawValue)
    return try result.get()
  }

  /// The names in a directory that end in one of `endings`, sorted by their bytes, or `nil` where
  /// there is no such directory.
  static func names(
    in directory: FilePath,
    ending endings: [String]
  ) throws(RegistryError) -> [FilePath.Component]? {
    guard let stream = directory.withPlatformString({ opendir($0) }) else {
      let error = Errno(rawValue: errno)
      if isAbsence(error) { return nil }
      throw .configurationUnreadable(operation: "list", directory, error)
    }
    defer { closedir(stream) }
    var names: [FilePath.Component] = []
    while let name = try next(of: stream, directory) {
      guard endings.contains(where: { name.string.hasSuffix($0) }) else { continue }
      guard names.count < fileCountLimit else {
        throw .invalidConfiguration(directory, .tooManyFiles(limit: fileCountLimit))
      }
      names.append(name)
    }
    return names.sorted { Array($0.string.utf8).lexicographicallyPrecedes(Array($1.string.utf8)) }
  }

  /// Whether there is a directory at `path`; one that may not be looked at counts as absent.
  static func isDirectory(_ path: FilePath) throws(RegistryError) -> Bool {
    var status = stat()
    if path.withPlatformString({ stat($0, &status) }) == 0 {
      return status.st_mode & S_IFMT == S_IFDIR
    }
    let error = Errno(rawValue: errno)
    if isAbsence(error) || error == .permissionDenied { return false }
    throw .configurationUnreadable(operation: "look at", path, error)
  }

  /// `/dev/null`: major 1 in bits 8 to 19, minor 3 in bits 0 to 7.
  ///
  /// Source: makedev(3).
  private static let nullDevice: dev_t = 1 << 8 | 3

  private static func isAbsence(_ error: Errno) -> Bool {
    error == .noSuchFileOrDirectory || error == .notDirectory
  }

  private static func open(_ path: FilePath, _ flags: Int32) throws(Errno) -> FileDescriptor {
    while true {
      let descriptor = path.withPlatformString { Glibc.open($0, flags | O_CLOEXEC) }
      if descriptor >= 0 { return FileDescriptor(rawValue: descriptor) }
      guard errno == EINTR else { throw Errno(rawValue: errno) }
    }
  }

  private static func contents(
    of file: FileDescriptor,
    _ path: FilePath
  ) throws(RegistryError) -> [UInt8] {
    var status = stat()
    guard fstat(file.rawValue, &status) == 0 else {
      throw .configurationUnreadable(operation: "look at", path, Errno(rawValue: errno))
    }
    let kind = status.st_mode & S_IFMT
    if kind == S_IFCHR, status.st_rdev == nullDevice { return [] }
    guard kind == S_IFREG else { throw .invalidConfiguration(path, .notAPlainFile) }
    // One byte more than allowed: the size may be changing while we look.
    var bytes = [UInt8](repeating: 0, count: byteCountLimit + 1)
    var count = 0
    while count < bytes.count {
      let more = bytes.withUnsafeMutableBytes {
        Glibc.read(file.rawValue, $0.baseAddress.map { $0 + count }, $0.count - count)
      }
      if more == 0 { break }
      if more > 0 {
        count += more
      } else if errno != EINTR {
        throw .configurationUnreadable(operation: "read", path, Errno(rawValue: errno))
      }
    }
    guard count <= byteCountLimit else {
      throw .invalidConfiguration(path, .tooLarge(limit: byteCountLimit))
    }
    return Array(bytes[..<count])
  }

  private static func next(
    of stream: OpaquePointer,
    _ directory: FilePath
  ) throws(RegistryError) -> FilePath.Component? {
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        if errno == 0 { return nil }
        throw .configurationUnreadable(operation: "list", directory, Errno(rawValue: errno))
      }
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { FilePath(platformString: $0) }
      }
      // `.` and `..` are components of another kind, which cannot be asked for.
      if let component = name.lastComponent, component.kind == .regular { return component }
    }
  }
}
