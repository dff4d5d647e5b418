// Text of others in an HTML page: names, paths, commands. Whatever it says, it stays text.

import FileTree

enum HTMLText {
  /// Text between tags, or in a quoted attribute.
  static func escaped(_ text: String) -> String {
    var escaped = ""
    escaped.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&#39;"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  /// JSON as the content of a script element, which it cannot end: what HTML gives a meaning to is
  /// written as `\u00HH`, and so are the two line ends that JSON allows in a string.
  ///
  /// Source: HTML, "Restrictions for contents of script elements"; RFC 8259 §7.
  static func script(_ json: String) -> String {
    var escaped = ""
    escaped.reserveCapacity(json.utf8.count)
    for scalar in json.unicodeScalars {
      switch scalar {
      case "<": escaped += "\\u003c"
      case ">": escaped += "\\u003e"
      case "&": escaped += "\\u0026"
      case "\u{2028}": escaped += "\\u2028"
      case "\u{2029}": escaped += "\\u2029"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}

/// What a page shows of bytes and texts that are anybody's choice: bounded, and nothing in it that
/// cannot be seen.
enum ShownText {
  /// A name or path: as it is where that is UTF-8, else with `\xHH` for such bytes; a backslash doubled.
  static func name(_ bytes: [UInt8], limit: Int) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      let shown = EscapedBytes.string(bytes.prefix(limit))
      return bytes.count > limit ? shown + "…" : shown
    }
    return TerminalText.line(cut(text, to: limit).replacing("\\", with: "\\\\"))
  }

  /// A text of the image's documents.
  static func text(_ text: String, limit: Int) -> String {
    TerminalText.line(cut(text, to: limit))
  }

  /// By scalars: of those that join there may be thousands in one character.
  private static func cut(_ text: String, to limit: Int) -> String {
    let scalars = text.unicodeScalars
    guard let end = scalars.index(scalars.startIndex, offsetBy: limit, limitedBy: scalars.endIndex),
      end < scalars.endIndex
    else { return text }
    return String(scalars[..<end]) + "…"
  }
}
