// Where results go. Bytes as they are; a full disk or a closed pipe is an error like any other.

import Glibc

/// Buffered standard output.
///
/// What was written appears when `flush` is called.
struct StandardOutput: ~Copyable {
  private static let bufferByteCount = 64 << 10
  private var buffer: [UInt8] = []

  init() {
    buffer.reserveCapacity(Self.bufferByteCount)
  }

  mutating func write(_ text: String) throws(CommandFailure) {
    buffer.append(contentsOf: text.utf8)
    if buffer.count >= Self.bufferByteCount { try flush() }
  }

  mutating func append(_ bytes: UnsafeRawBufferPointer) throws(CommandFailure) {
    buffer.append(contentsOf: bytes)
    if buffer.count >= Self.bufferByteCount { try flush() }
  }

  mutating func line(_ text: String) throws(CommandFailure) {
    try write(text + "\n")
  }

  mutating func write(_ bytes: UnsafeRawBufferPointer) throws(CommandFailure) {
    try flush()
    try Self.writeFully(bytes)
  }

  mutating func flush() throws(CommandFailure) {
    let pending = buffer
    buffer.removeAll(keepingCapacity: true)
    let result = pending.withUnsafeBytes { bytes in
      Result { () throws(CommandFailure) in try Self.writeFully(bytes) }
    }
    try result.get()
  }

  private static func writeFully(_ bytes: UnsafeRawBufferPointer) throws(CommandFailure) {
    var rest = bytes
    while !rest.isEmpty {
      let count = Glibc.write(STDOUT_FILENO, rest.baseAddress, rest.count)
      if count < 0 {
        if errno == EINTR { continue }
        throw CommandFailure(
          .inputOutput,
          "cannot write to standard output: \(String(cString: strerror(errno)))"
        )
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }
}

/// Standard input, output and error as the caller left them.
enum StandardStreams {
  /// Opens /dev/null in the place of those that the caller had closed.
  ///
  /// Else the next files to be opened would get their numbers: a layer would be closed where a mount
  /// lets go of the terminal, and messages would be written into the cache. Opened for the wrong
  /// direction, so that writing to a closed output still fails.
  static func fillGaps() {
    let directions = [
      (STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDONLY),
    ]
    // In ascending order: open(2) takes the lowest number that is free.
    for (number, direction) in directions where fcntl(number, F_GETFD) < 0 {
      _ = open("/dev/null", direction)
    }
  }
}
