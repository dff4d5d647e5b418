// The images that the three witnesses look at: everything that a layer can say and a Linux file system
// can hold, within what ext4 has room for.

import TestKit

enum FixtureImage: String, CaseIterable, Sendable {
  /// All of it, in layers: every type, name, time, attribute, content, and every change of a layer.
  case everything
  /// No extended attributes, so that the mount says once that there are none.
  case withoutAttributes
  /// One layer that says nothing.
  case nothing

  /// Base first.
  var layers: [[TarEntry]] {
    switch self {
    case .everything: Self.allLayers
    case .withoutAttributes: [Self.kinds + Self.lowerHalf, Self.upperHalf]
    case .nothing: [[]]
    }
  }

  private static let allLayers: [[TarEntry]] = [
    kinds + names + times + attributes + contents + lowerHalf, upperHalf, again,
  ]

  // MARK: Types, modes and owners

  private static let kinds: [TarEntry] = [
    .directory("./").mode(0o751).owner(12, 34).modified(1_234_567_890, nanoseconds: 987_654_321),
    .directory("kinds/"),
    .file("kinds/file", "content").mode(0o644),
    .file("kinds/empty").mode(0o600),
    .file("kinds/nobody's", "secret").mode(0),
    .file("kinds/setuid", "s").mode(0o4755),
    .file("kinds/setgid", "s").mode(0o2755),
    .file("kinds/all bits", "s").mode(0o7777),
    .directory("kinds/sticky/").mode(0o1777),
    .directory("kinds/shared/").mode(0o2775).owner(0, 50),
    .directory("kinds/closed/").mode(0),
    .file("kinds/closed/inside", "in").owner(70_000, 4_294_967_294),
    .file("kinds/owned", "o").owner(4_294_967_294, 70_000),
    .symlink("kinds/link", to: "file").mode(0o777).owner(1, 2),
    .symlink("kinds/dangling", to: "/no/where"),
    .symlink("kinds/up", to: "../../../../etc/passwd"),
    .hardLink("kinds/second", to: "kinds/file"),
    .hardLink("kinds/third", to: "kinds/second"),
    .fifo("kinds/fifo").mode(0o640),
    .characterDevice("kinds/null", major: 1, minor: 3).mode(0o666),
    .characterDevice("kinds/zeros", major: 0, minor: 0),
    .blockDevice("kinds/disk", major: 259, minor: 300_000).mode(0o660).owner(0, 6),
    .blockDevice("kinds/largest", major: 4095, minor: 1_048_575),
    .directory("implicit/in/between/"),
    .file("nowhere/listed/file", "f"),
  ]

  // MARK: Names

  /// Bytes, not letters; what shells, terminals, debugfs and sorting stumble over.
  private static let oddNames: [TarText] = [
    [0xFF, 0xFE], "new\nline", "\u{E9}", "e\u{301}", "<12>", "!ls", "#hash", "-n", "\"quoted\"",
    " space ", "back\\slash", "\t", "\u{1B}[31m", "*", "...", "a", "a.b", "a b", "a-b", "A", "=",
    "@", "wh.x", ".wh", [0x01], [0x7F], TarText([UInt8](repeating: 0x6E, count: 255)),
    TarText([UInt8](repeating: 0xC3, count: 255)),
  ]

  private static let names: [TarEntry] =
    [.directory("names/")]
    + oddNames.map { .file(TarText(Array("names/".utf8) + $0.bytes), $0) }
    // A directory and its neighbours sort as bytes of names, not of paths.
    + [.directory("names/a/").mode(0o700), .file("names/a/inside", "in")]
    + oddNames.prefix(4).map {
      .symlink(TarText(Array("names/link-to-".utf8) + $0.bytes), to: $0)
    }

  // MARK: Times

