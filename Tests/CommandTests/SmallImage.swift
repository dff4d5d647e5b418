// The image that the commands are tried on: every type of file, the names that terminals and parsers
// stumble over, and two layers of which the upper one hides, replaces and adds.

import FileTree
import TestKit

/// A small image layout `image` in a workplace, and what is in it.
struct SmallImage {
  let reference: String
  let fixture: ImageFixture
  let layers: [ImageFixture.Layer]
  let manifest: ImageFixture.Entry

  init(in place: Workplace) throws {
    let tars = [Self.base, Self.upper].map { TarBytes.archive($0) }
    layers = [
      ImageFixture.Layer(
        blob: CompressedBytes.gzip(tars[0]),
        diffID: ImageFixture.sha256(tars[0])
      ),
      .plain(tars[1]),
    ]
    fixture = try ImageFixture(at: place.appending("image"))
    manifest = try fixture.addImage(layers, labels: ["title": "small\u{1B}[31m"])
    try fixture.write(index: [manifest.named("small")])
    reference = "oci:\(fixture.path):small"
  }

  func digest(ofLayer number: Int) -> String { ImageFixture.sha256(layers[number].blob) }

  static let data = CompressedBytes.sample(byteCount: 300_000, seed: 1)

  private static let base: [TarEntry] = [
    .directory("./").modified(1_000_000_000),
    .directory("bin/").modified(1_000_000_001),
    .file("bin/tool", "#!/bin/sh\necho tool\n").mode(0o4755).modified(1_000_000_002)
      .attribute("security.capability", TarText(capability)),
    .hardLink("bin/again", to: "bin/tool"),
    .symlink("sh", to: "bin/tool").modified(1_000_000_003),
    .symlink("programs", to: "bin").modified(1_000_000_003),
    .symlink("gone", to: "no/where").modified(1_000_000_003),
    .directory("dev/").modified(1_000_000_004),
    .characterDevice("dev/null", major: 1, minor: 3).mode(0o666).modified(1_000_000_004),
    .blockDevice("dev/sda", major: 8, minor: 0).mode(0o660).owner(0, 6).modified(1_000_000_004),
    .directory("run/").mode(0o1777).modified(1_000_000_005),
    .fifo("run/pipe").mode(0o600).owner(1000, 1000).modified(1_000_000_005),
    .directory("odd/").mode(0o2750).owner(1000, 100).modified(1_000_000_006),
    .file("odd/new\nline", "1").modified(1_000_000_006),
    .file(TarText(Array("odd/".utf8) + [0xff, 0xfe]), "22").modified(1_000_000_006),
    .file("odd/\u{1B}[31mred", "333").modified(1_000_000_006),
    .file("odd/back\\slash", "4444").modified(1_000_000_006),
    .file("odd/two words", "55555").modified(1_000_000_006),
    .symlink("odd/link", to: "\u{1B}]0;title\u{7}").modified(1_000_000_006),
    .directory("etc/").modified(1_000_000_007),
    .file("etc/passwd", "root\n").modified(1_000_000_007),
    .file("etc/hidden", "hidden\n").modified(1_000_000_007),
  ]

  private static let upper: [TarEntry] = [
    .whiteout("etc/hidden"),
    .file("etc/passwd", "root:x:0:0\n").mode(0o600).modified(-1, nanoseconds: 5)
      .attribute("user.note", "two\nlines"),
    .directory("etc/shared").mode(0o2775).owner(0, 50).modified(4_000_000_000)
      .attribute("system.posix_acl_default", TarText(accessControlList)),
    .file("data", TarText(data)).owner(70_000, 70_000).modified(1_000_000_008),
  ]

  /// CAP_NET_RAW, permitted and effective, in version 2.
  ///
  /// Source: linux/capability.h, vfs_cap_data.
  private static let capability: [UInt8] = [
    0x01, 0x00, 0x00, 0x02,  // magic and flags
    0x00, 0x20, 0x00, 0x00,  // permitted, low word: 1 << 13
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  ]

  /// rwx for the owner, rwx for the group, nothing for others.
  ///
  /// Source: linux/posix_acl_xattr.h.
  private static let accessControlList: [UInt8] = [
    2, 0, 0, 0,  // version
    0x01, 0, 7, 0, 0xff, 0xff, 0xff, 0xff,  // owner
    0x04, 0, 7, 0, 0xff, 0xff, 0xff, 0xff,  // group
    0x20, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,  // others
  ]
}
