// What a file system's blocks and inodes are for: the numbers that `size` prints.

/// How a file system will be filled: all numbers are exact but for `uncertainBlocks`.
package struct Ext4Breakdown: Hashable, Sendable {
  // Blocks of 4 KiB that the content takes.
  package var fileData: UInt64
  /// Directories beside the first blocks of the root and lost+found.
  package var directories: UInt64
  /// Lists of where the pieces of files and directories are.
  package var extentTrees: UInt64
  /// Targets of symbolic links that do not fit an inode.
  package var linkTargets: UInt64
  /// Extended attributes that do not fit an inode.
  package var attributes: UInt64

  // Blocks that an empty file system takes.
  /// Superblocks and group descriptors, with their copies.
  package var superblocks: UInt64
  /// Room for more group descriptors, so that the file system can grow.
  package var reservedDescriptors: UInt64
  package var bitmaps: UInt64
  package var inodeTables: UInt64
  package var journal: UInt64
  package var orphanFile: UInt64
  /// The first blocks of the root and lost+found.
  package var firstDirectories: UInt64

  package var blocks: UInt64
  package var freeBlocks: UInt64
  /// There may be so many more free ones.
  package var uncertainBlocks: UInt64

  /// With the reserved ones.
  package var usedInodes: UInt64
  package var askedInodes: UInt64
  package var inodes: UInt64
  package var freeInodes: UInt64

  package var byteCount: UInt64
  /// The smallest size that would hold the content, in whole MiB.
  package var smallestByteCount: UInt64
}

extension Ext4Geometry {
  /// Looks for the smallest size, too.
  ///
  /// Links that will be joined count as if they were.
  package var breakdown: Ext4Breakdown {
    Ext4Breakdown(
      fileData: placement.fileBlockCount,
      directories: placement.directoryBlockCount,
      extentTrees: placement.treeBlockCount,
      linkTargets: placement.linkBlockCount - content.joinedBlockCount,
      attributes: content.attributeBlockCount,
      superblocks: layout.superblockBlockCount,
      reservedDescriptors: layout.reservedBlockCount,
      bitmaps: layout.bitmapBlockCount,
      inodeTables: layout.tableBlockCount,
      journal: layout.journalBlockCount,
      orphanFile: layout.orphanFileBlockCount,
      firstDirectories: layout.directoryBlockCount,
      blocks: layout.blockCount,
      freeBlocks: predictedFreeBlockCount,
      uncertainBlocks: uncertainBlockCount,
      usedInodes: layout.inodeCount - predictedFreeInodeCount,
      askedInodes: inodeCount,
      inodes: layout.inodeCount,
      freeInodes: predictedFreeInodeCount,
      byteCount: byteCount,
      smallestByteCount: leastByteCount()
    )
  }
}
