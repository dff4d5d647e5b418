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

  var lines: [String] {
    let widths = alignments.indices.map { column in
      rows.map { $0[column].count }.max() ?? 0
    }
    return rows.map { row in
      let cells = zip(zip(row, widths), alignments).map { cell, alignment in
        Self.pad(cell.0, to: cell.1, alignment)
      }
      let line = cells.joined(separator: "  ")
      return String(line.reversed().drop { $0 == " " }.reversed())
    }
  }

  static func pad(_ text: String, to width: Int, _ alignment: Alignment) -> String {
    let padding = String(repeating: " ", count: max(0, width - text.count))
    return alignment == .left ? text + padding : padding + text
  }
}
