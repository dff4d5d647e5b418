// Dumps as lines of text: compared with a short account of what differs, and changed in the few ways
// in which two witnesses may differ rightly. docs/FORMATS.md describes a line.

package import FileTree

/// The lines of a dump.
package struct DumpText: Equatable, Sendable {
  package var lines: [String]

  package init(_ output: [UInt8]) {
    lines = String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  package init(_ rows: [DumpRow]) {
    lines = rows.map(\.line)
  }

  /// The fields of each file's first line: its name, size, mode and so on.
  package var files: [[Substring]] {
    lines.map { $0.split(separator: " ") }.filter { !$0[1].hasPrefix("@") }
  }

  /// Lines that only one of the two has, at most twenty; or that they are in another order.
  package func differences(from expected: DumpText) -> [String] {
    if self == expected { return [] }
    let (mine, others) = (Set(lines), Set(expected.lines))
    let added = lines.filter { !others.contains($0) }.map { "+ " + $0.prefix(600) }
    let missing = expected.lines.filter { !mine.contains($0) }.map { "- " + $0.prefix(600) }
    let differences = (missing + added).sorted { $0.dropFirst(2) < $1.dropFirst(2) }
    return differences.isEmpty ? ["the same lines in another order"] : Array(differences.prefix(20))
  }

  /// Without the attributes of this namespace.
  package func withoutAttributes(in namespace: String) -> DumpText {
    changingLines { fields in
      fields.prefix(DumpText.attributes)
        + fields.dropFirst(DumpText.attributes).filter { !$0.hasPrefix(namespace + ".") }
    }
  }

  /// Where the attributes begin in a line that is no hard link's.
  private static let attributes = 10

  private func changingLines(_ change: ([Substring]) -> [Substring]) -> DumpText {
    var copy = self
    copy.lines = lines.map { change($0.split(separator: " ")).joined(separator: " ") }
    return copy
  }
}
