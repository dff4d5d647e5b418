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
  let placement: Ext4Placement
  private let search: GeometrySearch

  /// Blocks that will be free in the finished file system; up to `uncertainBlockCount` more.
  package var predictedFreeBlockCount: UInt64 {
    layout.freeBlockCount - placement.blockCount - content.attributeBlockCount
      + content.joinedBlockCount
  }

  /// 0: the prediction is exact.
  ///
  /// It is not where a file with holes needs one block of its extent tree more or fewer, depending on
  /// where in the file the holes are.
  package var uncertainBlockCount: UInt64 { placement.uncertainBlockCount }

  package var predictedFreeInodeCount: UInt64 {
    layout.inodeCount - layout.fixedInodeCount - content.inodeCount + content.joinedInodeCount
  }

  /// - Throws: `.sizeTooSmall` with the smallest whole MiB from the size asked for on that would do;
  ///   `.sizeTooLarge`; what is wrong with the options: `.unusableJournalSize`,
  ///   `.featureNeedsAnother`, `.toolLacksFeature`.
  package init(
    for content: Ext4Content,
    options: Ext4Options,
    version: E2fsVersion
  ) throws(Ext4Error) {
    try options.check()
    try version.check(options.features)
    self.content = content
    search = GeometrySearch(content: content, options: options, version: version)
    let choice: GeometrySearch.Choice
    switch options.size {
    case .automatic(let free):
      choice = try search.smallest(
        from: Self.smallestByteCount,
        free: free ?? Self.usualFree(for: content),
        isRoomy: true
      )
    case .exact(let requested):
      choice = try search.exactly(requested)
    }
    guard let placement = search.placement(in: choice.layout) else {
      throw .sizeTooLarge(requested: choice.byteCount, limit: Ext4Limits.imageByteCount)
    }
    self.placement = placement
    byteCount = choice.byteCount
    inodeCount = choice.inodeCount
    layout = choice.layout
  }

  /// The larger of 256 MiB and 20 % of the content.
  private static func usualFree(for content: Ext4Content) -> UInt64 {
    max(256 << 20, content.blockCount * Ext4Layout.blockByteCount / 5)
  }

  /// The smallest whole MiB that hold the content; no more than this size.
  package func leastByteCount() -> UInt64 {
    do throws(Ext4Error) {
      let least = try search.smallest(from: Self.smallestByteCount, free: 0, isRoomy: false)
      return min(least.byteCount, byteCount)
    } catch { return byteCount }
  }
}

/// Looks for a size that a content fits into.
struct GeometrySearch: Hashable, Sendable {
  let content: Ext4Content
  let options: Ext4Options
  let version: E2fsVersion

  private static let mebibyte: UInt64 = 1 << 20

  struct Choice {
    var byteCount: UInt64
    var inodeCount: UInt64
    var layout: Ext4Layout
  }

  func placement(in layout: Ext4Layout) -> Ext4Placement? {
    Ext4Placement(content, in: layout, options: options, version: version)
  }

  func exactly(_ requested: UInt64) throws(Ext4Error) -> Choice {
    if requested > Ext4Limits.imageByteCount {
      throw .sizeTooLarge(requested: requested, limit: Ext4Limits.imageByteCount)
    }
    for isRoomy in [true, false] where requested >= Ext4Geometry.smallestByteCount {
      if let choice = choice(byteCount: requested, free: 0, isRoomy: isRoomy) { return choice }
    }
    let smallest = try smallest(from: requested, free: 0, isRoomy: false)
    throw .sizeTooSmall(requested: requested, smallest: smallest.byteCount)
  }

  /// The least number of MiB, but not less than `byteCount`, that holds the content and `free` bytes.
  func smallest(from byteCount: UInt64, free: UInt64, isRoomy: Bool) throws(Ext4Error) -> Choice {
    let fewest = (content.blockCount - content.uncertainBlockCount) << 12
    let (wanted, overflow) = fewest.addingReportingOverflow(free)
    let limit = Ext4Limits.imageByteCount
    guard !overflow, wanted <= limit else { throw .sizeTooLarge(requested: wanted, limit: limit) }
    let least = max(byteCount, wanted, Ext4Geometry.smallestByteCount)
    var byteCount = Ext4Layout.dividedUp(least, by: Self.mebibyte) * Self.mebibyte
    while byteCount <= limit {
      if let choice = choice(byteCount: byteCount, free: free, isRoomy: isRoomy) { return choice }
      byteCount = max(
        byteCount + Self.mebibyte,
        lowerBound(behind: byteCount, holding: wanted, isRoomy: isRoomy)
      )
    }
    throw .sizeTooLarge(requested: byteCount, limit: limit)
  }

  /// A size that no smaller one needs to be tried before: the content and this size's own tables.
  private func lowerBound(behind byteCount: UInt64, holding wanted: UInt64, isRoomy: Bool) -> UInt64
  {
    let blocks = byteCount >> 12
    let inodes = inodes(forBlocks: blocks, isRoomy: isRoomy)
    guard
      let layout = Ext4Layout(blocks: blocks, inodes: inodes, options: options, version: version)
    else {
      return 0
    }
    // with more groups the tables may become smaller by a block each
    let tables = layout.fixedBlockCount - min(layout.fixedBlockCount, layout.groupCount)
    return ((tables << 12) + wanted) / Self.mebibyte * Self.mebibyte
  }

  /// `nil` when it does not fit.
  private func choice(byteCount: UInt64, free: UInt64, isRoomy: Bool) -> Choice? {
    let blocks = byteCount / Ext4Layout.blockByteCount
    let inodes = inodes(forBlocks: blocks, isRoomy: isRoomy)
    guard
      let layout = Ext4Layout(blocks: blocks, inodes: inodes, options: options, version: version),
      fits(in: layout, leaving: Ext4Layout.dividedUp(free, by: Ext4Layout.blockByteCount))
    else { return nil }
    return Choice(byteCount: byteCount, inodeCount: inodes, layout: layout)
  }

  private func fits(in layout: Ext4Layout, leaving free: UInt64) -> Bool {
    let fewest = content.blockCount - content.uncertainBlockCount + free
    if fewest > layout.freeBlockCount { return false }
    guard let placement = placement(in: layout) else { return false }
    let needed = placement.blockCount + content.attributeBlockCount + free
    return needed <= layout.freeBlockCount
  }

  /// How many inodes to ask for.
  ///
  /// `isRoomy`: a tenth more than the tree needs and at least 4096 more, and no fewer than mke2fs's
  /// usual one for 16 KiB. Else only what the tree needs.
  private func inodes(forBlocks blocks: UInt64, isRoomy: Bool) -> UInt64 {
    let orphanFile: UInt64 = options.features.contains(.orphanFile) ? 1 : 0
    let needed = content.inodeCount + Ext4Layout.reservedInodeCount + orphanFile
    let usual = min(blocks / 4, UInt64(UInt32.max) / 2)
    return isRoomy ? max(needed + max(needed / 10, 4096), usual) : needed
  }
}
