// In what two texts differ, as `diff -u` writes it. Source: POSIX.1-2017 diff(1), "Diff -u or -U Output
// Format".

/// A unified diff of two files with three lines of context.
struct UnifiedDiff {
  /// Larger files count as binary.
  static let byteLimit = 1 << 20
  private static let contextCount = 3

  private let old: [ArraySlice<UInt8>]
  private let new: [ArraySlice<UInt8>]
  private let hunks: [[LineChange]]

  /// `nil` where one of the files is no text: has a NUL byte, or is not UTF-8.
  init?(from old: [UInt8], to new: [UInt8]) {
    guard Self.isText(old), Self.isText(new) else { return nil }
    self.old = Self.lines(of: old)
    self.new = Self.lines(of: new)
    hunks = Self.hunks(of: Self.changes(from: self.old, to: self.new))
  }

  private static func isText(_ bytes: [UInt8]) -> Bool {
    !bytes.contains(0) && String(validating: bytes, as: UTF8.self) != nil
  }

  /// The lines with their ends: the last one may have none.
  private static func lines(of bytes: [UInt8]) -> [ArraySlice<UInt8>] {
    var lines: [ArraySlice<UInt8>] = []
    var rest = bytes[...]
    while !rest.isEmpty {
      let end = rest.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? rest.endIndex
      lines.append(rest[..<end])
      rest = rest[end...]
    }
    return lines
  }

  private static func changes(
    from old: [ArraySlice<UInt8>],
    to new: [ArraySlice<UInt8>]
  ) -> [LineChange] {
    var numbers: [ArraySlice<UInt8>: Int32] = [:]
    func number(_ line: ArraySlice<UInt8>) -> Int32 {
      if let known = numbers[line] { return known }
      let next = Int32(numbers.count)
      numbers[line] = next
      return next
    }
    return LineDifference.changes(from: old.map(number), to: new.map(number))
  }

  /// Changes whose contexts touch go into one hunk.
  private static func hunks(of changes: [LineChange]) -> [[LineChange]] {
    var hunks: [[LineChange]] = []
    for change in changes {
      let last = hunks.last?.last
      if let last, change.old.lowerBound - last.old.upperBound <= 2 * contextCount {
        hunks[hunks.count - 1].append(change)
      } else {
        hunks.append([change])
      }
    }
    return hunks
  }

  // MARK: Text

  /// The lines of the diff; `text` makes them of the files' lines.
  func lines(path: String, _ text: (String) -> String) -> [String] {
    if hunks.isEmpty { return [] }
    return ["--- a" + path, "+++ b" + path] + hunks.flatMap { lines(of: $0, text) }
  }

  private func lines(of hunk: [LineChange], _ text: (String) -> String) -> [String] {
    guard let first = hunk.first, let last = hunk.last else { return [] }
    let before = min(first.old.lowerBound, Self.contextCount)
    let after = min(old.count - last.old.upperBound, Self.contextCount)
    let oldRange = (first.old.lowerBound - before)..<(last.old.upperBound + after)
    let newRange = (first.new.lowerBound - before)..<(last.new.upperBound + after)
    var lines = ["@@ -\(Self.text(oldRange)) +\(Self.text(newRange)) @@"]
    var place = oldRange.lowerBound
    for change in hunk {
      lines += old[place..<change.old.lowerBound].flatMap { Self.marked(" ", $0, text) }
      lines += old[change.old].flatMap { Self.marked("-", $0, text) }
      lines += new[change.new].flatMap { Self.marked("+", $0, text) }
      place = change.old.upperBound
    }
    return lines + old[place..<oldRange.upperBound].flatMap { Self.marked(" ", $0, text) }
  }

  /// Lines are counted from 1; no lines stand behind the one that they follow.
  private static func text(_ range: Range<Int>) -> String {
    switch range.count {
    case 0: "\(range.lowerBound),0"
    case 1: "\(range.lowerBound + 1)"
    default: "\(range.lowerBound + 1),\(range.count)"
    }
  }

  private static func marked(
    _ mark: String,
    _ line: ArraySlice<UInt8>,
    _ text: (String) -> String
  ) -> [String] {
    let hasEnd = line.last == UInt8(ascii: "\n")
    let content = String(decoding: hasEnd ? line.dropLast() : line, as: UTF8.self)
    return [mark + text(content)] + (hasEnd ? [] : ["\\ No newline at end of file"])
  }
}

extension TerminalText {
  /// A line of a text: tabs stay.
  static func lineWithTabs(_ text: String) -> String {
    text.split(separator: "\t", omittingEmptySubsequences: false).map { line(String($0)) }
      .joined(separator: "\t")
  }
}
