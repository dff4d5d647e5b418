// The same image, additions and options give the same bytes: under any name, to any user, on any day,
// from any place. Anything else that is asked for gives others.

import Foundation
import TestKit
import Testing

struct ReproducibleTests {
  /// The tools of the machine on another day.
  private func tools(in place: Workplace, days: Int) throws -> String {
    let directory = try place.makeDirectory("tools-\(days)")
    for tool in ["mkfs.ext4", "debugfs", "e2fsck", "resize2fs", "tune2fs"] {
      // Only the clock: times of files are the image's.
      let script = """
        #!/bin/sh
        NO_FAKE_STAT=1 exec faketime -f '\(days > 0 ? "+" : "")\(days)d' /usr/sbin/\(tool) "$@"

        """
      try place.write("tools-\(days)/\(tool)", script, mode: 0o755)
    }
    return "PATH=\(directory):/usr/bin:/bin"
  }

  private func materialize(
    _ place: Workplace,
    _ arguments: [String],
    path: String = "PATH=/usr/bin:/bin"
  ) throws {
    let command = ["env", path, place.binary, "materialize", "--no-cache"] + arguments
    _ = try place.succeed(try place.startTool(command))
  }

  private func expectSame(_ first: String, _ second: String) throws {
    let outcome = try Program.run(["cmp", first, second])
    #expect(outcome.status == 0, "\(outcome.text)\(outcome.errors)")
  }

  private func expectDifferent(_ first: String, _ second: String) throws {
    #expect(try Program.run(["cmp", "-s", first, second]).status == 1)
  }

  @Test(arguments: FixtureImage.allCases)
  func `an image gives the same bytes under another name, to another user, on another day`(
    _ image: FixtureImage
  ) throws {
    let place = try Workplace()
    try materialize(place, [try place.image(image.layers), "first.ext4"])
    let first = place.home + "/first.ext4"
    // Other places, other encodings of the reference, other users; the bytes of the layers are the same.
    for role in Role.all {
      let other = try Workplace(role)
      let reference = try other.image(image.layers)
      let path = try tools(in: other, days: role == .root ? 400 : -4000)
      try materialize(other, [reference, "another name"], path: path)
      try expectSame(first, other.home + "/another name")
    }
  }

  @Test func `a real image gives the same bytes on another day`() throws {
    let place = try Workplace(.ordinary)
    let reference = try place.reference(of: .small)
    try materialize(place, [reference, "first.ext4"])
    try materialize(place, [reference, "second.ext4"], path: try tools(in: place, days: 1000))
    try expectSame(place.home + "/first.ext4", place.home + "/second.ext4")
  }

  @Test func `what was asked for decides the bytes, and the UUID`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    let requests: [[String]] = [
      [], ["--size", "200M"], ["--label", "other"], ["--no-journal"], ["--journal-size", "8M"],
      ["--fs-feature", "^64bit"], ["--free", "300M"], ["--owner-map", "0:100000:4294000000"],
      ["--no-reproducible"], ["--no-reproducible"],
    ]
    var identifiers: Set<String> = []
    for request in requests {
      try materialize(place, request + [image.reference, "out.ext4"])
      let fields = try Superblock.fields(of: place.home + "/out.ext4")
      identifiers.insert(try #require(fields["Filesystem UUID"]))
    }
    #expect(identifiers.count == requests.count)
  }

  struct Date: Sendable {
    var created: String?
    var made: String
  }

  /// Source: RFC 3339.
  static let dates = [
    Date(created: nil, made: "Thu Jan  1 00:00:01 1970"),
    Date(created: "0001-01-01T00:00:00Z", made: "Thu Jan  1 00:00:01 1970"),
    Date(created: "1970-01-01T00:00:00Z", made: "Thu Jan  1 00:00:01 1970"),
    Date(created: "2001-09-09T01:46:40Z", made: "Sun Sep  9 01:46:40 2001"),
    Date(created: "2001-09-09T01:46:40.123456789Z", made: "Sun Sep  9 01:46:40 2001"),
    Date(created: "2001-09-09T03:46:40+02:00", made: "Sun Sep  9 01:46:40 2001"),
    Date(created: "2037-12-31T23:59:59Z", made: "Thu Dec 31 23:59:59 2037"),
    Date(created: "9999-12-31T23:59:59Z", made: "Tue Jan 19 03:14:07 2038"),
    Date(created: "yesterday", made: "Thu Jan  1 00:00:01 1970"),
    Date(created: "", made: "Thu Jan  1 00:00:01 1970"),
  ]

  @Test(arguments: dates)
  func `the time of making is when the image says that it was made`(_ date: Date) throws {
    let place = try Workplace()
    let fixture = try ImageFixture(at: place.appending("image"))
    let layer = ImageFixture.Layer.plain(TarBytes.archive([.file("file", "content")]))
    try fixture.write(index: [try fixture.addImage([layer], created: date.created).named("x")])
    try materialize(place, ["oci:../image", "out.ext4"])
    let fields = try Superblock.fields(of: place.home + "/out.ext4")
    #expect(fields["Filesystem created"] == date.made)
    #expect(fields["Last write time"] == date.made)
  }

  @Test func `on request the time is the present`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    try materialize(place, ["--no-reproducible", image.reference, "now.ext4"])
    let now = try Superblock.fields(of: place.home + "/now.ext4")
    #expect(now["Filesystem created"]?.hasSuffix(" 1970") == false)
  }
}
