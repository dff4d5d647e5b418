// The promises of docs/SEMANTICS.md have tests, and the rule that says so can fail.

import Foundation
import Testing

struct RowNameTests {
  @Test func `every row of the semantics has a test, and every such test a row`() throws {
    var tests = RowNames.TestNames()
    for file in try TidyTests.files.get()
    where !file.isInSources && file.target != "ArchitectureTests" {
      tests.add(file)
    }
    let text = try String(
      contentsOf: SourceFile.root.appending(path: RowNames.document),
      encoding: .utf8
    )
    let findings = RowNames.findings(in: text, tests: tests)
    #expect(findings.isEmpty, "\n\(findings.map(\.description).joined(separator: "\n"))")
  }

  @Test(arguments: [
    ("U1 x", ["U1"]), ("T13, T14: x", ["T13", "T14"]), ("U5–U7", ["U5", "U6", "U7"]),
    ("T15 to T17, N3: x", ["T15", "T16", "T17", "N3"]), ("U12", ["U12"]), ("U12x", nil),
    ("U1, x", nil), ("", nil), ("Z1 x", nil), ("U1.5", nil),
  ])
  func `a text begins with names of rows, or does not`(text: String, names: [String]?) {
    #expect(RowName.leading(text)?.map(\.description) == names)
  }

  @Test func `a row without a test and a test without a row are found`() {
    let others = RowName.all.filter { !["U1", "U2", "U3", "X1", "X2"].contains($0.description) }
    let text = """
      | | a layer has | result |
      |---|---|---|
      | U1 | `a\\|b` | the `last` one |
      | U2 | | |
      | X1 | | | U1 |
      | X2 | | | `it holds`, `it breaks` |
      \(others.map { "| \($0) | | |" }.joined(separator: "\n"))
      """
    var tests = RowNames.TestNames()
    let names = others.map { "let name = \"\($0): x\"" }.joined(separator: "\n")
    let code = "@Test func `it holds`() {}\n@Test func `U1 x`() {}\nTreeRow(\"T99 x\")\n"
    tests.add(SourceFile(path: "Tests/ATests/A.swift", text: code + names))
    #expect(
      RowNames.findings(in: text, tests: tests).map(\.description) == [
        "docs/SEMANTICS.md:4: U2 has no test",
        "docs/SEMANTICS.md:6: X2: no test is called it breaks",
        "docs/SEMANTICS.md:1: U3 is there 0 times",
        "Tests/ATests/A.swift:3: T99 is not in docs/SEMANTICS.md",
      ]
    )
  }
}
