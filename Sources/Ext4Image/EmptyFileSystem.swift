// Where mkfs.ext4 puts its own blocks, one after the other as it does. Follows the allocation of
// libext2fs step by step, since what is left free decides how content is laid down.
// Sources: e2fsprogs, lib/ext2fs/{alloc_tables,mkjournal,orphan,res_gdt}.c and misc/mke2fs.c.

/// A file system under construction.
struct EmptyFileSystem {
  private let shape: Ext4Shape
  private let version: E2fsVersion
  private(set) var free: FreeBlocks
  private(set) var root = FileBlocks()
  private(set) var lostAndFound = FileBlocks()
  private(set) var journal = FileBlocks()
  private(set) var orphanFile = FileBlocks()

  /// Superblocks, descriptors and tables; `nil` when they do not fit.
  init?(_ shape: Ext4Shape, _ version: E2fsVersion) {
    self.shape = shape
    self.version = version
    free = FreeBlocks(blockCount: shape.blockCount)
    for group in 0..<shape.groupCount {
      let start = shape.blocks(ofGroup: group).lowerBound
      free.remove(start..<(start + shape.superblockBlocks(ofGroup: group)))
    }
    let placed =
      shape.features.contains(.flexibleGroups) ? placeTablesTogether() : placeTablesInGroups()
    if !placed { return nil }
  }

  // MARK: Tables

  private mutating func placeTablesInGroups() -> Bool {
    for group in 0..<shape.groupCount {
      let blocks = shape.blocks(ofGroup: group)
      for count in [1, 1, shape.tableBlocks] {
        guard
          let start = free.gap(of: count, from: blocks.lowerBound, before: blocks.upperBound - 1)
        else { return false }
        free.remove(start..<(start + count))
      }
    }
    return true
  }

  /// With flex_bg: all block bitmaps of 16 groups, then all inode bitmaps, then all tables.
  private mutating func placeTablesTogether() -> Bool {
    let size = Ext4Layout.groupsPerFlexibleGroup
    var (blockBitmap, inodeBitmap, table): (UInt64, UInt64, UInt64) = (0, 0, 0)
    for group in 0..<shape.groupCount {
      let lastGroup = min(group | (size - 1), shape.groupCount - 1)
      let isFirst = group % size == 0
      // the last group's bitmaps lie closer together where there are fewer than 16
      let isShort = isFirst && lastGroup == shape.groupCount - 1 && lastGroup % size != 0
      let offset = isShort ? lastGroup % size + 1 : size
      let search = TableSearch(
        group: group,
        remaining: lastGroup - group + 1,
        flexible: group - group % size,
        last: shape.blocks(ofGroup: lastGroup).upperBound - 1
      )
      guard let one = place(1, from: isFirst ? 0 : blockBitmap + 1, search),
        let two = place(1, from: isFirst ? one + offset : inodeBitmap + 1, search),
        let three = place(
          shape.tableBlocks,
          from: isFirst ? two + offset : table + shape.tableBlocks,
          search
        )
      else { return false }
      (blockBitmap, inodeBitmap, table) = (one, two, three)
    }
    return true
  }

  private struct TableSearch {
    var group: UInt64
    /// Groups from this one to the last of the 16.
    var remaining: UInt64
    /// The first group of the 16.
    var flexible: UInt64
    /// The last block of the 16.
    var last: UInt64
  }

  /// Takes `count` blocks for a bitmap or a table.
  ///
  /// The corresponding C function is `ext2fs_allocate_group_table`.
  private mutating func place(_ count: UInt64, from hint: UInt64, _ search: TableSearch) -> UInt64?
  {
    let start = offset(for: count, from: hint, search)
    let group = shape.blocks(ofGroup: search.group).lowerBound
    guard
      let found = free.gap(of: count, from: start, before: search.last)
        ?? (count == 1 ? free.gap(of: 1, from: group, before: search.last) : nil)
    else { return nil }
    free.remove(found..<(found + count))
    return found
  }

  /// The corresponding C function is `flexbg_offset`.
  private func offset(for count: UInt64, from hint: UInt64, _ search: TableSearch) -> UInt64 {
    let size = min(search.remaining * count, Ext4Layout.blocksPerGroup / 4)
    if hint > 0, hint < shape.blockCount,
      let found = free.gap(of: count, from: hint, before: hint + size)
    {
      return found
    }
    let start = shape.blocks(ofGroup: search.flexible).lowerBound
    return free.gap(of: size, from: start, before: search.last)
      ?? free.gap(of: count, from: start, before: search.last)
      ?? free.gap(of: count, from: 0, before: search.last) ?? 0
  }

