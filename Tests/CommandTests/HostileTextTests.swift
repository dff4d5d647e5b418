// Characters that act on a terminal, and bytes that are no characters: in arguments and in JSON.

import TestKit
import Testing

struct HostileTextTests {
  @Test(arguments: ["ls", "materialize"])
  func `an argument that is not UTF-8 is refused, not taken for another`(command: String) throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    let script = #"name=$(printf 'caf\351'); "$0" \#(command) "$1" "$name"; s=$?; ls; exit $s"#
    let outcome = try place.runShell(script, image.reference)
    #expect(outcome.status == 64)
    #expect(
      outcome.errors == """
        banger-fs: argument 3 is not UTF-8: caf\\xe9
        hint: a mount shows files of any name

        """
    )
    #expect(outcome.text.split(separator: "\n").allSatisfy { !$0.hasPrefix("caf") })
  }

  @Test func `X29: a wrong option is repeated without what acts on a terminal`() throws {
    let place = try Workplace()
    let outcome = try place.run("ls", "--limit", "no\u{1B}[31m\u{202E}", "oci:nowhere")
    #expect(outcome.status == 64)
    #expect(outcome.errors.hasPrefix("Error: "))
    #expect(outcome.errors.contains(#"no\x1b[31m\xe2\x80\xae"#), "\(outcome.errors)")
    #expect(!outcome.errors.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{202E}" })
    #expect(outcome.errors.contains("\n"))
  }

  @Test func `X29: JSON escapes what acts on a terminal`() throws {
    let place = try Workplace()
    let tar = TarBytes.archive([.file("a\u{9B}b\u{202E}c\u{E0001}d").mode(0)])
    let fixture = try ImageFixture.image([.plain(tar)], at: place.appending("image"))
    let outcome = try place.run("ls", "--format", "json", "oci:\(fixture.path)")
    #expect(outcome.status == 0)
    #expect(outcome.text.contains(#""path" : "a\u009bb\u202ec\udb40\udc01d""#), "\(outcome.text)")
    #expect(outcome.text.contains(#""mode" : "0000""#))
  }
}
