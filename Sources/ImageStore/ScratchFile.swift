// A file without a name, in the cache: for bytes that must stay as they are while a process uses them,
// and that nobody else is to find. Gone with the process, however it ends. Knows nothing of what it holds.
// Sources: open(2), O_TMPFILE; copy_file_range(2).

import Glibc
package import SystemPackage
import Threading

/// A growing file that has no name.
///
/// Usable from any thread.
package final class ScratchFile: Sendable {
  /// Why bytes of another file did not arrive.
  package enum CopyFailure: Error, Equatable, Sendable {
    /// The other file could not be read.
    case source(Errno)
    case store(ImageStoreError)
  }

  /// For messages.
  private let directory: FilePath
  private let descriptor: FileDescriptor
  private let end = Mutex<UInt64>(0)

  /// From this size on, a run begins at the start of a block, so that file systems can share its
  /// blocks with the file that it is copied from: 64 KiB, with which at most 1/16 is wasted.
  private static let alignedByteCount: UInt64 = 64 << 10
  private static let blockByteCount: UInt64 = 4096
  private static let pieceByteCount = 1 << 20

  fileprivate init(_ descriptor: FileDescriptor, in directory: FilePath) {
    self.descriptor = descriptor
    self.directory = directory
  }

  deinit {
    descriptor.closeIgnoringErrors()
  }

  /// Copies up to `byteCount` bytes of `source` from `offset` on to the end of this file.
  ///
  /// - Returns: Where they begin here, and how many there were: fewer only because the source ended.
  package func append(
    from source: FileDescriptor,
    at offset: UInt64,
    byteCount: UInt64
  ) throws(CopyFailure) -> (start: UInt64, byteCount: UInt64) {
    let start = reserve(byteCount)
    var done: UInt64 = 0
    while done < byteCount {
      let count = try copy(source, at: offset + done, to: start + done, byteCount - done)
      if count == 0 { break }
      done += count
    }
    return (start, done)
  }

  /// Copies what can still be read of `source`, which may be a pipe, to the end of this file.
  package func append(
    allOf source: FileDescriptor
  ) throws(CopyFailure) -> (start: UInt64, byteCount: UInt64) {
    let start = reserve(0)
    var done: UInt64 = 0
    let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: Self.pieceByteCount,
      alignment: 16
    )
    defer { buffer.deallocate() }
    while true {
      let count = try inSource { () throws(Errno) in
        try retrying { Glibc.read(source.rawValue, buffer.baseAddress, buffer.count) }
      }
      if count == 0 { break }
      try write(UnsafeRawBufferPointer(rebasing: buffer[..<count]), at: start + done)
      done += UInt64(count)
    }
    end.withLock { $0 = max($0, start + done) }
    return (start, done)
  }

  /// Fills `buffer` from `offset` on.
  ///
  /// - Returns: How many bytes there were: fewer than the buffer's only at the end.
  package func read(
    at offset: UInt64,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(ImageStoreError) -> Int {
    do {
      return try descriptor.readFully(at: offset, into: buffer)
    } catch {
      throw .system("read a temporary file", directory, error)
    }
  }

  private func reserve(_ byteCount: UInt64) -> UInt64 {
    end.withLock { end in
      let rest = end % Self.blockByteCount
      let isAligned = byteCount >= Self.alignedByteCount && rest > 0
      let start = isAligned ? end + Self.blockByteCount - rest : end
      end = start + byteCount
      return start
    }
  }

  /// Copies some bytes, within the kernel if it will.
  private func copy(
    _ source: FileDescriptor,
    at offset: UInt64,
    to position: UInt64,
    _ byteCount: UInt64
  ) throws(CopyFailure) -> UInt64 {
    var from = off_t(offset)
    var to = off_t(position)
    let wanted = Int(min(byteCount, 1 << 30))
    let count = copyFileRange?(source.rawValue, &from, descriptor.rawValue, &to, wanted, 0) ?? 0
    if count > 0 { return UInt64(count) }
    // Refused, or nothing: some file systems say so of files that can be read. Whose fault it is, if it is
    // any, is told by reading and writing.
    return try copyThroughMemory(source, at: offset, to: position, byteCount)
  }

  private func copyThroughMemory(
    _ source: FileDescriptor,
    at offset: UInt64,
    to position: UInt64,
    _ byteCount: UInt64
  ) throws(CopyFailure) -> UInt64 {
    let wanted = Int(min(byteCount, UInt64(Self.pieceByteCount)))
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: wanted, alignment: 16)
    defer { buffer.deallocate() }
    let count = try inSource { () throws(Errno) in
      try source.readFully(at: offset, into: buffer)
    }
    try write(UnsafeRawBufferPointer(rebasing: buffer[..<count]), at: position)
    return UInt64(count)
  }

  private func write(
    _ bytes: UnsafeRawBufferPointer,
    at position: UInt64
  ) throws(CopyFailure) {
    do {
      try descriptor.writeFully(bytes, at: position)
    } catch {
      throw .store(.system("write a temporary file", directory, error))
    }
  }

  private func inSource<Result>(
    _ body: () throws(Errno) -> Result
  ) throws(CopyFailure) -> Result {
    do { return try body() } catch { throw .source(error) }
  }
}

private typealias CopyFileRange =
  @Sendable @convention(c) (
    CInt, UnsafeMutablePointer<off_t>, CInt, UnsafeMutablePointer<off_t>, Int, CUnsignedInt
  ) -> Int

/// The C function of that name, which Glibc's module hides.
private let copyFileRange = dlsym(nil, "copy_file_range").map {
  unsafeBitCast($0, to: CopyFileRange.self)
}

/// The kernel's generic value, which Glibc's header hides.
///
/// Source: open(2).
private let O_TMPFILE: CInt = 0o20_000_000 | O_DIRECTORY

extension CacheDirectory {
  /// Makes a file without a name on the cache's file system.
  package func makeScratchFile() throws(ImageStoreError) -> ScratchFile {
    let place = ours.path
    do {
      return ScratchFile(try ours.openFile(".", O_RDWR | O_TMPFILE), in: place)
    } catch Errno.notSupported, Errno.isDirectory, Errno.noSuchFileOrDirectory,
      Errno.invalidArgument
    {
      // A file system without such files, or a kernel that takes the flag for another.
      return try makeScratchFileByName()
    } catch {
      throw .system("create a temporary file", place, error)
    }
  }

  /// The same with a name for an instant.
  func makeScratchFileByName() throws(ImageStoreError) -> ScratchFile {
    PendingFile.removeAbandoned(in: ours)
    let file = try PendingFile(replacing: "scratch", in: ours)
    do {
      // The name goes with `file`.
      let copy = try retrying { fcntl(file.descriptor.rawValue, F_DUPFD_CLOEXEC, 0) }
      return ScratchFile(FileDescriptor(rawValue: copy), in: ours.path)
    } catch {
      throw .system("create a temporary file", ours.path, error)
    }
  }

  /// Whether a directory, by its status, is the cache.
  package func isAt(device: UInt64, inode: UInt64) -> Bool {
    do {
      let status = try root.status()
      return UInt64(status.st_dev) == device && UInt64(status.st_ino) == inode
    } catch {
      return false
    }
  }
}