  // MARK: Files

  /// In mke2fs's order: the root, lost+found, the list of reserved descriptors, the journal, the file
  /// of orphans.
  ///
  /// - Returns: `false` when a journal or a block does not fit.
  mutating func makeFiles(journal wanted: Ext4Journal) -> Bool {
    guard root.append(from: 0, in: &free), lostAndFound.append(from: 0, in: &free) else {
      return false
    }
    // mke2fs expands it to 16 KiB
    for _ in 0..<3 where !lostAndFound.append(from: lostAndFound.last, in: &free) { return false }
    if shape.features.contains(.resizeInode) {
      let goal = shape.descriptorBlocks + shape.reservedBlocks + 2 + shape.tableBlocks
      if free.take(from: goal) == nil { return false }
    }
    guard let journalBlocks = journalBlocks(wanted),
      journal.allocate(journalBlocks, from: journalGoal, in: &free)
    else { return false }
    return !shape.features.contains(.orphanFile) || orphanFile.append(orphanFileBlocks, in: &free)
  }

  /// `nil` for a journal that mke2fs refuses as too large.
  private func journalBlocks(_ journal: Ext4Journal) -> UInt64? {
    let usual = Self.usualJournalBlocks(of: shape.blockCount)
    // a part for fast commits comes on top, in relation to the usual size whatever was asked for
    let fastCommit = shape.features.contains(.fastCommit) ? usual / 64 : 0
    switch journal {
    case .none: return 0
    case .standard: return usual + fastCommit
    case .byteCount(let bytes):
      let blocks = bytes / Ext4Layout.blockByteCount + fastCommit
      return blocks <= freeBlocksBeforeTables / 2 ? blocks : nil
    }
  }

  /// What the superblock says is free when mke2fs judges the journal: with flex_bg the tables do not
  /// count yet.
  private var freeBlocksBeforeTables: UInt64 {
    let tables =
      shape.features.contains(.flexibleGroups) ? 0 : shape.groupCount * (2 + shape.tableBlocks)
    let copies = shape.backupCount * shape.superblockBlocks(ofGroup: 0)
    return shape.blockCount - min(shape.blockCount, copies + tables)
  }

  private static func usualJournalBlocks(of blocks: UInt64) -> UInt64 {
    let sizes: [(below: UInt64, journal: UInt64)] = [
      (2048, 0), (32_768, 1024), (262_144, 4096), (524_288, 8192), (4_194_304, 16_384),
      (8_388_608, 32_768), (16_777_216, 65_536), (33_554_432, 131_072),
    ]
    return sizes.first { blocks < $0.below }?.journal ?? 262_144
  }

  /// The middle of the file system, in a group with much room.
  ///
  /// The corresponding C function is `get_midpoint_journal_block`.
  private var journalGoal: UInt64 {
    let size = Ext4Layout.groupsPerFlexibleGroup
    let middle = shape.blockCount / 2 / Ext4Layout.blocksPerGroup
    var start = middle > 0 ? middle - 1 : 0
    var end = middle + 1 < shape.groupCount ? middle + 1 : middle
    if shape.features.contains(.flexibleGroups), middle > size {
      start = middle - middle % size
      while start < shape.groupCount, freeBlocks(ofGroup: start) == 0 { start += 1 }
      if start == shape.groupCount { start = 0 }
      end = start + 1 < shape.groupCount ? start + 1 : start
    }
    var best = start
    for group in start...max(start, end)
    where freeBlocks(ofGroup: group) > freeBlocks(ofGroup: best) {
      best = group
    }
    return shape.blocks(ofGroup: best).lowerBound
  }

  private func freeBlocks(ofGroup group: UInt64) -> UInt64 {
    free.count(in: shape.blocks(ofGroup: group))
  }

  /// 32 below 512 MiB, then one in 4096; from 8 GiB on what the version takes for the most.
  private var orphanFileBlocks: UInt64 {
    if shape.blockCount < 128 * 1024 { return 32 }
    return shape.blockCount < 2 * 1024 * 1024 ? shape.blockCount / 4096 : version.largestOrphanFile
  }
}
