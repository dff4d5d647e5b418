// Where standard output leads nowhere: a reader that has left, a full disk, nothing at all.

import TestKit
import Testing

struct OutputStreamTests {
  static let commands = [
    ["ls", "-R"], ["ls", "-0"], ["tree"], ["dump"], ["layers"], ["inspect"],
    ["inspect", "--raw-config"],
    ["diff", "--layer", "0"],
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

  @Test(arguments: [
    ["ls", "-R"], ["ls", "-0R"], ["ls", "--format", "json"], ["tree"], ["dump"], ["layers"],
  ])
  func `a reader that leaves early ends listings in silence`(_ command: [String]) throws {
    let place = try Workplace()
    // More than a pipe holds, also where there is only a line for each layer.
    let isOfLayers = command == ["layers"]
    let tar = TarBytes.archive(
      (0..<(isOfLayers ? 1 : 5000)).map { .file("a-file-with-a-longer-name-\($0)") }
    )
    let layers = [ImageFixture.Layer](repeating: .plain(tar), count: isOfLayers ? 900 : 1)
    let fixture = try ImageFixture.image(layers, at: place.appending("image"))
    let words = command.map { "'\($0)'" }.joined(separator: " ")
    let script = #""$0" \#(words) --progress none "$1" | head -c 20 | wc -c; echo ${PIPESTATUS[0]}"#
    let outcome = try place.runShell(script, "oci:\(fixture.path)")
    expect(outcome, is: .success("20\n141\n"))
  }

  @Test func `a closed standard output is an error`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    let outcome = try place.runShell(#""$0" ls "$1" >&-"#, image.reference)
    expect(outcome, is: .failure(74, "cannot write to standard output: Bad file descriptor"))
  }
}
