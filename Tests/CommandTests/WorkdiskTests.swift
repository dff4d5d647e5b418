// workdisk: empty disks, disks that begin with a directory or as a copy of a seed, and what is refused.

import FileTree
import Foundation
import Glibc
import TestKit
import Testing

struct WorkdiskTests {
  private func check(_ path: String) throws {
    try Program.succeed(["/usr/sbin/e2fsck", "-f", "-n", path])
  }

  private func allocated(_ path: String) throws -> Int {
    var status = stat()
    guard stat(path, &status) == 0 else { throw ProgramFailure("\(path): \(errno)") }
    return Int(status.st_blocks) * 512
  }

  /// A directory on the host with what directories have.
  private func directory(in place: Workplace) throws -> String {
    let path = try place.makeDirectory("home/dir")
    try place.write("home/dir/file", "content", mode: 0o640)
    try place.makeDirectory("home/dir/sub", mode: 0o700)
    try place.write("home/dir/sub/tool", "#!/bin/sh\n", mode: 0o755)
    try FileManager.default.createSymbolicLink(
      atPath: path + "/link",
      withDestinationPath: "sub/tool"
    )
    guard link(path + "/file", path + "/sub/again") == 0 else { throw ProgramFailure("link") }
    for name in ["file", "sub/tool", "sub"] {
      let times = [timespec(tv_sec: 0, tv_nsec: 0), timespec(tv_sec: 1_000_000_000, tv_nsec: 5)]
      guard utimensat(AT_FDCWD, path + "/" + name, times, 0) == 0 else {
        throw ProgramFailure("utimensat")
      }
    }
    return path
  }

  private func names(in file: String) throws -> [String] {
    try Ext4Witness.rows(of: URL(fileURLWithPath: file)).map { EscapedBytes.string($0.path) }
  }

  @Test(arguments: Role.all)
  func `an empty disk of 8 GiB takes a few MiB`(_ role: Role) throws {
    let place = try Workplace(role)
    let outcome = try place.run("workdisk", "work.ext4", "--size", "8G", "--format", "json")
    #expect((outcome.status, outcome.errors) == (0, ""))
    let facts = try JSONText.object(outcome.output)
    let file = place.home + "/work.ext4"
    try check(file)
    #expect(facts["bytes"] as? Int == 8 << 30)
    #expect(facts["label"] as? String == "banger-work")
    #expect(facts["reproducible"] as? Bool == false)
    #expect(facts["digest"] == nil)
    #expect(try DiskNumbers(facts) == DiskNumbers(ofFile: file))
    let allocated = try allocated(file)
    #expect(allocated < 8 << 20)
    #expect(try place.names() == ["work.ext4"])
  }

  @Test func `two empty disks are told apart by their UUIDs`() throws {
    let place = try Workplace()
    var identifiers: Set<String> = []
    for name in ["a", "b"] {
      _ = try place.succeed(try place.start(["workdisk", name, "--size", "64M"]))
      identifiers.insert(
        try #require(try Superblock.fields(of: place.home + "/" + name)["Filesystem UUID"])
      )
    }
    #expect(identifiers.count == 2)
  }

  @Test func `label, journal and features are those that were asked for`() throws {
    let place = try Workplace()
    let options = [
      "--label", "data", "--no-journal", "--fs-feature", "^64bit", "--fs-feature", "orphan_file",
    ]
    let refused = try place.start(["workdisk", "a", "--size", "1G"] + options).finish()
    expect(
      refused,
      is: .failure(
        64,
        "orphan_file: needs the feature has_journal",
        hint: nil
      )
    )
    let outcome = try place.start(["workdisk", "a", "--size", "1G"] + options.dropLast(2)).finish()
    #expect((outcome.status, outcome.errors) == (0, ""))
    let fields = try Superblock.fields(of: place.home + "/a")
    #expect(fields["Filesystem volume name"] == "data")
    let features = try #require(fields["Filesystem features"]).split(separator: " ")
    #expect(!features.contains("has_journal") && !features.contains("64bit"))
  }

