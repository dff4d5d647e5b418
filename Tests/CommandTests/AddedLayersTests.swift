// What is laid over an image: the same in every command that shows or writes a tree, in the mount in the
// background too; and what is said where something cannot be laid there.

import FileTree
import Foundation
import Glibc
import TestKit
import Testing

extension Workplace {
  /// Files of the user's that can be laid over an image.
  func writeAdditions() throws -> [String] {
    try makeDirectory("home/over")
    try makeDirectory("home/over/etc", mode: 0o750)
    try write("home/over/etc/motd", "hello\n", mode: 0o640)
    try makeDirectory("home/over/layers")
    // Takes a name of the image away, as a layer would.
    try write("home/over/layers/.wh.stays", "")
    try FileManager.default.createSymbolicLink(
      atPath: home + "/over/link",
      withDestinationPath: "etc/motd"
    )
    let tar = TarBytes.archive([
      .file("from tar", "in the archive").owner(7, 8).mode(0o604).modified(5, nanoseconds: 6)
    ])
    let path = home + "/more.tar.gz"
    try Data(CompressedBytes.gzip(tar)).write(to: URL(fileURLWithPath: path))
    chmod(path, 0o644)
    try write("home/agent", "#!/bin/sh\n", mode: 0o755)
    try write("home/agent.service", "[Service]\n[Install]\nWantedBy=multi-user.target\n")
    return [
      "--overlay", "over", "--overlay", "more.tar.gz", "--inject", "agent:/usr/local/bin/",
      "--inject", "agent:/kinds/file:04750:5:6",
      "--inject", "agent.service:/etc/systemd/system/agent.service", "--enable-unit", "agent",
    ]
  }
}

extension MountedImageTests {
  @Suite struct Additions {
    static let owners = [
      [], ["--owner-map", "0:100000:100000", "--owner-map", "4294967294:5:1"],
    ]

    @Test(arguments: Role.all, owners)
    func `what is laid over an image is the same in tree, mount and ext4`(
      role: Role,
      owners: [String]
    ) throws {
      let place = try Workplace(role)
      let reference = try place.image(FixtureImage.everything.layers)
      let options = try place.writeAdditions() + owners
      let tree = try place.dump(of: reference, options)
      let shift = owners.isEmpty ? 0 : 100_000
      let rows = Dictionary(
        uniqueKeysWithValues: tree.files.map { ($0[0], $0[1..<6].joined(separator: " ")) }
      )
      #expect(rows["/etc/motd"] == "6 100640 1 \(shift) \(shift)")
      #expect(rows["/etc"] == "0 40750 3 \(shift) \(shift)")
      #expect(rows["/from\\x20tar"] == "14 100604 1 \(shift + 7) \(shift + 8)")
      #expect(rows["/usr/local/bin/agent"] == "10 100755 1 \(shift) \(shift)")
      #expect(rows["/kinds/file"] == "10 104750 1 \(shift + 5) \(shift + 6)")
      #expect(rows["/layers/stays"] == nil)
      let wants = "/etc/systemd/system/multi-user.target.wants/agent.service"
      #expect(rows[Substring(wants)]?.contains(" 120777 1 ") == true)

      let mount = try MountedImage(reference, options, in: place)
      #expect(try mount.dump().differences(from: tree.shown(to: role)) == [])
      try mount.end()

      let file = place.home + "/image.ext4"
      try place.materialize(reference, to: file, options)
      let ext4 = DumpText(try Ext4Witness.rows(of: URL(fileURLWithPath: file)))
      #expect(ext4.differences(from: tree) == [])
    }

    @Test(arguments: Role.all)
    func `a mount in the background has what was there when it began`(_ role: Role) throws {
      let place = try Workplace(role)
      let reference = try place.image(FixtureImage.nothing.layers)
      let options = try place.writeAdditions()
      let tree = try place.dump(of: reference, options)
      let path = try place.makeDirectory("home/mnt")
      expect(try place.start(["mount", reference, "mnt"] + options).finish(), is: .success())
      try FileManager.default.removeItem(atPath: place.home + "/over")
      try place.write("home/agent", "something else", mode: 0o600)
      #expect(try place.dump(ofDirectory: path) == tree)
      expect(try place.run("umount", "mnt"), is: .success())
    }
  }
}

