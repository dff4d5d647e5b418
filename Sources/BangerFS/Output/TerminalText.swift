// Text of others for a terminal: paths, names and whatever else may be anybody's choice. Knows nothing of
// names in an image, which are bytes (EscapedBytes).

import FileTree

/// Text without anything that moves a cursor, hides other text or turns its direction.
enum TerminalText {
  /// The text in one line, such characters as the `\xHH` of their UTF-8.
  static func line(_ text: String) -> String {
    escaping(text) { EscapedBytes.string(String($0).utf8) }
  }

  /// The same for text of several lines.
  static func lines(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { line(String($0)) }
      .joined(separator: "\n")
  }

  /// A JSON text with such characters in its strings as `\uHHHH`, which means the same (RFC 8259 §7).
  static func json(_ text: String) -> String {
    escaping(text) { scalar in
      scalar == "\n" ? "\n" : scalar.utf16.map(unicodeEscape).joined()
    }
  }

  private static func escaping(_ text: String, _ escape: (Unicode.Scalar) -> String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if isInvisible(scalar) {
        result.append(contentsOf: escape(scalar).unicodeScalars)
      } else {
        result.append(scalar)
      }
    }
    return String(result)
  }

  private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: true
    default: false
    }
  }

  private static func unicodeEscape(_ unit: UInt16) -> String {
    let digits = String(unit, radix: 16)
    return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
  }
}
