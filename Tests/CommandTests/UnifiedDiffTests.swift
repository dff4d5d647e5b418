// Unified diffs as text, and that they are right: applied to the old text they give the new one, and of
// short texts they are as short as can be.

import TestKit
import Testing

@testable import BangerFS

struct UnifiedDiffTests {
  private func diff(_ old: String, _ new: String) -> [String]? {
    UnifiedDiff(from: Array(old.utf8), to: Array(new.utf8))?
      .lines(path: "/f", TerminalText.lineWithTabs)
  }

  private static let numbers = (1...30).map { "\($0)\n" }

  struct Row: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var old: String
    var new: String
    /// Behind the two lines that name the files.
    var expected: [String]

    init(_ name: String, _ old: String, _ new: String, _ expected: [String]) {
      (testDescription, self.old, self.new, self.expected) = (name, old, new, expected)
    }
  }

  static let rows = [
    Row("all is new", "", "a\nb\n", ["@@ -0,0 +1,2 @@", "+a", "+b"]),
    Row("all is gone", "a\n", "", ["@@ -1 +0,0 @@", "-a"]),
    Row("one line", "a\n", "b\n", ["@@ -1 +1 @@", "-a", "+b"]),
    Row(
      "the last line gets an end",
      "a\nb",
      "a\nb\n",
      ["@@ -1,2 +1,2 @@", " a", "-b", "\\ No newline at end of file", "+b"]
    ),
    Row(
      "no end before and after",
      "a\nb",
      "x\nb",
      ["@@ -1,2 +1,2 @@", "-a", "+x", " b", "\\ No newline at end of file"]
    ),
    Row(
      "three lines of context",
      numbers.joined(),
      (numbers[..<14] + ["new\n"] + numbers[14...]).joined(),
      ["@@ -12,6 +12,7 @@", " 12", " 13", " 14", "+new", " 15", " 16", " 17"]
    ),
    Row(
      "contexts that touch are one hunk",
      numbers.joined(),
      (numbers[..<9] + numbers[10..<16] + numbers[17...]).joined(),
      ["@@ -7,14 +7,12 @@", " 7", " 8", " 9", "-10"] + (11...16).map { " \($0)" }
        + ["-17", " 18", " 19", " 20"]
    ),
    Row(
      "others are two",
      numbers.joined(),
      (numbers[..<9] + numbers[10..<17] + numbers[18...]).joined(),
      ["@@ -7,7 +7,6 @@", " 7", " 8", " 9", "-10", " 11", " 12", " 13"]
        + ["@@ -15,7 +14,6 @@", " 15", " 16", " 17", "-18", " 19", " 20", " 21"]
    ),
    Row(
      "tabs and letters stay, what moves a cursor does not",
      "",
      "\tä\\ \u{1B}[2J\u{202E}\r\n",
      ["@@ -0,0 +1 @@", "+\tä\\ \\x1b[2J\\xe2\\x80\\xae\\x0d"]
    ),
  ]

  @Test(arguments: rows)
  func `a diff is what diff -u says`(row: Row) {
    #expect(diff(row.old, row.new) == ["--- a/f", "+++ b/f"] + row.expected)
  }

  @Test func `equal texts have no lines`() {
    #expect(diff("a\nb", "a\nb") == [])
    #expect(diff("", "") == [])
  }

  @Test(arguments: [[0x61, 0], [0xFF], [0xC3]] as [[UInt8]])
  func `what is no text has no diff`(bytes: [UInt8]) {
    let text = Array("a\n".utf8)
    #expect(UnifiedDiff(from: text, to: bytes) == nil)
    #expect(UnifiedDiff(from: bytes, to: text) == nil)
  }

  /// The length of the longest common subsequence, by the book.
  private func commonCount(_ old: [Int32], _ new: [Int32]) -> Int {
    var row = [Int](repeating: 0, count: new.count + 1)
    for line in old {
      var diagonal = 0
      for place in new.indices {
        let above = row[place + 1]
        row[place + 1] = line == new[place] ? diagonal + 1 : max(above, row[place])
        diagonal = above
      }
    }
    return row[new.count]
  }

  @Test(arguments: 0..<4)
  func `changes of random texts give the other text and are as few as can be`(batch: Int) {
    for seed in 0..<250 {
      var random = SeededGenerator(seed: UInt64(batch * 1000 + seed))
      let letters = Int32.random(in: 1...6, using: &random)
      func text() -> [Int32] {
        (0..<Int.random(in: 0...40, using: &random)).map { _ in
          Int32.random(in: 0..<letters, using: &random)
        }
      }
      let (old, new) = (text(), text())
      let changes = LineDifference.changes(from: old, to: new)
      #expect(applied(changes, to: old, new) == new, "seed \(seed)")
      let edits = changes.reduce(0) { $0 + $1.old.count + $1.new.count }
      #expect(edits == old.count + new.count - 2 * commonCount(old, new), "seed \(seed)")
      for (first, second) in zip(changes, changes.dropFirst()) {
        #expect(first.old.upperBound < second.old.lowerBound)
        #expect(first.new.upperBound < second.new.lowerBound)
      }
    }
  }

  /// Lines outside of the changes are taken from the old text.
  private func applied(_ changes: [LineChange], to old: [Int32], _ new: [Int32]) -> [Int32] {
    var result: [Int32] = []
    var place = 0
    for change in changes {
      result += old[place..<change.old.lowerBound] + new[change.new]
      place = change.old.upperBound
    }
    return result + old[place...]
  }

  @Test func `beyond the limit all is one change`() {
    let count = Int32(LineDifference.editLimit)
    let old = [-1] + (0..<count).map { $0 } + [-2]
    let new = [-1] + (0..<count).map { $0 + count } + [-2]
    let whole = LineChange(old: 1..<(Int(count) + 1), new: 1..<(Int(count) + 1))
    #expect(LineDifference.changes(from: old, to: new) == [whole])
  }

  @Test func `long texts that differ in few lines are compared line by line`() {
    let old = (0..<200_000).map { Int32($0) }
    var new = old
    new[10] = -1
    new.remove(at: 100_000)
    new.append(-2)
    let changes = LineDifference.changes(from: old, to: new)
    #expect(
      changes == [
        LineChange(old: 10..<11, new: 10..<11),
        LineChange(old: 100_000..<100_001, new: 100_000..<100_000),
        LineChange(old: 200_000..<200_000, new: 199_999..<200_000),
      ]
    )
  }

  @Test func `texts that would take too many steps are one change`() {
    // Equal lines with a mark here and there look alike wherever one begins.
    let same = [Int32](repeating: 0, count: 50)
    let old = (1...20).flatMap { [Int32($0)] + same }
    let new = (1...20).flatMap { [Int32(-$0)] + same }
    #expect(
      LineDifference.changes(from: old, to: new)
        == (0..<20).map { LineChange(old: $0 * 51..<$0 * 51 + 1, new: $0 * 51..<$0 * 51 + 1) }
    )
    let whole = LineChange(old: 0..<970, new: 0..<970)
    #expect(LineDifference.changes(from: old, to: new, stepLimit: 1000) == [whole])
  }
}