  /// What ext4 has room for: from the smallest 32-bit number to 2310.
  private static let times: [TarEntry] = [
    .directory("times/").modified(4_102_444_800, nanoseconds: 750_000_000),
    .file("times/smallest").modified(-0x8000_0000),
    .file("times/1960").modified(-312_493_494, nanoseconds: 123_456_789),
    .file("times/minus one").modified(-1),
    .file("times/almost zero").modified(-1, nanoseconds: 999_999_999),
    .file("times/zero").modified(0),
    .file("times/one nanosecond").modified(0, nanoseconds: 1),
    .file("times/most nanoseconds").modified(1_700_000_000, nanoseconds: 999_999_999),
    .file("times/2038").modified(0x7FFF_FFFF, nanoseconds: 500_000_000),
    .file("times/after 2038").modified(0x8000_0000),
    .file("times/after 2106").modified(0x1_0000_0000, nanoseconds: 1),
    .file("times/2300").modified(10_413_792_000, nanoseconds: 5),
    .symlink("times/link", to: "2300").modified(-86_400, nanoseconds: 250_000_000),
    .fifo("times/fifo").modified(0x1_8000_0000, nanoseconds: 3),
    .characterDevice("times/device", major: 5, minor: 1).modified(1, nanoseconds: 2),
  ]

  // MARK: Attributes

  /// Revision 2, effective: net_bind_service and net_raw.
  ///
  /// Source: linux/capability.h, vfs_cap_data.
  private static let capability = TarText(
    [1, 0, 0, 2, 0x00, 0x24, 0, 0] + [UInt8](repeating: 0, count: 12)
  )

  /// Source: linux/posix_acl_xattr.h: version 2; tag, permissions, id.
  private static func accessControlList(_ entries: [(tag: UInt8, permissions: UInt8, id: UInt32?)])
    -> TarText
  {
    TarText(
      [2, 0, 0, 0]
        + entries.flatMap { entry -> [UInt8] in
          let id = entry.id ?? UInt32.max
          return [entry.tag, 0, entry.permissions, 0]
            + (0..<4).map { UInt8(truncatingIfNeeded: id >> (8 * $0)) }
        }
    )
  }

  /// Owner rw, user 1000 r, group r, group 2000 rw, mask rw, others nothing.
  private static let fileList = accessControlList([
    (0x01, 6, nil), (0x02, 4, 1000), (0x04, 4, nil), (0x08, 6, 2000), (0x10, 6, nil),
    (0x20, 0, nil),
  ])
  private static let directoryList = accessControlList([
    (0x01, 7, nil), (0x02, 7, 70_000), (0x04, 5, nil), (0x10, 7, nil), (0x20, 5, nil),
  ])

  private static let attributes: [TarEntry] = [
    .directory("attributes/").attribute("user.on.directory", "yes").attribute("trusted.own", "t"),
    .file("attributes/user", "u").attribute("user.comment", "a comment")
      .attribute("user.binary", [0, 0xFF, 0x0A, 0x3D, 0]).attribute("user.empty", ""),
    .file("attributes/long", "l").attribute(
      "user.long",
      TarText([UInt8](repeating: 7, count: 3000))
    ),
    .file("attributes/many", "m")
      .attribute("user.a", "1").attribute("user.b", "2").attribute("user.a.b", "3")
      .attribute("trusted.a", "4").attribute("security.ima", "5").attribute("user.A", "6"),
    .file("attributes/capable", "c").mode(0o755).attribute("security.capability", capability),
    .file("attributes/trusted", "t").attribute("trusted.secret", "root's")
      .attribute("trusted.empty", ""),
    .file("attributes/list", "a").mode(0o660).attribute("system.posix_acl_access", fileList),
    .directory("attributes/lists/").mode(0o775)
      .attribute("system.posix_acl_access", directoryList)
      .attribute("system.posix_acl_default", directoryList),
    .symlink("attributes/link", to: "user").attribute("trusted.on.link", "l"),
    .fifo("attributes/fifo").attribute("trusted.on.fifo", "f").attribute("security.x", "y"),
    .hardLink("attributes/again", to: "attributes/user"),
    // Left out by every witness: labels of the machine, what Linux does not allow, what is broken.
    .file("attributes/refused", "r").attribute("security.selinux", "label")
      .attribute("trusted.overlay.opaque", "y").attribute("security.capability", "broken")
      .attribute("system.posix_acl_access", "broken").attribute("com.apple.x", "no"),
    .symlink("attributes/refused link", to: "user").attribute("user.on.link", "no"),
  ]

  // MARK: Contents

