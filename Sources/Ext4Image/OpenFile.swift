// An open file with the name that messages call it by, and whole reads and writes at a position.
// Closes nothing. Source: pread(2), pwrite(2).

import Glibc
package import SystemPackage

/// An open file or device of the host; the descriptor stays its owner's, and open while this is used.
package struct OpenFile: Hashable, Sendable {
  package let descriptor: FileDescriptor
  /// For messages.
  package let path: FilePath

  package init(_ descriptor: FileDescriptor, path: FilePath) {
    self.descriptor = descriptor
    self.path = path
  }

  /// Fills `buffer` from `offset` on; the count is short only at the end of the file.
  ///
  /// - Throws: `.systemCall`.
  package func read(
    at offset: UInt64,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(Ext4Error) -> Int {
    var done = 0
    while done < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      let position = off_t(clamping: offset + UInt64(done))
      let result = pread(descriptor.rawValue, rest.baseAddress, rest.count, position)
      if result < 0, errno == EINTR { continue }
      if result < 0 { throw HostFile.error("read", path, errno) }
      if result == 0 { break }
      done += result
    }
    return done
  }

  /// Writes all of `bytes` at `offset`.
  ///
  /// - Throws: `.diskFull`, `.systemCall`.
  package func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(Ext4Error) {
    var done = 0
    while done < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
      let position = off_t(clamping: offset + UInt64(done))
      let result = pwrite(descriptor.rawValue, rest.baseAddress, rest.count, position)
      if result < 0, errno == EINTR { continue }
      if result < 0 { throw HostFile.error("write", path, errno) }
      done += result
    }
  }

  /// - Throws: `.diskFull`, `.systemCall`.
  func truncate(to byteCount: UInt64) throws(Ext4Error) {
    try HostFile.check("truncate", path) { _ in
      ftruncate(descriptor.rawValue, off_t(clamping: byteCount))
    }
  }

  /// - Throws: `.systemCall`.
  func status() throws(Ext4Error) -> stat {
    var status = stat()
    try HostFile.check("stat", path) { _ in fstat(descriptor.rawValue, &status) }
    return status
  }
}
