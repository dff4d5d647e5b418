// Where a mount may go, and what is said where it may not.

import Foundation
import TestKit
import Testing

struct MountpointTests {
  private func place(_ role: Role) throws -> (place: Workplace, reference: String) {
    let place = try Workplace(role)
    return (place, try SmallImage(in: place).reference)
  }

  @Test(arguments: Role.all)
  func `a mount point must exist`(_ role: Role) throws {
    let (place, image) = try place(role)
    expect(
      try place.run("mount", image, "mnt"),
      is: .failure(73, "mnt: No such file or directory", hint: "make the directory first")
    )
  }

  @Test(arguments: Role.all)
  func `a mount point must be a directory`(_ role: Role) throws {
    let (place, image) = try place(role)
    try place.write("home/mnt", "")
    expect(
      try place.run("mount", image, "mnt"),
      is: .failure(73, "mnt: the mount point is not a directory")
    )
  }

  @Test(arguments: Role.all)
  func `a mount point must be empty unless nonempty says otherwise`(_ role: Role) throws {
    let (place, image) = try place(role)
    try place.makeDirectory("home/mnt")
    try place.write("home/mnt/file", "hidden")
    expect(
      try place.run("mount", image, "mnt"),
      is: .failure(
        73,
        "mnt: the mount point is not empty",
        hint: "choose an empty directory, or hide what is in it with -o nonempty"
      )
    )
    expect(try place.run("mount", "-o", "nonempty", image, "mnt"), is: .success())
    expect(try place.runTool("cat", "mnt/etc/passwd"), is: .success("root:x:0:0\n"))
    expect(try place.run("umount", "mnt"), is: .success())
    expect(try place.runTool("cat", "mnt/file"), is: .success("hidden"))
  }

  @Test(arguments: Role.all)
  func `a mount point can be used once at a time`(_ role: Role) throws {
    let (place, image) = try place(role)
    try place.makeDirectory("home/mnt")
    expect(try place.run("mount", image, "mnt"), is: .success())
    expect(
      try place.run("mount", "-o", "nonempty", image, "mnt"),
      is: .failure(
        73,
        "mnt: the mountpoint is already in use by a mount of this program",
        hint: "unmount it first with banger-fs umount"
      )
    )
    let mounts = try place.mounts()
    #expect(mounts == [place.home + "/mnt"])
    #expect(try place.servers().count == 1)
    expect(try place.run("umount", "mnt"), is: .success())
  }

  @Test func `a mount point of something else is left alone`() throws {
    guard geteuid() == 0 else { return }
    let (place, image) = try place(.root)
    let mnt = try place.makeDirectory("home/mnt")
    try Program.succeed(["mount", "-t", "tmpfs", "tmpfs", mnt])
    expect(
      try place.run("mount", image, "mnt"),
      is: .failure(
        73,
        "mnt: something else is mounted there already (tmpfs)",
        hint: "choose another directory"
      )
    )
    expect(
      try place.run("umount", "mnt"),
      is: .failure(66, "mnt: what is mounted there does not belong to this program")
    )
    #expect(try place.mounts() == [mnt])
  }

  @Test func `X24: an ordinary user mounts at directories of their own`() throws {
    guard geteuid() == 0 else { return }
    let (place, image) = try place(.ordinary)
    let foreign = try place.makeDirectory("foreign")
    chown(foreign, 0, 0)
    expect(
      try place.run("mount", image, foreign),
      is: .failure(
        77,
        "\(foreign): the mountpoint may not be written to by this user",
        hint: "choose a directory of your own"
      )
    )
    let hidden = try place.makeDirectory("hidden", mode: 0o700)
    chown(hidden, 0, 0)
    for path in [hidden, hidden + "/mnt"] {
      expect(
        try place.run("mount", image, path),
        is: .failure(77, "\(path): Permission denied")
      )
    }
  }

  @Test(arguments: Role.all)
  func `only a mount can be unmounted`(_ role: Role) throws {
    let (place, _) = try place(role)
    try place.makeDirectory("home/mnt")
    expect(
      try place.run("umount", "mnt"),
      is: .failure(66, "mnt: nothing is mounted there")
    )
    expect(
      try place.run("umount", "nowhere"),
      is: .failure(66, "nowhere: No such file or directory")
    )
  }

