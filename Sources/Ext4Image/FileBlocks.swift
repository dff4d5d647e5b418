// The blocks of one file as libext2fs lays them down: in extents, and with the blocks of their tree in
// between. Pure. Sources: Linux Documentation/filesystems/ext4/ifork.rst; e2fsprogs, lib/ext2fs/extent.c.

/// A file that grows at its end.
struct FileBlocks: Hashable, Sendable {
  /// Without those of the extent tree.
  private(set) var count: UInt64 = 0
  private(set) var extentCount: UInt64 = 0
  private(set) var treeBlockCount: UInt64 = 0
  private var first: UInt64 = 0
  private(set) var last: UInt64 = 0
  /// Blocks of the last extent.
  private var lastLength: UInt64 = 0

  /// libext2fs adds blocks to an extent while it has less than 2¹⁵ − 1.
  static let extentLimit: UInt64 = (1 << 15) - 1

  /// Adds one block: the first that is free from `goal` on.
  ///
  /// - Returns: `false` when no block is free.
  mutating func append(from goal: UInt64, in free: inout FreeBlocks) -> Bool {
    guard let block = free.take(from: goal) else { return false }
    return add(block..<(block + 1), in: &free)
  }

  /// Adds so many blocks, always those with the lowest numbers.
  ///
  /// The goal of each block of a file is the one before it, and 0 for the first one and for those
  /// behind a hole: since no block is ever freed again, all lead to the lowest free block.
  ///
  /// - Returns: `false` when no more blocks are free.
  mutating func append(_ blocks: UInt64, in free: inout FreeBlocks) -> Bool {
    let end = count + blocks
    while count < end {
      // the first block of an extent is added alone, since blocks of the tree may follow it at once
      let joins = extentCount > 0 && free.lowest?.lowerBound == last + 1
      let room = joins && lastLength < Self.extentLimit ? Self.extentLimit - lastLength : 1
      guard let taken = free.takeRun(from: 0, atMost: min(room, end - count)),
        add(taken, in: &free)
      else { return false }
    }
    return true
  }

  /// Adds so many blocks in `runs` runs with holes between them, of lengths that nobody knows.
  ///
  /// Whatever breaks the blocks may break a run, or fall between two. `slack` says how many extents
  /// more or fewer there may be besides.
  ///
  /// - Returns: How many blocks of the tree may not be needed; `nil` when no more blocks are free.
  mutating func append(
    _ blocks: UInt64,
    runs: UInt64,
    slack: UInt64,
    in free: inout FreeBlocks
  ) -> UInt64? {
    var pieces: UInt64 = 0
    while count < blocks {
      guard let taken = free.takeRun(from: 0, atMost: blocks - count) else { return nil }
      count += UInt64(taken.count)
      pieces += 1
    }
    let long = Ext4Layout.dividedUp(blocks, by: Self.extentLimit)
    let fewest = max(runs, long, pieces - 1)
    let most = min(blocks, max(runs + pieces - 1 + long - 1, fewest) + slack)
    // each block of the tree may break a run too
    extentCount = min(blocks, most + Self.treeBlocks(ofExtents: most))
    guard grow(in: &free) else { return nil }
    return treeBlockCount - Self.treeBlocks(ofExtents: fewest - min(fewest - 1, slack))
  }

  /// Counts the tree as it is when there are up to `slack` extents more or fewer.
  ///
  /// - Returns: How many blocks of the tree may not be needed; `nil` when no more blocks are free.
  mutating func loosen(by slack: UInt64, in free: inout FreeBlocks) -> UInt64? {
    if extentCount == 0 { return 0 }
    let fewest = extentCount - min(extentCount - 1, slack)
    extentCount = min(count, extentCount + slack)
    return grow(in: &free) ? treeBlockCount - Self.treeBlocks(ofExtents: fewest) : nil
  }

  /// Adds the extents of a file that is allocated in one go, each as long as it can be.
  ///
  /// The corresponding C function is `ext2fs_fallocate`.
  mutating func allocate(_ blocks: UInt64, from goal: UInt64, in free: inout FreeBlocks) -> Bool {
    var goal = goal
    while count < blocks {
      guard let taken = free.takeRun(from: goal, atMost: min(1 << 15, blocks - count)),
        insert(taken, in: &free)
      else { return false }
      goal = taken.upperBound
    }
    return true
  }

  private mutating func add(_ blocks: Range<UInt64>, in free: inout FreeBlocks) -> Bool {
    let joins = extentCount > 0 && blocks.lowerBound == last + 1 && lastLength < Self.extentLimit
    if !joins { return insert(blocks, in: &free) }
    lastLength += UInt64(blocks.count)
    count += UInt64(blocks.count)
    last = blocks.upperBound - 1
    return true
  }

  private mutating func insert(_ extent: Range<UInt64>, in free: inout FreeBlocks) -> Bool {
    if extentCount == 0 { first = extent.lowerBound }
    extentCount += 1
    lastLength = UInt64(extent.count)
    count += UInt64(extent.count)
    last = extent.upperBound - 1
    return grow(in: &free)
  }

  private mutating func grow(in free: inout FreeBlocks) -> Bool {
    while treeBlockCount < Self.treeBlocks(ofExtents: extentCount) {
      // libext2fs tries to put it before the first extent
      guard free.take(from: first > 0 ? first - 1 : 0) != nil else { return false }
      treeBlockCount += 1
    }
    return true
  }

  /// Blocks of the tree of a file whose extents were added in order; the inode itself holds 4.
  ///
  /// A block of the tree holds 340: (4096 − 12 header − 4 checksum) / 12. A full one at the end hands
  /// its last entry to the next, so that 339 stay.
  static func treeBlocks(ofExtents extents: UInt64) -> UInt64 {
    if extents <= 4 { return 0 }
    let leaves = max(1, Ext4Layout.dividedUp(extents - 1, by: 339))
    return leaves + treeBlocks(ofExtents: leaves)
  }
}
