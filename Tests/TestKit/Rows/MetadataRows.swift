// Types, owners, modes, times and extended attributes: the rows M1 to M16 of docs/SEMANTICS.md, and U28
// and U29. What is refused is in ArchiveFailures.

import FileTree

extension TreeRow {
  /// What a member says about a file beside its name and content.
  package static let metadata: [TreeRow] = [
    TreeRow(
      "M1 setuid, setgid and sticky bits are kept",
      [
        .file("u", "1").mode(0o4755), .file("g", "1").mode(0o2755), .file("t", "1").mode(0o1644),
        .file("all", "1").mode(0o7777), .file("none", "1").mode(0),
        .directory("d").mode(0o3777), .directory("closed").mode(0),
        .file("closed/in", "secret").mode(0),
      ],
      dump: """
        all 1 mode=7777, closed/ mode=0, closed/in 6 mode=0, d/ mode=3777, g 1 mode=2755, \
        none 1 mode=0, t 1 mode=1644, u 1 mode=4755
        """,
      contents: ["closed/in": "secret"]
    ),
    TreeRow(
      "M1 a later layer's bits replace the lower ones, and say the owner with them",
      [.file("a").mode(0o4755), .directory("d").mode(0o1777)],
      [.file("a").mode(0o755).owner(3, 4), .directory("d").mode(0o2750).owner(5, 6)],
      dump: "a 0 mode=755 owner=3:4, d/ mode=2750 owner=5:6"
    ),
    TreeRow(
      "M2 capabilities that the kernel would read",
      [
        .file("two", "x").attribute("security.capability", capability(2, 16)),
        .file("three", "x").attribute("security.capability", capability(3, 20, root: 9)),
      ],
      dump: "three 1 \(capabilityText(3, 20, root: 9)), two 1 \(capabilityText(2, 16))"
    ),
    TreeRow(
      "M2 a capability of revision 3 whose root is 0 is one of revision 2 to the kernel",
      [.file("a", "x").attribute("security.capability", capability(3, 20))],
      dump: "a 1 \(capabilityText(3, 20))",
      mount: "a 1 \(capabilityText(2, 16))"
    ),
    TreeRow(
      "M2 others are left out",
      [
        .file("empty", "x").attribute("security.capability", ""),
        .file("old", "x").attribute("security.capability", capability(1, 8)),
        .file("short", "x").attribute("security.capability", capability(2, 15)),
        .file("long", "x").attribute("security.capability", capability(3, 21)),
        .file("unknown", "x").attribute("security.capability", capability(4, 16)),
        .file("kept", "x").attribute("security.capability", "broken").attribute("user.a", "b"),
      ],
      dump: "empty 1, kept 1 user.a=b, long 1, old 1, short 1, unknown 1",
      tolerated: [
        "malformed-attribute 0 empty ×6"
      ]
    ),
    TreeRow(
      "M3 access control lists that the kernel would read",
      [
        .file("a", "x").mode(0o640).attribute("system.posix_acl_access", list),
        .directory("d").mode(0o750).attribute("system.posix_acl_access", list)
          .attribute("system.posix_acl_default", list),
        .file("odd", "x").attribute("system.posix_acl_access", oddList),
      ],
      dump: """
        a 1 mode=640 system.posix_acl_access=\(listText), \
        d/ mode=750 system.posix_acl_access=\(listText) system.posix_acl_default=\(listText), \
        odd 1 system.posix_acl_access=\(EscapedBytes.string(oddList.bytes))
        """
    ),
    TreeRow(
      "M3 others are left out",
      [
        .file("default", "x").attribute("system.posix_acl_default", list),
        .file("empty", "x").attribute("system.posix_acl_access", [2, 0, 0, 0]),
        .file("half", "x").attribute("system.posix_acl_access", TarText(list.bytes.dropLast(4))),
        .symlink("link", to: "x").attribute("system.posix_acl_access", list),
        .file("version", "x").attribute(
          "system.posix_acl_access",
          TarText([3] + list.bytes.dropFirst())
        ),
        .file("text", "x").attribute("system.posix_acl_access", "user::rw-"),
      ],
      dump: "default 1, empty 1, half 1, link -> x, text 1, version 1",
      tolerated: [
        "attribute-on-this-type 0 default ×2",
        "malformed-attribute 0 empty ×4",
      ]
    ),
    TreeRow(
      "M4 labels of the build machine and namespaces that Linux does not know are left out",
      [
        .file("a", "x").attribute("security.selinux", "system_u:object_r:etc_t:s0\0")
          .attribute("system.nfs4_acl", "acl").attribute("com.apple.quarantine", "q")
          .attribute("security.ima", "i").attribute("SECURITY.x", "y").attribute("user.", "z"),
        .directory("d").attribute("security.selinux", "label"),
      ],
      dump: "a 1 security.ima=i, d/",
      tolerated: [
        "attribute-namespace 0 a ×4",
        "label-or-overlay-mark 0 a ×2",
      ]
    ),
    TreeRow(
      "M5 user attributes of links, devices and fifos are left out",
      [
        .file("a", "x").attribute("user.a", "1"), .directory("d").attribute("user.d", "2"),
        .symlink("l", to: "a").attribute("user.l", "3"),
        .characterDevice("c", major: 1, minor: 3).mode(0o644).attribute("user.c", "4"),
        .blockDevice("b", major: 8, minor: 1).mode(0o644).attribute("user.b", "5"),
        .fifo("p").attribute("user.p", "6"),
      ],
      dump: "a 1 user.a=1, b b8:1, c c1:3, d/ user.d=2, l -> a, p |",
      tolerated: [
        "attribute-on-this-type 0 l ×4"
      ]
    ),
    TreeRow(
      "M6 trusted attributes, on everything",
      [
        .file("a", "x").attribute("trusted.a", "1").attribute("user.a", "2"),
        .symlink("l", to: "a").attribute("trusted.l", "3"),
        .directory("d").attribute("trusted.d", [0, 0xFF]), .fifo("p").attribute("trusted.p", ""),
      ],
      dump: "a 1 trusted.a=1 user.a=2, d/ trusted.d=\\x00\\xff, l -> a trusted.l=3, p | trusted.p="
    ),
    TreeRow(
      "M7 owners of 32 bits",
      [
        .file("a").owner(0, 4_294_967_294), .file("b").owner(4_294_967_294, 0),
        .directory("d").owner(100_000, 165_535), .symlink("l", to: "a").owner(65_536, 65_534),
      ],
      dump: """
        a 0 owner=0:4294967294, b 0 owner=4294967294:0, d/ owner=100000:165535, \
        l -> a owner=65536:65534
        """
    ),
    TreeRow(
      "M8 names of users and groups are not used",
      [
        .file("a").owner(1, 2).editingHeader { block in
          block.replaceSubrange(265..<271, with: "daemon".utf8)
          block.replaceSubrange(297..<301, with: "root".utf8)
        },
        .file("b").owner(3, 4).pax("uname", "root").pax("gname", "wheel"),
      ],
      dump: "a 0 owner=1:2, b 0 owner=3:4"
    ),
    TreeRow(
      "M9 times before 1970 and far ahead, to the nanosecond",
      [
        .file("1901").modified(-0x8000_0000), .file("1969").modified(-1, nanoseconds: 1),
        .file("2038").modified(0x7FFF_FFFF, nanoseconds: 999_999_999),
        .file("2106").modified(0x1_0000_0000),
        .file("2300").modified(10_413_792_000, nanoseconds: 5),
      ],
      dump: """
        1901 0 time=-2147483648.0, 1969 0 time=-1.1, 2038 0 time=2147483647.999999999, \
        2106 0 time=4294967296.0, 2300 0 time=10413792000.5
        """
    ),
    TreeRow(
      "M9 times that ext4 has no room for",
      [.file("1800").modified(-5_364_662_400), .file("2400").modified(13_569_465_600)],
      dump: "1800 0 time=-5364662400.0, 2400 0 time=13569465600.0",
      ext4: "1800 0 time=-2147483648.0, 2400 0 time=10737418239.0",
      tolerated: [
        "time-out-of-range 0 1800 ×2"
      ]
    ),
    TreeRow(
      "M10 a directory's time is the archive's, whatever is put into it later",
      [
        .directory("d").modified(1000, nanoseconds: 5), .file("d/a").modified(2000),
        .directory("d/e").modified(3000), .file("d/e/b").modified(4000),
      ],
      [.file("d/c").modified(5000), .whiteout("d/a"), .directory("d/e").modified(6000)],
      dump: "d/ time=1000.5, d/c 0 time=5000.0, d/e/ time=6000.0, d/e/b 0 time=4000.0"
    ),
    TreeRow(
      "M12 fifos and devices, with their numbers",
      [
        .fifo("p").mode(0o600).owner(1, 2),
        .characterDevice("null", major: 1, minor: 3).mode(0o666),
        .characterDevice("c", major: 4095, minor: 1_048_575).mode(0o644),
        .blockDevice("b", major: 259, minor: 300_000).mode(0o660).modified(7),
      ],
      dump:
        "b b259:300000 mode=660 time=7.0, c c4095:1048575, null c1:3 mode=666, p | mode=600 owner=1:2"
    ),
    TreeRow(
      "M13 file flags are not used",
      [.file("a", "x").pax("SCHILY.fflags", "immutable,nodump"), .file("b", "y")],
      dump: "a 1, b 1",
      tolerated: [
        "file-flags-ignored 0 a"
      ]
    ),
    TreeRow(
      "M15 files of no bytes are files",
      [.file("a"), .hardLink("b", to: "a"), .file("c", "x")],
      [.file("c").mode(0o600)],
      dump: "a 0, b = a, c 0 mode=600",
      contents: ["a": "", "c": ""]
    ),
    TreeRow(
      "U28 a character device 0:0 hides nothing",
      [.file("a", "x"), .file("d/b", "y")],
      [
        .characterDevice("a", major: 0, minor: 0).mode(0o644),
        .characterDevice("d", major: 0, minor: 0).mode(0o600),
      ],
      dump: "a c0:0, d c0:0 mode=600",
      tolerated: [
        "null-device 1 a ×2"
      ]
    ),
    TreeRow(
      "U29 marks of overlay file systems are left out, and hide nothing",
      [.file("d/a", "x"), .file("e", "y")],
      [
        .directory("d").attribute("trusted.overlay.opaque", "y")
          .attribute("user.overlay.opaque", "y").attribute("user.overlays", "kept"),
        .file("e").attribute("user.overlay.whiteout", "").attribute("trusted.overlay.metacopy", ""),
      ],
      dump: "d/ user.overlays=kept, d/a 1, e 0",
      tolerated: [
        "label-or-overlay-mark 1 d ×4"
      ]
    ),
  ]

