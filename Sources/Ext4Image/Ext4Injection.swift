// The steps of adding a tree to an image: content beside it, one debugfs batch that makes the
// files, one that gives them their attributes, everything read back, e2fsck, rename. All of it on a
// copy.

import FileTree
import Glibc
import SystemPackage

/// One injection under way.
struct Ext4Injection: Sendable {
  let image: UnfinishedImage
  /// The image as it was, open for as long as it is to be ours.
  let original: OpenFile
  let tree: Tree
  let plan: InjectionPlan
  let reading: NodeReading
  let progress: @Sendable (Ext4Phase) throws(Ext4Error) -> Void

  func perform() async throws(Ext4Error) -> Ext4Result {
    let before = try original.status()
    try progress(.copying)
    try FileClone.clone(original, to: image.file)
    try writeContent()
    try progress(.correcting)
    try await run(InjectionBatch(of: plan, tree).text)
    let inodes = try findInodes()
    try await setAttributes(inodes)
    try checkAll(inodes)
    try progress(.checking)
    try await check()
    try progress(.finishing)
    let result = try image.result()
    try takeOwner(of: before)
    // before the last look at the original, since it may take long
    try HostFile.synchronize(image.file.descriptor.rawValue, image.target.path)
    try requireUnchanged(before)
    try image.publish()
    return result
  }

  // MARK: Room

  /// What the files need at least; what debugfs finds out later is what they really need.
  private func writeContent() throws(Ext4Error) {
    let superblock = try image.superblock()
    var content = InjectionContent(
      reading: reading,
      directory: image.work.path,
      blockByteCount: superblock.blockByteCount
    )
    var need = InjectionNeed(superblock)
    for (index, item) in plan.items.enumerated() where item.linkedTo == nil {
      let node = tree[item.node]
      try need.add(node, of: tree, path: item.path)
      if node.kind == .regular { try content.write(node, index, path: item.path) }
    }
    try need.check(contentBlocks: content.blockCount, freedBy: plan)
  }

  // MARK: debugfs

  private func run(_ commands: [UInt8]) async throws(Ext4Error) {
    if commands.isEmpty { return }
    do {
      try await image.runDebugfs(commands)
    } catch .toolFailed(_, _, let message) where message.contains("Could not allocate") {
      throw .injection(.ranOutOfRoom(message: message))
    }
  }

  private func setAttributes(_ inodes: [UInt32]) async throws(Ext4Error) {
    let links = InjectionBatch(linking: plan, tree, inodes: inodes)
    let batch = DebugfsBatch(try corrections(inodes))
    for (index, value) in batch.values.enumerated() {
      let path = image.work.path.appending(DebugfsBatch.valueFileName(index))
      try HostFile.create(path, permissions: 0o600, bytes: value)
    }
    try await run(links.text + batch.text)
  }

  // MARK: Reading back

  /// The inode of each item; of further names that are not there yet, the one that they will have.
  private func findInodes() throws(Ext4Error) -> [UInt32] {
    var inodes = [UInt32](repeating: 0, count: plan.items.count)
    try forEachDirectory { (range, reader) throws(Ext4Error) in
      let names = Set(plan.items[range].filter { $0.linkedTo == nil }.map(\.name))
      let directory = try reader.inode(number(of: plan.items[range.lowerBound].directory, inodes))
      let found = try reader.children(names, of: directory)
      for index in range {
        let item = plan.items[index]
        if let first = item.linkedTo {
          inodes[index] = inodes[first]
        } else if let number = found[item.name] {
          inodes[index] = number
        } else {
          throw .directoryDiffers(path: item.path, inode: 0, name: item.name)
        }
      }
    }
    return inodes
  }

  /// Calls `body` with the items of one directory after the other, those above first.
  private func forEachDirectory(
    _ body: (Range<Int>, inout Ext4ImageReader) throws(Ext4Error) -> Void
  ) throws(Ext4Error) {
    var reader = try Ext4ImageReader(image.file.descriptor, path: image.work.image)
    var start = 0
    while start < plan.items.count {
      let directory = plan.items[start].directory
      let end =
        plan.items[start...].firstIndex { $0.directory != directory } ?? plan.items.count
      if Task.isCancelled { throw .cancelled }
      try body(start..<end, &reader)
      start = end
    }
  }

  private func number(of directory: InjectionPlan.Directory, _ inodes: [UInt32]) -> UInt32 {
    switch directory {
    case .existing(let number): number
    case .made(let index): inodes[index]
    }
  }

  /// What is still to be changed for the image to have the tree's files.
  private func corrections(_ inodes: [UInt32]) throws(Ext4Error) -> [InodeCorrection] {
    var reader = try Ext4ImageReader(image.file.descriptor, path: image.work.image)
    let linkCounts = plan.linkCounts
    var corrections: [InodeCorrection] = []
    func compare(
      _ number: UInt32,
      _ node: NodeID,
      _ path: [UInt8],
      linkCount: UInt64?
    ) throws(Ext4Error) {
      let comparison = NodeComparison(
        tree: tree,
        node: tree[node],
        reader: reader,
        number: number,
        inode: try reader.inode(number),
        path: { path }
      )
      try comparison.checkFixed()
      let settings = try comparison.settings(linkCount: linkCount)
      if !settings.isEmpty {
        corrections.append(InodeCorrection(inode: number, settings: settings))
      }
    }
    for (index, item) in plan.items.enumerated() where item.linkedTo == nil {
      let isDirectory = tree[item.node].kind == .directory
      let count = isDirectory ? nil : linkCounts[item.node]
      try compare(inodes[index], item.node, item.path, linkCount: count)
    }
    for (number, change) in plan.changed.sorted(by: { $0.key < $1.key }) {
      try compare(number, change.node, change.path, linkCount: nil)
    }
    return corrections
  }

