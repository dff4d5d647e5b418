// Each rule fires on a bad sample and is silent on a good one: a rule that cannot fail is none.

import Testing

struct RuleTests {
  /// A sample and the lines, counted from 1, where a rule must fire.
  struct Row: CustomTestStringConvertible {
    let testDescription: String
    let rule: @Sendable (SourceFile) -> [Finding]
    let file: SourceFile
    let lines: [Int]

    init(
      _ name: String,
      _ rule: @escaping @Sendable (SourceFile) -> [Finding],
      _ path: String,
      _ text: String,
      firesAt lines: [Int]
    ) {
      testDescription = name
      self.rule = rule
      file = SourceFile(path: path, text: text)
      self.lines = lines
    }
  }

  static let tree = "Sources/FileTree/Tree.swift"
  static let layers = "Sources/Layers/LayerReader.swift"
  static let listed = "Sources/FlatArrays/FlatArray.swift"

  static let fileRows = [
    Row("no comment", FileRules.opensWithComment, tree, "import A\n// later\n", firesAt: [1]),
    Row("a doc comment", FileRules.opensWithComment, tree, "/// Of what?\n", firesAt: [1]),
    Row("empty", FileRules.opensWithComment, tree, "", firesAt: [1]),
    Row("a comment", FileRules.opensWithComment, tree, "// What.\nimport A\n", firesAt: []),
    Row("400 lines", FileRules.isShort, tree, lines(400), firesAt: []),
    Row("401 lines", FileRules.isShort, tree, lines(401), firesAt: [401]),
    Row("a bare mark", FileRules.marksNameIssues, tree, "let a = 1\n// TODO: b\n", firesAt: [2]),
    Row("a mark in code", FileRules.marksNameIssues, tree, "f(/* FIXME */)\n", firesAt: [1]),
    Row("an issue", FileRules.marksNameIssues, tree, "// TODO(#12): b\n", firesAt: []),
    Row("another word", FileRules.marksNameIssues, tree, "// TODOS, mastodons\n", firesAt: []),
  ]

  static let functionRows = [
    Row("70 lines", FileRules.functionsAreShort, tree, function(70), firesAt: []),
    Row("71 lines", FileRules.functionsAreShort, tree, function(71), firesAt: [2]),
    Row("an initialiser", FileRules.functionsAreShort, tree, function(71, "init("), firesAt: [2]),
    Row(
      "attributes and modifiers",
      FileRules.functionsAreShort,
      tree,
      function(71, "@inline(never) private(set) static func f("),
      firesAt: [2]
    ),
    Row(
      "a requirement before a long type",
      FileRules.functionsAreShort,
      tree,
      "protocol P {\n  func f()\n}\nstruct S {\n\(lines(80))}\n",
      firesAt: []
    ),
    Row(
      "a brace in a string",
      FileRules.functionsAreShort,
      tree,
      "  func f() -> String { \"{\" }\n\(lines(80))  }\n",
      firesAt: []
    ),
  ]

  static let codeRows = [
    Row("fatalError", CodeRules.avoidsTraps, tree, "a\nfatalError(\"b\")\n", firesAt: [2]),
    Row("try!", CodeRules.avoidsTraps, tree, "let a = try! b()\n", firesAt: [1]),
    Row("try?", CodeRules.avoidsTraps, tree, "let a = try? b()\n", firesAt: [1]),
    Row("as!", CodeRules.avoidsTraps, tree, "let a = b as! C\n", firesAt: [1]),
    Row(
      "a value",
      CodeRules.unwrapsNothingByForce,
      tree,
      "a = b!.c\na = b()![0]!\n",
      firesAt: [1, 2]
    ),
    Row("a type", CodeRules.unwrapsNothingByForce, tree, "var a: [B]!\n", firesAt: [1]),
    Row("trust", CodeRules.unwrapsNothingByForce, tree, "a.unsafelyUnwrapped\n", firesAt: [1]),
    Row(
      "not",
      CodeRules.unwrapsNothingByForce,
      tree,
      "if !a, b != c, d(!e), \"f!\" == g { return !h }\n",
      firesAt: []
    ),
    Row("wrapping", CodeRules.wrappingIsArgued, tree, "a\nb\n\na = b &+ c\n", firesAt: [4]),
    Row("argued", CodeRules.wrappingIsArgued, tree, "// Small.\na = b &* c\n", firesAt: []),
    Row("wrapping elsewhere", CodeRules.wrappingIsArgued, layers, "a = b &- c\n", firesAt: []),
    Row("in prose", CodeRules.avoidsTraps, tree, "// try! not\nlet a = \"try?\"\n", firesAt: []),
    Row(
      "interpolated",
      CodeRules.avoidsTraps,
      tree,
      "\"a \\(try! b(\")\")) try?\"\n",
      firesAt: [1]
    ),
    Row(
      "a nested comment",
      CodeRules.avoidsTraps,
      tree,
      "/* a /* b */\ntry! */\ntry!\n",
      firesAt: [3]
    ),
    Row(
      "strings of all kinds",
      CodeRules.avoidsTraps,
      tree,
      "#\"\"try! \\\"#\n\"\"\"\n\" try!\n\"\"\"\n\"\\\" try!\"\n`try!`\ntry!\n",
      firesAt: [7]
    ),
    Row("print", CodeRules.printsOnlyInOutput, tree, "print(a)\nsprint(b)\n", firesAt: [1]),
    Row(
      "print in Output",
      CodeRules.printsOnlyInOutput,
      "Sources/BangerFS/Output/Table.swift",
      "print(a)\n",
      firesAt: []
    ),
    Row("unsafe", CodeRules.pureTargetsAreSafe, tree, "let a = unsafe b\n", firesAt: [1]),
    Row("unsafe elsewhere", CodeRules.pureTargetsAreSafe, layers, "unsafe b\n", firesAt: []),
    Row("another unsafe", CodeRules.pureTargetsAreSafe, tree, "UnsafeThing\n", firesAt: []),
    Row("async", CodeRules.threadsBelowTheCache, layers, "func f() async {\n}\n", firesAt: [1]),
    Row("await", CodeRules.threadsBelowTheCache, layers, "let a =\n  await b()\n", firesAt: [2]),
    Row("a task", CodeRules.threadsBelowTheCache, layers, "Task {\nTaskList()\n", firesAt: [1]),
    Row("an actor", CodeRules.threadsBelowTheCache, layers, "actor A {\n}\n", firesAt: [1]),
    Row(
      "async above",
      CodeRules.threadsBelowTheCache,
      "Sources/Ext4Image/Ext4Builder.swift",
      "func f() async {\n}\n",
      firesAt: []
    ),
    Row(
      "unlisted",
      CodeRules.uncheckedIsArgued,
      tree,
      "// Why.\n@unchecked Sendable\n",
      firesAt: [2]
    ),
    Row("unargued", CodeRules.uncheckedIsArgued, listed, "\n: @unchecked Sendable\n", firesAt: [2]),
    Row(
      "argued",
      CodeRules.uncheckedIsArgued,
      listed,
      "// Why.\n@unchecked Sendable\n",
      firesAt: []
    ),
  ]

