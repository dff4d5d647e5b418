// Where the content of files and directories is, and the content itself: extent trees, and the block
// numbers of ext2 and ext3. Source: Linux Documentation/filesystems/ext4/{ifork,blockmap,directory}.rst.

import Glibc

extension Ext4ImageReader {
  /// The names in a directory, `.` and `..` included, in stored order.
  ///
  /// - Throws: `.malformedImage`, `.systemCall`.
  func entries(of directory: Ext4Inode) throws(Ext4Error) -> [Ext4DirectoryEntry] {
    var entries: [Ext4DirectoryEntry] = []
    try forEachBlock(of: directory) { (number, block) throws(Ext4Error) in
      entries += try parse(block, number)
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
    try forEachBlock(of: directory) { (number, block) throws(Ext4Error) in
      blocks.append((number, block))
    }
    return blocks
  }

  func parse(_ block: [UInt8], _ number: UInt64) throws(Ext4Error) -> [Ext4DirectoryEntry] {
    guard let found = Ext4DirectoryEntry.parse(block) else {
      throw malformed("malformed directory block", block: number)
    }
    return found
  }

  /// The blocks of a directory, one at a time: a directory can be larger than memory.
  func forEachBlock(
    of directory: Ext4Inode,
    _ body: (_ number: UInt64, _ block: [UInt8]) throws(Ext4Error) -> Void
  ) throws(Ext4Error) {
    // the size of directories has 32 bits
    guard directory.isDirectory, directory.size <= UInt64(UInt32.max) else {
      throw .malformedImage(what: "malformed directory inode", byte: 0)
    }
    let end = Ext4Layout.dividedUp(directory.size, by: UInt64(superblock.blockByteCount))
    for extent in try extents(of: directory) where extent.isWritten {
      guard extent.endFileBlock <= end else {
        throw malformed("directory with blocks behind its end", block: extent.firstBlock)
      }
      for number in extent.firstBlock..<(extent.firstBlock + extent.blockCount) {
        try body(number, block(number))
      }
    }
  }

  /// Fills `buffer` with a regular file's bytes from `offset` on.
  ///
  /// `extents` are the file's own, from `extents(of:)`. The count is short only at the end of the file.
  ///
  /// - Throws: `.malformedImage`, `.systemCall`.
  func read(
    _ inode: Ext4Inode,
    _ extents: [Ext4Extent],
    at offset: UInt64,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(Ext4Error) -> Int {
    guard offset < inode.size else { return 0 }
    let count = Int(min(UInt64(buffer.count), inode.size - offset))
    let wanted = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
    wanted.initializeMemory(as: UInt8.self, repeating: 0)
    let shift = superblock.blockShift
    let end = offset + UInt64(count)
    // block numbers of files have 32 bits, and blocks at most 16: no shift overflows
    for extent in extents[firstIndex(in: extents, endingAfter: offset >> shift)...] {
      let start = extent.firstFileBlock << shift
      if start >= end { break }
      guard extent.isWritten else { continue }
      let from = max(start, offset)
      let to = min(extent.endFileBlock << shift, end)
      let part = Int(from - offset)..<Int(to - offset)
      let position = extent.firstBlock << shift + (from - start)
      let target = UnsafeMutableRawBufferPointer(rebasing: wanted[part])
      guard try file.read(at: position, into: target) == part.count else {
        throw .malformedImage(what: "file ends early", byte: position)
      }
    }
    return count
  }

  private func firstIndex(in extents: [Ext4Extent], endingAfter block: UInt64) -> Int {
    var (low, high) = (0, extents.count)
    while low < high {
      let middle = low + (high - low) / 2
      if extents[middle].endFileBlock > block { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// All bytes of a regular file of at most `limit` bytes.
  ///
  /// - Returns: `nil` for a larger file.
  /// - Throws: `.malformedImage` also for what is no regular file; `.systemCall`.
  package func content(of inode: Ext4Inode, limit: Int) throws(Ext4Error) -> [UInt8]? {
    guard inode.isRegular else { throw .malformedImage(what: "not a regular file", byte: 0) }
    guard inode.size <= UInt64(limit) else { return nil }
    let extents = try extents(of: inode)
    var outcome: Result<Int, Ext4Error> = .success(0)
    let bytes = [UInt8](unsafeUninitializedCapacity: Int(inode.size)) { buffer, done in
      outcome = Result { () throws(Ext4Error) in
        try read(inode, extents, at: 0, into: UnsafeMutableRawBufferPointer(buffer))
      }
      if case .success(let read) = outcome { done = read }
    }
    _ = try outcome.get()
    return bytes
  }

  // MARK: Runs

  /// The runs of an inode's blocks, in ascending order.
  ///
  /// - Throws: `.malformedImage`, `.systemCall`.
  func extents(of inode: Ext4Inode) throws(Ext4Error) -> [Ext4Extent] {
    if inode.hasInlineData { throw .malformedImage(what: "content inside an inode", byte: 0) }
    var list = Ext4ExtentList(imageBlockCount: superblock.blockCount)
    if inode.usesExtents {
      try addExtents(below: inode.blockArea, depth: nil, at: 0, to: &list)
    } else {
      try addMappedBlocks(of: inode, to: &list)
    }
    return list.extents
  }

  /// A node says how deep it is, and each one is one less deep than the one above it.
  private func addExtents(
    below bytes: [UInt8],
    depth: Int?,
    at byte: UInt64,
    to list: inout Ext4ExtentList
  ) throws(Ext4Error) {
    let malformed = Ext4Error.malformedImage(what: "malformed extent tree", byte: byte)
    guard let node = Ext4ExtentNode(bytes), node.depth == depth ?? node.depth else {
      throw malformed
    }
    // without anything in it, a node could be met again and again
    if depth != nil, node.extents.isEmpty, node.children.isEmpty { throw malformed }
    for extent in node.extents where !list.append(extent) { throw malformed }
    for number in node.children {
      try addExtents(
        below: try block(number),
        depth: node.depth - 1,
        at: number << superblock.blockShift,
        to: &list
      )
    }
  }

  /// Twelve block numbers; one block of numbers; one of such blocks; one of those.
  private func addMappedBlocks(
    of inode: Ext4Inode,
    to list: inout Ext4ExtentList
  ) throws(Ext4Error) {
    var next: UInt64 = 0
    for index in 0..<15 {
      let number = inode.blockArea.little(UInt32.self, at: 4 * index)
      try addMapped(UInt64(number), level: max(0, index - 11), from: &next, to: &list)
    }
  }

  private func addMapped(
    _ number: UInt64,
    level: Int,
    from next: inout UInt64,
    to list: inout Ext4ExtentList
  ) throws(Ext4Error) {
    let numbersPerBlock = UInt64(superblock.blockByteCount / 4)
    if number == 0 {
      // a hole, as large as what the number would lead to
      next += (0..<level).reduce(1) { count, _ in count * numbersPerBlock }
      return
    }
    if level == 0 {
      guard
        list.append(Ext4Extent(firstFileBlock: next, blockCount: 1, firstBlock: number))
      else { throw .malformedImage(what: "malformed block numbers", byte: 0) }
      next += 1
      return
    }
    let numbers = try block(number)
    let before = list.blockCount
    for offset in stride(from: 0, to: numbers.count, by: 4) {
      let inner = UInt64(numbers.little(UInt32.self, at: offset))
      try addMapped(inner, level: level - 1, from: &next, to: &list)
    }
    // without anything in it, a block could be met again and again
    if list.blockCount == before { throw malformed("malformed block numbers", block: number) }
  }
}
