// A block device that an image is written to: opened so that nobody else uses it, filled so that
// nothing shows of what it held before, and read back. Knows nothing of what is in the image.
// Sources: open(2), "O_EXCL"; Linux include/uapi/linux/fs.h; posix_fadvise(2).

import Glibc
package import SystemPackage

/// A block device of our own, until it is closed.
///
/// Not for several threads. Whoever opens one must call `close`.
package struct BlockDevice: Sendable {
  package let path: FilePath
  package let byteCount: UInt64
  private let file: OpenFile
  /// What positions and lengths on it are multiples of.
  private let blockByteCount: UInt64

  /// 4 MiB at once: a cancellation is seen in between.
  private static let bufferByteCount: UInt64 = 4 << 20
  /// Zeros are asked for in pieces of 256 MiB, for the same reason.
  private static let zeroByteCount: UInt64 = 256 << 20

  /// Opens the device for ourselves alone, for reading and writing.
  ///
  /// - Throws: `.notABlockDevice`; `.inUse` for one that is mounted, has a mounted partition, or
  ///   belongs to something else; `.systemCall`.
  package init(opening path: FilePath) throws(Ext4Error) {
    self.path = path
    // looked at before it is opened: opening alone makes some devices do something
    var status = stat()
    try HostFile.check("stat", path) { stat($0, &status) }
    guard status.st_mode & S_IFMT == S_IFBLK else { throw .notABlockDevice(path) }
    let descriptor = path.withPlatformString { open($0, O_RDWR | O_EXCL | O_CLOEXEC) }
    if descriptor < 0 {
      let code = errno
      throw code == EBUSY ? .inUse(path) : HostFile.error("open", path, code)
    }
    file = OpenFile(FileDescriptor(rawValue: descriptor), path: path)
    do throws(Ext4Error) {
      guard try file.status().st_mode & S_IFMT == S_IFBLK else { throw .notABlockDevice(path) }
      // O_EXCL sees what the kernel uses, and not these
      if try ImageUse.isUsedByOthers(file) { throw .inUse(path) }
      var size: UInt64 = 0
      try HostFile.check("ask the size of", path) { _ in ioctl(descriptor, BLKGETSIZE64, &size) }
      byteCount = size
      var block: CInt = 0
      try HostFile.check("ask the block size of", path) { _ in ioctl(descriptor, BLKSSZGET, &block)
      }
      // SEEK_DATA answers in pages or in blocks of a file system, which are no less
      blockByteCount = max(4096, UInt64(max(block, 0)))
    } catch {
      Glibc.close(descriptor)
      throw error
    }
  }

  package func close() {
    Glibc.close(file.descriptor.rawValue)
  }

  /// - Throws: `.deviceTooSmall` for an image of `needed` bytes.
  package func requireRoom(for needed: UInt64) throws(Ext4Error) {
    if byteCount < needed {
      throw .deviceTooSmall(path, byteCount: byteCount, needed: needed)
    }
  }

  /// As below, for the file at `image`.
  package func write(
    fileAt image: FilePath,
    progress: (_ done: UInt64, _ total: UInt64) -> Void = { _, _ in }
  ) throws(Ext4Error) {
    let descriptor = try HostFile.check("open", image) { open($0, O_RDONLY | O_CLOEXEC) }
    defer { Glibc.close(descriptor) }
    let image = OpenFile(FileDescriptor(rawValue: descriptor), path: image)
    try write(image, progress: progress)
  }

  /// Writes `image` to the device from its beginning on; everything else there reads as zeros.
  ///
  /// The first piece, with the superblock in it, is zeroed first and written last: what is interrupted is
  /// no file system. Then all that was written is read back, from the device and not from memory where
  /// that can be told, and the beginnings of what was zeroed. `progress` is told how many of the
  /// device's bytes are done.
  ///
  /// - Throws: `.deviceTooSmall`, before anything is written; `.deviceDiffers`, `.sourceChanged`,
  ///   `.systemCall`, `.diskFull`; `.cancelled` when the task was.
  package func write(
    _ image: OpenFile,
    progress: (_ done: UInt64, _ total: UInt64) -> Void = { _, _ in }
  ) throws(Ext4Error) {
    let imageByteCount = UInt64(max(try image.status().st_size, 0))
    try requireRoom(for: imageByteCount)
    let pieces = try pieces(of: image, byteCount: imageByteCount)
    var buffer = [UInt8](repeating: 0, count: Int(Self.bufferByteCount))
    // the first one, if it is data, comes last
    let isFirst = { (piece: Piece) in piece.isData && piece.range.lowerBound == 0 }
    for piece in pieces where isFirst(piece) { try zero(piece.range) }
    try HostFile.synchronize(file.descriptor.rawValue, path)
    for piece in pieces where !isFirst(piece) {
      if piece.isData { try copy(piece.range, of: image, &buffer) } else { try zero(piece.range) }
      progress(piece.range.upperBound, byteCount)
    }
    try HostFile.synchronize(file.descriptor.rawValue, path)
    for piece in pieces where isFirst(piece) { try copy(piece.range, of: image, &buffer) }
    try HostFile.synchronize(file.descriptor.rawValue, path)
    do throws(Ext4Error) {
      try compare(pieces, with: image, &buffer)
    } catch {
      for piece in pieces where isFirst(piece) { wipe(piece.range) }
      throw error
    }
    progress(byteCount, byteCount)
  }

  /// Zeroes what may be a superblock of something wrong, as well as the device lets us; also after a
  /// cancellation.
  private func wipe(_ range: Range<UInt64>) {
    var words = [range.lowerBound, UInt64(range.count)]
    _ = ioctl(file.descriptor.rawValue, BLKZEROOUT, &words)
    fsync(file.descriptor.rawValue)
  }

  /// A part of the device: copied from the same place of the image, or zeros.
  private struct Piece {
    var range: Range<UInt64>
    var isData: Bool
  }

  /// The whole device in pieces that can be read or zeroed at once.
  private func pieces(of image: OpenFile, byteCount end: UInt64) throws(Ext4Error) -> [Piece] {
    var pieces: [Piece] = []
    var position: UInt64 = 0
    func append(upTo bound: UInt64, isData: Bool) {
      let step = isData ? Self.bufferByteCount : Self.zeroByteCount
      while position < bound {
        let next = min(position + step, bound)
        pieces.append(Piece(range: position..<next, isData: isData))
        position = next
      }
    }
    while let run = try FileClone.dataRun(of: image, from: position, byteCount: end) {
      // outwards to blocks: what is more is zeros of the image, or what follows its end
      append(upTo: run.lowerBound / blockByteCount * blockByteCount, isData: false)
      let aligned = Ext4Layout.dividedUp(run.upperBound, by: blockByteCount) * blockByteCount
      append(upTo: min(aligned, byteCount), isData: true)
    }
    append(upTo: byteCount, isData: false)
    return pieces
  }

  private func copy(
    _ range: Range<UInt64>,
    of image: OpenFile,
    _ buffer: inout [UInt8]
  ) throws(Ext4Error) {
    if Task.isCancelled { throw .cancelled }
    let count = try read(range, of: image, &buffer)
    let file = file
    let result = buffer.withUnsafeBytes { bytes in
      Result { () throws(Ext4Error) in
        try file.write(UnsafeRawBufferPointer(rebasing: bytes[..<count]), at: range.lowerBound)
      }
    }
    try result.get()
  }

  /// Reads a piece into the front of `buffer`; zeros come after the end of the file.
  private func read(
    _ range: Range<UInt64>,
    of file: OpenFile,
    _ buffer: inout [UInt8]
  ) throws(Ext4Error) -> Int {
    let count = Int(range.count)
    let result = buffer.withUnsafeMutableBytes { bytes in
      Result { () throws(Ext4Error) in
        let part = UnsafeMutableRawBufferPointer(rebasing: bytes[..<count])
        let done = try file.read(at: range.lowerBound, into: part)
        UnsafeMutableRawBufferPointer(rebasing: part[done...])
          .initializeMemory(as: UInt8.self, repeating: 0)
      }
    }
    try result.get()
    return count
  }

  private func zero(_ range: Range<UInt64>) throws(Ext4Error) {
    if Task.isCancelled { throw .cancelled }
    // start and length
    var words = [range.lowerBound, UInt64(range.count)]
    try HostFile.check("zero", path) { _ in
      ioctl(file.descriptor.rawValue, BLKZEROOUT, &words)
    }
  }

  private func compare(
    _ pieces: [Piece],
    with image: OpenFile,
    _ buffer: inout [UInt8]
  ) throws(Ext4Error) {
    // a hint: what the kernel keeps in memory is read from there
    posix_fadvise(file.descriptor.rawValue, 0, 0, POSIX_FADV_DONTNEED)
    var expected = [UInt8](repeating: 0, count: buffer.count)
    for piece in pieces {
      if Task.isCancelled { throw .cancelled }
      // of zeros, the beginning
      let end = min(piece.range.upperBound, piece.range.lowerBound + blockByteCount)
      let range = piece.isData ? piece.range : piece.range.lowerBound..<end
      let count = try read(range, of: file, &buffer)
      if piece.isData {
        _ = try read(range, of: image, &expected)
      } else {
        expected = [UInt8](repeating: 0, count: expected.count)
      }
      if memcmp(buffer, expected, count) == 0 { continue }
      let offset = zip(buffer, expected).prefix { $0 == $1 }.count
      throw .deviceDiffers(path, byte: range.lowerBound + UInt64(offset))
    }
  }
}

/// `_IOR(0x12, 114, size_t)`, `_IO(0x12, 104)` and `_IO(0x12, 127)`.
///
/// Source: Linux include/uapi/linux/fs.h.
private let BLKGETSIZE64: UInt = 2 << 30 | 8 << 16 | 0x12 << 8 | 114
private let BLKSSZGET: UInt = 0x12 << 8 | 104
private let BLKZEROOUT: UInt = 0x12 << 8 | 127
