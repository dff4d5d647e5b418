// Disks that begin empty, or as a copy of a seed: an ext4 file that others have filled. Knows nothing
// of trees. docs/SEMANTICS.md says what the result promises.

import Glibc
package import SystemPackage

/// Makes work disks.
package struct WorkDiskBuilder: Sendable {
  private let tools: E2fsTools

  package init(tools: E2fsTools) {
    self.tools = tools
  }

  /// Makes an empty file system.
  ///
  /// With the same options and inode ratio as every other one of this program. `options.size` is the
  /// file's size; the file is nearly all hole. It appears when it is complete, and replaces a regular
  /// file there. After an error or a cancellation nothing is left behind.
  ///
  /// - Throws: Any `Ext4Error`; `.cancelled` when the task was.
  package func make(
    _ output: FilePath,
    options: Ext4Options
  ) async throws(Ext4Error) -> Ext4Result {
    let geometry = try Ext4Geometry(for: .empty, options: options, version: tools.version)
    let tools = tools
    return try await UnfinishedImage.with(tools, output: output) {
      (image) async throws(Ext4Error) in
      try image.file.truncate(to: geometry.byteCount)
      let invocation = MkfsInvocation(
        options: options,
        version: tools.version,
        inodeCount: geometry.inodeCount,
        source: nil,
        image: FilePath(WorkDirectory.imageName)
      )
      try await image.runMkfs(invocation)
      try await image.check()
      let result = try image.result()
      try image.publish()
      return result
    }
  }

  /// Copies the ext4 file `seed`, sharing its blocks where that can be, and lets the copy grow.
  ///
  /// `byteCount` is the size of the file, by default the seed's. `label` replaces the seed's. The UUID
  /// is a new one, from `identity`; the hash seed stays the seed's, because its directories are sorted
  /// by it. The inode tables that growing adds are marked as zeroed, as they are holes.
  ///
  /// - Throws: `.notAnExt4`, `.fileSystemNotClean`, `.inUse` about the seed, `.seedTooLarge`,
  ///   `.sizeTooLarge`, and any other `Ext4Error`; `.cancelled` when the task was. Nothing is left behind
  ///   then.
  package func grow(
    _ seed: FilePath,
    to output: FilePath,
    byteCount: UInt64? = nil,
    label: VolumeLabel? = nil,
    identity: Ext4Identity = .random
  ) async throws(Ext4Error) -> Ext4Result {
    let source = try Seed(opening: seed)
    defer { source.close() }
    let growth = try SeedGrowth(of: source, to: byteCount, label: label, identity: identity)
    return try await UnfinishedImage.with(tools, output: output) {
      (image) async throws(Ext4Error) in
      try FileClone.clone(source.file, to: image.file)
      try source.requireUnchanged()
      try await growth.perform(on: image)
      let result = try image.result()
      try image.publish()
      return result
    }
  }
}

extension UnfinishedImage {
  /// - Throws: `.diskFull`, `.toolFailed`, and as `ToolRunner.run`.
  fileprivate func runMkfs(_ invocation: MkfsInvocation) async throws(Ext4Error) {
    let output = try await ToolRunner.run(
      tools.mkfs,
      invocation.arguments,
      in: work.processPath,
      searchPath: tools.searchPath,
      environment: invocation.environment
    )
    guard output.status == .exited(0), output.standardError.isEmpty else {
      throw failure(of: tools.mkfs, output)
    }
  }
}
