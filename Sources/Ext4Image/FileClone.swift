// One file's content given to another: shared where the file system can (a reflink), else copied, with
// the holes left out. Knows nothing of what is in the files.
// Sources: ioctl_ficlonerange(2), lseek(2), copy_file_range(2).

import Glibc
import SystemPackage

/// Gives a new file the content of another.
package enum FileClone {
  /// How the content got there.
  package enum Method: Hashable, Sendable {
    /// Both files have the same blocks on the disk until one is written to.
    case shared
    case copied
  }

  /// Shares the content, or copies it where that cannot be.
  ///
  /// `target` is open for writing, and empty. Nobody may change `source` meanwhile.
  ///
  /// - Throws: `.diskFull`; `.systemCall`; `.sourceChanged` when `source` becomes shorter; `.cancelled`.
  ///   `target` then holds a part.
  @discardableResult
  package static func clone(_ source: OpenFile, to target: OpenFile) throws(Ext4Error) -> Method {
    if try share(source, with: target) { return .shared }
    try copy(source, to: target)
    return .copied
  }

  /// Shares the content of `source` with the empty file `target`.
  ///
  /// - Returns: Whether the two files' file system could; if not, `target` is still empty.
  /// - Throws: `.diskFull`, `.systemCall`.
  package static func share(_ source: OpenFile, with target: OpenFile) throws(Ext4Error) -> Bool {
    while true {
      if ioctl(target.descriptor.rawValue, FICLONE, source.descriptor.rawValue) == 0 { return true }
      let code = errno
      if code == EINTR { continue }
      if code == ENOSPC || code == EDQUOT {
        throw HostFile.error("clone", target.path, code)
      }
      // another file system, or one that cannot: there are many codes for that, and what else may be
      // wrong a copy finds out. Some share run by run before they give up.
      try target.truncate(to: 0)
      return false
    }
  }

  /// Copies the content of `source` to the empty file `target`, but for its holes.
  ///
  /// - Throws: As `clone`.
  package static func copy(_ source: OpenFile, to target: OpenFile) throws(Ext4Error) {
    let byteCount = UInt64(max(try source.status().st_size, 0))
    try target.truncate(to: byteCount)
    var copying = FileCopy(source: source, target: target)
    var position: UInt64 = 0
    while let run = try dataRun(of: source, from: position, byteCount: byteCount) {
      try copying.copy(run)
      position = run.upperBound
    }
  }

  /// The next bytes of a file that are not in a hole, at or after `position`; `nil` when there are none
  /// before `byteCount`.
  ///
  /// Moves the descriptor's position. A file system that knows no holes has one run.
  ///
  /// - Throws: `.systemCall`.
  package static func dataRun(
    of file: OpenFile,
    from position: UInt64,
    byteCount: UInt64
  ) throws(Ext4Error) -> Range<UInt64>? {
    guard position < byteCount else { return nil }
    guard let start = try seek(file, position, SEEK_DATA, otherwise: position) else { return nil }
    guard start < byteCount else { return nil }
    let end = try seek(file, start, SEEK_HOLE, otherwise: byteCount) ?? byteCount
    // a file that shrinks meanwhile may answer with anything
    return start..<max(start + 1, min(end, byteCount))
  }

  /// - Returns: `nil` for no data or hole from there on.
  private static func seek(
    _ file: OpenFile,
    _ position: UInt64,
    _ whence: CInt,
    otherwise known: UInt64
  ) throws(Ext4Error) -> UInt64? {
    let result = lseek(file.descriptor.rawValue, off_t(clamping: position), whence)
    if result >= 0 { return UInt64(result) }
    switch errno {
    case ENXIO: return nil
    case EINVAL, EOPNOTSUPP, ENOSYS: return known
    case let code: throw HostFile.error("seek", file.path, code)
    }
  }
}

/// Copies runs of bytes from one file to the same places of another.
private struct FileCopy {
  var source: OpenFile
  var target: OpenFile
  /// The kernel copies by itself until it refuses to.
  private var kernelCopies = true
  private var buffer: [UInt8] = []

  /// 16 MiB a call: a cancellation is seen in between.
  private static let callByteCount: UInt64 = 16 << 20
  private static let bufferByteCount = 1 << 20

  init(source: OpenFile, target: OpenFile) {
    self.source = source
    self.target = target
  }

  mutating func copy(_ run: Range<UInt64>) throws(Ext4Error) {
    var position = run.lowerBound
    while position < run.upperBound {
      if Task.isCancelled { throw .cancelled }
      let rest = run.upperBound - position
      if kernelCopies, let done = kernelCopy(at: position, min(rest, Self.callByteCount)) {
        position += done
      } else {
        kernelCopies = false
        position += try ownCopy(at: position, Int(min(rest, UInt64(Self.bufferByteCount))))
      }
    }
  }

  /// - Returns: `nil` where the kernel does not copy between these two; whatever else is wrong, reading
  ///   and writing finds out, and which of the two it is.
  private func kernelCopy(at position: UInt64, _ count: UInt64) -> UInt64? {
    var (from, to) = (off_t(clamping: position), off_t(clamping: position))
    while true {
      let done = copyFileRange(
        source.descriptor.rawValue,
        &from,
        target.descriptor.rawValue,
        &to,
        Int(count)
      )
      if done > 0 { return UInt64(done) }
      if done == 0 || errno != EINTR { return nil }
    }
  }

  private mutating func ownCopy(at position: UInt64, _ count: Int) throws(Ext4Error) -> UInt64 {
    if buffer.isEmpty { buffer = [UInt8](repeating: 0, count: Self.bufferByteCount) }
    let (source, target) = (source, target)
    let result = buffer.withUnsafeMutableBytes { bytes in
      Result { () throws(Ext4Error) in
        let part = UnsafeMutableRawBufferPointer(rebasing: bytes[..<count])
        guard try source.read(at: position, into: part) == count else {
          throw .sourceChanged(source.path)
        }
        try target.write(UnsafeRawBufferPointer(part), at: position)
      }
    }
    try result.get()
    return UInt64(count)
  }
}

/// `_IOW(0x94, 9, int)`: a write of 4 bytes.
///
/// Source: Linux include/uapi/linux/fs.h.
private let FICLONE: UInt = 1 << 30 | 4 << 16 | 0x94 << 8 | 9
/// Glibc hides these from programs that do not ask for GNU extensions.
///
/// Source: Linux include/uapi/linux/fs.h.
private let SEEK_DATA: CInt = 3
private let SEEK_HOLE: CInt = 4

private typealias CopyFileRange =
  @convention(c) (
    CInt, UnsafeMutablePointer<off_t>, CInt, UnsafeMutablePointer<off_t>, Int, CUnsignedInt
  ) -> Int

/// Hidden like the constants, so it is looked up by its name.
private let foundCopyFileRange: CopyFileRange? = dlsym(nil, "copy_file_range").map {
  unsafeBitCast($0, to: CopyFileRange.self)
}

/// The corresponding C function is `copy_file_range`; as if the kernel had none where it is not found.
private func copyFileRange(
  _ source: CInt,
  _ from: UnsafeMutablePointer<off_t>,
  _ target: CInt,
  _ to: UnsafeMutablePointer<off_t>,
  _ count: Int
) -> Int {
  guard let function = foundCopyFileRange else {
    errno = ENOSYS
    return -1
  }
  return function(source, from, target, to, count, 0)
}
