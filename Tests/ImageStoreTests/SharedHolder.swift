// Somebody else who reads a blob.

import Foundation
import Testing

/// Another process that reads a file under a shared lock until it is killed.
final class SharedHolder {
  private let process = Process()

  init(_ path: String) throws {
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["flock", "--no-fork", "-s", path, "sh", "-c", "echo held; read line"]
    let output = Pipe()
    process.standardInput = Pipe()
    process.standardOutput = output
    try process.run()
    try #require(output.fileHandleForReading.availableData == Data("held\n".utf8))
  }

  func kill() {
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
}
