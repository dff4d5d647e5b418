// Running other programs from tests. A missing program is a failure, never a skipped test.

import TestKit
import Testing

enum Tool {
  /// Runs a program found on PATH to its end and returns its standard output; it must succeed.
  @discardableResult
  static func run(_ arguments: String...) throws -> [UInt8] {
    try Program.succeed(arguments)
  }
}

/// Another process that holds `flock` on a file until it is killed or released.
final class LockHolder {
  private let scratch: TemporaryDirectory
  private let process: Program
  private var gate: String { scratch.appending("gate") }

  /// Starts the process and returns when it has the lock.
  init(_ path: String, isShared: Bool = false) throws {
    scratch = try TemporaryDirectory()
    let gate = scratch.appending("gate")
    try Program.succeed(["mkfifo", gate])
    // One process, not a shell in a second one that would keep the lock when the first is killed.
    let process = try Program([
      "flock", "--no-fork", isShared ? "-s" : "-x", path,
      "sh", "-c", #"echo held; read line < "$0""#, gate,
    ])
    try Program.wait(for: "the lock on \(path)") {
      try process.outputSoFar() == Array("held\n".utf8) || !process.isRunning
    }
    try #require(process.isRunning)
    self.process = process
  }

  /// Lets the process end, and waits for that.
  func release() throws {
    try Program.succeed(["sh", "-c", #"echo > "$0""#, gate])
    try #require(try process.finish().status == 0)
  }

  /// Kills the process as a crash would, and waits for that.
  func kill() throws {
    process.send(9)
    try #require(try process.finish().status == 128 + 9)
  }
}
