// This program started again in the background: by exec, not by fork alone, because a Swift process has
// threads. The child says when it is ready; until then its errors are the parent's.
// Source: posix_spawn(3).

import Glibc

/// A child that outlives us once it is ready.
struct BackgroundProcess {
  /// The descriptor on which the child says that it is ready, with one byte.
  static let readyDescriptor: Int32 = 3

  /// `POSIX_SPAWN_SETSID` of spawn.h, which Swift's view of glibc does not have.
  private static let newSession: Int16 = 0x80

  let processID: pid_t
  private let readyPipe: Int32

  /// Starts `arguments` of this very program in a session of its own.
  init(arguments: [String]) throws(CommandFailure) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw Self.failure("pipe", errno) }
    // The child gets a copy of its end under another number, which is not closed by exec.
    Self.keepDescriptors()
    defer { close(ends[1]) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, ends[1], Self.readyDescriptor)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // We may be on a thread that blocks all signals, and a child inherits that.
    var noSignals = sigset_t()
    sigemptyset(&noSignals)
    posix_spawnattr_setsigmask(&attributes, &noSignals)
    posix_spawnattr_setflags(&attributes, Self.newSession | Int16(POSIX_SPAWN_SETSIGMASK))

    let strings = arguments.map { strdup($0) }
    defer { strings.forEach { free($0) } }
    var process: pid_t = 0
    let result = posix_spawn(
      &process,
      "/proc/self/exe",
      &actions,
      &attributes,
      strings + [nil],
      environ
    )
    guard result == 0 else {
      close(ends[0])
      throw Self.failure("start in the background", result)
    }
    processID = process
    readyPipe = ends[0]
  }

  /// Waits until the child is ready, or gone: then its exit status.
  func waitUntilReady() -> Int32? {
    var byte: UInt8 = 0
    while true {
      let count = read(readyPipe, &byte, 1)
      if count == 1 { return nil }
      if count < 0, errno == EINTR { continue }
      break
    }
    var status: Int32 = 0
    while waitpid(processID, &status, 0) < 0, errno == EINTR {}
    let signal = status & 0x7F
    return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
  }

  /// In the child, first of all: keeps the descriptor from programs that the child starts itself.
  static func keepReadyDescriptor() {
    _ = fcntl(readyDescriptor, F_SETFD, FD_CLOEXEC)
  }

  /// In the child: says that it is ready.
  ///
  /// - Returns: `false` when nobody waits any more.
  static func sayReady() -> Bool {
    var byte: UInt8 = 1
    let count = write(readyDescriptor, &byte, 1)
    close(readyDescriptor)
    return count == 1
  }

  /// Has exec close every descriptor but the first three, also those that we were given by accident:
  /// somebody may wait for the end of a pipe that the child would hold open for as long as it lives.
  private static func keepDescriptors() {
    guard let stream = opendir("/proc/self/fd") else { return }
    defer { closedir(stream) }
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard let number = Int32(name), number > STDERR_FILENO else { continue }
      _ = fcntl(number, F_SETFD, FD_CLOEXEC)
    }
  }

  private static func failure(_ operation: String, _ code: Int32) -> CommandFailure {
    CommandFailure(.temporary, "cannot \(operation): \(String(cString: strerror(code)))")
  }
}
