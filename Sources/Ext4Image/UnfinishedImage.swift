// An ext4 file on its way: in a private directory beside its output until it is complete and checked.
// Knows how to run the tools on it, what their complaints mean, and how it gets its name. Not what is
// done to it.

import Glibc
import SystemPackage

/// An image file without a name of its own yet.
struct UnfinishedImage: Sendable {
  let tools: E2fsTools
  let target: OutputTarget
  let work: WorkDirectory
  let file: OpenFile

  /// Calls `body` with a new, empty file that is to become `output`.
  ///
  /// `body` publishes it, or nothing is left behind.
  ///
  /// - Throws: `.outputIsNotAFile`, `.diskFull`, `.systemCall`, and what `body` throws.
  static func with<Value: Sendable>(
    _ tools: E2fsTools,
    output: FilePath,
    _ body: (UnfinishedImage) async throws(Ext4Error) -> Value
  ) async throws(Ext4Error) -> Value {
    let target = try OutputTarget(output)
    do {
      let work = try WorkDirectory(beside: target)
      defer { work.remove() }
      // the directory around it is private, so the file can have its final mode from the start
      let descriptor = try HostFile.createOpen(work.image, permissions: 0o644)
      defer { close(descriptor) }
      let file = OpenFile(FileDescriptor(rawValue: descriptor), path: work.image)
      return try await body(
        UnfinishedImage(tools: tools, target: target, work: work, file: file)
      )
    } catch .diskFull {
      // whichever file of ours had no room
      throw .diskFull(target.path)
    }
  }

  /// Runs a tool whose last argument is the image, in the image's directory.
  func run(
    _ tool: FilePath,
    _ arguments: [String],
    environment: [String: String] = [:],
    keepingOutput: Bool = true
  ) async throws(Ext4Error) -> ToolOutput {
    try await run(
      tool,
      exactly: (arguments + [WorkDirectory.imageName]).map { Array($0.utf8) },
      environment: environment,
      keepingOutput: keepingOutput
    )
  }

  /// Runs a tool in the image's directory.
  func run(
    _ tool: FilePath,
    exactly arguments: [[UInt8]],
    environment: [String: String],
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

  /// Runs a tool that has to exit with 0.
  ///
  /// - Throws: `.diskFull`, `.toolFailed`, and as `ToolRunner.run`.
  func runToSuccess(
    _ tool: FilePath,
    _ arguments: [String],
    environment: [String: String] = [:]
  ) async throws(Ext4Error) {
    let output = try await run(tool, arguments, environment: environment)
    if output.status != .exited(0) { throw failure(of: tool, output) }
  }

  func failure(of tool: FilePath, _ output: ToolOutput) -> Ext4Error {
    // the second is how libext2fs says the first where part of a write still had room
    let isFull = ["No space left on device", "resulted in short write"].contains {
      output.errorText.contains($0)
    }
    if isFull { return .diskFull(target.path) }
    return .toolFailed(
      tool: tool.lastComponent?.string ?? "",
      status: output.status,
      // e2fsck, resize2fs and tune2fs say some of it on the other stream
      message: output.errorText.isEmpty ? output.outputText : output.errorText
    )
  }

  /// Has debugfs change the image.
  func runDebugfs(
    _ commands: [UInt8],
    environment: [String: String] = [:]
  ) async throws(Ext4Error) {
    let path = work.path.appending(WorkDirectory.batchName)
    try HostFile.create(path, permissions: 0o600, bytes: commands)
    defer { path.withPlatformString { _ = unlink($0) } }
    _ = try await runDebugfs(WorkDirectory.batchName, writing: true, environment: environment)
  }

  /// Has debugfs do what a file in the image's directory says.
  ///
  /// It exits with 0 when commands fail; only its banner alone on standard error is success.
  ///
  /// - Returns: What it answered; nothing when it writes, and so repeats every command.
  func runDebugfs(
    _ commands: String,
    writing: Bool,
    environment: [String: String]
  ) async throws(Ext4Error) -> ToolOutput {
    let output = try await run(
      tools.debugfs,
      (writing ? ["-w"] : []) + ["-f", commands],
      environment: environment,
      keepingOutput: !writing
    )
    let lines = output.standardError.split(separator: UInt8(ascii: "\n"))
    guard output.status == .exited(0), lines.count == 1, lines[0].starts(with: "debugfs ".utf8)
    else { throw failure(of: tools.debugfs, output) }
    return output
  }

  /// Looks at everything and changes nothing.
  ///
  /// - Throws: `.fileSystemCheckFailed`; `.diskFull`, `.toolFailed`, and as `ToolRunner.run`.
  func check() async throws(Ext4Error) {
    let output = try await run(tools.e2fsck, ["-f", "-n"])
    if output.status == .exited(0) { return }
    // 4: errors left uncorrected; other codes: the check itself failed. Source: e2fsck(8).
    guard output.status == .exited(4) else { throw failure(of: tools.e2fsck, output) }
    throw .fileSystemCheckFailed(report: output.outputText)
  }

  /// - Throws: `.malformedImage`, `.systemCall`.
  func superblock() throws(Ext4Error) -> Ext4Superblock {
    try Ext4Superblock(of: file)
  }

  /// Bytes that the file takes on its disk so far.
  ///
  /// - Throws: `.systemCall`.
  func allocatedByteCount() throws(Ext4Error) -> UInt64 {
    try HostFile.allocatedByteCount(file.descriptor.rawValue, file.path)
  }

  /// What the file is like now, under the name that it will have.
  func result() throws(Ext4Error) -> Ext4Result {
    try Ext4Result(of: file, at: target.path)
  }

  /// The last step: until the rename the output is as it was.
  ///
  /// - Throws: `.diskFull`, `.systemCall`, `.cancelled`.
  func publish() throws(Ext4Error) {
    try HostFile.publish(file, as: target)
  }
}

extension HostFile {
  /// Gives a finished file its final name, and makes both survive a crash.
  ///
  /// - Throws: `.diskFull`, `.systemCall`; `.cancelled`, as long as the name is not there.
  static func publish(_ file: OpenFile, as target: OutputTarget) throws(Ext4Error) {
    try synchronize(file.descriptor.rawValue, target.path)
    if Task.isCancelled { throw .cancelled }
    // messages name the user's file, not ours
    let old = file.path
    try check("rename", target.path) { new in old.withPlatformString { rename($0, new) } }
    let directory = try openDirectory(target.directory)
    defer { close(directory) }
    try synchronize(directory, target.directory)
  }
}

extension Ext4Superblock {
  /// The first superblock of `file`.
  ///
  /// - Throws: `.malformedImage`, `.systemCall`.
  init(of file: OpenFile) throws(Ext4Error) {
    try self.init(file.bytes(Self.byteCount, at: Self.offset))
  }
}

extension Ext4Result {
  /// What the superblock of `file` and the file itself say.
  ///
  /// - Throws: `.malformedImage`, `.systemCall`.
  init(of file: OpenFile, at path: FilePath) throws(Ext4Error) {
    let superblock = try Ext4Superblock(of: file)
    let status = try file.status()
    self.init(
      path: path,
      byteCount: UInt64(max(status.st_size, 0)),
      // st_blocks counts 512 bytes, whatever the file system
      allocatedByteCount: UInt64(max(status.st_blocks, 0)) * 512,
      blockCount: superblock.blockCount,
      freeBlockCount: superblock.freeBlockCount,
      inodeCount: superblock.inodeCount,
      freeInodeCount: superblock.freeInodeCount,
      uuid: superblock.uuid,
      label: String(decoding: superblock.label, as: UTF8.self)
    )
  }
}