struct AddedLayersTests {
  @Test(arguments: Role.all)
  func `ls, stat and cat show what was laid over, and by what`(_ role: Role) throws {
    let place = try Workplace(role)
    let image = try SmallImage(in: place)
    let options = try place.writeAdditions()
    expect(
      try place.start(["ls", image.reference, "/usr/local"] + options).finish(),
      is: .success("bin\n")
    )
    expect(
      try place.start(["cat", image.reference, "/etc/motd"] + options).finish(),
      is: .success("hello\n")
    )
    let stat = try place.start(["stat", image.reference, "/usr/local/bin/agent"] + options).finish()
    #expect((stat.status, stat.errors) == (0, ""))
    #expect(stat.text.hasSuffix("\nadded by: --inject agent:/usr/local/bin/\n"))
    let json = try JSONText.object(
      try place.succeed(
        try place.start(["stat", "--format", "json", image.reference, "/etc/motd"] + options)
      )
    )
    #expect(json["origin"] as? [String: String] == ["addedBy": "--overlay over"])
    let parent = try place.start(["stat", image.reference, "/usr"] + options).finish()
    #expect(parent.text.hasSuffix("\nlayer: none has an entry for this directory\n"))
  }

  @Test func `what is left out is said once`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    try place.makeDirectory("home/over")
    try Program.succeed([
      "python3", "-c", "import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])",
      place.home + "/over/socket",
    ])
    let outcome = try place.run("ls", "--overlay", "over", image.reference, "/run")
    #expect((outcome.status, outcome.text) == (0, "pipe\n"))
    #expect(outcome.errors == "warning: --overlay over: socket left out: socket\n")
  }

  struct Refusal: Sendable {
    var options: [String]
    var outcome: Outcome
  }

  static let refusals = [
    Refusal(
      options: ["--inject", "nowhere:/x"],
      outcome: .failure(
        66,
        "--inject nowhere:/x: nowhere: cannot be opened: No such file or directory"
      )
    ),
    Refusal(
      options: ["--inject", "agent:/etc"],
      outcome: .failure(
        73,
        "--inject agent:/etc: /etc: is a directory in the image",
        hint: "name a file in it, or end the path with a slash"
      )
    ),
    Refusal(
      options: ["--inject", "agent:/programs/x"],
      outcome: .failure(
        73,
        "--inject agent:/programs/x: /programs/x: /programs is a symbolic link to bin in the image",
        hint: "name the place itself, /bin/x, or pass --follow-dirlinks"
      )
    ),
    Refusal(
      options: ["--enable-unit", "nope"],
      outcome: .failure(66, "--enable-unit nope.service: no such unit in the image")
    ),
    Refusal(
      options: ["--owner-map", "0:100000"],
      outcome: .failure(
        64,
        "--owner-map: 0:100000: not an owner range: FIRST:TO:COUNT, with u: or g: in front for one "
          + "kind of ids"
      )
    ),
    Refusal(
      options: ["--owner-map", "0:100000:1000"],
      outcome: .failure(
        64,
        "/data: no owner range has user 70000",
        hint: "add a range that has it, as --owner-map u:70000:TO:1"
      )
    ),
    Refusal(
      options: ["--overlay", "nowhere"],
      outcome: .failure(
        66,
        "--overlay nowhere: nowhere: cannot be opened: No such file or directory"
      )
    ),
  ]

  @Test(arguments: refusals, ["ls", "size", "materialize", "mount", "mount -f"])
  func `X35: every command refuses what cannot be laid over an image`(
    row: Refusal,
    command: String
  ) throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    _ = try place.writeAdditions()
    try place.makeDirectory("home/mnt")
    let before = try place.names()
    let words = command.split(separator: " ").map(String.init)
    let output = words[0] == "materialize" ? ["out.ext4"] : words[0] == "mount" ? ["mnt"] : []
    expect(
      try place.start(words + [image.reference] + output + row.options).finish(),
      is: row.outcome
    )
    #expect(try place.names().filter { $0 != "cache" } == before)
    #expect(try place.mounts() == [])
  }

  @Test(arguments: [
    ["--inject", "agent"], ["--inject", "agent:/x:999"], ["--inject", "agent:/x:644:0"],
    ["--inject", ":/x"], ["--overlay-owner", "root"],
  ])
  func `what is written wrong is a usage error`(_ options: [String]) throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    let outcome = try place.start(["ls", image.reference] + options).finish()
    #expect((outcome.status, outcome.text) == (64, ""))
    #expect(
      outcome.errors.hasPrefix("Error: The value '\(options[1])' is invalid for '\(options[0])")
    )
    #expect(!place.exists(place.cache))
  }
}
