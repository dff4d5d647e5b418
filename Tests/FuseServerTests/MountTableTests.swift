// Reading the table of mounts. Source: proc(5), "/proc/pid/mountinfo".

import FuseServer
import Testing

@Suite struct MountTableTests {
  private func table(_ text: String) -> MountTable {
    MountTable(parsing: Array(text.utf8))
  }

  /// As the kernel writes a path: blanks, control bytes, backslashes and others as octal digits.
  private func escaped(_ path: [UInt8]) -> String {
    path.map { byte in
      guard byte <= 32 || byte >= 127 || byte == UInt8(ascii: "\\") else {
        return String(decoding: [byte], as: UTF8.self)
      }
      return "\\\(byte >> 6)\(byte >> 3 & 7)\(byte & 7)"
    }.joined()
  }

  @Test(arguments: [
    Array("/mnt/a".utf8), Array("/mnt/with space".utf8), Array("/tab\tnewline\nback\\slash".utf8),
    [0x2f, 0xff, 0xfe], Array("/ends in \\040".utf8),
  ])
  func `a mountpoint of any bytes is read as it is`(mountpoint: [UInt8]) {
    let table = table("42 27 0:39 / \(escaped(mountpoint)) ro - fuse.banger-fs s ro")
    #expect(table.mounts.map(\.mountpoint) == [mountpoint])
    #expect(table.mount(at: mountpoint)?.isOurs == true)
  }

  @Test func `every field of a line is told`() throws {
    let text = #"42 27 0:39 / /tmp/fx ro,nosuid - fuse.banger-fs a,\040b\134c ro,user_id=0"#
    let mount = try #require(table(text).mounts.first)
    #expect(mount.device == MountTable.DeviceNumber(major: 0, minor: 39))
    #expect(mount.mountpoint == Array("/tmp/fx".utf8))
    #expect(mount.type == Array("fuse.banger-fs".utf8))
    #expect(mount.source == Array(#"a, b\c"#.utf8))
    #expect(mount.options == Array("ro,nosuid,ro,user_id=0".utf8))
  }

  @Test(arguments: ["", " shared:1", " shared:1 master:2", " unbindable"])
  func `any number of tags may stand before the dash`(tags: String) {
    let table = table("42 27 0:39 / /m ro\(tags) - fuse.banger-fs s ro")
    #expect(table.mounts.map(\.source) == [Array("s".utf8)])
  }

  @Test(arguments: [
    "", "42", "42 27 0:39 / /m ro fuse.banger-fs s ro", "42 27 0:39 / /m ro - fuse.banger-fs s",
    "42 27 039 / /m ro - t s ro", "42 27 0:x / /m ro - t s ro", "42 27 0:-1 / /m ro - t s ro",
    "42 27 0:39 / /m ro - t s ro surplus",
  ])
  func `a line of another form is left out, and the next is read`(line: String) {
    let table = table(line + "\n43 27 0:40 / /next ro - ext4 /dev/sda rw\n")
    #expect(table.mounts.map(\.mountpoint) == [Array("/next".utf8)])
  }

  @Test(arguments: ["fuse", "fuse.sshfs", "fuse.banger-fs2", "fuse.banger", "ext4"])
  func `other types are none of ours`(type: String) {
    let table = table("42 27 0:39 / /m ro - \(type) s ro")
    #expect(table.ownMounts == [])
    #expect(table.mounts.count == 1)
  }

  @Test func `of several mounts at one place the last is seen`() {
    let table = table(
      """
      42 27 0:39 / /m ro - fuse.banger-fs first ro
      43 42 0:40 / /m ro - fuse.banger-fs second ro
      44 27 0:41 / /m/below ro - fuse.banger-fs third ro
      """
    )
    #expect(table.mount(at: Array("/m".utf8))?.source == Array("second".utf8))
    #expect(table.mount(at: Array("/".utf8)) == nil)
    #expect(table.ownMounts.count == 3)
  }

  @Test(arguments: [("/proc", FuseError.notOurMount), ("/proc/self", .notMounted)])
  func `X24: nothing of others is unmounted`(path: String, error: FuseError) {
    #expect(throws: error) { try MountTable.unmount(at: Array(path.utf8), isLazy: true) }
  }

  @Test func `nothing of others is cleared`() throws {
    #expect(try MountTable.clearDeadMount(at: Array("/proc".utf8)) == false)
  }
}
