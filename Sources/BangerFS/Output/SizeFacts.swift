// What a file system that has not been made yet will need, for text and JSON.

import Ext4Image
import OCISpec

struct SizeFacts: Encodable {
  /// Of the image's manifest.
  var digest: String
  var bytes: UInt64
  var smallestBytes: UInt64
  var blocks: UInt64
  var freeBlocks: UInt64
  var uncertainBlocks: UInt64
  var inodes: UInt64
  var freeInodes: UInt64
  var contentBlocks: Content
  var fixedBlocks: Fixed

  struct Content: Encodable {
    var fileData: UInt64
    var directories: UInt64
    var extentTrees: UInt64
    var linkTargets: UInt64
    var attributes: UInt64
  }

  struct Fixed: Encodable {
    var superblocks: UInt64
    var reservedDescriptors: UInt64
    var bitmaps: UInt64
    var inodeTables: UInt64
    var journal: UInt64
    var orphanFile: UInt64
    var firstDirectories: UInt64
  }

  init(_ breakdown: Ext4Breakdown, image: Digest) {
    digest = image.description
    bytes = breakdown.byteCount
    smallestBytes = breakdown.smallestByteCount
    blocks = breakdown.blocks
    freeBlocks = breakdown.freeBlocks
    uncertainBlocks = breakdown.uncertainBlocks
    inodes = breakdown.inodes
    freeInodes = breakdown.freeInodes
    contentBlocks = Content(
      fileData: breakdown.fileData,
      directories: breakdown.directories,
      extentTrees: breakdown.extentTrees,
      linkTargets: breakdown.linkTargets,
      attributes: breakdown.attributes
    )
    fixedBlocks = Fixed(
      superblocks: breakdown.superblocks,
      reservedDescriptors: breakdown.reservedDescriptors,
      bitmaps: breakdown.bitmaps,
      inodeTables: breakdown.inodeTables,
      journal: breakdown.journal,
      orphanFile: breakdown.orphanFile,
      firstDirectories: breakdown.firstDirectories
    )
  }

  /// A table of blocks, and what inodes and sizes there are.
  var lines: [String] {
    var table = Table([("WHAT", .left), ("BLOCKS", .right), ("SIZE", .right)])
    for (title, count) in rows {
      table.add([title, "\(count)", ByteCount.text(count * Ext4Layout.blockByteCount)])
    }
    let uncertain =
      uncertainBlocks == 0
      ? [] : ["up to \(uncertainBlocks) more blocks may be free: they depend on the allocator"]
    return table.lines + uncertain + [
      "inodes: \(inodes - freeInodes) used, \(freeInodes) free, \(inodes) in all",
      "size: \(bytes) bytes (\(ByteCount.text(bytes))); the smallest that would do: "
        + "\(smallestBytes) bytes (\(ByteCount.text(smallestBytes)))",
    ]
  }

  private var rows: [(String, UInt64)] {
    [
      ("files", contentBlocks.fileData), ("directories", contentBlocks.directories),
      ("extent trees", contentBlocks.extentTrees), ("link targets", contentBlocks.linkTargets),
      ("extended attributes", contentBlocks.attributes),
      ("superblocks and descriptors", fixedBlocks.superblocks),
      ("room for more descriptors", fixedBlocks.reservedDescriptors),
      ("bitmaps", fixedBlocks.bitmaps), ("inode tables", fixedBlocks.inodeTables),
      ("journal", fixedBlocks.journal), ("orphan file", fixedBlocks.orphanFile),
      ("root and lost+found", fixedBlocks.firstDirectories), ("free", freeBlocks),
      ("all", blocks),
    ]
  }
}
