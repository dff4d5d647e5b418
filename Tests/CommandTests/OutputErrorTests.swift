// Where a materialized image may go, how large it may be, and what is said otherwise.

import Foundation
import TestKit
import Testing

struct OutputErrorTests {
  private static let hint = "name a file that does not exist yet, or a regular file to replace"

  private func run(
    _ role: Role,
    _ arguments: String...,
    prepare: (Workplace) throws -> Void = { _ in }
  ) throws -> (place: Workplace, outcome: Outcome) {
    let place = try Workplace(role)
    let image = try SmallImage(in: place)
    try prepare(place)
    let outcome = try place.start(["materialize", image.reference] + arguments).finish()
    #expect(try place.mounts() == [])
    // The answer comes before the layers are read.
    #expect(!place.exists(place.cache))
    return (place, outcome)
  }

  @Test(arguments: Role.all, ["/dev/null", "/dev/fuse", "/", "directory", "link", "fifo"])
  func `X34: what is no regular file is never replaced`(role: Role, output: String) throws {
    let (_, outcome) = try run(role, output) { place in
      try place.makeDirectory("home/directory")
      try FileManager.default.createSymbolicLink(
        atPath: place.home + "/link",
        withDestinationPath: "directory"
      )
      try Program.succeed(["mkfifo", place.home + "/fifo"])
    }
    expect(outcome, is: .failure(73, "\(output): is not a regular file", hint: Self.hint))
  }

  @Test(arguments: Role.all)
  func `the output's directory must exist`(_ role: Role) throws {
    let (place, outcome) = try run(role, "missing/out.ext4")
    expect(
      outcome,
      is: .failure(
        73,
        "missing/out.ext4: cannot be created: No such file or directory",
        hint: "make the directory first"
      )
    )
    #expect(try place.names() == [])
  }

  @Test func `the output's directory must be a directory`() throws {
    let (_, outcome) = try run(Role.all[0], "file/out.ext4") { try $0.write("home/file", "") }
    expect(outcome, is: .failure(73, "file/out.ext4: cannot be created: Not a directory"))
  }

  @Test func `the output's directory must be the user's`() throws {
    let (_, outcome) = try run(.ordinary, "/usr/out.ext4")
    expect(outcome, is: .failure(77, "/usr/out.ext4: cannot be created: Permission denied"))
  }

  @Test func `a label must fit`() throws {
    let (_, outcome) = try run(Role.all[0], "out.ext4", "--label", "seventeen-letters")
    expect(
      outcome,
      is: .failure(
        64,
        "seventeen-letters: not usable as a volume label",
        hint: "a label has at most 16 bytes"
      )
    )
  }

  @Test(arguments: ["4X", "", "-1", "18446744073709551616", "99999999T"])
  func `a size must be one`(_ size: String) throws {
    let (_, outcome) = try run(Role.all[0], "out.ext4", "--size=\(size)")
    #expect(outcome.status == 64)
    #expect(outcome.errors.hasPrefix("Error: "))
    #expect(outcome.errors.contains("--size"))
  }

  @Test func `free space goes with an automatic size only`() throws {
    let (_, outcome) = try run(Role.all[0], "out.ext4", "--size", "1G", "--free", "1M")
    #expect(outcome.status == 64)
    #expect(outcome.errors.hasPrefix("Error: --free goes with --size auto\nUsage: banger-fs "))
  }

  @Test(arguments: [1, 5_000_000])
  func `a size that is too small is answered with the smallest that would do`(
    _ dataCount: Int
  ) throws {
    let place = try Workplace()
    let data = [UInt8](repeating: 7, count: dataCount * 20)
    let tar = TarBytes.archive([.file("data", TarText(data))])
    _ = try ImageFixture.image([.plain(tar)], at: place.appending("image"))
    let outcome = try place.run("materialize", "oci:../image", "out.ext4", "--size", "1M")
    let words = outcome.errors.split { " :\n,".contains($0) }
    let smallest = try #require(words.dropFirst(3).compactMap { Int($0) }.first { $0 > 1 << 20 })
    expect(
      outcome,
      is: .failure(
        64,
        "1048576 bytes cannot hold the content: \(smallest) bytes are needed",
        hint: "use --size \(smallest), or --size auto"
      )
    )
    #expect(try place.names() == ["cache"])
    let size = ["materialize", "oci:../image", "out.ext4", "--size"]
    #expect(try place.start(size + ["\(smallest - (1 << 20))"]).finish().status == 64)
    let second = try place.start(size + ["\(smallest)"]).finish()
    #expect((second.status, second.errors) == (0, ""))
    var status = stat()
    #expect(stat(place.home + "/out.ext4", &status) == 0)
    #expect(status.st_size == smallest)
  }

  @Test func `a full disk is said to be full, and nothing stays on it`() throws {
    guard geteuid() == 0 else { return }
    for role in Role.all {
      let place = try Workplace(role)
      let data = TarText(CompressedBytes.sample(byteCount: 4 << 20, seed: 3))
      let tar = TarBytes.archive([.file("data", data)])
      _ = try ImageFixture.image([.plain(tar)], at: place.appending("image"))
      let disk = try place.makeDirectory("home/disk")
      let outcome = try place.runIsolated(
        after: "mount -t tmpfs -o size=2m,mode=777 tmpfs \"$1/disk\"",
        #""$0" materialize oci:../image disk/out.ext4; status=$?; ls -A disk; exit $status"#
      )
      expect(
        outcome,
        is: .failure(
          74,
          "\(disk)/out.ext4: no space left on the disk",
          hint: "free some space, or write to another disk"
        )
      )
    }
  }
}
