// How many blocks of a file are not all zero, and in how many runs: what decides how much of a file
// mkfs.ext4 -d stores, which leaves out every block of zeros, the last short one too.
// Source: e2fsprogs, misc/create_inode.c.

import FlatArrays
package import Offsets

/// Counts the blocks of one regular file that are not all zero, and the runs of them.
///
/// ```
/// var counter = DataBlockCounter()
/// while … { counter.add(piece, at: offset) }
/// ```
///
/// Bytes that are never handed in are zero. A count that does not fit stays at the largest number:
/// 2³² blocks are 16 TiB, more than one file of ext4 holds.
package struct DataBlockCounter: Hashable, Sendable {
  package static let blockByteCount: UInt64 = 4096

  /// Blocks of 4 KiB with a byte that is not zero.
  package private(set) var blocks: UInt32 = 0
  /// Runs of such blocks; 0 only where there are none.
  package private(set) var runs: UInt32 = 0
  /// The block behind the last one that was counted.
  private var end: UInt64 = 0

  package init() {}

  /// Takes the file's bytes from `offset` on, which lies at or behind the end of the piece before.
  package mutating func add(_ bytes: Span<UInt8>, at offset: FileOffset) {
    var position = 0
    while position < bytes.count {
      let (block, start) = (offset.bytes + UInt64(position))
        .quotientAndRemainder(dividingBy: Self.blockByteCount)
      let next = min(position + Int(Self.blockByteCount - start), bytes.count)
      // A block that has been counted needs no second look at its other bytes.
      if block >= end, !bytes.extracting(position..<next).isAllZero {
        count(block..<(block + 1))
      }
      position = next
    }
  }

  /// Counts blocks that are not zero, all of them at or behind `end`.
  private mutating func count(_ range: Range<UInt64>) {
    if (blocks == 0 || range.lowerBound > end), runs < .max { runs += 1 }
    blocks = UInt32(clamping: UInt64(blocks) + UInt64(range.count))
    end = range.upperBound
  }

  /// Blocks that hold `byteCount` bytes.
  package static func blockCount(of byteCount: UInt64) -> UInt64 {
    byteCount / blockByteCount + (byteCount % blockByteCount == 0 ? 0 : 1)
  }

  /// What a file would give none of whose stored bytes are zero.
  ///
  /// `segments` ascend and lie in the file; there are none unless it is sparse.
  package static func bound(byteCount: UInt64, segments: [DataSegment]) -> DataBlockCounter {
    var counter = DataBlockCounter()
    if segments.isEmpty, byteCount > 0 { counter.count(0..<blockCount(of: byteCount)) }
    for segment in segments where segment.byteCount > 0 {
      let first = max(segment.file.bytes / blockByteCount, counter.end)
      // What lies outside the file is refused when the table is made.
      let last = (segment.file.bytes &+ segment.byteCount &- 1) / blockByteCount
      if first <= last { counter.count(first..<(last + 1)) }
    }
    return counter
  }
}
