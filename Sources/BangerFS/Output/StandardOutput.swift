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

/// Where everything but results goes.
enum StandardError {
  /// Best effort: there is nowhere to report a failure to.
  static func write(_ text: String) {
    _ = Array(text.utf8).withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }

  static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }
}
