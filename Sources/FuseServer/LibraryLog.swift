// What libfuse says beside its return values, kept for error messages instead of stderr. libfuse
// has one log for the whole process. Source: fuse_log.h, fuse_set_log_func.

import CFuse3
import Glibc
import Threading

/// The last messages of libfuse.
enum LibraryLog {
  private static let keptMessageCount = 16
  private static let longestMessage = 512
  private static let messages = Mutex<[String]>([])

  /// Makes libfuse log here from now on; further calls change nothing.
  static func install() {
    fuse_set_log_func { _, format, arguments in LibraryLog.keep(format, arguments) }
  }

  /// The messages since the last call, oldest first.
  static func take() -> [String] {
    messages.withLock { messages in
      defer { messages.removeAll() }
      return messages
    }
  }

  // Optional on some platforms, where a `va_list` is a pointer.
  private static func keep(_ format: UnsafePointer<CChar>?, _ arguments: CVaListPointer?) {
    guard let format, let arguments else { return }
    let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: longestMessage) { buffer in
      buffer.initialize(repeating: 0)
      vsnprintf(buffer.baseAddress, buffer.count, format, arguments)
      let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      return String(decoding: bytes, as: UTF8.self)
    }
    let trimmed = String(text.reversed().drop { $0.isWhitespace }.reversed())
    messages.withLock { messages in
      if messages.count == keptMessageCount { messages.removeFirst() }
      messages.append(trimmed)
    }
  }
}