  /// Reads everything that was written, names and bytes too.
  private func checkAll(_ inodes: [UInt32]) throws(Ext4Error) {
    if let first = try corrections(inodes).first {
      let index = inodes.firstIndex(of: first.inode)
      throw .inodeDiffers(
        path: index.map { plan.items[$0].path } ?? plan.changed[first.inode]?.path ?? [],
        inode: first.inode,
        field: first.settings.first?.fieldName ?? "",
        expected: "corrected",
        actual: "unchanged"
      )
    }
    try forEachDirectory { (range, reader) throws(Ext4Error) in
      let directory = number(of: plan.items[range.lowerBound].directory, inodes)
      let names = Set(plan.items[range].map(\.name))
      let found = try reader.children(names, of: reader.inode(directory))
      for index in range {
        let item = plan.items[index]
        guard found[item.name] == inodes[index] else {
          throw .directoryDiffers(path: item.path, inode: directory, name: item.name)
        }
        try checkContent(of: item, index, inodes[index], &reader)
      }
    }
  }

  private func checkContent(
    of item: InjectionPlan.Item,
    _ index: Int,
    _ number: UInt32,
    _ reader: inout Ext4ImageReader
  ) throws(Ext4Error) {
    guard item.linkedTo == nil, tree[item.node].kind == .regular else { return }
    let path = image.work.path.appending(InjectionBatch.contentFileName(index))
    let descriptor = try HostFile.check("open", path) { open($0, O_RDONLY | O_CLOEXEC) }
    defer { close(descriptor) }
    let file = OpenFile(FileDescriptor(rawValue: descriptor), path: path)
    if let byte = try reader.firstDifference(reader.inode(number), from: file) {
      throw .injection(.contentDiffers(path: item.path, byte: byte))
    }
  }

  /// Says whose errors they are.
  private func check() async throws(Ext4Error) {
    do {
      try await image.check()
    } catch .fileSystemCheckFailed(let report) {
      let untouched = try await ToolRunner.run(
        image.tools.e2fsck,
        ["-f", "-n"].map { Array($0.utf8) } + [original.path.rawBytes],
        in: "/",
        searchPath: image.tools.searchPath
      )
      if untouched.status == .exited(0) { throw .fileSystemCheckFailed(report: report) }
      throw .injection(.imageHasErrors(report: untouched.outputText))
    }
  }

  // MARK: The file

  private func takeOwner(of before: stat) throws(Ext4Error) {
    let (descriptor, path) = (image.file.descriptor.rawValue, image.target.path)
    let new = try image.file.status()
    if new.st_uid != before.st_uid || new.st_gid != before.st_gid {
      try HostFile.check("chown", path) { _ in fchown(descriptor, before.st_uid, before.st_gid) }
    }
    try HostFile.check("chmod", path) { _ in fchmod(descriptor, before.st_mode & 0o7777) }
  }

  /// Neither has somebody written to the image, nor is another file in its place.
  private func requireUnchanged(_ before: stat) throws(Ext4Error) {
    // our own lock stays ours; somebody else may have attached it meanwhile
    try ImageUse.claim(original)
    var now = stat()
    try HostFile.check("stat", original.path) { lstat($0, &now) }
    func same(_ one: timespec, _ other: timespec) -> Bool {
      one.tv_sec == other.tv_sec && one.tv_nsec == other.tv_nsec
    }
    guard now.st_dev == before.st_dev, now.st_ino == before.st_ino,
      now.st_size == before.st_size, same(now.st_mtim, before.st_mtim),
      same(now.st_ctim, before.st_ctim)
    else { throw .injection(.imageChanged) }
  }
}

/// Blocks and inodes that files need, without what only debugfs knows.
private struct InjectionNeed {
  private let superblock: Ext4Superblock
  private var blocks: UInt64 = 0
  private var inodes: UInt64 = 0

  init(_ superblock: Ext4Superblock) {
    self.superblock = superblock
  }

  mutating func add(_ node: Node, of tree: Tree, path: [UInt8]) throws(Ext4Error) {
    inodes += 1
    if node.kind == .directory { blocks += 1 }
    // the inode itself holds up to 59 bytes and an end mark
    if node.kind == .symbolicLink, node.size >= 60 { blocks += 1 }
    let attributes = try tree.storedAttributes(of: node) { path }.map(\.stored)
    switch DiskAttribute.placement(of: attributes, in: superblock) {
    case .inode: break
    case .inodeAndBlock: blocks += 1
    case .nowhere: throw .attributesTooLarge(path: path)
    }
  }

  func check(contentBlocks: UInt64, freedBy plan: InjectionPlan) throws(Ext4Error) {
    guard superblock.freeBlockCount <= superblock.blockCount,
      superblock.freeInodeCount <= superblock.inodeCount
    else {
      throw .malformedImage(what: "more is free than there is", byte: Ext4Superblock.offset + 0xC)
    }
    let freeBlocks = superblock.freeBlockCount + plan.freedBlockCount
    let freeInodes = UInt64(superblock.freeInodeCount) + plan.freedInodeCount
    if blocks + contentBlocks > freeBlocks {
      throw .injection(.noRoom(.blocks, needed: blocks + contentBlocks, free: freeBlocks))
    }
    if inodes > freeInodes {
      throw .injection(.noRoom(.inodes, needed: inodes, free: freeInodes))
    }
  }
}
