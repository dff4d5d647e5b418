// What standard output leads to, as far as text is made for it: a terminal has a width and colours.
// Sources: tty_ioctl(4), https://no-color.org.

import FileTree
import Glibc

/// The terminal that standard output may be.
enum OutputTerminal {
  /// How many characters fit into a line; `nil` where nobody looks.
  static let width: Int? = {
    guard isatty(STDOUT_FILENO) == 1 else { return nil }
    var size = winsize()
    let isKnown = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0
    return isKnown && size.ws_col > 0 ? Int(size.ws_col) : 80
  }()

  /// Whether text may be coloured: on a terminal that can, and nobody objects.
  static let hasColors: Bool =
    isatty(STDOUT_FILENO) == 1 && isEmpty("NO_COLOR")
    && getenv("TERM").map { strcmp($0, "dumb") != 0 } == true

  private static func isEmpty(_ variable: String) -> Bool {
    getenv(variable).map { $0.pointee == 0 } ?? true
  }
}

/// The colours that text is told apart by.
///
/// Source: ECMA-48, "SGR"; as ls(1) has them.
enum TextColor: String {
  case red = "31"
  case green = "32"
  case yellow = "33"
  case blue = "1;34"
  case cyan = "36"

  /// The text in this colour where that is wanted, else as it is.
  func paint(_ text: String) -> String {
    OutputTerminal.hasColors ? "\u{1B}[\(rawValue)m\(text)\u{1B}[0m" : text
  }
}

extension TextColor {
  /// What ls(1) shows a file in; `nil` for what it leaves plain.
  init?(of node: Node) {
    switch node.kind {
    case .directory: self = .blue
    case .symbolicLink: self = .cyan
    case .regular where node.mode & 0o111 != 0: self = .green
    case .characterDevice, .blockDevice, .fifo: self = .yellow
    case .regular: return nil
    }
  }
}
