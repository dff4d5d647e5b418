// diff where it cannot compare: wrong arguments, paths and layers that are not there, images that are
// damaged, a reader that has left.

import TestKit
import Testing

extension TwoImages {
  /// `OLD` and `NEW` stand for the two images.
  fileprivate func words(_ arguments: [String]) -> [String] {
    arguments.map { $0 == "OLD" ? old : $0 == "NEW" ? new : $0 }
  }
}

struct DiffErrorTests {
  struct Row: Sendable, CustomTestStringConvertible {
    var arguments: [String]
    var error: String

    var testDescription: String { arguments.joined(separator: " ") }
  }

  static let mistakes = [
    Row(arguments: [], error: "Missing expected argument '<ref>'"),
    Row(
      arguments: ["OLD"],
      error: "name another image to compare with, or a layer with --layer"
    ),
    Row(
      arguments: ["--layer", "1", "OLD", "NEW", "etc"],
      error: "--layer takes one image and one path"
    ),
    Row(arguments: ["OLD", "NEW", "--stat", "--content"], error: "--stat contradicts --content"),
    Row(arguments: ["OLD", "NEW", "etc", "bin"], error: "Unexpected argument 'bin'"),
  ]

  @Test(arguments: mistakes)
  func `arguments that make no sense are usage errors`(row: Row) throws {
    let images = try TwoImages()
    let outcome = try images.run(images.words(row.arguments))
    #expect((outcome.status, outcome.text) == (64, ""))
    #expect(outcome.errors.hasPrefix("Error: \(row.error)\n"), "\(outcome.errors)")
  }

  static let failures: [(arguments: [String], status: Int32, message: String)] = [
    (["OLD", "NEW", "nope"], 66, "nope: no such file or directory in either tree"),
    (["OLD", "NEW", "etc/hosts/x"], 66, "etc/hosts/x: no such file or directory in either tree"),
    (
      ["--layer", "1", "NEW", "\u{1B}[2J"], 66,
      "\\x1b[2J: no such file or directory in either tree"
    ),
    (["OLD", "NEW", ""], 64, "the path is empty"),
    (["--layer", "2", "NEW"], 64, "layer 2: the image has layers 0 to 1"),
    (["--layer", "1", "OLD"], 64, "layer 1: the image has only layer 0"),
  ]

  @Test(arguments: failures)
  func `what is not there is said`(
    arguments: [String],
    status: Int32,
    message: String
  ) throws {
    let images = try TwoImages()
    expect(try images.run(images.words(arguments)), is: .failure(status, message))
  }

  @Test(arguments: Role.all)
  func `an image that is not there is the same error whichever of the two it is`(
    role: Role
  ) throws {
    let images = try TwoImages(role)
    let missing = images.old + "er"
    let expected = try images.place.run("ls", missing)
    #expect(expected.status == 66)
    expect(try images.run([images.old, missing]), is: expected)
    expect(try images.run([missing, images.old]), is: expected)
  }

  @Test func `a damaged layer is refused whichever image has it`() throws {
    let images = try TwoImages()
    let digest = ImageFixture.sha256(images.upper.blob)
    var other = images.upper.blob
    other[1000] ^= 1
    try images.fixture.replaceBlob(digest, with: other)
    let expected = Outcome.failure(
      65,
      "layer \(digest): content is \(ImageFixture.sha256(other))",
      hint: "copy the image into the layout again"
    )
    expect(try images.run([images.old, images.new]), is: expected)
    expect(try images.run(["--format", "json", images.new, images.old]), is: expected)
    expect(try images.run(["--layer", "1", images.new]), is: expected)
    // Layers above are not looked at.
    let below = try images.run(["--layer", "0", images.new, "etc/hosts"])
    expect(below, is: .differing("A /etc/hosts\n"))
  }

  @Test(arguments: ["text", "json"])
  func `a reader that leaves early ends diff in silence`(format: String) throws {
    let place = try Workplace()
    let tar = TarBytes.archive((0..<5000).map { .file("a-file-with-a-longer-name-\($0)") })
    let fixture = try ImageFixture.image([.plain(tar)], at: place.appending("image"))
    let script = #""$0" diff --layer 0 "$1" --format "$2" | head -n 1; echo ${PIPESTATUS[0]}"#
    let outcome = try place.runShell(script, "oci:\(fixture.path)", format)
    expect(outcome, is: .success((format == "json" ? "{" : "A /") + "\n141\n"))
  }
}
