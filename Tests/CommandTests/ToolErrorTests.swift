// Machines on which something is missing: the device, the helper, the tools. Each has its message.

import Glibc
import TestKit
import Testing

struct ToolErrorTests {
  private static let tools = ["mkfs.ext4", "debugfs", "e2fsck", "resize2fs", "tune2fs"]

  /// A directory with the tools of the machine, of which mkfs.ext4 says that it is of this version.
  private func fakeTools(in place: Workplace, banner: String) throws -> String {
    let directory = try place.makeDirectory("tools")
    for tool in Self.tools {
      let banner =
        tool == "mkfs.ext4" ? "[ \"$1\" != -V ] || { echo '\(banner)' >&2; exit 0; }\n" : ""
      let script = "#!/bin/sh\n\(banner)exec /usr/sbin/\(tool) \"$@\"\n"
      try place.write("tools/\(tool)", script, mode: 0o755)
    }
    return directory
  }

  private func materialize(_ place: Workplace, _ reference: String, path: String) throws -> Outcome
  {
    try place.startTool(
      ["env", "PATH=\(path)", place.binary, "materialize", reference, "out.ext4"]
    ).finish()
  }

  @Test(arguments: Role.all, ["mount", "mount -f", "materialize"])
  func `a machine without the device is told how to get it`(role: Role, command: String) throws {
    guard geteuid() == 0 else { return }
    let place = try Workplace(role)
    let image = try SmallImage(in: place)
    try place.makeDirectory("home/mnt")
    let outcome = try place.runIsolated(
      after: "mount -t tmpfs -o mode=755 tmpfs /dev; mknod -m 666 /dev/null c 1 3",
      #""$0" \#(command) \#(image.reference) "#
        + (command == "materialize" ? "out.ext4" : "mnt")
    )
    expect(
      outcome,
      is: .failure(
        69,
        "/dev/fuse is missing or has no driver",
        hint: "load the driver with modprobe fuse; in a container, pass --device /dev/fuse"
      )
    )
    // Said before any layer was read.
    #expect(try place.names() == ["mnt"])
  }

  @Test func `a device that the user may not open is said to be so`() throws {
    guard geteuid() == 0 else { return }
    let place = try Workplace(.ordinary)
    let image = try SmallImage(in: place)
    try place.makeDirectory("home/mnt")
    let outcome = try place.runIsolated(
      after: """
        mount -t tmpfs -o mode=755 tmpfs /dev
        mknod -m 666 /dev/null c 1 3
        mknod -m 600 /dev/fuse c 10 229
        """,
      #""$0" mount \#(image.reference) mnt"#
    )
    expect(
      outcome,
      is: .failure(
        77,
        "/dev/fuse may not be opened by this user",
        hint: "ask for read and write permission on /dev/fuse"
      )
    )
  }

  @Test func `an ordinary user needs the helper, and is told its package`() throws {
    let place = try Workplace(.ordinary)
    let image = try SmallImage(in: place)
    try place.makeDirectory("home/mnt")
    let path = "PATH=\(place.home)"
    let program = try place.startTool(["env", path, place.binary, "mount", image.reference, "mnt"])
    expect(
      try program.finish(),
      is: .failure(
        69,
        "fusermount3 is not in the search path",
        hint: "install the package fuse3"
      )
    )
    #expect(try place.mounts() == [])
  }

  @Test func `root needs no helper`() throws {
    guard geteuid() == 0 else { return }
    let place = try Workplace(.root)
    let image = try SmallImage(in: place)
    try place.makeDirectory("home/mnt")
    for command in [["mount", image.reference, "mnt"], ["umount", "mnt"]] {
      let program = try place.startTool(["env", "PATH=\(place.home)", place.binary] + command)
      expect(try program.finish(), is: .success())
    }
    #expect(try place.mounts() == [])
  }

  @Test(arguments: tools)
  func `a missing tool is named with its package`(_ tool: String) throws {
    guard geteuid() == 0 else { return }
    let place = try Workplace(.ordinary)
    let image = try SmallImage(in: place)
    let others = Self.tools.filter { $0 != tool }
      .map { "ln -s /bin/true /usr/sbin/\($0)" }
      .joined(separator: "\n")
    let outcome = try place.runIsolated(
      after: "mount -t tmpfs -o mode=755 tmpfs /usr/sbin\n\(others)",
      #""$0" materialize \#(image.reference) out.ext4"#
    )
    expect(
      outcome,
      is: .failure(69, "\(tool): not found", hint: "install the package e2fsprogs")
    )
    #expect(try place.names() == [])
  }

  @Test func `tools that are too old are refused with the version that would do`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    let path = try fakeTools(in: place, banner: "mke2fs 1.45.7 (28-Jan-2021)")
    expect(
      try materialize(place, image.reference, path: path + ":/usr/bin:/bin"),
      is: .failure(
        69,
        "mkfs.ext4: version 1.45.7 is too old",
        hint: "install e2fsprogs 1.46.0 or newer"
      )
    )
  }

  @Test func `tools of no version are refused`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    let path = try fakeTools(in: place, banner: "busybox")
    expect(
      try materialize(place, image.reference, path: path + ":/usr/bin:/bin"),
      is: .failure(
        69,
        "mkfs.ext4: unknown version: busybox",
        hint: "install the package e2fsprogs"
      )
    )
  }

  @Test func `a version that cannot copy large files copies small ones`() throws {
    let place = try Workplace()
    let path = try fakeTools(in: place, banner: "mke2fs 1.47.3 (8-Jul-2025)") + ":/usr/bin:/bin"
    let small = try SmallImage(in: place)
    let outcome = try materialize(place, small.reference, path: path)
    #expect((outcome.status, outcome.errors) == (0, ""))

    let large = TarBytes.archive([
      .sparse("var/big", size: 1 << 31, segments: [(0, "x")], format: .pax10)
    ])
    let fixture = try ImageFixture.image([.plain(large)], at: place.appending("large"))
    expect(
      try materialize(place, "oci:\(fixture.path)", path: path),
      is: .failure(
        69,
        "/var/big: mkfs.ext4 1.47.3 cannot copy files over 2 GiB",
        hint: "install another version of e2fsprogs: 1.47.4 has the fault mended"
      )
    )
  }
}