  static let importRows = [
    Row("allowed", Architecture.importsAreAllowed, tree, "package import Offsets\n", firesAt: []),
    Row("upwards", Architecture.importsAreAllowed, tree, "\npackage import Layers\n", firesAt: [2]),
    Row("a library", Architecture.importsAreAllowed, tree, "import Foundation\n", firesAt: [1]),
    Row(
      "one declaration",
      Architecture.importsAreAllowed,
      tree,
      "import struct Crypto.SHA256\n",
      firesAt: [1]
    ),
    Row(
      "with attributes",
      Architecture.importsAreAllowed,
      tree,
      "@preconcurrency @_spi(Raw) import Layers\n",
      firesAt: [1]
    ),
    Row(
      "C below its owner",
      Architecture.importsAreAllowed,
      layers,
      "import CZlib\n",
      firesAt: [1]
    ),
    Row(
      "C in a test",
      Architecture.importsAreAllowed,
      "Tests/LayersTests/A.swift",
      "import CFuse3\n",
      firesAt: [1]
    ),
    Row(
      "C in the test kit",
      Architecture.importsAreAllowed,
      "Tests/TestKit/A.swift",
      "import CZstd\n",
      firesAt: []
    ),
    Row(
      "no such target",
      Architecture.importsAreAllowed,
      "Sources/A/B.swift",
      "import C\n",
      firesAt: [1]
    ),
  ]

  @Test(arguments: [fileRows, functionRows, codeRows, importRows].flatMap(\.self))
  func `a rule fires where it should and nowhere else`(_ row: Row) {
    #expect(row.rule(row.file).map(\.line) == row.lines)
  }

  @Test func `a finding says file, line and reason`() {
    let file = SourceFile(path: Self.tree, text: "// A.\nlet a = try! b()\n")
    #expect(
      CodeRules.avoidsTraps(file).map(\.description)
        == ["Sources/FileTree/Tree.swift:2: try! is banned"]
    )
  }

  @Test func `the code map misses no file and invents none`() {
    let text = """
      # Map
      `Tree.swift` and Gone.swift; A/Node.swift, but
      Node.swift is two, Package.swift is fine.
      """
    let findings = CodeMap.findings(
      in: text,
      sources: ["Sources/A/Tree.swift", "Sources/A/Node.swift", "Sources/B/Node.swift"],
      others: ["Package.swift"]
    )
    #expect(
      findings.map(\.description) == [
        "docs/ARCHITECTURE.md:2: no file is called Gone.swift",
        "Sources/B/Node.swift:1: not named, or not uniquely, in docs/ARCHITECTURE.md",
      ]
    )
  }

  private static func lines(_ count: Int) -> String {
    String(repeating: "    a\n", count: count)
  }

  /// A function of `count` lines that begins on line 2, with a signature over three lines.
  private static func function(_ count: Int, _ declaration: String = "func f(") -> String {
    "struct S {\n  \(declaration)\n    a: Int\n  ) throws -> Int {\n\(lines(count - 4))  }\n}\n"
  }
}
