// The set-user-ID program by which ordinary users mount and unmount. Knows its arguments, how it
// hands over the descriptor of /dev/fuse, and what its refusals mean. Source: fusermount3(1),
// unix(7) "SCM_RIGHTS", posix_spawn(3).

import CFuse3
import Glibc

/// Runs `fusermount3`, found in the search path, and waits for it.
enum Fusermount {
  /// The number under which the helper finds our socket.
  private static let helperSocket: Int32 = 3

  /// The most of the helper's stderr that is kept.
  private static let longestMessage = 2048

  /// Mounts at `path` and returns the descriptor of /dev/fuse.
  ///
  /// The helper opens the device itself and sends the descriptor over a socket whose number it
  /// reads from its environment.
  static func mount(
    at path: [UInt8],
    options: FuseOptions
  ) throws(FuseError) -> OwnedDescriptor {
    let sockets = try SocketPair()
    let arguments = [Array("-o".utf8), options.helperOptions, Array("--".utf8), path]
    let process = try start(arguments, socket: sockets.far)
    let device = receiveDescriptor(from: sockets.near)
    let outcome = process.finish()
    guard let device else { throw refusal(outcome.message) }
    return device
  }

  /// Unmounts `path`, at once or, if `isLazy`, when nobody uses it any more.
  static func unmount(_ path: [UInt8], isLazy: Bool) throws(FuseError) {
    let flags = isLazy ? ["-u", "-z"] : ["-u"]
    let outcome = try start(flags.map { Array($0.utf8) } + [Array("--".utf8), path]).finish()
    if outcome.succeeded { return }
    // The end of what it says is strerror(3) in the C locale.
    if outcome.message.hasSuffix("Device or resource busy") {
      throw .unmountRefused(POSIXErrno(rawValue: EBUSY))
    }
    // That is how it looks for the user's mounts; that there is one we know.
    if outcome.message.contains("not found in /etc/mtab") { throw .mountedByAnother }
    throw .helperRefused(message: outcome.message)
  }

  private static func refusal(_ message: String) -> FuseError {
    if message.contains("user_allow_other") { return .allowOtherNotPermitted }
    if message.contains("no write access to mountpoint") { return .mountpointNotPermitted }
    return .helperRefused(message: message)
  }

  /// Waits for the descriptor that the helper sends, or for the helper to close its end.
  private static func receiveDescriptor(
    from socket: borrowing OwnedDescriptor
  ) -> OwnedDescriptor? {
    let headerByteCount = MemoryLayout<cmsghdr>.size
    let controlByteCount = headerByteCount + MemoryLayout<UInt64>.size
    var byte: UInt8 = 0
    return withUnsafeTemporaryAllocation(
      byteCount: controlByteCount,
      alignment: MemoryLayout<cmsghdr>.alignment
    ) { control in
      control.initializeMemory(as: UInt8.self, repeating: 0)
      let received = withUnsafeMutableBytes(of: &byte) { data in
        var vector = iovec(iov_base: data.baseAddress, iov_len: data.count)
        return withUnsafeMutablePointer(to: &vector) { vector in
          var message = msghdr()
          message.msg_iov = vector
          message.msg_iovlen = 1
          message.msg_control = control.baseAddress
          message.msg_controllen = control.count
          return retryingInterrupts {
            recvmsg(socket.number, &message, Int32(MSG_CMSG_CLOEXEC))
          }
        }
      }
      // CMSG_FIRSTHDR and CMSG_DATA are macros: the header, and what it carries right behind it.
      let header = control.load(as: cmsghdr.self)
      guard received > 0, header.cmsg_level == SOL_SOCKET,
        header.cmsg_type == Int32(SCM_RIGHTS),
        header.cmsg_len >= headerByteCount + MemoryLayout<Int32>.size
      else { return nil }
      return OwnedDescriptor(open: control.load(fromByteOffset: headerByteCount, as: Int32.self))
    }
  }
}

