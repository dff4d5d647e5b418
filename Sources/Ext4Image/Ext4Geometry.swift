// From a tree's needs to the size of the file system: how many bytes, how many inodes. Pure.

/// The size of a file system, chosen for a content.
package struct Ext4Geometry: Hashable, Sendable {
  /// 64 MiB: below it the journal and the tables are most of the file.
  package static let smallestByteCount: UInt64 = 64 << 20

  /// The image file's size.
  package let byteCount: UInt64
  /// For mkfs's `-N`; it rounds up.
  package let inodeCount: UInt64
  package let content: Ext4Content
  package let layout: Ext4Layout

  /// Blocks that should be free in the finished file system; there may be more.
  package var predictedFreeBlockCount: UInt64 {
    layout.freeBlockCount - content.blockCount
  }

  /// - Throws: `.sizeTooSmall` with the smallest size that would do; `.sizeTooLarge`.
  package init(
    for content: Ext4Content,
    options: Ext4Options,
    version: E2fsVersion
  ) throws(Ext4Error) {
    try options.check()
    try version.check(options.features)
    let size = options.size
    self.content = content
    let choice: Choice
    switch size {
    case .automatic(let free):
      choice = try Self.smallest(
        for: content,
        free: free ?? Self.usualFree(for: content),
        roomy: true
      )
    case .exact(let requested):
      choice = try Self.choice(for: content, exactly: requested)
    }
    byteCount = choice.byteCount
    inodeCount = choice.inodeCount
    layout = choice.layout
  }

  private struct Choice {
    var byteCount: UInt64
    var inodeCount: UInt64
    var layout: Ext4Layout
  }

  /// The larger of 256 MiB and 20 % of the content.
  private static func usualFree(for content: Ext4Content) -> UInt64 {
    max(256 << 20, content.blockCount * Ext4Layout.blockByteCount / 5)
  }

  private static func choice(
    for content: Ext4Content,
    exactly requested: UInt64
  ) throws(Ext4Error) -> Choice {
    if requested > Ext4Limits.imageByteCount {
      throw .sizeTooLarge(requested: requested, limit: Ext4Limits.imageByteCount)
    }
    for roomy in [true, false] where requested >= smallestByteCount {
      if let choice = choice(for: content, byteCount: requested, free: 0, roomy: roomy) {
        return choice
      }
    }
    let smallest = try smallest(for: content, free: 0, roomy: false)
    throw .sizeTooSmall(requested: requested, smallest: smallest.byteCount)
  }

  /// The least number of MiB that holds `content` and `free` bytes.
  private static func smallest(
    for content: Ext4Content,
    free: UInt64,
    roomy: Bool
  ) throws(Ext4Error) -> Choice {
    let mebibyte: UInt64 = 1 << 20
    let (wanted, overflow) = (content.blockCount << 12).addingReportingOverflow(free)
    let limit = Ext4Limits.imageByteCount
    guard !overflow, wanted <= limit else { throw .sizeTooLarge(requested: wanted, limit: limit) }
    var byteCount = max(smallestByteCount, Ext4Layout.dividedUp(wanted, by: mebibyte) * mebibyte)
    while byteCount <= limit {
      if let choice = choice(for: content, byteCount: byteCount, free: free, roomy: roomy) {
        return choice
      }
      // nothing smaller than the content and this size's own tables can do
      let blocks = byteCount >> 12
      let layout = Ext4Layout(
        blocks: blocks,
        inodes: inodes(for: content, blocks: blocks, roomy: roomy)
      )
      let needed = ((layout?.fixedBlockCount ?? 0) << 12) + wanted
      byteCount = max(byteCount + mebibyte, needed / mebibyte * mebibyte)
    }
    throw .sizeTooLarge(requested: byteCount, limit: limit)
  }

  /// `nil` when it does not fit.
  private static func choice(
    for content: Ext4Content,
    byteCount: UInt64,
    free: UInt64,
    roomy: Bool
  ) -> Choice? {
    let blocks = byteCount / Ext4Layout.blockByteCount
    let inodes = inodes(for: content, blocks: blocks, roomy: roomy)
    let freeBlocks = Ext4Layout.dividedUp(free, by: Ext4Layout.blockByteCount)
    guard let layout = Ext4Layout(blocks: blocks, inodes: inodes),
      content.blockCount + freeBlocks <= layout.freeBlockCount
    else { return nil }
    return Choice(byteCount: byteCount, inodeCount: inodes, layout: layout)
  }

  /// How many inodes to ask for.
  ///
  /// `roomy`: a tenth more than the tree needs and at least 4096 more, and no fewer than mke2fs's
  /// usual one for 16 KiB. Else only what the tree needs.
  private static func inodes(for content: Ext4Content, blocks: UInt64, roomy: Bool) -> UInt64 {
    let needed = content.inodeCount + Ext4Layout.reservedInodeCount
    let usual = min(blocks / 4, UInt64(UInt32.max) / 2)
    return roomy ? max(needed + max(needed / 10, 4096), usual) : needed
  }
}
