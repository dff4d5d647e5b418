// Running programs for the tests: with a deadline, and with everything they print. A test never
// looks at a mount itself where it could hang; it has a program look, which can be killed.

import Glibc

struct CommandFailure: Error, CustomStringConvertible {
  let description: String
}

/// A program that was started and is ended at the latest with its owner.
final class Command {
  /// Far more than any of the commands takes.
  static let deadlineMilliseconds: Int64 = 60_000

  let processID: pid_t
  private let output: Int32
  private var unread: [UInt8] = []
  private var status: Int32?

  /// Starts `arguments[0]` from the search path; its stdout and stderr are read together.
  init(_ arguments: [String]) throws {
    var ends: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0
    else { throw CommandFailure(description: "socketpair: \(errno)") }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
    let pointers = arguments.map { strdup($0) }
    defer { pointers.forEach { free($0) } }
    var process: pid_t = 0
    let failure = posix_spawnp(&process, arguments[0], &actions, nil, pointers + [nil], environ)
    close(ends[1])
    guard failure == 0 else {
      close(ends[0])
      throw CommandFailure(description: "\(arguments[0]): \(String(cString: strerror(failure)))")
    }
    processID = process
    output = ends[0]
  }

  deinit {
    if status == nil {
      kill(processID, SIGKILL)
      waitpid(processID, nil, 0)
    }
    close(output)
  }

  /// Runs a line of shell to its end.
  static func shell(_ line: String, _ arguments: String...) throws -> Outcome {
    try Command(["/bin/sh", "-c", "LC_ALL=C; export LC_ALL; " + line, "sh"] + arguments).finish()
  }

  struct Outcome: Equatable {
    let status: Int32
    let output: String
  }

  /// Waits for the end; the status is the exit code, or 128 and the signal.
  func finish() throws -> Outcome {
    var said: [UInt8] = []
    while let line = try nextLine() { said += line + [10] }
    return Outcome(status: wait(), output: String(decoding: said, as: UTF8.self))
  }

  /// The next line without its end, or `nil` when the program has closed its output.
  func nextLine() throws -> [UInt8]? {
    while true {
      if let end = unread.firstIndex(of: 10) {
        defer { unread.removeSubrange(...end) }
        return Array(unread[..<end])
      }
      guard try readMore() else {
        guard !unread.isEmpty else { return nil }
        defer { unread = [] }
        return unread
      }
    }
  }

  /// Waits for a line that starts with `prefix` and returns what follows it.
  func waitForLine(_ prefix: String) throws -> String {
    var seen: [String] = []
    while let line = try nextLine() {
      let text = String(decoding: line, as: UTF8.self)
      if text.hasPrefix(prefix) { return String(text.dropFirst(prefix.count)) }
      seen.append(text)
    }
    throw CommandFailure(description: "no line \(prefix), but \(seen)")
  }

  func send(_ signal: Int32) {
    kill(processID, signal)
  }

  func wait() -> Int32 {
    if let status { return status }
    var raw: Int32 = 0
    waitpid(processID, &raw, 0)
    let ended = raw & 0x7f == 0 ? raw >> 8 & 0xff : 128 + raw & 0x7f
    status = ended
    return ended
  }

  private func readMore() throws -> Bool {
    var watched = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
    guard poll(&watched, 1, Int32(Self.deadlineMilliseconds)) > 0 else {
      send(SIGKILL)
      throw CommandFailure(description: "said nothing in time")
    }
    var chunk = [UInt8](repeating: 0, count: 65_536)
    let count = read(output, &chunk, chunk.count)
    guard count > 0 else { return false }
    unread += chunk[..<count]
    return true
  }
}