  /// Revision, effective flag, and so many bytes more, the last of them the root's id.
  ///
  /// Source: linux/capability.h, vfs_cap_data.
  private static func capability(
    _ revision: UInt8,
    _ rest: Int,
    root: UInt8 = 0
  ) -> TarText {
    TarText(
      [1, 0, 0, revision, 0, 0x20] + [UInt8](repeating: 0, count: rest - 6) + [root, 0, 0, 0]
    )
  }

  private static func capabilityText(
    _ revision: UInt8,
    _ rest: Int,
    root: UInt8 = 0
  ) -> String {
    "security.capability="
      + EscapedBytes.string(capability(revision, rest, root: root).bytes)
  }

  /// Version 2; owner rw, user 1000 r, group r, mask r, others nothing.
  ///
  /// Source: linux/posix_acl_xattr.h: tag, permissions, id.
  private static let list = TarText(
    [2, 0, 0, 0] + listEntry(1, 6) + listEntry(2, 4, [0xE8, 3, 0, 0]) + listEntry(4, 4)
      + listEntry(16, 4) + listEntry(32, 0)
  )

  /// Permissions that there are none of, and in no order: the kernel would not set it, but read it.
  private static let oddList = TarText(
    [2, 0, 0, 0] + listEntry(32, 15) + listEntry(4, 4) + [1, 0, 6, 1, 255, 255, 255, 255]
  )

  private static func listEntry(
    _ tag: UInt8,
    _ permissions: UInt8,
    _ id: [UInt8] = [255, 255, 255, 255]
  ) -> [UInt8] {
    [tag, 0, permissions, 0] + id
  }

  private static let listText = EscapedBytes.string(list.bytes)
}
