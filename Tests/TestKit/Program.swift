// Running programs from tests: to their end, with a deadline, and with all they write. A test never
// touches a mount itself, where it could hang for ever: it has a program do so, which can be killed.

import Foundation
import Glibc

/// How a program ended, and what it wrote.
package struct Outcome: Equatable, Sendable {
  /// The exit status, or 128 and the signal.
  package var status: Int32
  package var output: [UInt8]
  package var errors: String

  package var text: String { String(decoding: output, as: UTF8.self) }

  package init(status: Int32, output: [UInt8], errors: String) {
    self.status = status
    self.output = output
    self.errors = errors
  }
}

package struct ProgramFailure: Error, CustomStringConvertible {
  package let description: String

  package init(_ description: String) {
    self.description = description
  }
}

/// A program that was started; killed, if it still runs, when its last owner lets go.
package final class Program {
  /// Far more than any of them needs, far less than a test run may take.
  package static let deadline: Double = 300

  private let arguments: [String]
  private let process: ChildProcess
  private let files: ChildProcess.Files
  private let scratch: TemporaryDirectory

  package var processID: Int32 { process.processID }
  package var isRunning: Bool { process.ended == nil }

  /// Starts `arguments[0]`, found in PATH, with these variables added to the environment and these
  /// bytes to read.
  ///
  /// As `user`, another than this process's, only where this process is root.
  package init(
    _ arguments: [String],
    environment: [String: String] = [:],
    directory: String? = nil,
    user: String? = nil,
    input: [UInt8] = []
  ) throws {
    self.arguments = arguments
    scratch = try TemporaryDirectory()
    files = ChildProcess.Files(
      input: input.isEmpty ? "/dev/null" : scratch.appending("input"),
      output: scratch.appending("output"),
      errors: scratch.appending("errors")
    )
    if !input.isEmpty { try Data(input).write(to: URL(fileURLWithPath: files.input)) }
    process = try ChildProcess(
      // Libraries of the tests ignore this signal for the whole process, and programs would inherit that.
      ["/usr/bin/env", "--default-signal=PIPE"] + (directory.map { ["-C", $0] } ?? [])
        + Program.becoming(user) + arguments,
      environment: ProcessInfo.processInfo.environment.merging(environment) { $1 },
      files: files
    )
  }

  /// The words before a command that make root run it as `user`; none for anybody else.
  package static func becoming(_ user: String?) throws -> [String] {
    guard let user, geteuid() == 0 else { return [] }
    guard let entry = getpwnam(user) else { throw ProgramFailure("no user \(user)") }
    let group = "\(entry.pointee.pw_gid)"
    return ["setpriv", "--reuid", user, "--regid", group, "--init-groups", "--"]
  }

  package func send(_ signal: Int32) {
    process.send(signal)
  }

  /// What it has written so far.
  package func outputSoFar() throws -> [UInt8] {
    try Program.content(of: files.output)
  }

  package func errorsSoFar() throws -> String {
    String(decoding: try Program.content(of: files.errors), as: UTF8.self)
  }

  private static func content(of path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: path)))
  }

  /// Waits until `condition` holds.
  ///
  /// Polls: what is waited for happens in other processes.
  package static func wait(
    for what: String,
    until condition: () throws -> Bool
  ) throws {
    let end = Date().addingTimeInterval(deadline)
    while try !condition() {
      if Date() > end { throw ProgramFailure("waited in vain for \(what)") }
      usleep(5000)
    }
  }

  /// Waits for the end.
  package func finish() throws -> Outcome {
    var status: Int32?
    do {
      try Program.wait(for: "the end of \(arguments)") {
        status = process.ended
        return status != nil
      }
    } catch {
      send(SIGKILL)
      throw error
    }
    return Outcome(status: status ?? -1, output: try outputSoFar(), errors: try errorsSoFar())
  }

  /// Runs a program to its end.
  package static func run(
    _ arguments: [String],
    environment: [String: String] = [:],
    directory: String? = nil,
    user: String? = nil,
    input: [UInt8] = []
  ) throws -> Outcome {
    try Program(
      arguments,
      environment: environment,
      directory: directory,
      user: user,
      input: input
    ).finish()
  }

  /// Runs a program that must succeed, and returns what it wrote.
  @discardableResult
  package static func succeed(
    _ arguments: [String],
    environment: [String: String] = [:],
    directory: String? = nil,
    user: String? = nil
  ) throws -> [UInt8] {
    let outcome = try run(arguments, environment: environment, directory: directory, user: user)
    guard outcome.status == 0 else {
      throw ProgramFailure("\(arguments): status \(outcome.status): \(outcome.errors)")
    }
    return outcome.output
  }
}

/// What this build made.
package enum BuiltBinary {
  /// The program under test: among the build's products, or what `BANGER_FS_BINARY` names.
  package static var path: String {
    get throws {
      if let named = ProcessInfo.processInfo.environment["BANGER_FS_BINARY"] { return named }
      return try product("banger-fs")
    }
  }

  /// The process that looks at mounts for tests.
  package static var witness: String {
    get throws { try product("mount-witness") }
  }

  /// Products are beside the test bundle.
  private static func product(_ name: String) throws -> String {
    var candidates = [Bundle.main.bundlePath]
    for argument in CommandLine.arguments where argument.hasSuffix(".xctest") {
      candidates.append(URL(fileURLWithPath: argument).deletingLastPathComponent().path)
    }
    for directory in candidates {
      let path = directory + "/" + name
      if FileManager.default.isExecutableFile(atPath: path) { return path }
    }
    throw ProgramFailure("\(name) is not among the build's products: \(candidates)")
  }
}
