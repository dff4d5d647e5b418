// Where standard output leads nowhere: a reader that has left, a full disk, nothing at all.

import TestKit
import Testing

struct OutputStreamTests {
  static let commands = [
    ["ls", "-R"], ["dump"], ["layers"], ["inspect"], ["inspect", "--raw-config"],
  ]

  @Test(arguments: commands + [["cat"]])
  func `a full disk is an error of the output`(_ command: [String]) throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    let path = command == ["cat"] ? ["data"] : []
    let words = (command + [image.reference] + path).map { "'\($0)'" }.joined(separator: " ")
    let outcome = try place.runShell(#""$0" \#(words) > /dev/full"#)
    expect(outcome, is: .failure(74, "cannot write to standard output: No space left on device"))
  }

  @Test func `a reader that leaves early ends cat in silence`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    // More than a pipe holds, so that the program is writing when the reader goes.
    let script = #""$0" cat "$1" data data data | head -c 5; echo ${PIPESTATUS[0]}"#
    let outcome = try place.runShell(script, image.reference)
    let expected = Array(SmallImage.data[..<5]) + Array("141\n".utf8)
    expect(outcome, is: Outcome(status: 0, output: expected, errors: ""))
  }

  @Test func `a reader that leaves early ends ls in silence`() throws {
    let place = try Workplace()
    let tar = TarBytes.archive((0..<5000).map { .file("a-file-with-a-longer-name-\($0)") })
    let fixture = try ImageFixture.image([.plain(tar)], at: place.appending("image"))
    let script = #""$0" ls "$1" | head -n 1; echo ${PIPESTATUS[0]}"#
    let outcome = try place.runShell(script, "oci:\(fixture.path)")
    expect(outcome, is: .success("a-file-with-a-longer-name-0\n141\n"))
  }

  @Test func `a closed standard output is an error`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    let outcome = try place.runShell(#""$0" ls "$1" >&-"#, image.reference)
    expect(outcome, is: .failure(74, "cannot write to standard output: Bad file descriptor"))
  }
}
