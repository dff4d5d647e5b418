// The steps of one build, from an empty image of the right size to a file under its final name.

import FileTree
import Glibc
import SystemPackage

/// One build under way.
struct Ext4Build: Sendable {
  let tools: E2fsTools
  let tree: Tree
  let geometry: Ext4Geometry
  let options: Ext4Options
  let target: OutputTarget
  let work: WorkDirectory
  let image: FileDescriptor
  let isSourceSound: @Sendable () -> Bool
  let progress: @Sendable (Ext4Progress) -> Void

  private static let pollInterval = Duration.milliseconds(200)

  func perform(from source: FilePath) async throws(Ext4Error) -> Ext4Result {
    try await reporting(.copying) { () async throws(Ext4Error) in
      try await makeFileSystem(from: source)
    }
    let (corrected, joinedLinks) = try await reporting(.correcting) {
      () async throws(Ext4Error) in try await correct()
    }
    try await reporting(.checking) { () async throws(Ext4Error) in try await checkFileSystem() }
    return try await reporting(.finishing) { () async throws(Ext4Error) in
      var result = try result()
      result.correctedInodeCount = corrected
      result.joinedLinkCount = joinedLinks
      try publish()
      return result
    }
  }

  // MARK: Steps

  private func makeFileSystem(from source: FilePath) async throws(Ext4Error) {
    let invocation = MkfsInvocation(
      options: options,
      version: tools.version,
      inodeCount: geometry.inodeCount,
      source: source,
      image: FilePath(WorkDirectory.imageName)
    )
    let output = try await run(
      tools.mkfs,
      invocation.arguments,
      environment: invocation.environment
    )
    guard isSourceSound() else { throw .sourceFailed }
    if output.status == .exited(0), output.standardError.isEmpty { return }
    if output.errorText.contains("Could not allocate") {
      throw .imageFull(message: output.errorText)
    }
    throw failure("mkfs.ext4", output)
  }

  /// Compares, corrects, and compares again.
  ///
  /// - Returns: How many inodes were corrected, and how many names of links were joined.
  private func correct() async throws(Ext4Error) -> (Int, Int) {
    let reader = try Ext4ImageReader(image, path: work.image)
    let firstFree = InodeNumbering.lostAndFound + (reader.superblock.hasOrphanFile ? 2 : 1)
    let numbering = try InodeNumbering(of: tree, firstFree: firstFree)
    var before = TreeComparison(reader, with: tree, numbering: numbering)
    let corrections = try before.corrections()
    let joining = try LinkJoining(of: tree, numbering: numbering, in: reader)
    let batch = DebugfsBatch(corrections, joining: joining)
    if batch.isEmpty { return (0, 0) }
    try await proveNumbering(last: numbering.last, inodeCount: reader.superblock.inodeCount)
    try await apply(batch)
    var after = TreeComparison(
      try Ext4ImageReader(image, path: work.image),
      with: tree,
      numbering: numbering.joined()
    )
    if let first = try after.corrections().first {
      throw .inodeDiffers(
        path: numbering.path(ofInode: first.inode, in: tree),
        inode: first.inode,
        field: first.settings.first?.fieldName ?? "",
        expected: "corrected",
        actual: "unchanged"
      )
    }
    return (corrections.count, numbering.splitLinkCount)
  }

  private func proveNumbering(last: UInt32, inodeCount: UInt32) async throws(Ext4Error) {
    let (text, answer) = DebugfsBatch.sentinel(last: last, inodeCount: inodeCount)
    let output = try await runDebugfs(text, writing: false)
    if output.outputText != ToolOutput.printable(Array(answer.utf8)) {
      throw .numberingDiffers(
        expected: ToolOutput.printable(Array(answer.utf8)),
        actual: output.outputText
      )
    }
  }

  private func apply(_ batch: DebugfsBatch) async throws(Ext4Error) {
    for (index, value) in batch.values.enumerated() {
      let path = work.path.appending(DebugfsBatch.valueFileName(index))
      try HostFile.create(path, permissions: 0o600, bytes: value)
    }
    _ = try await runDebugfs(batch.text, writing: true)
  }

  /// debugfs exits with 0 when commands fail; only its banner alone on standard error is success.
  private func runDebugfs(_ text: [UInt8], writing: Bool) async throws(Ext4Error) -> ToolOutput {
    let path = work.path.appending(WorkDirectory.batchName)
    try HostFile.create(path, permissions: 0o600, bytes: text)
    defer { path.withPlatformString { _ = unlink($0) } }
    let arguments =
      (writing ? ["-w"] : []) + ["-f", WorkDirectory.batchName, WorkDirectory.imageName]
    // writing, it repeats every command
    let output = try await run(
      tools.debugfs,
      arguments.map { Array($0.utf8) },
      environment: options.identity.environment,
      keepingOutput: !writing
    )
    let lines = output.standardError.split(separator: UInt8(ascii: "\n"))
    guard output.status == .exited(0), lines.count == 1,
      lines[0].starts(with: "debugfs ".utf8)
    else { throw failure("debugfs", output) }
    return output
  }

  private func checkFileSystem() async throws(Ext4Error) {
    let arguments = ["-f", "-n", WorkDirectory.imageName].map { Array($0.utf8) }
    let output = try await run(tools.e2fsck, arguments)
    if output.status == .exited(0) { return }
    // 4: errors left uncorrected; other codes: the check itself failed. Source: e2fsck(8).
    guard output.status == .exited(4) else { throw failure("e2fsck", output) }
    throw .fileSystemCheckFailed(report: output.outputText)
  }

  private func result() throws(Ext4Error) -> Ext4Result {
    let superblock = try Ext4ImageReader(image, path: work.image).superblock
    return Ext4Result(
      path: target.path,
      byteCount: geometry.byteCount,
      allocatedByteCount: try HostFile.allocatedByteCount(image.rawValue, work.image),
      blockCount: superblock.blockCount,
      freeBlockCount: superblock.freeBlockCount,
      inodeCount: superblock.inodeCount,
      freeInodeCount: superblock.freeInodeCount,
      uuid: superblock.uuid,
      label: String(decoding: superblock.label, as: UTF8.self),
      joinedLinkCount: 0,
      correctedInodeCount: 0
    )
  }

  /// The last step: until the rename the output is as it was.
  private func publish() throws(Ext4Error) {
    try HostFile.synchronize(image.rawValue, target.path)
    if Task.isCancelled { throw .cancelled }
    let new = target.path
    try HostFile.check("rename", work.image) { old in
      new.withPlatformString { rename(old, $0) }
    }
    let directory = try HostFile.openDirectory(target.directory)
    defer { close(directory) }
    try HostFile.synchronize(directory, target.directory)
  }

  // MARK: Tools

  private func run(
    _ tool: FilePath,
    _ arguments: [[UInt8]],
    environment: [String: String] = [:],
    keepingOutput: Bool = true
  ) async throws(Ext4Error) -> ToolOutput {
    try await ToolRunner.run(
      tool,
      arguments,
      in: work.processPath,
      searchPath: tools.searchPath,
      environment: environment,
      keepingOutput: keepingOutput
    )
  }

  private func failure(_ tool: String, _ output: ToolOutput) -> Ext4Error {
    if output.errorText.contains("No space left on device") { return .diskFull(target.path) }
    return .toolFailed(tool: tool, status: output.status, message: output.errorText)
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
        allocatedBytes: try HostFile.allocatedByteCount(image.rawValue, work.image),
        contentBytes: geometry.content.blockCount * Ext4Layout.blockByteCount
      )
    )
  }
}