  @Test(arguments: Role.all, ["with blanks", "comma,and\\backslash", "new\nline", "ünï", "-f"])
  func `a mount point may have any name`(role: Role, name: String) throws {
    let (place, image) = try place(role)
    let path = try place.makeDirectory("home/" + name)
    expect(try place.run("mount", image, "--", name), is: .success())
    expect(try place.runTool("cat", "./\(name)/etc/passwd"), is: .success("root:x:0:0\n"))
    let listed = try JSONText.object(try place.run("mounts", "--format", "json").output)
    let mounts = try #require(listed["mounts"] as? [[String: String]])
    let expected = ["mountpoint": path, "state": "alive", "image": image]
    #expect(mounts.contains(expected))
    expect(try place.run("umount", "--", name), is: .success())
    #expect(try place.mounts() == [])
  }

  @Test(arguments: Role.all)
  func `an image may have any name, relative and with commas`(_ role: Role) throws {
    let place = try Workplace(role)
    _ = try SmallImage(in: place)
    let odd = "a,b c\\d"
    try FileManager.default.moveItem(
      atPath: place.appending("image"),
      toPath: place.appending(odd)
    )
    try place.makeDirectory("home/mnt")
    expect(try place.run("mount", "oci:../\(odd):small", "mnt"), is: .success())
    expect(try place.runTool("cat", "mnt/etc/passwd"), is: .success("root:x:0:0\n"))
    let table = try place.run("mounts").text
    #expect(table.contains("\(place.home)/mnt"))
    #expect(table.contains("  alive  oci:../a,b c\\\\d:small\n"))
    expect(try place.run("umount", "./mnt/"), is: .success())
  }

  @Test func `options that cannot be had are refused`() throws {
    let (place, image) = try place(Role.all[0])
    try place.makeDirectory("home/mnt")
    expect(
      try place.run("mount", "-o", "ro,rw", image, "mnt"),
      is: .failure(64, "mount option rw is not possible: mounts are ro,nosuid,nodev")
    )
    expect(
      try place.run("mount", "-o", "speed=11", image, "mnt"),
      is: .failure(
        64,
        "unknown mount option: speed=11",
        hint: "there are allow_other and nonempty, and those of mount(8) that go with ro"
      )
    )
  }

  @Test func `other users are let in only where the machine allows it`() throws {
    let configuration = try String(contentsOfFile: "/etc/fuse.conf", encoding: .utf8)
    let isAllowed = configuration.split(separator: "\n").contains { $0 == "user_allow_other" }
    let (place, image) = try place(.ordinary)
    try place.makeDirectory("home/mnt")
    let outcome = try place.run("mount", "-o", "allow_other", image, "mnt")
    let refusal = Outcome.failure(
      77,
      "allow_other needs user_allow_other in /etc/fuse.conf",
      hint: "add user_allow_other to /etc/fuse.conf, or leave allow_other out"
    )
    expect(outcome, is: isAllowed ? .success() : refusal)
    #expect(try place.mounts().isEmpty == !isAllowed)
  }

  @Test func `root lets other users in, as far as the modes go`() throws {
    guard geteuid() == 0 else { return }
    let (place, image) = try place(.root)
    let mnt = try place.makeDirectory("home/mnt")
    expect(try place.run("mount", "-o", "allow_other", image, "mnt"), is: .success())
    let user = Role.ordinary.user
    expect(
      try Program.run(["head", "-c", "2", mnt + "/bin/tool"], user: user),
      is: .success("#!")
    )
    let forbidden = try Program.run(["cat", mnt + "/etc/passwd"], user: user)
    #expect(forbidden.status == 1)
    #expect(forbidden.errors.hasSuffix("Permission denied\n"))
    expect(try place.run("umount", "mnt"), is: .success())
    expect(try place.run("mount", image, "mnt"), is: .success())
    let shut = try Program.run(["ls", mnt], user: user)
    #expect(shut.status == 2)
    #expect(shut.errors.hasSuffix("Permission denied\n"))
  }
}
