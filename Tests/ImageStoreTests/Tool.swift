// Running other programs from tests. A missing program is a failure, never a skipped test.

import Foundation
import Testing

enum Tool {
  /// Runs a program found on PATH to its end and returns its standard output.
  ///
  /// Records an issue, with the program's own words, unless it succeeds.
  @discardableResult
  static func run(
    _ arguments: String...,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> [UInt8] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    let output = Pipe()
    let errors = FileManager.default.temporaryDirectory
      .appendingPathComponent("banger-fs-test-\(UUID().uuidString)")
    try Data().write(to: errors)
    defer { unlink(errors.path) }
    process.standardOutput = output
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    let words = try String(contentsOf: errors, encoding: .utf8)
    try #require(
      process.terminationStatus == 0,
      "\(arguments.joined(separator: " ")): \(words)",
      sourceLocation: sourceLocation
    )
    return Array(bytes)
  }
}

/// Another process that holds `flock` on a file until it is killed or released.
final class LockHolder {
  private let process = Process()
  private let input = Pipe()

  /// Starts the process and returns when it has the lock.
  init(_ path: String) throws {
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    // One process, not a shell in a second one that would keep the lock when the first is killed.
    process.arguments = ["flock", "--no-fork", "-x", path, "sh", "-c", "echo held; read line"]
    let output = Pipe()
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    let line = output.fileHandleForReading.availableData
    try #require(line == Data("held\n".utf8))
  }

  /// Lets the process end, and waits for that.
  func release() throws {
    try input.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  /// Kills the process as a crash would, and waits for that.
  func kill() {
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
}
