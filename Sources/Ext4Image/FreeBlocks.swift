// Which blocks of a file system are free, and which of them libext2fs takes next: it takes the first free
// block at or behind a goal. Pure. Source: e2fsprogs, lib/ext2fs/alloc.c.

/// The free blocks of a file system, as few long runs.
struct FreeBlocks: Hashable, Sendable {
  let blockCount: UInt64
  /// Ascending; none is empty, and no two touch.
  private var runs: [Range<UInt64>]

  /// All blocks are free.
  init(blockCount: UInt64) {
    self.blockCount = blockCount
    runs = blockCount > 0 ? [0..<blockCount] : []
  }

  /// The free block with the lowest number, and those that follow it without a gap.
  var lowest: Range<UInt64>? { runs.first }

  var count: UInt64 { runs.reduce(0) { $0 + UInt64($1.count) } }

  /// How many of `range` are free.
  func count(in range: Range<UInt64>) -> UInt64 {
    var count: UInt64 = 0
    var index = firstRun(endingBehind: range.lowerBound)
    while index < runs.count, runs[index].lowerBound < range.upperBound {
      count += UInt64(runs[index].clamped(to: range).count)
      index += 1
    }
    return count
  }

  /// Takes whatever of `range` is free.
  mutating func remove(_ range: Range<UInt64>) {
    var index = firstRun(endingBehind: range.lowerBound)
    while index < runs.count, runs[index].lowerBound < range.upperBound {
      let run = runs[index]
      let rest = [
        run.lowerBound..<max(run.lowerBound, range.lowerBound),
        min(run.upperBound, range.upperBound)..<run.upperBound,
      ].filter { !$0.isEmpty }
      runs.replaceSubrange(index...index, with: rest)
      index += rest.count
    }
  }

  /// Takes the first free block from `goal` on, else from the beginning.
  ///
  /// The corresponding C function is `ext2fs_new_block2`.
  mutating func take(from goal: UInt64) -> UInt64? {
    takeRun(from: goal, atMost: 1)?.lowerBound
  }

  /// Takes the first free block from `goal` on, else from the beginning, and up to `count` in all that
  /// follow it without a gap.
  ///
  /// The corresponding C function is `ext2fs_new_range`.
  mutating func takeRun(from goal: UInt64, atMost count: UInt64) -> Range<UInt64>? {
    if runs.isEmpty { return nil }
    let goal = goal < blockCount ? goal : 0
    var index = firstRun(endingBehind: goal)
    var start = goal
    if index == runs.count { (index, start) = (0, 0) }
    start = max(start, runs[index].lowerBound)
    let taken = start..<min(runs[index].upperBound, start + count)
    if taken.lowerBound == runs[index].lowerBound, taken.upperBound < runs[index].upperBound {
      runs[index] = taken.upperBound..<runs[index].upperBound
    } else {
      remove(taken)
    }
    return taken
  }

  /// The first of `count` free blocks without a gap, at or behind `start` and before `end`; where `end`
  /// is not behind `start`, anywhere.
  ///
  /// The corresponding C function is `ext2fs_get_free_blocks2`.
  func gap(of count: UInt64, from start: UInt64, before end: UInt64) -> UInt64? {
    if end > start { return gap(of: count, in: start..<end) }
    return gap(of: count, in: start..<max(start, blockCount)) ?? gap(of: count, in: 0..<end)
  }

  private func gap(of count: UInt64, in starts: Range<UInt64>) -> UInt64? {
    var index = firstRun(endingBehind: starts.lowerBound)
    while index < runs.count, runs[index].lowerBound < starts.upperBound {
      let start = max(runs[index].lowerBound, starts.lowerBound)
      if runs[index].upperBound - start >= count { return start }
      index += 1
    }
    return nil
  }

  /// The index of the first run with a block at or behind `block`.
  private func firstRun(endingBehind block: UInt64) -> Int {
    var (low, high) = (0, runs.count)
    // most goals are in the first run
    if let first = runs.first, first.upperBound > block { return 0 }
    while low < high {
      let middle = (low + high) / 2
      if runs[middle].upperBound > block { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
