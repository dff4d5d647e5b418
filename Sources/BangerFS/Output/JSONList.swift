// A JSON document with one long list, written element by element: a list of a million need not be in
// memory. What is written is what JSONDocument would write.

import Foundation

struct JSONList {
  private let name: String
  private let encoder = JSONEncoder.ofDocuments()
  private var hasBegun = false

  /// A document whose fields but this list's have names that sort behind it.
  init(_ name: String) {
    self.name = name
  }

  mutating func write(_ element: some Encodable, to out: inout StandardOutput) throws {
    try out.write(hasBegun ? ",\n" : opening)
    hasBegun = true
    let lines = try encoder.text(element).split(separator: "\n", omittingEmptySubsequences: false)
    // Of an empty list there is an empty line.
    try out.write(lines.map { $0.isEmpty ? "" : "    " + $0 }.joined(separator: "\n"))
  }

  /// Ends the list, and the document with the fields of `rest`.
  mutating func end(with rest: some Encodable, to out: inout StandardOutput) throws {
    if !hasBegun { try out.write(opening) }
    let text = try JSONDocument(rest).text()
    try out.line("\n  ],\n" + text.dropFirst("{\n".count))
  }

  private var opening: String { "{\n  \"\(name)\" : [\n" }
}
