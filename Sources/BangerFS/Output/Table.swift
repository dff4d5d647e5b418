// Columns that line up.

/// Rows of text cells; columns are as wide as their widest cell.
struct Table {
  enum Alignment {
    case left
    case right
  }

  private let alignments: [Alignment]
  private var rows: [[String]]

  init(_ columns: [(title: String, alignment: Alignment)]) {
    alignments = columns.map(\.alignment)
    rows = [columns.map(\.title)]
  }

  mutating func add(_ cells: [String]) {
    rows.append(cells)
  }

  var lines: [String] { lines(fitting: nil) }

  /// Lines of at most `width` characters, as far as shortening the last column does it; `nil` is any.
  func lines(fitting width: Int?) -> [String] {
    let widths = alignments.indices.map { column in
      rows.map { $0[column].count }.max() ?? 0
    }
    return rows.map { row in
      let cells = zip(zip(row, widths), alignments).map { cell, alignment in
        Self.pad(cell.0, to: cell.1, alignment)
      }
      let line = cells.joined(separator: "  ")
      let end = line.lastIndex { $0 != " " }.map(line.index(after:)) ?? line.startIndex
      return shorten(String(line[..<end]), to: width, keeping: widths)
    }
  }

  /// Cuts what is in the last column, but not below its title's width.
  private func shorten(_ line: String, to width: Int?, keeping widths: [Int]) -> String {
    guard let width, line.count > width, alignments.last == .left, let title = rows[0].last else {
      return line
    }
    let start = widths.dropLast().reduce(0) { $0 + $1 + 2 }
    let room = max(width, start + title.count)
    return line.count > room ? String(line.prefix(room - 1)) + "…" : line
  }

  static func pad(_ text: String, to width: Int, _ alignment: Alignment) -> String {
    let padding = String(repeating: " ", count: max(0, width - text.count))
    return alignment == .left ? text + padding : padding + text
  }
}
