// Where report writes its page: whole or not at all, and never over what is no file.

import Foundation
import TestKit
import Testing

struct ReportOutputTests {
  private func html(_ place: Workplace, _ name: String = "report.html") throws -> String {
    String(
      decoding: try Data(contentsOf: URL(fileURLWithPath: place.home + "/" + name)),
      as: UTF8.self
    )
  }

  @Test(arguments: Role.all)
  func `the page is the same each time, in a file or on standard output`(_ role: Role) throws {
    let place = try Workplace(role)
    let image = try SmallImage(in: place)
    let printed = try place.run("report", "--output", "-", image.reference)
    #expect((printed.status, printed.errors) == (0, ""))
    #expect(printed.text.hasPrefix("<!DOCTYPE html>\n<html lang=\"en\">"))
    try place.write("home/report.html", "what was there")
    expect(try place.run("report", "-o", "report.html", image.reference), is: .success())
    #expect(try html(place) == printed.text)
    #expect(try place.names() == ["cache", "report.html"])
    var status = stat()
    #expect(stat(place.home + "/report.html", &status) == 0)
    #expect(status.st_mode & 0o777 == 0o644)
  }

  @Test(arguments: ["directory", "/dev/null", "fifo"])
  func `X34: what is no regular file is never replaced`(output: String) throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    try place.makeDirectory("home/directory")
    try Program.succeed(["mkfifo", place.home + "/fifo"])
    let hint = "name a file that does not exist yet, or a regular file to replace"
    expect(
      try place.run("report", image.reference, "-o", output),
      is: .failure(73, "\(output): is not a regular file", hint: hint)
    )
    // The answer comes before the layers are read.
    #expect(!place.exists(place.cache))
  }

  @Test func `the output's directory must exist`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    expect(
      try place.run("report", image.reference, "-o", "missing/report.html"),
      is: .failure(
        73,
        "missing/report.html: cannot be created: No such file or directory",
        hint: "make the directory first"
      )
    )
  }

  @Test func `an output must be named`() throws {
    let outcome = try Workplace().run("report", "oci:nowhere")
    #expect((outcome.status, outcome.text) == (64, ""))
    #expect(outcome.errors.hasPrefix("Error: Missing expected argument '--output <file>'"))
  }

  @Test func `a damaged layer leaves the page as it was`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    var other = image.layers[0].blob
    other[other.count / 2] ^= 1
    try image.fixture.replaceBlob(image.digest(ofLayer: 0), with: other)
    try place.write("home/report.html", "what was there")
    expect(
      try place.run("report", image.reference, "-o", "report.html"),
      is: .failure(
        65,
        "layer \(image.digest(ofLayer: 0)): content is \(ImageFixture.sha256(other))",
        hint: "copy the image into the layout again"
      )
    )
    #expect(try html(place) == "what was there")
    #expect(try place.names() == ["cache", "report.html"])
  }

  @Test func `a full disk is told, and leaves the page as it was`() throws {
    guard geteuid() == 0 else { return }
    let place = try Workplace(.ordinary)
    let image = try SmallImage(in: place)
    let disk = try place.makeDirectory("home/disk")
    let outcome = try place.runIsolated(
      after: "mount -t tmpfs -o size=8k,mode=777 tmpfs \"$1/disk\"",
      """
      echo old > disk/report.html
      "$0" report '\(image.reference)' -o disk/report.html; status=$?
      ls -A disk; cat disk/report.html; exit $status
      """
    )
    expect(
      outcome,
      is: Outcome(
        status: 74,
        output: Array("report.html\nold\n".utf8),
        errors: "banger-fs: \(disk)/report.html: no space left on the disk\n"
          + "hint: free some space, or write to another disk\n"
      )
    )
  }

  @Test func `standard output that leads nowhere is an error`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    let full = try place.runShell(#""$0" report "$1" -o - > /dev/full"#, image.reference)
    expect(full, is: .failure(74, "cannot write to standard output: No space left on device"))
    // More than a pipe holds.
    let name = [UInt8](repeating: 0x61, count: 240)
    let entries = (0..<400).map { number in
      TarEntry.file(TarText(Array("\(number)-".utf8) + name), "1")
    }
    let script = #""$0" report "$1" -o - | head -n 1; echo ${PIPESTATUS[0]}"#
    let left = try place.runShell(script, try place.image([entries, [.opaque("")]]))
    expect(left, is: .success("<!DOCTYPE html>\n141\n"))
  }
}
