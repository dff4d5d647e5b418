// The content of files to be added, as files of the host that debugfs can read: under names of our
// own, with holes where blocks of the image are all zero, and counted.

package import FileTree
import Glibc
import SystemPackage

/// What fills a buffer with a file's bytes from an offset on, and says how many; 0 only at its end.
package typealias NodeReading =
  @Sendable (_ node: Node, _ offset: UInt64, _ buffer: UnsafeMutableRawBufferPointer) throws -> Int

/// Writes the content of one item after the other.
struct InjectionContent {
  let reading: NodeReading
  let directory: FilePath
  let blockByteCount: Int
  /// Blocks of the image that the content takes.
  private(set) var blockCount: UInt64 = 0
  private var buffer: [UInt8] = []

  /// Whole blocks of every size: 1 MiB.
  private static let bufferByteCount = 1 << 20

  init(reading: @escaping NodeReading, directory: FilePath, blockByteCount: Int) {
    self.reading = reading
    self.directory = directory
    self.blockByteCount = blockByteCount
  }

  /// - Throws: `.injection(.unreadable)`, `.diskFull`, `.systemCall`, `.cancelled`.
  mutating func write(_ node: Node, _ item: Int, path: [UInt8]) throws(Ext4Error) {
    if buffer.isEmpty { buffer = [UInt8](repeating: 0, count: Self.bufferByteCount) }
    let target = directory.appending(InjectionBatch.contentFileName(item))
    let descriptor = try HostFile.createOpen(target, permissions: 0o600)
    defer { close(descriptor) }
    let file = OpenFile(FileDescriptor(rawValue: descriptor), path: target)
    try file.truncate(to: node.size)
    var offset: UInt64 = 0
    while offset < node.size {
      if Task.isCancelled { throw .cancelled }
      let count = Int(min(UInt64(buffer.count), node.size - offset))
      try fill(count, from: node, at: offset, path)
      try writeBlocks(count, to: file, at: offset)
      offset += UInt64(count)
    }
  }

  private mutating func fill(
    _ count: Int,
    from node: Node,
    at offset: UInt64,
    _ path: [UInt8]
  ) throws(Ext4Error) {
    do {
      try buffer.withUnsafeMutableBytes { bytes in
        var done = 0
        while done < count {
          let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[done..<count])
          let read = try reading(node, offset + UInt64(done), rest)
          guard read > 0 else { throw EndedEarly() }
          done += read
        }
      }
    } catch {
      throw .injection(.unreadable(path: path, reason: "\(error)"))
    }
  }

  private struct EndedEarly: Error, CustomStringConvertible {
    var description: String { "it ends early" }
  }

  private mutating func writeBlocks(
    _ count: Int,
    to file: OpenFile,
    at offset: UInt64
  ) throws(Ext4Error) {
    for start in stride(from: 0, to: count, by: blockByteCount) {
      let range = start..<min(start + blockByteCount, count)
      let result = buffer.withUnsafeBytes { bytes in
        Result { () throws(Ext4Error) in
          let block = UnsafeRawBufferPointer(rebasing: bytes[range])
          if block.allSatisfy({ $0 == 0 }) { return false }
          try file.write(block, at: offset + UInt64(start))
          return true
        }
      }
      if try result.get() { blockCount += 1 }
    }
  }
}

extension Ext4ImageReader {
  /// Compares a regular file of the image with a file of the host.
  ///
  /// - Returns: The first 64 KiB in which they differ, by their first byte; `nil` where there are
  ///   none.
  /// - Throws: `.malformedImage`, `.systemCall`, `.cancelled`.
  func firstDifference(_ inode: Ext4Inode, from file: OpenFile) throws(Ext4Error) -> UInt64? {
    let step = 64 << 10
    let extents = try extents(of: inode)
    var both = [UInt8](repeating: 0, count: 2 * step)
    var offset: UInt64 = 0
    while offset < inode.size {
      if Task.isCancelled { throw .cancelled }
      let result = both.withUnsafeMutableBytes { bytes in
        Result { () throws(Ext4Error) in
          let ours = UnsafeMutableRawBufferPointer(rebasing: bytes[..<step])
          let theirs = UnsafeMutableRawBufferPointer(rebasing: bytes[step...])
          let count = try read(inode, extents, at: offset, into: ours)
          guard try file.read(at: offset, into: theirs) == count,
            let own = ours.baseAddress, let other = theirs.baseAddress
          else { return false }
          return memcmp(own, other, count) == 0
        }
      }
      if try !result.get() { return offset }
      offset += UInt64(step)
    }
    return nil
  }
}
