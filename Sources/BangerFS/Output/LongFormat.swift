// The columns of `ls -l`.

import FileTree
import FlatArrays
import Foundation

/// One file's details, as text.
struct LongFormat {
  private let mode: String
  private let columns: [String]
  private let suffix: String

  init(of node: Node, in tree: Tree) {
    mode = ModeText.string(node)
    let isDevice = node.kind == .characterDevice || node.kind == .blockDevice
    let size =
      isDevice
      ? "\(node.deviceMajor), \(node.deviceMinor)"
      : "\(node.kind == .directory ? 0 : node.size)"
    columns = ["\(node.linkCount)", "\(node.uid)", "\(node.gid)", size, TimeText.string(node)]
    suffix =
      node.kind == .symbolicLink ? " -> " + EscapedBytes.string(tree.target(of: node).array) : ""
  }

  /// Lines with the columns of all of them lined up.
  static func align(_ details: [LongFormat], names: [String]) -> [String] {
    let widths = (0..<5).map { column in details.map { $0.columns[column].count }.max() ?? 0 }
    // A mark for extended attributes makes some modes longer.
    let modeWidth = details.map { $0.mode.count }.max() ?? 0
    return zip(details, names).map { detail, name in
      let mode = Table.pad(detail.mode, to: modeWidth, .left)
      let cells = zip(detail.columns, widths).map { Table.pad($0, to: $1, .right) }
      return ([mode] + cells + [name + detail.suffix]).joined(separator: " ")
    }
  }
}

/// Type and permissions as `ls -l` writes them.
///
/// Source: POSIX ls(1), "long format".
enum ModeText {
  /// In octal, the permissions in three digits at least.
  static func octal(_ mode: UInt16) -> String {
    let digits = String(mode, radix: 8)
    return "0" + String(repeating: "0", count: max(3 - digits.count, 0)) + digits
  }

  static func string(_ node: Node) -> String {
    let mode = node.mode
    return type(node.kind)
      + triple(mode >> 6, special: mode & 0o4000 != 0, mark: ("s", "S"))
      + triple(mode >> 3, special: mode & 0o2000 != 0, mark: ("s", "S"))
      + triple(mode, special: mode & 0o1000 != 0, mark: ("t", "T"))
      + (node.extendedAttributes.count > 0 ? "+" : "")
  }

  private static func type(_ kind: NodeKind) -> String {
    switch kind {
    case .directory: "d"
    case .regular: "-"
    case .symbolicLink: "l"
    case .characterDevice: "c"
    case .blockDevice: "b"
    case .fifo: "p"
    }
  }

  private static func triple(
    _ bits: UInt16,
    special: Bool,
    mark: (executable: String, plain: String)
  ) -> String {
    let execute = bits & 1 != 0
    let last = special ? (execute ? mark.executable : mark.plain) : (execute ? "x" : "-")
    return (bits & 4 != 0 ? "r" : "-") + (bits & 2 != 0 ? "w" : "-") + last
  }
}

/// Times in UTC, so that the same image looks the same everywhere.
enum TimeText {
  static func string(_ node: Node) -> String {
    // The calendar goes from year 1 to 9999; what lies outside stays a number.
    guard (-62_135_596_800...253_402_300_799).contains(node.seconds) else {
      return "@\(node.seconds)"
    }
    let date = Date(timeIntervalSince1970: Double(node.seconds))
    return date.formatted(.iso8601.year().month().day().time(includingFractionalSeconds: false))
      .replacing("T", with: " ")
  }
}
