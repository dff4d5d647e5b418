// The rules that a formatter and a compiler do not know. Each takes files as text and returns what
// breaks it; none reads the disk.

/// One place that breaks a rule.
struct Finding: Equatable, CustomStringConvertible {
  let path: String
  /// Counted from 1.
  let line: Int
  let reason: String

  init(_ file: SourceFile, line index: Int, _ reason: String) {
    path = file.path
    line = index + 1
    self.reason = reason
  }

  init(path: String, line: Int, reason: String) {
    self.path = path
    self.line = line
    self.reason = reason
  }

  var description: String { "\(path):\(line): \(reason)" }
}

/// What every file must keep to.
enum FileRules {
  static let longestFile = 400
  static let longestFunction = 70

  static func opensWithComment(_ file: SourceFile) -> [Finding] {
    file.lines.first?.hasPrefix("// ") == true
      ? [] : [Finding(file, line: 0, "does not open with a // comment")]
  }

  static func isShort(_ file: SourceFile) -> [Finding] {
    file.lines.count <= longestFile
      ? [] : [Finding(file, line: longestFile, "file has \(file.lines.count) lines")]
  }

  static func functionsAreShort(_ file: SourceFile) -> [Finding] {
    FunctionScan.functions(in: file).compactMap { function in
      function.count <= longestFunction
        ? nil : Finding(file, line: function.lowerBound, "function has \(function.count) lines")
    }
  }

  /// A mark of unfinished work carries the issue that it waits for: `TODO(#12)`.
  static func marksNameIssues(_ file: SourceFile) -> [Finding] {
    file.lines.enumerated().flatMap { index, line in
      [/\bTODO\b(?!\(#[0-9]+\))/, /\bFIXME\b(?!\(#[0-9]+\))/].compactMap { mark in
        line.firstMatch(of: mark).map {
          Finding(file, line: index, "\($0.output) without an issue")
        }
      }
    }
  }
}

/// What must not stand in the program's code.
enum CodeRules {
  /// Where results are written to the standard output.
  static let outputDirectory = "Sources/BangerFS/Output"

  static func avoidsTraps(_ file: SourceFile) -> [Finding] {
    file.codeLines(with: "fatalError", "try!", "try?", "as!").compactMap { index in
      file.code[index].firstMatch(of: /\b(fatalError\b|try!|try\?|as!)/)
        .map { Finding(file, line: index, "\($0.output.0) is banned") }
    }
  }

  /// Values that may be missing are asked for; a `!` behind an expression or a type trusts instead.
  static func unwrapsNothingByForce(_ file: SourceFile) -> [Finding] {
    file.codeLines(with: "!", "unsafelyUnwrapped").filter {
      file.code[$0].contains(/[\w)\]}"?]!(?!=)|unsafelyUnwrapped/)
    }.map { Finding(file, line: $0, "unwrapped by force") }
  }

  /// In the readers of what comes from outside, arithmetic that wraps around silently hides what a
  /// checked one would stop at; each place says why it cannot matter.
  static func wrappingIsArgued(_ file: SourceFile) -> [Finding] {
    guard Architecture.readersOfForeignBytes.contains(file.target) else { return [] }
    return file.codeLines(with: "&+", "&-", "&*").filter { index in
      !file.lines[max(0, index - 3)...index].contains { $0.contains("//") }
    }.map { Finding(file, line: $0, "wraps around without a comment") }
  }

  static func printsOnlyInOutput(_ file: SourceFile) -> [Finding] {
    if file.path.hasPrefix(outputDirectory) { return [] }
    return file.codeLines(with: "print(", "debugPrint(")
      .filter { file.code[$0].contains(/\b(debugPrint|print)\(/) }
      .map { Finding(file, line: $0, "prints outside BangerFS/Output") }
  }

  static func pureTargetsAreSafe(_ file: SourceFile) -> [Finding] {
    guard Architecture.pureTargets.contains(file.target) else { return [] }
    return file.codeLines(with: "unsafe").filter { file.code[$0].contains(/\bunsafe\b/) }
      .map { Finding(file, line: $0, "unsafe in a pure target") }
  }

  static func threadsBelowTheCache(_ file: SourceFile) -> [Finding] {
    guard Architecture.synchronousTargets.contains(file.target) else { return [] }
    let word = /\b(async|await|actor)\b|\bTask(\.detached)?\s*[({]/
    return file.codeLines(with: "async", "await", "actor", "Task")
      .filter { file.code[$0].contains(word) }
      .map { Finding(file, line: $0, "concurrency below the cache") }
  }

  /// The compiler's word is only overruled in listed files, and with an argument in front.
  static func uncheckedIsArgued(_ file: SourceFile) -> [Finding] {
    file.codeLines(with: "@unchecked").compactMap {
      index in
      guard Architecture.uncheckedSendableFiles.contains(file.path) else {
        return Finding(file, line: index, "@unchecked Sendable in a file that is not listed")
      }
      let isArgued = index > 0 && file.lines[index - 1].contains("//")
      return isArgued ? nil : Finding(file, line: index, "@unchecked Sendable without a comment")
    }
  }
}

/// Finds functions by their layout, which the formatter guarantees: the closing brace stands below
/// the first character of the declaration.
enum FunctionScan {
  /// The lines of each function, initialiser, subscript and the like that has a body.
  static func functions(in file: SourceFile) -> [Range<Int>] {
    file.codeLines(with: "func ", "init", "subscript").compactMap { start in
      isDeclaration(file.code[start]) ? body(from: start, in: file.code) : nil
    }
  }

  private static func isDeclaration(_ line: String) -> Bool {
    line.contains(
      /^\s*((@[\w()]+|[a-z]+(\([a-z]+\))?)\s+)*(func\s|init[?(<]|deinit\b|subscript[(<])/
    )
  }

  private static func body(from start: Int, in code: [String]) -> Range<Int>? {
    let indent = String(code[start].prefix { $0 == " " })
    guard let opening = opening(from: start, indent: indent, in: code) else { return nil }
    if isBalanced(code[opening]) { return start..<(opening + 1) }
    guard let end = code[(opening + 1)...].firstIndex(where: { $0.hasPrefix(indent + "}") }) else {
      return nil
    }
    return start..<(end + 1)
  }

  /// The line with the body's opening brace; `nil` for a requirement of a protocol.
  private static func opening(from start: Int, indent: String, in code: [String]) -> Int? {
    for index in start..<code.count {
      let line = code[index]
      let isContinuation =
        index == start || line.hasPrefix(indent + " ") || line.hasPrefix(indent + ")")
        || line.hasPrefix(indent + "where ")
      guard isContinuation else { return nil }
      if line.contains("{") { return index }
    }
    return nil
  }

  private static func isBalanced(_ line: String) -> Bool {
    line.count { $0 == "{" } == line.count { $0 == "}" }
  }
}
