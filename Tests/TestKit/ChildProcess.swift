// A child of the test process, its descriptors, signals and end. Not Foundation's `Process`: that reads
// beyond the end of a directory buffer when the test process has more than a thousand files open.
// Source: posix_spawn(3).

import Glibc
import Synchronization

/// A child that reads and writes files; usable by any thread.
package final class ChildProcess: Sendable {
  /// The files that become its standard input, output and errors.
  struct Files {
    var input: String
    var output: String
    var errors: String
  }

  let processID: pid_t
  private let status = Mutex<Int32?>(nil)

  /// Starts the program at the path `arguments[0]` with these files and no other descriptor of ours.
  init(
    _ arguments: [String],
    environment: [String: String],
    files: Files
  ) throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    let writing = O_WRONLY | O_CREAT | O_TRUNC
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, files.input, O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, files.output, writing, 0o600)
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, files.errors, writing, 0o600)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // The thread that starts it may block signals, and a child inherits that.
    var noSignals = sigset_t()
    sigemptyset(&noSignals)
    posix_spawnattr_setsigmask(&attributes, &noSignals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

    try Self.keepDescriptors()
    let words = arguments.map { strdup($0) }
    let variables = environment.map { strdup("\($0.key)=\($0.value)") }
    defer { (words + variables).forEach { free($0) } }
    var child: pid_t = 0
    let failure = posix_spawn(
      &child,
      arguments[0],
      &actions,
      &attributes,
      words + [nil],
      variables + [nil]
    )
    guard failure == 0 else {
      throw ProgramFailure("\(arguments): \(String(cString: strerror(failure)))")
    }
    processID = child
  }

  /// Has exec close every descriptor but the first three: a child that held the end of a pipe, or a
  /// lock, would change what another test sees.
  private static func keepDescriptors() throws {
    let directory = try OpenDirectory("/proc/self/fd")
    for entry in try DirectoryStream(directory).entries() {
      guard let number = Int32(String(decoding: entry.name, as: UTF8.self)) else { continue }
      if number > STDERR_FILENO { _ = fcntl(number, F_SETFD, FD_CLOEXEC) }
    }
  }

  deinit {
    send(SIGKILL)
    _ = wait(0)
  }

  /// The exit status, or 128 and the signal; `nil` while it runs.
  var ended: Int32? { wait(WNOHANG) }

  /// Sends a signal unless it has ended: its number may be another's then.
  func send(_ signal: Int32) {
    status.withLock { status in
      if status == nil { kill(processID, signal) }
    }
  }

  private func wait(_ options: Int32) -> Int32? {
    status.withLock { status in
      if status != nil { return status }
      var raw: Int32 = 0
      while true {
        let found = waitpid(processID, &raw, options)
        if found == processID { break }
        guard found < 0, errno == EINTR else { return nil }
      }
      let signal = raw & 0x7F
      status = signal == 0 ? (raw >> 8) & 0xFF : 128 + signal
      return status
    }
  }
}
