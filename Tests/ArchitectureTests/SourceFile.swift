// A Swift file as text: its lines, and the same lines with comments and string literals blanked, so
// that rules about code do not fire on prose. Knows Swift's quoting; does not parse Swift.

import Foundation

/// One file below the package's root.
struct SourceFile: Sendable {
  /// From the root, as `Sources/FileTree/Tree.swift`.
  let path: String
  let lines: [String]
  /// `lines` with a space for every character of a comment, a string literal or a quoted identifier.
  let code: [String]

  init(path: String, text: String) {
    self.path = path
    lines = Self.split(Array(text.utf8))
    code = Self.split(CodeExtractor(text).code)
  }

  /// The directory below `Sources` or `Tests`.
  var target: String {
    let parts = path.split(separator: "/")
    return parts.count > 2 ? String(parts[1]) : ""
  }

  /// The indices of the code lines that hold one of the words, as a first sieve before a regex.
  func codeLines(with words: String...) -> [Int] {
    code.indices.filter { index in words.contains { code[index].contains($0) } }
  }

  var isInSources: Bool { path.hasPrefix("Sources/") }

  private static func split(_ bytes: [UInt8]) -> [String] {
    var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines.map { String(decoding: $0, as: UTF8.self) }
  }
}

extension SourceFile {
  /// The package's root, three levels above this file.
  static var root: URL {
    URL(filePath: #filePath).resolvingSymlinksInPath()
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  }

  /// All files in a directory of the package with one of the endings, in the order of their paths.
  static func all(in directory: String, endings: [String] = ["swift"]) throws -> [SourceFile] {
    let names = try FileManager.default.subpathsOfDirectory(
      atPath: root.appending(path: directory).path(percentEncoded: false)
    )
    return try names.filter { name in endings.contains { name.hasSuffix("." + $0) } }.sorted().map {
      let path = directory + "/" + $0
      let text = try String(contentsOf: root.appending(path: path), encoding: .utf8)
      return SourceFile(path: path, text: text)
    }
  }
}

/// Blanks what is not code.
private struct CodeExtractor {
  private enum Mode {
    /// Code; inside an interpolation, how many parentheses are open in it.
    case code(openParentheses: Int)
    case string(hashes: Int, quotes: Int)
    case lineComment
    case blockComment
    case quotedIdentifier
  }

  private(set) var code: [UInt8] = []
  private let text: [UInt8]
  private var position = 0
  private var modes = [Mode.code(openParentheses: 0)]

  init(_ text: String) {
    self.text = Array(text.utf8)
    code.reserveCapacity(self.text.count)
    while position < self.text.count { step() }
  }

  private mutating func step() {
    switch modes[modes.count - 1] {
    case .code(let open): stepInCode(open)
    case .string(let hashes, let quotes): stepInString(hashes, quotes)
    case .lineComment: stepInLineComment()
    case .blockComment: stepInBlockComment()
    case .quotedIdentifier: stepInQuotedIdentifier()
    }
  }

  private mutating func stepInCode(_ open: Int) {
    if copyPlainCode() { return }
    let hashes = count(of: "#", at: position)
    if starts("//") {
      enter(.lineComment, blanking: 2)
    } else if starts("/*") {
      enter(.blockComment, blanking: 2)
    } else if starts("`") {
      enter(.quotedIdentifier, blanking: 1)
    } else if count(of: "\"", at: position + hashes) > 0 {
      let quotes = starts("\"\"\"", at: position + hashes) ? 3 : 1
      enter(.string(hashes: hashes, quotes: quotes), blanking: hashes + quotes)
    } else if modes.count > 1, starts(")"), open == 0 {
      leave(blanking: 1)
    } else {
      if starts("(") { modes[modes.count - 1] = .code(openParentheses: open + 1) }
      if starts(")") { modes[modes.count - 1] = .code(openParentheses: open - 1) }
      code.append(text[position])
      position += 1
    }
  }

  /// Most of a file: bytes that begin nothing.
  ///
  /// Without it, a debug build takes a minute for the package.
  private mutating func copyPlainCode() -> Bool {
    let start = position
    while position < text.count, !Self.marks.contains(text[position]) { position += 1 }
    code += text[start..<position]
    return position > start
  }

  private static let marks = Set("#/`\"()".utf8)

  private mutating func stepInString(_ hashes: Int, _ quotes: Int) {
    let marks = String(repeating: "#", count: hashes)
    if starts(String(repeating: "\"", count: quotes) + marks) {
      leave(blanking: quotes + hashes)
    } else if starts("\\" + marks + "(") {
      enter(.code(openParentheses: 0), blanking: 2 + hashes)
    } else if starts("\\" + marks) {
      blank(2 + hashes)
    } else {
      blank(1)
    }
  }

  private mutating func stepInLineComment() {
    blank((text[position...].firstIndex(of: UInt8(ascii: "\n")) ?? text.count) - position)
    modes.removeLast()
  }

  private mutating func stepInBlockComment() {
    if starts("*/") {
      leave(blanking: 2)
    } else if starts("/*") {
      enter(.blockComment, blanking: 2)
    } else {
      blank(1)
    }
  }

  private mutating func stepInQuotedIdentifier() {
    if starts("`") { leave(blanking: 1) } else { blank(1) }
  }

  private mutating func enter(_ mode: Mode, blanking byteCount: Int) {
    blank(byteCount)
    modes.append(mode)
  }

  private mutating func leave(blanking byteCount: Int) {
    blank(byteCount)
    modes.removeLast()
  }

  private mutating func blank(_ byteCount: Int) {
    for byte in text[position...].prefix(byteCount) {
      let newline = UInt8(ascii: "\n")
      code.append(byte == newline ? newline : UInt8(ascii: " "))
    }
    position += min(byteCount, text.count - position)
  }

  private func starts(_ bytes: String, at start: Int? = nil) -> Bool {
    let start = start ?? position
    return start <= text.count && text[start...].starts(with: bytes.utf8)
  }

  private func count(of mark: Character, at start: Int) -> Int {
    guard let byte = mark.asciiValue, start <= text.count else { return 0 }
    return text[start...].prefix { $0 == byte }.count
  }
}
