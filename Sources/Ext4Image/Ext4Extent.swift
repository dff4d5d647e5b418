// Where a file's content is: runs of blocks, in one node of an extent tree or in a block of block
// numbers. Reads nothing. Source: Linux Documentation/filesystems/ext4/ifork.rst.

/// A run of a file's blocks.
struct Ext4Extent: Hashable, Sendable {
  var firstFileBlock: UInt64
  var blockCount: UInt64
  var firstBlock: UInt64
  /// A run that is only allocated reads as zeros.
  var isWritten = true

  var endFileBlock: UInt64 { firstFileBlock + blockCount }
}

/// One node of an extent tree: runs, or blocks of further nodes.
struct Ext4ExtentNode {
  /// 0: a leaf.
  var depth: Int
  var extents: [Ext4Extent] = []
  var children: [UInt64] = []

  /// ext4's own limit on the depth of the tree.
  static let depthLimit = 5

  /// - Returns: `nil` for anything malformed.
  init?(_ node: [UInt8]) {
    // header of 12 bytes: magic, entries, capacity, depth, generation; then entries of 12 bytes
    guard node.count >= 12, node.little(UInt16.self, at: 0) == 0xF30A else { return nil }
    let count = Int(node.little(UInt16.self, at: 2))
    depth = Int(node.little(UInt16.self, at: 6))
    guard 12 + 12 * count <= node.count, depth <= Self.depthLimit else { return nil }
    let starts = (0..<count).map { 12 + 12 * $0 }
    if depth == 0 {
      extents = starts.map { Self.extent(node, at: $0) }
    } else {
      children = starts.map {
        UInt64(node.little(UInt32.self, at: $0 + 4))
          | UInt64(node.little(UInt16.self, at: $0 + 8)) << 32
      }
    }
  }

  private static func extent(_ node: [UInt8], at start: Int) -> Ext4Extent {
    // above 32768: a run that is allocated but not written
    let length = UInt64(node.little(UInt16.self, at: start + 4))
    let limit: UInt64 = 32_768
    return Ext4Extent(
      firstFileBlock: UInt64(node.little(UInt32.self, at: start)),
      blockCount: length > limit ? length - limit : length,
      firstBlock: UInt64(node.little(UInt16.self, at: start + 6)) << 32
        | UInt64(node.little(UInt32.self, at: start + 8)),
      isWritten: length <= limit
    )
  }
}

/// Collects the runs of one file, in ascending order, and refuses what no file can have.
///
/// Ascending runs of blocks that exist bound everything that is done with them, whatever the image says.
struct Ext4ExtentList {
  private(set) var extents: [Ext4Extent] = []
  /// Blocks of all runs.
  private(set) var blockCount: UInt64 = 0
  private let imageBlockCount: UInt64

  init(imageBlockCount: UInt64) {
    self.imageBlockCount = imageBlockCount
  }

  /// - Returns: `false` for a run that is malformed.
  mutating func append(_ extent: Ext4Extent) -> Bool {
    let (end, overflow) = extent.firstBlock.addingReportingOverflow(extent.blockCount)
    guard extent.blockCount > 0, extent.firstBlock > 0, !overflow, end <= imageBlockCount,
      // no block is in a file twice
      blockCount + extent.blockCount <= imageBlockCount,
      extent.firstFileBlock >= extents.last?.endFileBlock ?? 0
    else { return false }
    blockCount += extent.blockCount
    if let last = extents.last, last.endFileBlock == extent.firstFileBlock,
      last.firstBlock + last.blockCount == extent.firstBlock, last.isWritten == extent.isWritten
    {
      extents[extents.count - 1].blockCount += extent.blockCount
    } else {
      extents.append(extent)
    }
    return true
  }
}
