// Adds files to an ext4 image that is there already, without mounting it: through debugfs, on a
// copy that takes the image's place at the end. Knows nothing of where the files come from. What
// the result promises is in docs/SEMANTICS.md.

package import FileTree
import FlatArrays
import Glibc
package import SystemPackage

/// What became of an image.
package struct Ext4InjectionResult: Hashable, Sendable {
  package var image: Ext4Result
  /// New names that the image did not have, directories left out.
  package var addedCount: Int
  /// Names that something else had before.
  package var replacedCount: Int
  package var madeDirectoryCount: Int
  /// Directories of the image that have other attributes now, or are what the tree says already.
  package var changedDirectoryCount: Int
}

/// Adds trees to ext2, ext3 and ext4 images.
package struct Ext4Injector: Sendable {
  private let tools: E2fsTools

  package init(tools: E2fsTools) {
    self.tools = tools
  }

  /// Adds `tree` to the file system in `image`.
  ///
  /// A directory of the tree is made where the image has none; one that the image has gets the
  /// tree's attributes, unless the tree says nothing about it or `keepingDirectories`. Anything else takes the place of
  /// what is there, but never of a directory. A symbolic link on the way is followed where `/NAME`
  /// leads to `/usr/NAME`, and anywhere with `followingLinks`; else it is refused. The last
  /// component is never followed.
  ///
  /// All is done on a copy, which takes the image's place, owner and mode when it was read back and
  /// checked: after an error or a cancellation the image is as it was, and nothing else is left.
  /// The image must be a regular file that nobody uses and that e2fsck finds nothing wrong with.
  ///
  /// `reading` is called from one thread at a time, for regular files, in order. `progress` is
  /// called at each change of phase.
  ///
  /// - Throws: `.injection` and any other `Ext4Error`: `.notAnExt4`, `.fileSystemNotClean` and
  ///   `.inUse` about the image; `.cancelled` when the task was.
  package func inject(
    _ tree: Tree,
    reading: @escaping NodeReading,
    into image: FilePath,
    followingLinks: Bool = false,
    keepingDirectories: Bool = false,
    progress: @escaping @Sendable (Ext4Progress) -> Void = { _ in }
  ) async throws(Ext4Error) -> Ext4InjectionResult {
    let original = try ExistingImage(opening: image)
    defer { original.close() }
    let plan = try InjectionPlan(
      of: tree,
      in: original.reader,
      followingLinks: followingLinks,
      keepingDirectories: keepingDirectories
    )
    let contentBytes = try check(plan, tree, original.reader.superblock)
    if plan.isEmpty { return result(plan, tree, try Ext4Result(of: original.file, at: image)) }
    let finished = try await UnfinishedImage.with(tools, output: original.file.path) {
      (copy) async throws(Ext4Error) in
      let injection = Ext4Injection(
        image: copy,
        original: original.file,
        tree: tree,
        plan: plan,
        reading: reading,
        progress: { (phase) throws(Ext4Error) in
          let bytes = try HostFile.allocatedByteCount(copy.file.descriptor.rawValue, image)
          progress(Ext4Progress(phase: phase, allocatedBytes: bytes, contentBytes: contentBytes))
        }
      )
      return try await injection.perform()
    }
    return result(plan, tree, finished)
  }

  /// Refuses what the file system or the tools cannot hold.
  ///
  /// - Returns: The bytes of all files.
  private func check(
    _ plan: InjectionPlan,
    _ tree: Tree,
    _ superblock: Ext4Superblock
  ) throws(Ext4Error) -> UInt64 {
    var contentBytes: UInt64 = 0
    let linkCounts = plan.linkCounts
    for item in plan.items {
      let node = tree[item.node]
      guard InjectionBatch.isTellable(item.name) else {
        throw .injection(.untellableName(path: item.path))
      }
      let links = linkCounts[item.node] ?? 0
      if links > Ext4Limits.linkCount { throw .tooManyLinks(path: item.path, count: links) }
      if node.kind == .symbolicLink { try check(node, item, tree, superblock) }
      guard node.kind == .regular, item.linkedTo == nil else { continue }
      if node.size > Ext4Limits.fileByteCount {
        throw .fileTooLarge(path: item.path, byteCount: node.size)
      }
      if let limit = tools.version.largestFile, node.size > limit {
        throw .toolCannotCopyLargeFiles(version: tools.version, path: item.path)
      }
      // each at most 2⁴⁴, and at most 2²⁴ of them
      contentBytes = contentBytes &+ node.size
    }
    return contentBytes
  }

  private func check(
    _ link: Node,
    _ item: InjectionPlan.Item,
    _ tree: Tree,
    _ superblock: Ext4Superblock
  ) throws(Ext4Error) {
    // a block less an end mark
    let limit = UInt64(superblock.blockByteCount - 1)
    if link.size > limit {
      throw .injection(.targetTooLong(path: item.path, byteCount: link.size, limit: limit))
    }
    guard InjectionBatch.isTellable(link: item.name, to: tree.target(of: link).array) else {
      throw .injection(.untellableTarget(path: item.path))
    }
  }

  private func result(_ plan: InjectionPlan, _ tree: Tree, _ image: Ext4Result)
    -> Ext4InjectionResult
  {
    let directories = plan.items.count { tree[$0.node].kind == .directory }
    let replaced = plan.items.count { $0.replaced != nil }
    return Ext4InjectionResult(
      image: image,
      addedCount: plan.items.count - directories - replaced,
      replacedCount: replaced,
      madeDirectoryCount: directories,
      changedDirectoryCount: plan.changed.count
    )
  }
}

