// The whole tree against the rules of the house. What fails says file, line and reason.

import Foundation
import Testing

struct TidyTests {
  /// A rule and the directories that it is about.
  struct Row: CustomTestStringConvertible {
    let testDescription: String
    let directories: [String]
    let findings: @Sendable (SourceFile) -> [Finding]

    init(
      _ name: String,
      _ directories: [String],
      _ findings: @escaping @Sendable (SourceFile) -> [Finding]
    ) {
      testDescription = name
      self.directories = directories
      self.findings = findings
    }
  }

  /// Holds samples of everything that is banned.
  static let samples = "Tests/ArchitectureTests/RuleTests.swift"

  /// Read once: every rule wants all of them.
  static let files = Result { try SourceFile.all(in: "Sources") + SourceFile.all(in: "Tests") }

  static let rows = [
    Row("files open with a comment", ["Sources", "Tests"], FileRules.opensWithComment),
    Row("files are short", ["Sources", "Tests"], FileRules.isShort),
    Row("functions are short", ["Sources", "Tests"], FileRules.functionsAreShort),
    Row("marks name issues", ["Sources", "Tests"], FileRules.marksNameIssues),
    Row("imports follow the picture", ["Sources", "Tests"], Architecture.importsAreAllowed),
    Row("nothing traps or hides errors", ["Sources"], CodeRules.avoidsTraps),
    Row("nothing is unwrapped by force", ["Sources"], CodeRules.unwrapsNothingByForce),
    Row("wrapping arithmetic is argued", ["Sources"], CodeRules.wrappingIsArgued),
    Row("only Output prints", ["Sources"], CodeRules.printsOnlyInOutput),
    Row("pure targets are safe", ["Sources"], CodeRules.pureTargetsAreSafe),
    Row("no concurrency below the cache", ["Sources"], CodeRules.threadsBelowTheCache),
    Row("@unchecked Sendable is argued", ["Sources"], CodeRules.uncheckedIsArgued),
  ]

  @Test(arguments: rows)
  func `every file keeps the rule`(_ row: Row) throws {
    let files = try Self.files.get().filter { file in
      row.directories.contains { file.path.hasPrefix($0 + "/") } && file.path != Self.samples
    }
    try #require(!files.isEmpty)
    let findings = files.flatMap(row.findings)
    #expect(findings.isEmpty, "\(report(findings))")
  }

  @Test func `every target of the sources has its imports listed`() throws {
    let targets = Set(try Self.files.get().filter(\.isInSources).map(\.target))
    #expect(targets == Set(Architecture.imports.keys))
  }

  @Test func `every listed exception is still one`() throws {
    for path in Architecture.uncheckedSendableFiles {
      let text = try String(contentsOf: SourceFile.root.appending(path: path), encoding: .utf8)
      let file = SourceFile(path: path, text: text)
      #expect(file.code.contains { $0.contains("@unchecked") }, "\(path) needs no exception")
    }
  }

  @Test func `the code map names every file and nothing else`() throws {
    let text = try String(
      contentsOf: SourceFile.root.appending(path: CodeMap.document),
      encoding: .utf8
    )
    let endings = ["swift", "h", "modulemap"]
    let sources = try SourceFile.all(in: "Sources", endings: ["swift"]).map(\.path)
    let others = try
      (SourceFile.all(in: "Sources", endings: endings)
      + SourceFile.all(in: "Tests", endings: endings)).map(\.path)
    let findings = CodeMap.findings(
      in: text,
      sources: sources,
      others: others.filter { !sources.contains($0) } + ["Package.swift"]
    )
    #expect(findings.isEmpty, "\(report(findings))")
  }

  private func report(_ findings: [Finding]) -> String {
    "\n" + findings.map(\.description).joined(separator: "\n")
  }
}
