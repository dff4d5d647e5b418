// What the command says about itself.

import TestKit
import Testing

struct HelpTests {
  @Test func `the version is printed`() throws {
    let outcome = try Program.run([try BuiltBinary.path, "--version"])
    #expect(outcome == Outcome(status: 0, output: Array("0.1.0\n".utf8), errors: ""))
  }
}