/// An image file that may be changed, and is ours for as long as it is open.
private struct ExistingImage {
  let file: OpenFile
  let reader: Ext4ImageReader

  /// - Throws: `.outputIsNotAFile`, `.notAnExt4`, `.fileSystemNotClean`, `.inUse`,
  ///   `.injection(.unusableFeatures)`, `.malformedImage`, `.systemCall`.
  init(opening path: FilePath) throws(Ext4Error) {
    let path = try OutputTarget(path).path
    // writing is not needed, but an image that may not be written to is not to be replaced either
    let descriptor = try HostFile.check("open", path) { open($0, O_RDWR | O_NOFOLLOW | O_CLOEXEC) }
    file = OpenFile(FileDescriptor(rawValue: descriptor), path: path)
    do {
      reader = try Self.reader(of: file)
      try ImageUse.claim(file)
      try Self.check(reader.superblock, file)
    } catch {
      Glibc.close(descriptor)
      throw error
    }
  }

  func close() {
    Glibc.close(file.descriptor.rawValue)
  }

  private static func reader(of file: OpenFile) throws(Ext4Error) -> Ext4ImageReader {
    let end = Ext4Superblock.offset + UInt64(Ext4Superblock.byteCount)
    guard UInt64(max(try file.status().st_size, 0)) >= end else { throw .notAnExt4(file.path) }
    let record = try file.bytes(Ext4Superblock.byteCount, at: Ext4Superblock.offset)
    guard Ext4Superblock.isOne(record) else { throw .notAnExt4(file.path) }
    let names = Ext4FeatureBits(superblock: record).names(outside: .writable)
    if !names.isEmpty { throw .injection(.unusableFeatures(names)) }
    return try Ext4ImageReader(file.descriptor, path: file.path)
  }

  private static func check(
    _ superblock: Ext4Superblock,
    _ file: OpenFile
  ) throws(Ext4Error) {
    if let what = superblock.whatIsUnclean {
      throw .fileSystemNotClean(file.path, what: what)
    }
    if UInt64(max(try file.status().st_size, 0)) < superblock.byteCount {
      throw .malformedImage(what: "file ends early", byte: superblock.byteCount)
    }
  }
}