extension Fusermount {
  /// The helper while it runs; to be finished exactly once.
  private struct RunningHelper: ~Copyable {
    let processID: pid_t
    let errors: OwnedDescriptor

    /// Reads what the helper says and waits for its end.
    consuming func finish() -> (succeeded: Bool, message: String) {
      var said: [UInt8] = []
      var chunk = [UInt8](repeating: 0, count: 512)
      let descriptor = errors.number
      while true {
        let count = retryingInterrupts { read(descriptor, &chunk, chunk.count) }
        guard count > 0 else { break }
        said.append(contentsOf: chunk[..<count].prefix(Fusermount.longestMessage - said.count))
      }
      var status: Int32 = 0
      let process = processID
      let waited = retryingInterrupts { Int(waitpid(process, &status, 0)) }
      return (waited == Int(process) && status == 0, Self.message(from: said))
    }

    /// The lines of stderr as one, without the program's name, which the error says already.
    private static func message(from said: [UInt8]) -> String {
      let prefix = "fusermount3: "
      return String(decoding: said, as: UTF8.self)
        .split(separator: "\n")
        .map { String($0.hasPrefix(prefix) ? $0.dropFirst(prefix.count) : $0) }
        .joined(separator: "; ")
    }
  }

  private static func start(_ arguments: [[UInt8]]) throws(FuseError) -> RunningHelper {
    try start(arguments, socketNumber: nil)
  }

  /// Our copy of the helper's end is closed on return, so that the helper's death ends the wait.
  private static func start(
    _ arguments: [[UInt8]],
    socket: consuming OwnedDescriptor
  ) throws(FuseError) -> RunningHelper {
    try start(arguments, socketNumber: socket.number)
  }

  private static func start(
    _ arguments: [[UInt8]],
    socketNumber: Int32?
  ) throws(FuseError) -> RunningHelper {
    var ends: [Int32] = [-1, -1]
    guard cfuse3_pipe(&ends) == 0 else {
      throw .systemCall(name: "pipe", POSIXErrno.current)
    }
    let errors = OwnedDescriptor(open: ends[0])
    let helperErrors = OwnedDescriptor(open: ends[1])

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, helperErrors.number, STDERR_FILENO)
    if let socketNumber {
      posix_spawn_file_actions_adddup2(&actions, socketNumber, helperSocket)
    }
    return RunningHelper(
      processID: try spawn(arguments, actions: &actions),
      errors: errors
    )
  }

  private static func spawn(
    _ arguments: [[UInt8]],
    actions: inout posix_spawn_file_actions_t
  ) throws(FuseError) -> pid_t {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var noSignals = sigset_t()
    sigemptyset(&noSignals)
    posix_spawnattr_setsigmask(&attributes, &noSignals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

    let environment = ["_FUSE_COMMFD=\(helperSocket)", "LC_ALL=C"].map { Array($0.utf8) }
    var process: pid_t = 0
    let failure = withCStrings([Array("fusermount3".utf8)] + arguments) { arguments in
      withCStrings(environment) { environment in
        posix_spawnp(&process, "fusermount3", &actions, &attributes, arguments, environment)
      }
    }
    guard failure == 0 else {
      throw failure == ENOENT
        ? .helperMissing : .systemCall(name: "posix_spawn", POSIXErrno(rawValue: failure))
    }
    return process
  }

  /// Calls `body` with an array of C strings, ended by `nil`, as exec(3) takes it.
  private static func withCStrings(
    _ strings: [[UInt8]],
    _ body: ([UnsafeMutablePointer<CChar>?]) -> Int32
  ) -> Int32 {
    let pointers = strings.map { strdup(cString($0)) }
    defer { pointers.forEach { free($0) } }
    return body(pointers + [nil])
  }

  private static func retryingInterrupts(_ call: () -> Int) -> Int {
    while true {
      let result = call()
      guard result < 0, errno == EINTR else { return result }
    }
  }
}
