// What a directory of this machine holds, be it a mount or an unpacked tree: the rows of the dump, by
// system calls alone. Meant for a process of its own, which can be killed when a mount hangs.

import Crypto
package import FileTree
import Glibc

/// Walks a directory into the rows of its dump.
package struct DirectoryWitness {
  /// Files of several names that were met, and their first names.
  private var firstPaths: [Identity: [UInt8]] = [:]
  private var rows: [DumpRow] = []
  private var buffer = [UInt8](repeating: 0, count: 1 << 20)

  private struct Identity: Hashable {
    var device: UInt64
    var inode: UInt64
  }

  /// The rows of `directory`, in the order of a walk; extended attributes as they are handed out.
  ///
  /// `leavingOutLostAndFound`: neither tells of `/lost+found`, which mkfs makes, nor counts it among
  /// the root's links.
  package static func rows(
    of directory: String,
    leavingOutLostAndFound: Bool = false
  ) throws -> [DumpRow] {
    var witness = DirectoryWitness()
    let root = try OpenDirectory(directory)
    var row = try witness.row(of: Array(".".utf8), in: root, at: [])
    if leavingOutLostAndFound { row.linkCount -= 1 }
    witness.rows.append(row)
    let hidden = leavingOutLostAndFound ? Array("lost+found".utf8) : nil
    for name in try root.names() where name != hidden {
      try witness.visit(name, in: root, below: [])
    }
    return witness.rows
  }

  private mutating func visit(
    _ name: [UInt8],
    in directory: OpenDirectory,
    below prefix: [UInt8]
  ) throws {
    let path = prefix + name
    let row = try row(of: name, in: directory, at: path)
    rows.append(row)
    guard row.mode & S_IFMT == S_IFDIR else { return }
    let below = try OpenDirectory(name, in: directory)
    for name in try below.names() {
      try visit(name, in: below, below: path + [UInt8(ascii: "/")])
    }
  }

  private mutating func row(
    of name: [UInt8],
    in directory: OpenDirectory,
    at path: [UInt8]
  ) throws -> DumpRow {
    let status = try directory.status(of: name)
    let type = status.st_mode & S_IFMT
    let isDevice = type == S_IFCHR || type == S_IFBLK
    var row = DumpRow(
      path: path,
      mode: status.st_mode,
      size: type == S_IFREG ? UInt64(status.st_size) : 0,
      linkCount: UInt32(status.st_nlink),
      uid: status.st_uid,
      gid: status.st_gid,
      deviceMajor: isDevice ? Self.major(UInt64(status.st_rdev)) : 0,
      deviceMinor: isDevice ? Self.minor(UInt64(status.st_rdev)) : 0,
      seconds: Int64(status.st_mtim.tv_sec),
      nanoseconds: UInt32(status.st_mtim.tv_nsec)
    )
    if type != S_IFDIR, status.st_nlink > 1 {
      let identity = Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
      row.hardLinkTo = firstPaths[identity]
      firstPaths[identity] = firstPaths[identity] ?? path
      if row.hardLinkTo != nil { return row }
    }
    if type == S_IFLNK { row.target = try target(of: name, in: directory, status.st_size) }
    if type == S_IFREG { row.contentDigest = try digest(of: name, in: directory, row.size) }
    row.extendedAttributes = try Self.attributes(of: name, in: directory)
    return row
  }

  /// The corresponding C macro is `major`.
  private static func major(_ device: UInt64) -> UInt32 {
    UInt32(device >> 8 & 0xFFF | device >> 32 & 0xFFFF_F000)
  }

  /// The corresponding C macro is `minor`.
  private static func minor(_ device: UInt64) -> UInt32 {
    UInt32(device & 0xFF | device >> 12 & 0xFFFF_FF00)
  }

  /// mkfs.ext4 takes `st_size` for the length of the target.
  private func target(
    of name: [UInt8],
    in directory: OpenDirectory,
    _ size: off_t
  ) throws -> [UInt8] {
    let target = try directory.target(of: name)
    guard target.count == size else {
      throw WitnessFailure(description: "a link of \(size) bytes to \(target.count) bytes")
    }
    return target
  }

  private mutating func digest(
    of name: [UInt8],
    in directory: OpenDirectory,
    _ size: UInt64
  ) throws -> String {
    let file = try directory.openFile(name)
    defer { close(file) }
    var hash = SHA256()
    var total: UInt64 = 0
    while true {
      let count = buffer.withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
      guard count >= 0 else { throw SystemFailure("read", name) }
      if count == 0 { break }
      total += UInt64(count)
      buffer.withUnsafeBytes { hash.update(bufferPointer: .init(rebasing: $0.prefix(count))) }
    }
    guard total == size else {
      throw WitnessFailure(description: "a file of \(size) bytes has \(total)")
    }
    return hash.finalize().hex
  }

  // MARK: Extended attributes

  /// All that are listed; each must be readable, and as long as it is said to be.
  private static func attributes(
    of name: [UInt8],
    in directory: OpenDirectory
  ) throws -> [ExtendedAttribute] {
    let path = directory.path(of: name)
    let list = try bytes("llistxattr", name) { AttributeCalls.llistxattr(path, $0, $1) }
    return try list.split(separator: 0).map { attribute in
      let key = attribute.map { CChar(bitPattern: $0) } + [0]
      let value = try bytes("lgetxattr", name) {
        AttributeCalls.lgetxattr(path, key, $0, $1)
      }
      return ExtendedAttribute(name: Array(attribute), value: value)
    }.sorted { $0.name.lexicographicallyPrecedes($1.name) }
  }

  /// Asks for the size first, as mkfs.ext4 and tar do.
  private static func bytes(
    _ call: String,
    _ name: [UInt8],
    ask: (UnsafeMutablePointer<CChar>?, Int) -> Int
  ) throws -> [UInt8] {
    let size = ask(nil, 0)
    if size < 0, errno == EOPNOTSUPP { return [] }
    guard size >= 0 else { throw SystemFailure(call, name) }
    var answer = [CChar](repeating: 0, count: size + 1)
    let count = answer.withUnsafeMutableBufferPointer { ask($0.baseAddress, size) }
    // With no room, the question would be for the size again.
    guard count == size else { throw SystemFailure("\(call): first \(size), then \(count)", name) }
    return answer.prefix(count).map { UInt8(bitPattern: $0) }
  }
}

extension SHA256.Digest {
  fileprivate var hex: String {
    let digits = Array("0123456789abcdef".utf8)
    return String(
      decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] },
      as: UTF8.self
    )
  }
}
