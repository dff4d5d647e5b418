// Runs one program to its end: no shell, no input, a clean environment, bounded output. Knows nothing
// of what the programs are for.

import FileTree
import Subprocess
package import SystemPackage

/// How a program ended.
package enum ToolStatus: Hashable, Sendable, CustomStringConvertible {
  case exited(Int32)
  case signalled(Int32)

  fileprivate init(_ status: TerminationStatus) {
    switch status {
    case .exited(let code): self = .exited(code)
    case .signaled(let signal): self = .signalled(signal)
    }
  }

  package var description: String {
    switch self {
    case .exited(let code): "exit status \(code)"
    case .signalled(let signal): "killed by signal \(signal)"
    }
  }
}

/// What a program left behind.
package struct ToolOutput: Hashable, Sendable {
  package var status: ToolStatus
  /// The first 64 KiB of each.
  package var standardOutput: [UInt8]
  package var standardError: [UInt8]

  package var errorText: String { Self.printable(standardError) }
  package var outputText: String { Self.printable(standardOutput) }

  /// The text on one line, with nothing in it that moves a terminal's cursor; at most 2 KiB.
  static func printable(_ bytes: [UInt8]) -> String {
    let lines = bytes.prefix(2 << 10).split(separator: UInt8(ascii: "\n"))
    return lines.map { EscapedBytes.string($0) }.joined(separator: "; ")
  }
}

/// Starts programs and waits for them.
package enum ToolRunner {
  /// Enough for any message; what comes after it is read and dropped.
  private static let outputLimit = 64 << 10
  /// A program that is told to stop has this long before it is killed.
  private static let grace = Duration.seconds(2)

  /// Runs `tool` in `directory` and returns when it has ended.
  ///
  /// The program gets a process group of its own, so that an interrupt from the terminal reaches it
  /// only through us; the environment has only `environment`, `PATH`, and `LC_ALL=C`, which mkfs.ext4
  /// sorts by. When the task is cancelled the
  /// program is ended (SIGTERM, then SIGKILL) before this throws.
  ///
  /// Without `keepingOutput` the standard output goes to /dev/null, which a program that says much is
  /// quicker with.
  ///
  /// - Returns: What the program left, a failure included.
  /// - Throws: `.toolNotStarted`, `.cancelled`.
  package static func run(
    _ tool: FilePath,
    _ arguments: [[UInt8]],
    in directory: FilePath,
    searchPath: String,
    environment: [String: String] = [:],
    keepingOutput: Bool = true
  ) async throws(Ext4Error) -> ToolOutput {
    if Task.isCancelled { throw .cancelled }
    var platform = PlatformOptions()
    platform.processGroupID = 0
    platform.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: grace)]
    var variables: [Environment.Key: String] = ["LC_ALL": "C", "PATH": searchPath]
    for (name, value) in environment { variables[Environment.Key(stringLiteral: name)] = value }
    let configuration = Configuration(
      executable: .path(tool),
      // byte arguments are taken as C strings, with their end marks
      arguments: Arguments(
        executablePathOverride: nil,
        remainingValues: arguments.map { $0 + [0] }
      ),
      environment: .custom(variables),
      workingDirectory: directory,
      platformOptions: platform
    )
    let result: ToolOutput
    do {
      result =
        keepingOutput
        ? try await output(of: configuration) : try await errorsOnly(of: configuration)
    } catch {
      if Task.isCancelled { throw .cancelled }
      throw .toolNotStarted(tool: tool.lastComponent?.string ?? "", reason: "\(error)")
    }
    if Task.isCancelled { throw .cancelled }
    return result
  }

  private static func output(of configuration: Configuration) async throws -> ToolOutput {
    let result = try await Subprocess.run(
      configuration,
      input: .none,
      output: .sequence,
      error: .sequence
    ) { execution in
      async let output = firstBytes(of: execution.standardOutput)
      let errors = try await firstBytes(of: execution.standardError)
      return (try await output, errors)
    }
    let (output, errors) = result.closureResult
    return ToolOutput(
      status: ToolStatus(result.terminationStatus),
      standardOutput: output,
      standardError: errors
    )
  }

  private static func errorsOnly(of configuration: Configuration) async throws -> ToolOutput {
    let result = try await Subprocess.run(
      configuration,
      input: .none,
      output: .discarded,
      error: .sequence
    ) { execution in
      try await firstBytes(of: execution.standardError)
    }
    return ToolOutput(
      status: ToolStatus(result.terminationStatus),
      standardOutput: [],
      standardError: result.closureResult
    )
  }

  private static func firstBytes(of sequence: SubprocessOutputSequence) async throws -> [UInt8] {
    var bytes: [UInt8] = []
    for try await buffer in sequence {
      buffer.withUnsafeBytes { bytes += $0.prefix(outputLimit - bytes.count) }
    }
    return bytes
  }
}