  private static let contents: [TarEntry] =
    [
      .directory("contents/"),
      // More than a seek point apart, compressible and not.
      .file("contents/large", TarText(CompressedBytes.sample(byteCount: 2_600_001, seed: 1))),
      .file("contents/zeros", TarText(TarBytes.zeros(300_000))),
      .file("contents/block", TarText(CompressedBytes.sample(byteCount: 4096, seed: 2))),
      .file("contents/block and one", TarText(CompressedBytes.sample(byteCount: 4097, seed: 3))),
      .symlink("contents/fifty-nine", to: TarText([UInt8](repeating: 0x78, count: 59))),
      .symlink("contents/sixty", to: TarText([UInt8](repeating: 0x78, count: 60))),
      .symlink("contents/longest", to: TarText([UInt8](repeating: 0x79, count: 4095))),
    ]
    + zip(TarSparseFormat.allCases, ["old", "0.0", "0.1", "1.0"]).map { format, name in
      .sparse(
        TarText(Array("contents/sparse \(name)".utf8)),
        size: 5_000_000,
        segments: [(4096, "island"), (1_000_003, "another"), (4_999_997, "end")],
        format: format
      )
    }
    + [
      .sparse("contents/all hole", size: 1 << 20, segments: [], format: .pax10),
      .directory("crowd/"),
    ]
    + (0..<2500).map {
      .file(TarText(Array("crowd/entry \($0)".utf8)), TarText(Array("\($0)".utf8)))
    }
    + [.file(TarText(deepPath + Array("/bottom".utf8)), "deep")]

  /// As deep as a path may be long: fifteen names of 250 bytes, then as many of one as there is room.
  private static let deepPath: [UInt8] =
    Array("deep".utf8)
    + (0..<15).flatMap { [0x2F] + [UInt8](repeating: 0x61 + UInt8($0), count: 250) }
    + (0..<100).flatMap { _ in Array("/d".utf8) }

  // MARK: Layers

  private static let lowerHalf: [TarEntry] = [
    .directory("layers/").mode(0o755).modified(1000),
    .file("layers/goes", "gone").modified(1001),
    .file("layers/stays", "same").modified(1002),
    .file("layers/replaced", "old").modified(1003),
    .file("layers/one of two", "linked").modified(1004),
    .hardLink("layers/two of two", to: "layers/one of two"),
    .file("layers/linked later", "linked").mode(0o640).owner(5, 6).modified(1005),
    .symlink("layers/link", to: "stays").modified(1006),
    .hardLink("layers/link again", to: "layers/link"),
    .fifo("layers/fifo").modified(1007),
    .hardLink("layers/fifo again", to: "layers/fifo"),
    .characterDevice("layers/device", major: 1, minor: 5).modified(1008),
    .hardLink("layers/device again", to: "layers/device"),
    .directory("layers/opaque/").modified(1009),
    .file("layers/opaque/below", "hidden").modified(1010),
    .directory("layers/opaque/deeper/").modified(1011),
    .directory("layers/becomes a file/").modified(1012),
    .file("layers/becomes a file/inside", "gone").modified(1013),
    .file("layers/becomes a directory", "gone").modified(1014),
    .directory("layers/becomes a link/").modified(1015),
    .symlink("layers/was a link", to: "opaque").modified(1016),
    .directory("layers/goes whole/").modified(1017),
    .file("layers/goes whole/inside", "gone").modified(1018),
    .directory("layers/changes/").mode(0o700).modified(1019),
    .file("layers/changes/kept", "kept").modified(1020),
  ]

  private static let upperHalf: [TarEntry] = [
    .whiteout("layers/goes"),
    .whiteout("layers/goes whole"),
    .whiteout("layers/never there"),
    .whiteout("layers/one of two"),
    .file("layers/replaced", "new and longer").mode(0o755).modified(2001),
    .hardLink("layers/to a lower layer", to: "layers/linked later"),
    .hardLink("layers/link a third time", to: "layers/link again"),
    .opaque("layers/opaque"),
    .file("layers/opaque/above", "shown").modified(2002),
    .file("layers/becomes a file", "a file").modified(2003),
    .directory("layers/becomes a directory/").modified(2004),
    .file("layers/becomes a directory/inside", "in").modified(2005),
    .symlink("layers/becomes a link", to: "stays").modified(2006),
    .directory("layers/was a link/").modified(2007),
    .directory("layers/changes/").mode(0o2755).owner(7, 8).modified(2008, nanoseconds: 9),
    .file("layers/changes/added", "added").modified(2009),
  ]

  /// What an upper layer took away comes back.
  private static let again: [TarEntry] = [
    .file("layers/goes", "back").modified(3001),
    .hardLink("layers/goes whole", to: "layers/two of two"),
    .whiteout("layers/fifo"),
    .whiteout("kinds/third"),
  ]
}
