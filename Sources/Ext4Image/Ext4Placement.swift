// Which blocks mkfs.ext4 -d takes for a content, as libext2fs would, block by block but in long runs: how
// many extents a file has, and so how many blocks its tree, depends on what lies in its way.
// Sources: e2fsprogs, misc/create_inode.c and lib/ext2fs/{mkdir,expanddir,symlink,alloc}.c.

/// The blocks of a content in one file system.
struct Ext4Placement: Hashable, Sendable {
  private(set) var fileBlockCount: UInt64 = 0
  /// Beside those of the empty root and lost+found.
  private(set) var directoryBlockCount: UInt64 = 0
  private(set) var treeBlockCount: UInt64 = 0
  private(set) var linkBlockCount: UInt64 = 0
  /// How many of all these may turn out not to be needed.
  private(set) var uncertainBlockCount: UInt64 = 0

  var blockCount: UInt64 {
    fileBlockCount + directoryBlockCount + treeBlockCount + linkBlockCount
  }

  /// - Returns: `nil` when it does not fit.
  init?(_ content: Ext4Content, in layout: Ext4Layout, options: Ext4Options, version: E2fsVersion) {
    var run = PlacementRun(layout, options: options, version: version)
    for step in content.steps where !run.perform(step) { return nil }
    self = run.placement
  }

  fileprivate init() {}

  fileprivate mutating func addFile(_ file: FileBlocks) {
    fileBlockCount += file.count
    treeBlockCount += file.treeBlockCount
  }

  fileprivate mutating func addDirectory(_ blocks: FileBlocks, existing: FileBlocks) {
    directoryBlockCount += blocks.count - existing.count
    treeBlockCount += blocks.treeBlockCount
  }

  fileprivate mutating func addLink() { linkBlockCount += 1 }

  fileprivate mutating func addUncertain(_ count: UInt64) { uncertainBlockCount += count }

  /// Once a block is uncertain, all that come after it may lie a little further on: a file may meet
  /// one obstacle more or fewer at each end.
  fileprivate var slack: UInt64 { uncertainBlockCount > 0 ? 2 : 0 }
}

/// The state of a placement under way.
private struct PlacementRun {
  private(set) var placement = Ext4Placement()
  private let layout: Ext4Layout
  private let hasChecksums: Bool
  private let appends: Bool
  private var free: FreeBlocks
  private var nextInode: UInt64
  private var levels: [Level]

  /// An open directory.
  private struct Level {
    let existing: FileBlocks
    var blocks: FileBlocks
    var entries: PackedDirectory
  }

  init(_ layout: Ext4Layout, options: Ext4Options, version: E2fsVersion) {
    self.layout = layout
    hasChecksums = options.features.contains(.metadataChecksum)
    appends = version.appendsEntries
    free = layout.free
    nextInode = layout.fixedInodeCount + 1
    let entries = PackedDirectory(isRoot: true, hasChecksum: hasChecksums)
    levels = [Level(existing: layout.root, blocks: layout.root, entries: entries)]
  }

  /// - Returns: `false` when no block is free.
  mutating func perform(_ step: ContentStep) -> Bool {
    switch step.kind {
    case .end: return close()
    case .lostAndFound: return openLostAndFound()
    case .directory: return makeDirectory(step)
    case .file: return link(step) && write(step)
    case .longLink:
      guard link(step), free.take(from: 0) != nil else { return false }
      placement.addLink()
      return true
    case .name, .special, .shortLink: return link(step)
    }
  }

  // MARK: Directories

  /// Adds an entry to the open directory, and a block to the directory if it is full.
  ///
  /// A directory with one block or more is expanded behind its last one.
  private mutating func link(_ step: ContentStep) -> Bool {
    if step.kind != .name { nextInode += 1 }
    let entry = step.entryByteCount
    let isLink = step.kind == .shortLink || step.kind == .longLink
    let level = levels.count - 1
    if levels[level].entries.add(entry, appending: appends && !isLink) { return true }
    levels[level].entries.expand(for: entry)
    return levels[level].blocks.append(from: levels[level].blocks.last, in: &free)
  }

  /// A new directory's goal is the first block of its inode's group, or 16 groups.
  private mutating func makeDirectory(_ step: ContentStep) -> Bool {
    let inode = nextInode
    var blocks = FileBlocks()
    // versions that append take the block before they expand the parent
    if appends, !blocks.append(from: goal(ofInode: inode), in: &free) { return false }
    if !link(step) { return false }
    if !appends, !blocks.append(from: goal(ofInode: inode), in: &free) { return false }
    let entries = PackedDirectory(isRoot: false, hasChecksum: hasChecksums)
    levels.append(Level(existing: FileBlocks(), blocks: blocks, entries: entries))
    return true
  }

  private func goal(ofInode inode: UInt64) -> UInt64 {
    let group = (inode - 1) / layout.inodesPerGroup
    let size = layout.hasFlexibleGroups ? Ext4Layout.groupsPerFlexibleGroup : 1
    return group / size * size * Ext4Layout.blocksPerGroup
  }

  private mutating func openLostAndFound() -> Bool {
    let blocks = layout.lostAndFound
    let entries = PackedDirectory(
      isRoot: false,
      blockCount: blocks.count,
      hasChecksum: hasChecksums
    )
    levels.append(Level(existing: blocks, blocks: blocks, entries: entries))
    return true
  }

  private mutating func close() -> Bool {
    guard var level = levels.popLast(),
      let uncertain = level.blocks.loosen(by: placement.slack, in: &free)
    else { return false }
    placement.addDirectory(level.blocks, existing: level.existing)
    placement.addUncertain(uncertain)
    return true
  }

  // MARK: Files

  private mutating func write(_ step: ContentStep) -> Bool {
    var file = FileBlocks()
    let (blocks, runs) = (UInt64(step.blocks), UInt64(step.runs))
    let uncertain: UInt64?
    if runs <= 1 {
      guard file.append(blocks, in: &free) else { return false }
      uncertain = file.loosen(by: placement.slack, in: &free)
    } else {
      uncertain = file.append(blocks, runs: runs, slack: placement.slack, in: &free)
    }
    guard let uncertain else { return false }
    placement.addFile(file)
    placement.addUncertain(uncertain)
    return true
  }
}
