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
    var batch = try BatchFile(in: work)
    try before.forEachCorrection { (correction) throws(Ext4Error) in try batch.append(correction) }
    try batch.finish(joining: LinkJoining(of: tree, numbering: numbering, in: reader))
    if batch.isEmpty { return (0, 0) }
    try await proveNumbering(last: numbering.last, inodeCount: reader.superblock.inodeCount)
    // writing, it repeats every command
    _ = try await runDebugfs(["-w"], WorkDirectory.batchName, keepingOutput: false)
    try expectNoCorrection(numbering.joined())
    return (batch.correctionCount, numbering.splitLinkCount)
  }

  private func expectNoCorrection(_ numbering: InodeNumbering) throws(Ext4Error) {
    let reader = try Ext4ImageReader(image, path: work.image)
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
    let path = work.path.appending(WorkDirectory.questionName)
    try HostFile.create(path, permissions: 0o600, bytes: text)
    let output = try await runDebugfs([], WorkDirectory.questionName, keepingOutput: true)
    if output.outputText != ToolOutput.printable(Array(answer.utf8)) {
      throw .numberingDiffers(
        expected: ToolOutput.printable(Array(answer.utf8)),
        actual: output.outputText
      )
    }
  }

  /// debugfs exits with 0 when commands fail; only its banner alone on standard error is success.
  private func runDebugfs(
    _ options: [String],
    _ commands: String,
    keepingOutput: Bool
  ) async throws(Ext4Error) -> ToolOutput {
    let output = try await run(
      tools.debugfs,
      (options + ["-f", commands, WorkDirectory.imageName]).map { Array($0.utf8) },
      environment: self.options.identity.environment,
      keepingOutput: keepingOutput
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
    let old = work.image
    try HostFile.check("rename", target.path) { new in
      old.withPlatformString { rename($0, new) }
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
