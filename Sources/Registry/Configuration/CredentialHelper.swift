// Programs that keep credentials: `docker-credential-NAME get`. The name comes from a file, so it is
// checked before it becomes a part of a path; the program is found in PATH alone, gets no shell, and
// is killed with all that it started when it takes too long or says too much. What it says to its
// standard error may hold secrets and is thrown away.
// Source: docker-credential-helpers, README, "Development".

import FoundationEssentials
import Glibc
import OCISpec
import Subprocess
import SystemPackage

/// Asks helpers.
struct CredentialHelper: Sendable {
  /// Largest answer, 64 KiB.
  ///
  /// Identity tokens reach a few KiB.
  static let outputLimit = 64 << 10

  let environment: [String: String]
  /// Longest wait for one answer.
  ///
  /// Some helpers ask the user for a password meanwhile.
  let timeout: Duration

  /// What the helper has for the first of `servers` that it knows.
  ///
  /// - Throws: `.helperFailed`, `.cancelled`.
  func credentials(
    from name: String,
    for servers: [String]
  ) async throws(RegistryError) -> Credentials? {
    do throws(HelperFault) {
      let program = try program(name)
      for server in servers {
        if let found = try await get(server, from: program) { return found }
      }
      return nil
    } catch {
      throw Task.isCancelled ? .cancelled : .helperFailed(name: printable(name), error)
    }
  }

  private func get(_ server: String, from program: FilePath) async throws(HelperFault)
    -> Credentials?
  {
    let (status, output) = try await run(program, input: server)
    switch status {
    case .exited(0): return try Self.read(output)
    case .exited(let code):
      let text = String(decoding: output.prefix(1 << 10), as: UTF8.self)
      guard text.contains("credentials not found") else { throw .failed(exitStatus: code) }
      return nil
    case .signaled(let signal): throw .killed(signal: signal)
    }
  }

  // MARK: The program

  /// Finds the program in the absolute directories of PATH.
  private func program(_ name: String) throws(HelperFault) -> FilePath {
    let isName = name.utf8.allSatisfy {
      (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
        || "._-".utf8.contains($0)
    }
    guard isName, (1...128).contains(name.utf8.count) else { throw .badName }
    for directory in (environment["PATH"] ?? "").split(separator: ":") {
      let path = FilePath(String(directory)).appending("docker-credential-\(name)")
      if path.isAbsolute, Self.isProgram(path) { return path }
    }
    throw .notFound
  }

  private static func isProgram(_ path: FilePath) -> Bool {
    var status = stat()
    return path.withPlatformString {
      stat($0, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access($0, X_OK) == 0
    }
  }

  private enum Outcome: Sendable {
    case ended(TerminationStatus, [UInt8])
    case failed(HelperFault)
  }

  /// Runs `PROGRAM get` to its end, or to that of our patience.
  private func run(
    _ program: FilePath,
    input: String
  ) async throws(HelperFault) -> (TerminationStatus, [UInt8]) {
    let outcome = await withTaskGroup(of: Outcome.self) { group in
      group.addTask { await runToEnd(program, input: input) }
      group.addTask {
        do {
          try await Task.sleep(for: timeout)
        } catch {
          // The run has ended, or nobody waits for it any more.
        }
        return .failed(.timedOut(timeout))
      }
      let first = await group.next()
      // Cancelling the run kills the program; the group waits for that.
      group.cancelAll()
      return first ?? .failed(.timedOut(timeout))
    }
    switch outcome {
    case .ended(let status, let output): return (status, output)
    case .failed(let fault): throw fault
    }
  }

  private func runToEnd(_ program: FilePath, input: String) async -> Outcome {
    var platform = PlatformOptions()
    // A group of its own, so that what it started can be killed with it.
    platform.processGroupID = 0
    platform.teardownSequence = [
      .send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .zero)
    ]
    do {
      let question = try Self.pipe(holding: input)
      defer { Glibc.close(question.rawValue) }
      let result = try await Subprocess.run(
        .path(program),
        arguments: ["get"],
        environment: .custom(environmentKeys),
        platformOptions: platform,
        input: .fileDescriptor(question, closeAfterSpawningProcess: false),
        output: .bytes(limit: Self.outputLimit),
        error: .discarded
      )
      return .ended(result.terminationStatus, result.standardOutput)
    } catch let error as SubprocessError where error.code == .outputLimitExceeded {
      return .failed(.outputTooLarge(limit: Self.outputLimit))
    } catch {
      return .failed(.notStarted)
    }
  }

  /// The end of a pipe from which `text` can be read, and then its end.
  ///
  /// Written before anybody reads: a helper that goes away without reading would otherwise end us with
  /// SIGPIPE. A pipe takes 4 KiB (PIPE_BUF) without a reader, names of registries have 255 bytes.
  private static func pipe(holding text: String) throws(Errno) -> FileDescriptor {
    let bytes = Array(text.utf8)
    precondition(bytes.count <= 4 << 10, "the name of a registry does not fit into a pipe")
    var ends: [Int32] = [-1, -1]
    // Programs that are started at this moment inherit neither end: all but their first three
    // descriptors are closed for them.
    guard Glibc.pipe(&ends) == 0 else { throw Errno(rawValue: errno) }
    defer { Glibc.close(ends[1]) }
    guard write(ends[1], bytes, bytes.count) == bytes.count else {
      let error = Errno(rawValue: errno)
      Glibc.close(ends[0])
      throw error
    }
    return FileDescriptor(rawValue: ends[0])
  }

  private var environmentKeys: [Environment.Key: String] {
    var keys: [Environment.Key: String] = [:]
    for (name, value) in environment {
      if let key = Environment.Key(rawValue: name) { keys[key] = value }
    }
    return keys
  }

  // MARK: The answer

  private struct Answer: Decodable {
    // The helpers' own spelling, with capital letters.
    let username: String?
    let secret: String?

    private enum CodingKeys: String, CodingKey {
      case username = "Username"
      case secret = "Secret"
    }
  }

  /// Reads an answer; one without a secret means that there is none.
  private static func read(_ output: [UInt8]) throws(HelperFault) -> Credentials? {
    let answer: Answer
    do {
      answer = try JSONDecoder().decode(Answer.self, from: Data(output))
    } catch {
      throw .badAnswer
    }
    guard let secret = answer.secret, !secret.isEmpty else { return nil }
    guard let user = answer.username, !user.utf8.contains(UInt8(ascii: ":")) else {
      throw .badAnswer
    }
    guard user == "<token>" else { return .basic(user: user, password: secret) }
    guard AuthFile.isToken(secret) else { throw .badAnswer }
    return .identityToken(secret)
  }
}
