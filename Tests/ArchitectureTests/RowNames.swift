// The tables of docs/SEMANTICS.md against the names of tests: every row has a test whose name begins with
// it, and no test has the name of a row that there is not.

/// A name like U16.
struct RowName: Hashable, Comparable, CustomStringConvertible {
  var section: Character
  var number: Int

  var description: String { "\(section)\(number)" }

  static func < (left: RowName, right: RowName) -> Bool {
    (left.section, left.number) < (right.section, right.number)
  }

  /// How many rows each section has; one more would be one more test.
  static let sections: KeyValuePairs<Character, Int> = [
    "U": 35, "N": 13, "H": 11, "S": 3, "T": 33, "M": 18, "B": 16, "I": 21, "X": 36,
  ]

  static let all = sections.flatMap { section, count in
    (1...count).map { RowName(section: section, number: $0) }
  }

  /// The names that a text begins with: `U1`, `T13, T14`, `U5–U7`, `T15 to T19, N3`.
  ///
  /// - Returns: `nil` unless a colon, a space or the end follows them.
  static func leading(_ text: some StringProtocol) -> [RowName]? {
    let name = /[UNHSTMBIX][0-9]{1,2}/
    guard
      let list = String(text).prefixMatch(
        of: /[UNHSTMBIX][0-9]{1,2}((, |–| to )[UNHSTMBIX][0-9]{1,2})*(?=[: ]|$)/
      )
    else { return nil }
    var names: [RowName] = []
    for part in String(list.output.0).split(separator: ", ") {
      let ends = part.matches(of: name).compactMap { parse($0.output) }
      guard let first = ends.first, let last = ends.last else { return nil }
      names += (first.number...max(first.number, last.number)).map {
        RowName(section: first.section, number: $0)
      }
    }
    return names
  }

  private static func parse(_ text: Substring) -> RowName? {
    guard let section = text.first, let number = Int(text.dropFirst()) else { return nil }
    return RowName(section: section, number: number)
  }
}

enum RowNames {
  static let document = "docs/SEMANTICS.md"

  /// A row of the document, and what it says proves it, beside tests of its name.
  private struct Row {
    var line: Int
    var names: [RowName]
    /// The last cell of a table with four.
    var proof: String
  }

  /// The names of tests in a file: raw identifiers, and strings that begin with a row's name.
  struct TestNames {
    var identifiers: Set<String> = []
    /// By the first place of each.
    var rows: [RowName: (path: String, line: Int)] = [:]

    mutating func add(_ file: SourceFile) {
      for (index, line) in file.lines.enumerated() {
        for text in Self.quoted(Array(line.utf8)) {
          for name in RowName.leading(text) ?? [] where rows[name] == nil {
            rows[name] = (file.path, index + 1)
          }
        }
        guard line.contains("func `"), let match = line.firstMatch(of: /func `(?<name>[^`]+)`/)
        else { continue }
        identifiers.insert(String(match.output.name))
      }
    }

    /// What is between quotation marks and looks like a row's name at its beginning.
    ///
    /// By bytes: with an expression for every line, a debug build takes minutes.
    private static func quoted(_ line: [UInt8]) -> [String] {
      line.indices.dropLast(2).compactMap { place in
        guard marks.contains(line[place]), sections.contains(line[place + 1]),
          UInt8(ascii: "0")...UInt8(ascii: "9") ~= line[place + 2]
        else { return nil }
        let text = line[(place + 1)...].prefix { !marks.contains($0) }
        return String(decoding: text, as: UTF8.self)
      }
    }

    private static let marks = Array("\"`".utf8)
    private static let sections = Array("UNHSTMBIX".utf8)
  }

  static func findings(in text: String, tests: TestNames) -> [Finding] {
    let file = SourceFile(path: document, text: text)
    let rows = file.lines.enumerated().compactMap(row)
    let known = Dictionary(grouping: rows.flatMap(\.names)) { $0 }
    var findings: [Finding] = []
    for row in rows {
      for name in row.names where tests.rows[name] == nil {
        findings += unproven(name, row, tests, file)
      }
    }
    for name in RowName.all where known[name]?.count != 1 {
      let count = known[name]?.count ?? 0
      findings.append(Finding(path: document, line: 1, reason: "\(name) is there \(count) times"))
    }
    for (name, place) in tests.rows.sorted(by: { $0.key < $1.key }) where known[name] == nil {
      findings.append(
        Finding(path: place.path, line: place.line, reason: "\(name) is not in \(document)")
      )
    }
    return findings
  }

  private static func row(_ index: Int, _ line: String) -> Row? {
    guard line.hasPrefix("| ") else { return nil }
    // A bar inside code is written with a backslash.
    let cells = line.replacing("\\|", with: "").split(separator: "|").map {
      $0.trimmingPrefix(/\s+/)
    }
    guard let first = cells.first, let names = RowName.leading(first) else { return nil }
    return Row(line: index, names: names, proof: cells.count > 3 ? String(cells[3]) : "")
  }

  /// A row without a test of its name needs others that prove it, and these must be there.
  private static func unproven(
    _ name: RowName,
    _ row: Row,
    _ tests: TestNames,
    _ file: SourceFile
  ) -> [Finding] {
    let others = row.proof.matches(of: /`(?<name>[^`]+)`/).map { String($0.output.name) }
    let names = row.proof.matches(of: /[UNHSTMBIX][0-9]{1,2}\b/).flatMap {
      RowName.leading($0.output) ?? []
    }
    if others.isEmpty, names.isEmpty {
      return [Finding(file, line: row.line, "\(name) has no test")]
    }
    return others.filter { !tests.identifiers.contains($0) }.map {
      Finding(file, line: row.line, "\(name): no test is called \($0)")
    }
      + names.filter { tests.rows[$0] == nil }.map {
        Finding(file, line: row.line, "\(name): \($0) has no test")
      }
  }
}