  @Test(arguments: Role.all)
  func `a disk begins with the files of a directory`(_ role: Role) throws {
    let place = try Workplace(role)
    let source = try directory(in: place)
    let outcome = try place.run("workdisk", "work.ext4", "--size", "1G", "--seed", source)
    #expect((outcome.status, outcome.errors) == (0, ""))
    let file = place.home + "/work.ext4"
    try check(file)
    let dump = DumpText(try Ext4Witness.rows(of: URL(fileURLWithPath: file)))
    let files = dump.files.map { $0.prefix(6).joined(separator: " ") }
    #expect(
      files == [
        "/ 0 40755 3 0 0", "/file 7 100640 2 0 0", "/link 0 120777 1 0 0",
        "/sub 0 40700 2 0 0", "/sub/tool 10 100755 1 0 0",
      ]
    )
    #expect(dump.lines.contains("/sub/again @/file"))
  }

  @Test(arguments: Role.all)
  func `a copy of a seed grows, and has a UUID of its own`(_ role: Role) throws {
    let place = try Workplace(role)
    let source = try directory(in: place)
    _ = try place.succeed(try place.start(["workdisk", "seed", "seed.ext4", "--from", source]))
    let seed = place.home + "/seed.ext4"
    try check(seed)
    let names = try names(in: seed)
    for (name, options) in [("same", []), ("grown", ["--size", "3G", "--label", "mine"])] {
      let arguments = ["workdisk", name, "--seed", "seed.ext4"] + options
      let outcome = try place.start(arguments).finish()
      #expect((outcome.status, outcome.errors) == (0, ""))
      let file = place.home + "/" + name
      try check(file)
      #expect(try self.names(in: file) == names)
      let (before, after) = (try Superblock.fields(of: seed), try Superblock.fields(of: file))
      #expect(before["Filesystem UUID"] != after["Filesystem UUID"])
      let isGrown = name == "grown"
      #expect(after["Filesystem volume name"] == (isGrown ? "mine" : "banger-work"))
      let bytes = try DiskNumbers(ofFile: file).bytes
      #expect(bytes == (isGrown ? 3 << 30 : try DiskNumbers(ofFile: seed).bytes))
    }
  }

  @Test func `the same directory makes the same seed`() throws {
    let place = try Workplace()
    let source = try directory(in: place)
    for name in ["a", "b"] {
      _ = try place.succeed(try place.start(["workdisk", "seed", name, "--from", source]))
    }
    #expect(try Program.run(["cmp", place.home + "/a", place.home + "/b"]).status == 0)
    try place.write("home/dir/more", "more")
    _ = try place.succeed(try place.start(["workdisk", "seed", "c", "--from", source]))
    #expect(try Program.run(["cmp", "-s", place.home + "/a", place.home + "/c"]).status == 1)
  }

  @Test func `a file called seed is written by a path`() throws {
    let place = try Workplace()
    let outcome = try place.run("workdisk", "./seed", "--size", "64M")
    #expect((outcome.status, outcome.errors) == (0, ""))
    try check(place.home + "/seed")
  }

  // MARK: Refusals

  struct Refusal: Sendable {
    var arguments: [String]
    var outcome: Outcome
  }

  static let refusals = [
    Refusal(
      arguments: ["out", "--size", "1M"],
      outcome: .failure(
        64,
        "1048576 bytes cannot hold the content: 67108864 bytes are needed",
        hint: "use --size 67108864, or --size auto"
      )
    ),
    Refusal(
      arguments: ["out", "--size", "64M", "--label", "seventeen-letters"],
      outcome: .failure(
        64,
        "seventeen-letters: not usable as a volume label",
        hint: "a label has at most 16 bytes"
      )
    ),
    Refusal(
      arguments: ["out", "--seed", "nowhere"],
      outcome: .failure(
        66,
        "nowhere: No such file or directory",
        hint: "a seed is a directory, or a file with an ext4 file system"
      )
    ),
    Refusal(
      arguments: ["missing/out", "--size", "1G"],
      outcome: .failure(
        73,
        "missing/out: cannot be created: No such file or directory",
        hint: "make the directory first"
      )
    ),
    Refusal(
      arguments: ["/dev/null", "--size", "1G"],
      outcome: .failure(
        73,
        "/dev/null: is not a regular file",
        hint: "name a file that does not exist yet, or a regular file to replace"
      )
    ),
    Refusal(
      arguments: ["out", "--seed", "text", "--no-journal"],
      outcome: .failure(
        64,
        "text: a copy has the journal and the features of its seed",
        hint: "leave out --journal-size, --no-journal and --fs-feature, or seed with a directory"
      )
    ),
  ]

  @Test(arguments: refusals)
  func `what cannot be is refused, and nothing is left`(_ row: Refusal) throws {
    let place = try Workplace()
    try place.write("home/text", "no file system")
    expect(try place.start(["workdisk"] + row.arguments).finish(), is: row.outcome)
    #expect(try place.names().filter { $0 != "cache" } == ["text"])
  }

  @Test func `a file that is no file system is no seed`() throws {
    let place = try Workplace()
    try place.write("home/text", "no file system")
    expect(
      try place.run("workdisk", "out", "--seed", "text"),
      is: .failure(65, "text: is not an ext4 file system")
    )
    #expect(try place.names() == ["text"])
  }

  @Test(arguments: [["out"], ["out", "--size", "1X"], ["out", "--size", "1G", "--owner", "host"]])
  func `a size must be one, and belong to what is made`(_ arguments: [String]) throws {
    let place = try Workplace()
    let outcome = try place.start(["workdisk"] + arguments).finish()
    #expect((outcome.status, outcome.text) == (64, ""))
    #expect(outcome.errors.hasPrefix("Error: "))
    #expect(try place.names() == [])
  }
}
