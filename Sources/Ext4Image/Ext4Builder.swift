// From a directory and its tree to a checked ext4 file: mkfs.ext4 -d, a comparison with the tree, one
// debugfs batch for what mkfs cannot write, a second comparison, e2fsck, rename. Knows nothing of
// mounts: the directory may be one. docs/SEMANTICS.md says what the result promises.

package import FileTree
import Glibc
package import SystemPackage

/// What a build is doing.
package enum Ext4Phase: String, Hashable, Sendable, CaseIterable {
  case copying
  case correcting
  case checking
  case finishing
}

/// How far a build is.
package struct Ext4Progress: Hashable, Sendable {
  package var phase: Ext4Phase
  /// Bytes that the image takes on the disk so far.
  package var allocatedBytes: UInt64
  /// An upper bound for the bytes of the content.
  package var contentBytes: UInt64
}

/// A finished file system.
package struct Ext4Result: Hashable, Sendable {
  package var path: FilePath
  package var byteCount: UInt64
  /// Bytes that the file takes on its disk.
  package var allocatedByteCount: UInt64
  package var blockCount: UInt64
  package var freeBlockCount: UInt64
  package var inodeCount: UInt32
  package var freeInodeCount: UInt32
  /// 16 bytes.
  package var uuid: [UInt8]
  package var label: String
  /// Further names of symbolic links, which mkfs.ext4 takes for links of their own.
  package var joinedLinkCount = 0
  /// Inodes that were corrected after mkfs.ext4.
  package var correctedInodeCount = 0

  /// The UUID as it is usually written.
  package var uuidText: String {
    Ext4Identity.text(uuid)
  }
}

/// Makes ext4 files.
package struct Ext4Builder: Sendable {
  private let tools: E2fsTools

  package init(tools: E2fsTools) {
    self.tools = tools
  }

  /// Copies `source`, a directory that shows exactly `tree`, into the new ext4 file `output`.
  ///
  /// The file appears under its name when it is complete and checked, and replaces a regular file
  /// there. After an error or a cancellation nothing is left behind.
  ///
  /// `releaseSource` is called when all has been copied, and nothing is read from `source` any more. It
  /// tells whether the source can be relied on: not a directory that failed a read, even where the read
  /// was tried again with success. `progress` is called from any thread, a few times a second and at
  /// each change of phase.
  ///
  /// - Returns: What the finished file is like.
  /// - Throws: Any `Ext4Error`; `.cancelled` when the task was.
  package func build(
    _ tree: Tree,
    from source: FilePath,
    to output: FilePath,
    options: Ext4Options,
    releaseSource: @escaping @Sendable () -> Bool = { true },
    progress: @escaping @Sendable (Ext4Progress) -> Void = { _ in }
  ) async throws(Ext4Error) -> Ext4Result {
    let numbering = try InodeNumbering(of: tree)
    let content = try Ext4Content(of: tree, numbering: numbering)
    let geometry = try Ext4Geometry(for: content, options: options, version: tools.version)
    try tools.check(content, of: tree)
    let source = try Self.directory(source)
    return try await UnfinishedImage.with(tools, output: output) {
      (image) async throws(Ext4Error) in
      try image.file.truncate(to: geometry.byteCount)
      let run = Ext4Build(
        image: image,
        tree: tree,
        geometry: geometry,
        options: options,
        releaseSource: releaseSource,
        progress: progress
      )
      return try await run.perform(from: source)
    }
  }

  private static func directory(_ path: FilePath) throws(Ext4Error) -> FilePath {
    let resolved = try HostFile.resolved(path)
    guard let mode = try HostFile.mode(of: resolved), mode & S_IFMT == S_IFDIR else {
      throw .sourceIsNotADirectory(path)
    }
    return resolved
  }
}
