// Reads inodes, attributes, link targets and directories from an ext4 image file, to check what the
// tools have written. Reads no file content and writes nothing. A second program beside the tools, on
// purpose: what both agree on can be relied on.

import Glibc
package import SystemPackage

/// An open ext4 image.
///
/// Not for several threads at once: it keeps the piece of the inode table that it read last.
package struct Ext4ImageReader {
  package let superblock: Ext4Superblock
  private let path: FilePath
  private let descriptor: FileDescriptor
  /// First block of each group's inode table.
  private let inodeTables: [UInt64]
  private var chunk: [UInt8] = []
  private var chunkStart: UInt64 = 0

  /// 1 MiB holds 4096 inodes.
  private static let chunkByteCount = 1 << 20
  /// ext4's own limit on the depth of an extent tree.
  private static let extentDepthLimit = 5

  /// `descriptor` is open for reading; it stays the caller's, and open while the reader is used.
  ///
  /// - Throws: `.malformedImage`, `.systemCall`.
  package init(_ descriptor: FileDescriptor, path: FilePath) throws(Ext4Error) {
    self.path = path
    self.descriptor = descriptor
    let file = ImageFile(descriptor: descriptor, path: path)
    superblock = try Ext4Superblock(
      file.read(Ext4Superblock.byteCount, at: Ext4Superblock.offset)
    )
    // the descriptors begin in the block after the superblock's
    let size = superblock.descriptorByteCount
    let groups = superblock.groupCount
    guard groups <= Ext4Limits.imageByteCount >> 27 + 1 else {
      throw .malformedImage(what: "too many groups", byte: Ext4Superblock.offset + 0x4)
    }
    let all = try file.read(Int(groups) * size, at: Ext4Layout.blockByteCount)
    inodeTables = stride(from: 0, to: all.count, by: size).map { [superblock] start in
      superblock.inodeTable(in: Array(all[start..<(start + size)]))
    }
  }

  private var file: ImageFile { ImageFile(descriptor: descriptor, path: path) }

  /// - Throws: `.malformedImage` for a number beyond the file system's inodes; `.systemCall`.
  package mutating func inode(_ number: UInt32) throws(Ext4Error) -> Ext4Inode {
    guard number > 0, number <= superblock.inodeCount else {
      throw .malformedImage(what: "no inode \(number)", byte: Ext4Superblock.offset)
    }
    let (group, index) = superblock.place(of: number)
    guard Int(group) < inodeTables.count else {
      throw .malformedImage(what: "no inode \(number)", byte: Ext4Superblock.offset)
    }
    let table = inodeTables[Int(group)] << 12
    let start = table + UInt64(index) * UInt64(Ext4Inode.byteCount)
    if start < chunkStart || start + UInt64(Ext4Inode.byteCount) > chunkStart + UInt64(chunk.count)
    {
      let tableEnd = table + UInt64(superblock.inodesPerGroup) * UInt64(Ext4Inode.byteCount)
      chunk = try file.read(min(Self.chunkByteCount, Int(tableEnd - start)), at: start)
      chunkStart = start
    }
    let offset = Int(start - chunkStart)
    return Ext4Inode(Array(chunk[offset..<(offset + Ext4Inode.byteCount)]))
  }

  /// All extended attributes of an inode.
  ///
  /// - Throws: `.malformedImage`, `.systemCall`.
  package func attributes(of inode: Ext4Inode) throws(Ext4Error) -> [DiskAttribute] {
    let magic: UInt32 = 0xEA02_0000
    var all: [DiskAttribute] = []
    let area = inode.attributeArea
    if area.count >= 4, area.little(UInt32.self, at: 0) == magic {
      guard let found = DiskAttribute.parse(area, entriesAt: 4, valuesFrom: 4) else {
        throw .malformedImage(what: "malformed attributes in an inode", byte: 0)
      }
      all += found
    }
    if inode.attributeBlock != 0 {
      let block = try self.block(inode.attributeBlock)
      guard block.little(UInt32.self, at: 0) == magic,
        let found = DiskAttribute.parse(block, entriesAt: 32, valuesFrom: 0)
      else {
        throw .malformedImage(what: "malformed attribute block", byte: inode.attributeBlock << 12)
      }
      all += found
    }
    return all
  }

  /// - Throws: `.malformedImage`, `.systemCall`.
  package func target(of link: Ext4Inode) throws(Ext4Error) -> [UInt8] {
    if let short = link.shortTarget { return short }
    guard let first = try extents(of: link).first, link.size <= Ext4Layout.blockByteCount else {
      throw .malformedImage(what: "symbolic link without a block", byte: 0)
    }
    return Array(try block(first.firstBlock).prefix(Int(link.size)))
  }

  /// The names in a directory, `.` and `..` included, in stored order.
  ///
  /// - Throws: `.malformedImage`, `.systemCall`.
  func entries(of directory: Ext4Inode) throws(Ext4Error) -> [Ext4DirectoryEntry] {
    var entries: [Ext4DirectoryEntry] = []
    for block in try blocks(of: directory) {
      guard let found = Ext4DirectoryEntry.parse(block.bytes) else {
        throw .malformedImage(what: "malformed directory block", byte: block.number << 12)
      }
      entries += found
    }
    return entries
  }

  /// The blocks of a directory with their numbers, in the order of its content.
  ///
  /// - Throws: `.malformedImage`, `.systemCall`.
  func blocks(
    of directory: Ext4Inode
  ) throws(Ext4Error) -> [(number: UInt64, bytes: [UInt8])] {
    var blocks: [(number: UInt64, bytes: [UInt8])] = []
    for extent in try extents(of: directory) {
      for number in extent.firstBlock..<(extent.firstBlock + extent.blockCount) {
        blocks.append((number, try block(number)))
      }
    }
    return blocks
  }

  private func extents(of inode: Ext4Inode) throws(Ext4Error) -> [Ext4Extent] {
    guard inode.usesExtents else {
      throw .malformedImage(what: "an inode without extents", byte: 0)
    }
    return try extents(below: inode.blockArea, depth: 0, at: 0)
  }

  private func extents(
    below node: [UInt8],
    depth: Int,
    at byte: UInt64
  ) throws(Ext4Error) -> [Ext4Extent] {
    guard depth <= Self.extentDepthLimit, let node = Ext4ExtentNode(node) else {
      throw .malformedImage(what: "malformed extent tree", byte: byte)
    }
    switch node {
    case .leaf(let extents):
      return extents
    case .index(let blocks):
      var all: [Ext4Extent] = []
      for number in blocks {
        all += try extents(below: try block(number), depth: depth + 1, at: number << 12)
      }
      return all
    }
  }

  private func block(_ number: UInt64) throws(Ext4Error) -> [UInt8] {
    guard number < superblock.blockCount else {
      throw .malformedImage(what: "no block \(number)", byte: 0)
    }
    return try file.read(Int(Ext4Layout.blockByteCount), at: number << 12)
  }
}

/// Whole reads at a position.
private struct ImageFile {
  var descriptor: FileDescriptor
  var path: FilePath

  func read(_ count: Int, at offset: UInt64) throws(Ext4Error) -> [UInt8] {
    guard let start = Int64(exactly: offset) else {
      throw .malformedImage(what: "a position beyond the file", byte: offset)
    }
    var failure: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, done in
      while done < count {
        let rest = UnsafeMutableRawBufferPointer(
          rebasing: UnsafeMutableRawBufferPointer(buffer)[done...]
        )
        let result = pread(descriptor.rawValue, rest.baseAddress, rest.count, off_t(start) + done)
        if result < 0, errno == EINTR { continue }
        if result < 0 { failure = errno }
        if result <= 0 { break }
        done += result
      }
    }
    if failure != 0 { throw .systemCall("read", path: path, errno: Errno(rawValue: failure)) }
    if bytes.count < count { throw .malformedImage(what: "file ends early", byte: offset) }
    return bytes
  }
}
