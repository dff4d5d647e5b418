// What a terminal shows after a program has written to it: enough of one for progress.
// Source: ECMA-48, "CUU", "ED", "EL", "SGR".

/// Rows of characters and a cursor.
struct Screen {
  private(set) var rows: [[Character]] = [[]]
  private var row = 0
  private var column = 0
  /// Sequences that this terminal does not know.
  private(set) var unknown: [String] = []

  init(_ text: String) {
    // "\r\n" would be one character.
    var rest = Substring(text).unicodeScalars
    while let scalar = rest.popFirst() {
      switch scalar {
      case "\r": column = 0
      case "\n": newLine()
      case "\u{1B}": escape(&rest)
      default: put(Character(scalar))
      }
    }
  }

  /// The rows without blanks at their ends, and without empty ones at the end.
  var lines: [String] {
    var lines = rows.map { String(String($0).reversed().drop { $0 == " " }.reversed()) }
    while lines.last?.isEmpty == true { lines.removeLast() }
    return lines
  }

  private mutating func newLine() {
    row += 1
    if row == rows.count { rows.append([]) }
  }

  private mutating func put(_ character: Character) {
    while rows[row].count <= column { rows[row].append(" ") }
    rows[row][column] = character
    column += 1
  }

  private mutating func escape(_ rest: inout Substring.UnicodeScalarView) {
    guard rest.popFirst() == "[" else { return unknown.append("ESC") }
    let digits = rest.prefix { $0.properties.numericType != nil }
    rest = rest.dropFirst(digits.count)
    switch rest.popFirst() {
    case "A": row = max(0, row - (Int(String(digits)) ?? 1))
    case "K": rows[row] = Array(rows[row].prefix(column))
    case "J":
      rows[row] = Array(rows[row].prefix(column))
      rows.removeLast(rows.count - row - 1)
    case "m": break
    case let other: unknown.append("\(String(digits))\(other.map(String.init) ?? "")")
    }
  }
}
