// Standard error: messages, and below them a block of lines that is drawn again and again in place.
// The block gives way to every message. Source: ECMA-48 for the escape sequences.

import Glibc
import struct Synchronization.Atomic
import Threading

/// Where everything but results goes.
///
/// Usable from any thread.
enum StandardError {
  /// The characters of each line of the block that is on the terminal.
  private static let drawn = Mutex<[Int]>([])
  /// How many rows the block takes.
  ///
  /// For signal handlers, which take no lock.
  private static let rowCount = Atomic<Int>(0)

  static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

  /// Best effort: there is nowhere to report a failure to.
  static func write(_ text: String) {
    drawn.withLock { drawn in
      put(erasure(of: &drawn, width: TerminalSize.current.width) + text)
    }
  }

  /// Draws the block, in the place of the one before.
  static func drawBlock(_ lines: [TerminalLine], width: Int) {
    let usesColor = getenv("NO_COLOR").map { $0.pointee == 0 } ?? true
    drawn.withLock { drawn in
      var text = start(of: drawn, width: width)
      // What stands behind each new line is cleared after it was written, so that nothing flickers.
      text += lines.map { $0.escaped(withColor: usesColor) + "\u{1B}[K" }.joined(separator: "\r\n")
      put(text + "\u{1B}[J")
      drawn = lines.map(\.text.count)
      rowCount.store(lines.count, ordering: .relaxed)
    }
  }

  static func eraseBlock() {
    drawn.withLock { drawn in put(erasure(of: &drawn, width: TerminalSize.current.width)) }
  }

  /// The same from a signal handler; the block comes back when it is drawn the next time.
  static func eraseBlockFromSignalHandler() {
    let rows = rowCount.exchange(0, ordering: .relaxed)
    guard rows > 0 else { return }
    put("\r")
    for _ in 1..<rows { put("\u{1B}[A") }
    put("\u{1B}[J")
  }

  private static func erasure(of drawn: inout [Int], width: Int) -> String {
    let start = start(of: drawn, width: width)
    drawn = []
    rowCount.store(0, ordering: .relaxed)
    return start.isEmpty ? "" : start + "\u{1B}[J"
  }

  /// Moves the cursor to where the block begins.
  private static func start(of drawn: [Int], width: Int) -> String {
    guard rowCount.load(ordering: .relaxed) > 0 else { return "" }
    // In a terminal that has become narrower, lines have been wrapped.
    let rows = drawn.reduce(0) { $0 + max(1, ($1 + width - 1) / width) }
    return rows > 1 ? "\r\u{1B}[\(rows - 1)A" : "\r"
  }

  private static func put(_ text: String) {
    guard !text.isEmpty else { return }
    Array(text.utf8).withUnsafeBytes { bytes in
      var rest = bytes
      while !rest.isEmpty {
        let count = Glibc.write(STDERR_FILENO, rest.baseAddress, rest.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      }
    }
  }

  /// Without memory of its own, as signal-safety(7) wants it.
  private static func put(_ text: StaticString) {
    _ = Glibc.write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
  }
}

/// The terminal on standard error.
struct TerminalSize: Equatable {
  var width: Int
  var height: Int

  /// Where the terminal does not say, what terminals have always had.
  static var current: TerminalSize {
    var size = winsize()
    let isKnown = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0
    return TerminalSize(
      width: isKnown && size.ws_col > 0 ? Int(size.ws_col) : 80,
      height: isKnown && size.ws_row > 0 ? Int(size.ws_row) : 24
    )
  }

  /// Whether what we draw does not get into somebody else's way: false after `bg`.
  static var isForeground: Bool {
    let group = tcgetpgrp(STDERR_FILENO)
    return group < 0 || group == getpgrp()
  }
}
