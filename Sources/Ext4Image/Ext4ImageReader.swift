// Reads inodes, attributes, link targets, directories and the content of files from an ext2, ext3
// or ext4 image file, to check what the tools have written and to find what is there already.
// Writes nothing. A second program beside the tools, on purpose: what both agree on can be relied
// on. How content is found is in Ext4ImageReader+Content.swift, how paths are in
// Ext4ImageReader+Lookup.swift.

import Glibc
package import SystemPackage

/// An open ext4 image.
///
/// Not for several threads at once: it keeps the piece of the inode table that it read last.
/// Nothing that an image holds makes it trap, or work without end.
package struct Ext4ImageReader {
  package let superblock: Ext4Superblock
  let file: OpenFile
  /// Part of the inode table of one group, and the inode that it begins with.
  private var chunk: [UInt8] = []
  private var chunkFirst: UInt32 = 0

  /// 1 MiB holds 4096 inodes of 256 bytes.
  private static let chunkByteCount: UInt64 = 1 << 20

  /// `descriptor` is open for reading; it stays the caller's, and open while the reader is used.
  ///
  /// - Throws: `.malformedImage`, `.systemCall`.
  package init(_ descriptor: FileDescriptor, path: FilePath) throws(Ext4Error) {
    file = OpenFile(descriptor, path: path)
    superblock = try Ext4Superblock(
      file.bytes(Ext4Superblock.byteCount, at: Ext4Superblock.offset)
    )
  }

  /// - Throws: `.malformedImage` for a number beyond the file system's inodes; `.systemCall`.
  package mutating func inode(_ number: UInt32) throws(Ext4Error) -> Ext4Inode {
    guard number > 0, number <= superblock.inodeCount else {
      throw .malformedImage(what: "no inode \(number)", byte: Ext4Superblock.offset)
    }
    if let offset = offsetInChunk(of: number) { return record(at: offset) }
    let (group, index) = superblock.place(of: number)
    let size = UInt64(superblock.inodeByteCount)
    let rest = UInt64(superblock.inodesPerGroup - index) * size
    let start = try inodeTable(ofGroup: group) + UInt64(index) * size
    chunk = try file.bytes(Int(min(Self.chunkByteCount, rest)), at: start)
    chunkFirst = number
    return record(at: 0)
  }

  private func offsetInChunk(of number: UInt32) -> Int? {
    guard number >= chunkFirst else { return nil }
    let offset = Int(number - chunkFirst) * superblock.inodeByteCount
    return offset < chunk.count ? offset : nil
  }

  private func record(at offset: Int) -> Ext4Inode {
    Ext4Inode(Array(chunk[offset..<(offset + superblock.inodeByteCount)]))
  }

  private func inodeTable(ofGroup group: UInt32) throws(Ext4Error) -> UInt64 {
    let offset = superblock.descriptorOffset(ofGroup: group)
    let descriptor = try file.bytes(superblock.descriptorByteCount, at: offset)
    let block = superblock.inodeTable(in: descriptor)
    guard block < superblock.blockCount else {
      throw .malformedImage(what: "inode table behind the last block", byte: offset)
    }
    return block << superblock.blockShift
  }

  /// All extended attributes of an inode.
  ///
  /// - Throws: `.malformedImage`, `.systemCall`.
  package func attributes(of inode: Ext4Inode) throws(Ext4Error) -> [DiskAttribute] {
    var all: [DiskAttribute] = []
    let area = inode.attributeArea
    if area.count >= 4, area.little(UInt32.self, at: 0) == Self.attributeMagic {
      guard let found = DiskAttribute.parse(area, entriesAt: 4, valuesFrom: 4) else {
        throw .malformedImage(what: "malformed attributes in an inode", byte: 0)
      }
      all += found
    }
    guard let block = try attributeBlock(of: inode) else { return all }
    guard let found = DiskAttribute.parse(block, entriesAt: 32, valuesFrom: 0) else {
      throw malformed("malformed attribute block", block: inode.attributeBlock)
    }
    return all + found
  }

  private static let attributeMagic: UInt32 = 0xEA02_0000

  /// An inode's block of attributes, which may be other inodes' too; `nil` where it has none.
  func attributeBlock(of inode: Ext4Inode) throws(Ext4Error) -> [UInt8]? {
    if inode.attributeBlock == 0 { return nil }
    let block = try self.block(inode.attributeBlock)
    guard block.little(UInt32.self, at: 0) == Self.attributeMagic else {
      throw malformed("malformed attribute block", block: inode.attributeBlock)
    }
    return block
  }

  /// - Throws: `.malformedImage`, `.systemCall`.
  package func target(of link: Ext4Inode) throws(Ext4Error) -> [UInt8] {
    if let short = link.shortTarget { return short }
    guard let first = try extents(of: link).first, first.firstFileBlock == 0,
      link.size <= UInt64(superblock.blockByteCount)
    else {
      throw .malformedImage(what: "symbolic link without a block", byte: 0)
    }
    return Array(try block(first.firstBlock).prefix(Int(link.size)))
  }

  func block(_ number: UInt64) throws(Ext4Error) -> [UInt8] {
    guard number < superblock.blockCount else {
      throw .malformedImage(what: "no block \(number)", byte: 0)
    }
    return try file.bytes(superblock.blockByteCount, at: number << superblock.blockShift)
  }

  /// The error for a block whose number has been checked.
  func malformed(_ what: String, block: UInt64) -> Ext4Error {
    .malformedImage(what: what, byte: block << superblock.blockShift)
  }
}

extension OpenFile {
  /// Exactly `count` bytes.
  ///
  /// - Throws: `.malformedImage` where the file ends before them; `.systemCall`.
  func bytes(_ count: Int, at offset: UInt64) throws(Ext4Error) -> [UInt8] {
    guard offset <= UInt64(Int64.max) - UInt64(count) else {
      throw .malformedImage(what: "a position beyond the file", byte: offset)
    }
    var outcome: Result<Int, Ext4Error> = .success(0)
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, done in
      outcome = Result { () throws(Ext4Error) in
        try read(at: offset, into: UnsafeMutableRawBufferPointer(buffer))
      }
      if case .success(let read) = outcome { done = read }
    }
    if try outcome.get() < count { throw .malformedImage(what: "file ends early", byte: offset) }
    return bytes
  }
}
