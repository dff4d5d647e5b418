// cp: files and trees of an image as files of this machine.

import Foundation
import Glibc
import TestKit
import Testing

struct CopyTests {
  private func place(_ role: Role) throws -> (Workplace, SmallImage) {
    let place = try Workplace(role)
    return (place, try SmallImage(in: place))
  }

  /// What the copies are: everything but what depends on who made them.
  private func listing(_ place: Workplace, _ line: String) throws -> String {
    let command = ["bash", "-c", "set -eu; export LC_ALL=C TZ=UTC; cd \"$1\"; " + line, "bash"]
    return String(
      decoding: try place.succeed(try place.startTool(command + [place.home])),
      as: UTF8.self
    )
  }

  // MARK: Files

  @Test(arguments: Role.all)
  func `a file is copied to a new name or into a directory`(_ role: Role) throws {
    let (place, image) = try place(role)
    try place.makeDirectory("home/into")
    expect(try place.run("cp", image.reference, "odd/two words", "copy"), is: .success(""))
    expect(try place.run("cp", image.reference, "/odd/two words", "into"), is: .success(""))
    expect(
      try place.run("cp", "-L", image.reference, "programs/tool", "./into/t"),
      isWarned: role
    )
    let listed = try listing(
      place,
      "stat -c '%n %a %Y %s' copy into/*; cat copy into/*"
    )
    let mode = role == .root ? "4755" : "755"
    #expect(
      listed == """
        copy 644 1000000006 5
        into/t \(mode) 1000000002 20
        into/two words 644 1000000006 5
        55555#!/bin/sh
        echo tool
        55555
        """
    )
  }

  /// Of root nothing is lost; others lose the file's owner and its capability.
  private func expect(_ outcome: Outcome, isWarned role: Role) {
    let warnings = """
      warning: 1 file of others became yours: only root gives files away
      warning: 1 file lost extended attributes that cannot be set here

      """
    expect(outcome, is: Outcome(status: 0, output: [], errors: role == .root ? "" : warnings))
  }

  private func expect(_ outcome: Outcome, is expected: Outcome) {
    var outcome = outcome
    // Whose a file of root's becomes is no matter of most tests.
    if outcome.errors == "warning: 1 file of others became yours: only root gives files away\n" {
      outcome.errors = ""
    }
    #expect(outcome == expected)
  }

  @Test(arguments: Role.all)
  func `a symbolic link is copied as one, or followed`(_ role: Role) throws {
    let (place, image) = try place(role)
    _ = try place.run("cp", image.reference, "sh", "link")
    _ = try place.run("cp", "-L", image.reference, "sh", "file")
    #expect(try listing(place, "readlink link; stat -c %F file") == "bin/tool\nregular file\n")
  }

  @Test(arguments: Role.all)
  func `what is there stays, unless it is to be replaced`(_ role: Role) throws {
    let (place, image) = try place(role)
    try place.write("home/copy", "mine\n")
    expect(
      try place.run("cp", image.reference, "odd/two words", "copy"),
      is: Outcome(
        status: 73,
        output: [],
        errors: "banger-fs: copy: is there already\nhint: replace a file with --force\n"
      )
    )
    #expect(try listing(place, "cat copy") == "mine\n")
    _ = try place.run("cp", "-f", image.reference, "odd/two words", "copy")
    #expect(try listing(place, "cat copy; ls -A | grep -v cache") == "55555copy\n")
  }

  @Test(
    arguments: [
      (["nope", "x"], 66, "nope: no such file or directory in the image", nil),
      (["etc", "no/x"], 73, "no/: No such file or directory", nil),
      (["etc/passwd", "new/"], 73, "new/: No such file or directory", nil),
      (["/", "."], 73, ".: is there already", "name a new directory for the root of the image"),
      (["etc", ""], 64, "the name to copy to is empty", nil),
    ] as [([String], Int32, String, String?)]
  )
  func `what cannot be is refused`(
    arguments: [String],
    status: Int32,
    message: String,
    hint: String?
  ) throws {
    let (place, image) = try place(Role.all[0])
    let errors = "banger-fs: \(message)\n" + (hint.map { "hint: \($0)\n" } ?? "")
    expect(
      try place.start(["cp", image.reference] + arguments).finish(),
      is: Outcome(status: status, output: [], errors: errors)
    )
  }

  @Test func `a device alone is refused to whom it cannot be made for`() throws {
    let (place, image) = try place(Role.unprivileged)
    let outcome = try place.run("cp", image.reference, "dev/null", "copy")
    expect(outcome, is: .failure(77, "dev/null: devices are root's to make"))
    #expect(!(try place.names().contains("copy")))
  }

  // MARK: Trees

  /// Only root can make everything.
  private static let roots = Role.all.filter { $0 == .root }

  @Test(arguments: roots)
  func `root copies a whole image as it is`(_ role: Role) throws {
    let (place, image) = try place(role)
    expect(try place.run("cp", image.reference, "/", "tree"), is: .success(""))
    let copied = try place.dump(ofDirectory: place.home + "/tree")
    #expect(copied.differences(from: try place.dump(of: image.reference)) == [])
  }

  @Test func `others copy a whole image but for what is root's`() throws {
    let (place, image) = try place(Role.unprivileged)
    let outcome = try place.run("cp", image.reference, "/", "tree")
    #expect(outcome.status == 0)
    let warnings = outcome.errors.split(separator: "\n").map { $0.replacing(/\d+/, with: "N") }
    #expect(
      warnings == [
        "warning: N files of others became yours: only root gives files away",
        "warning: N file lost extended attributes that cannot be set here",
        "warning: N files left out: devices are root's to make",
      ]
    )
    let tree = try listing(
      place,
      "find tree -printf '%P %y %m %n %Ts %l\\0' | sort -z | tr '\\0' '\\n' | cat -v | sed 's/ *$//'"
    )
    #expect(
      tree == #"""
         d 755 7 1000000000
        bin d 755 2 1000000001
        bin/again f 755 2 1000000002
        bin/tool f 755 2 1000000002
        data f 644 1 1000000008
        dev d 755 2 1000000004
        etc d 755 3 1000000007
        etc/passwd f 600 1 -1
        etc/shared d 775 2 4000000000
        gone l 777 1 1000000003 no/where
        odd d 750 2 1000000006
        odd/^[[31mred f 644 1 1000000006
        odd/back\slash f 644 1 1000000006
        odd/link l 777 1 1000000006 ^[]0;title^G
        odd/new
        line f 644 1 1000000006
        odd/two words f 644 1 1000000006
        odd/M-^?M-~ f 644 1 1000000006
        programs l 777 1 1000000003 bin
        run d 1777 2 1000000005
        run/pipe p 600 1 1000000005
        sh l 777 1 1000000003 bin/tool

        """#
    )
  }

  @Test(arguments: Role.all)
  func `a large file of holes stays one, and a directory that nobody may write is filled`(
    _ role: Role
  ) throws {
    let place = try Workplace(role)
    var content = [UInt8](repeating: 0, count: 8 << 20)
    content[5 << 20] = 7
    let layer = TarBytes.archive([
      .file("closed/deep/holes", TarText(content)), .file("closed/deep/x", "x"),
      .directory("closed/deep/").mode(0o500), .directory("closed/").mode(0o555),
    ])
    _ = try ImageFixture.image(
      [ImageFixture.Layer(blob: CompressedBytes.gzip(layer), diffID: ImageFixture.sha256(layer))],
      at: place.appending("image")
    )
    _ = try place.run("cp", "oci:" + place.appending("image"), "/", "tree")
    let found = try listing(
      place,
      """
      stat -c '%n %a %s' tree/closed tree/closed/deep/*; cat tree/closed/deep/x
      test $(stat -c %b tree/closed/deep/holes) -lt 1024
      chmod -R u+w tree
      """
    )
    #expect(
      found.replacing(/closed 555 \d+/, with: "closed 555") == """
        tree/closed 555
        tree/closed/deep/holes 644 8388608
        tree/closed/deep/x 644 1
        x
        """
    )
    let hash = try listing(place, "sha256sum <tree/closed/deep/holes")
    #expect(hash.hasPrefix(String(ImageFixture.sha256(content).dropFirst(7))))
  }

  @Test(arguments: Role.all)
  func `a damaged layer is named`(_ role: Role) throws {
    let (place, image) = try place(role)
    try image.fixture.replaceBlob(image.digest(ofLayer: 0), with: Array("damaged".utf8))
    let outcome = try place.run("cp", image.reference, "bin/tool", "copy")
    #expect(outcome.status == 65)
    #expect(outcome.errors.hasPrefix("banger-fs: layer \(image.digest(ofLayer: 0)): "))
    #expect(!(try place.names().contains("copy")))
  }

  @Test(arguments: roots)
  func `on a full disk no half of a file stays`(_ role: Role) throws {
    let place = try Workplace(role)
    let data = TarText(CompressedBytes.sample(byteCount: 4 << 20, seed: 3))
    let tar = TarBytes.archive([.file("data", data)])
    _ = try ImageFixture.image([.plain(tar)], at: place.appending("image"))
    try place.makeDirectory("home/disk")
    let outcome = try place.runIsolated(
      after: "mount -t tmpfs -o size=2m,mode=777 tmpfs \"$1/disk\"",
      #""$0" cp oci:../image data disk/out; status=$?; ls -A disk; exit $status"#
    )
    expect(outcome, is: .failure(74, "cannot write out: No space left on device"))
  }

  @Test(arguments: roots)
  func `a real image is copied as another unpacks it`(_ role: Role) throws {
    let place = try Workplace(role)
    let image = try place.reference(of: .small)
    #expect(try place.run("cp", image, "/", "tree").status == 0)
    let copied = try place.dump(ofDirectory: place.home + "/tree")
    let unpacked = try UnpackedImage(.small)
    #expect(copied.differences(from: try place.dump(ofDirectory: unpacked.path)) == [])
    #expect(copied.lines.count > 1000)
  }
}
