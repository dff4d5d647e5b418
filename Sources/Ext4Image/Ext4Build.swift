// The steps of one build, from an empty image of the right size to a file under its final name.

import FileTree
import Glibc
import SystemPackage

/// One build under way.
struct Ext4Build: Sendable {
  let image: UnfinishedImage
  let tree: Tree
  let geometry: Ext4Geometry
  let options: Ext4Options
  let releaseSource: @Sendable () -> Bool
  let progress: @Sendable (Ext4Progress) -> Void

  private static let pollInterval = Duration.milliseconds(200)

  func perform(from source: FilePath) async throws(Ext4Error) -> Ext4Result {
    try await reporting(.copying) { () async throws(Ext4Error) in
      try await makeFileSystem(from: source)
    }
    let correction = try await reporting(.correcting) { () async throws(Ext4Error) in
      try await correct()
    }
    try await reporting(.checking) { () async throws(Ext4Error) in try await check(correction) }
    return try await reporting(.finishing) { () async throws(Ext4Error) in
      var result = try image.result()
      result.correctedInodeCount = correction?.count ?? 0
      result.joinedLinkCount = correction?.joinedLinkCount ?? 0
      try image.publish()
      return result
    }
  }

  // MARK: Steps

  private func makeFileSystem(from source: FilePath) async throws(Ext4Error) {
    let invocation = MkfsInvocation(
      options: options,
      version: image.tools.version,
      inodeCount: geometry.inodeCount,
      source: source,
      image: FilePath(WorkDirectory.imageName)
    )
    let output = try await image.run(
      image.tools.mkfs,
      exactly: invocation.arguments,
      environment: invocation.environment
    )
    guard releaseSource() else { throw .sourceFailed }
    if output.status == .exited(0), output.standardError.isEmpty { return }
    if output.errorText.contains("Could not allocate") {
      throw .imageFull(message: output.errorText)
    }
    throw image.failure(of: image.tools.mkfs, output)
  }

  /// What was corrected after mkfs.ext4.
  private struct Correction {
    /// How many inodes.
    var count: Int
    /// How many names of links were joined.
    var joinedLinkCount: Int
    var numbering: InodeNumbering
  }

  /// Compares, and corrects where there is something to correct.
  private func correct() async throws(Ext4Error) -> Correction? {
    let reader = try reader()
    let firstFree = InodeNumbering.lostAndFound + (reader.superblock.hasOrphanFile ? 2 : 1)
    let numbering = try InodeNumbering(of: tree, firstFree: firstFree)
    var before = TreeComparison(reader, with: tree, numbering: numbering)
    var batch = try BatchFile(in: image.work)
    try before.forEachCorrection { (correction) throws(Ext4Error) in try batch.append(correction) }
    try batch.finish(joining: LinkJoining(of: tree, numbering: numbering, in: reader))
    if batch.isEmpty { return nil }
    try await proveNumbering(last: numbering.last, inodeCount: reader.superblock.inodeCount)
    _ = try await runDebugfs(WorkDirectory.batchName, writing: true)
    return Correction(
      count: batch.correctionCount,
      joinedLinkCount: numbering.splitLinkCount,
      numbering: numbering.joined()
    )
  }

  /// Compares again what was corrected, while e2fsck reads the same file.
  private func check(_ correction: Correction?) async throws(Ext4Error) {
    async let comparison = Self.result { () async throws(Ext4Error) in
      if let correction { try expectNoCorrection(correction.numbering) }
    }
    let check = await Self.result { () async throws(Ext4Error) in try await image.check() }
    // In this order: e2fsck knows less of what is wrong.
    try await comparison.get()
    try check.get()
  }

  private func expectNoCorrection(_ numbering: InodeNumbering) throws(Ext4Error) {
    let reader = try reader()
    var after = TreeComparison(reader, with: tree, numbering: numbering)
    try after.forEachCorrection { (correction) throws(Ext4Error) in
      throw .inodeDiffers(
        path: numbering.path(ofInode: correction.inode, in: tree),
        inode: correction.inode,
        field: correction.settings.first?.fieldName ?? "",
        expected: "corrected",
        actual: "unchanged"
      )
    }
  }

  private func proveNumbering(last: UInt32, inodeCount: UInt32) async throws(Ext4Error) {
    let (text, answer) = DebugfsBatch.sentinel(last: last, inodeCount: inodeCount)
    let path = image.work.path.appending(WorkDirectory.questionName)
    try HostFile.create(path, permissions: 0o600, bytes: text)
    let output = try await runDebugfs(WorkDirectory.questionName, writing: false)
    if output.outputText != ToolOutput.printable(Array(answer.utf8)) {
      throw .numberingDiffers(
        expected: ToolOutput.printable(Array(answer.utf8)),
        actual: output.outputText
      )
    }
  }

  private func runDebugfs(
    _ commands: String,
    writing: Bool
  ) async throws(Ext4Error) -> ToolOutput {
    try await image.runDebugfs(
      commands,
      writing: writing,
      environment: options.identity.environment
    )
  }

  private func reader() throws(Ext4Error) -> Ext4ImageReader {
    try Ext4ImageReader(image.file.descriptor, path: image.file.path)
  }

  // MARK: Progress

  /// Runs a step while reporting how the image grows.
  private func reporting<Value: Sendable>(
    _ phase: Ext4Phase,
    _ step: @escaping @Sendable () async throws(Ext4Error) -> Value
  ) async throws(Ext4Error) -> Value {
    try report(phase)
    let outcome = await withTaskGroup(of: Result<Value, Ext4Error>?.self) { group in
      group.addTask { await Self.result(of: step) }
      group.addTask {
        await poll(phase)
        return nil
      }
      var outcome: Result<Value, Ext4Error>?
      for await finished in group {
        guard let finished else { continue }
        outcome = finished
        group.cancelAll()
      }
      return outcome
    }
    guard let outcome else { throw .cancelled }
    return try outcome.get()
  }

  private static func result<Value>(
    of step: () async throws(Ext4Error) -> Value
  ) async -> Result<Value, Ext4Error> {
    do { return .success(try await step()) } catch { return .failure(error) }
  }

  private func poll(_ phase: Ext4Phase) async {
    do {
      while true {
        try await Task.sleep(for: Self.pollInterval)
        try report(phase)
      }
    } catch {
      // cancelled: the step is done
    }
  }

  private func report(_ phase: Ext4Phase) throws(Ext4Error) {
    progress(
      Ext4Progress(
        phase: phase,
        allocatedBytes: try image.allocatedByteCount(),
        contentBytes: geometry.content.blockCount * Ext4Layout.blockByteCount
      )
    )
  }
}
