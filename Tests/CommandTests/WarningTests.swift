// Every kind of warning through the whole command: an image of many layers, each odd in one way, as
// text and as JSON. docs/JSON.md lists the kinds, and is held against them.

import Foundation
import TestKit
import Testing

/// A layer that is odd, and the lines that `layers --warnings` prints of it.
struct WarningRow: Sendable {
  var layer: ImageFixture.Layer
  /// `CODE: TEXT, first at PLACE[, /PATH]`.
  var lines: [String]

  init(_ layer: ImageFixture.Layer, _ lines: String...) {
    self.layer = layer
    self.lines = lines
  }

  init(_ entries: [TarEntry], end: TarBytes.End = .twoZeroBlocks, _ lines: String...) {
    layer = .plain(TarBytes.archive(entries, end: end))
    self.lines = lines
  }

  var codes: [String] { lines.map { String($0.prefix { $0 != ":" }) } }
}

private func put(_ bytes: [UInt8], at offset: Int) -> TarEntry.Edit {
  { block in block.replaceSubrange(offset..<(offset + bytes.count), with: bytes) }
}

struct WarningTests {
  /// What the layers above are odd about.
  private static let base = WarningRow([
    .directory("d"), .symlink("l", to: "d"), .file("p"), .file("q"),
  ])

  private static let small = TarBytes.archive([.file("a")])

  private static var blobs: [WarningRow] {
    let gzip = CompressedBytes.gzip(small)
    let (media, diffID) = (ImageFixture.MediaTypes.oci.gzipLayer, ImageFixture.sha256(small))
    return [
      WarningRow(
        .init(blob: small, mediaType: media, diffID: diffID),
        "other-compression: media type of another compression, first at blob byte 0"
      ),
      WarningRow(
        .init(blob: gzip + TarBytes.zeros(700), mediaType: media, diffID: diffID),
        "trailing-padding: padding after the last gzip member, first at blob byte \(gzip.count)"
      ),
      WarningRow(
        .init(blob: gzip + [7], mediaType: media, diffID: diffID),
        "trailing-junk: ignored bytes after the last gzip member, first at blob byte \(gzip.count)"
      ),
      WarningRow(
        .plain(small + [0, 7, 7]),
        "data-after-end: data behind the end of the archive ignored, first at tar byte 1537"
      ),
    ]
  }

  private static let headers = [
    WarningRow(
      [.paxHeader([("mtime", "1")], type: "g"), .file("a")],
      "global-header-ignored: global pax header ignored, first at tar byte 512"
    ),
    WarningRow(
      [.file("a").dialect(.gnu).editingHeader(put(Array("some/where".utf8), at: 345))],
      "prefix-in-gnu-header: path prefix in a GNU header, first at tar byte 0, /some/where/a"
    ),
    WarningRow(
      [
        .file([0xE4]).editingChecked { block in
          let sum = block.reduce(0) { $0 + Int($1) } - block[148..<156].reduce(0) { $0 + Int($1) }
          // The field as eight spaces; 0xE4 as -28 instead of 228.
          let signed = "0\(String(sum + 8 * 0x20 - 256, radix: 8))\u{0} "
          put(Array(signed.utf8), at: 148)(&block)
        }
      ],
      "signed-checksum: signed header checksum, first at tar byte 0, /\\xe4"
    ),
    WarningRow(
      [.file("a")],
      end: .nothing,
      "missing-end-of-archive: missing end-of-archive marker, first at tar byte 512"
    ),
    WarningRow(
      [.file("a", "text").unpadded()],
      end: .nothing,
      "missing-padding: missing padding of the last member, first at tar byte 516",
      "missing-end-of-archive: missing end-of-archive marker, first at tar byte 516"
    ),
    WarningRow(
      [.member("V", "label").dialect(.gnu), .file("a")],
      "volume-label-skipped: volume label skipped, first at tar byte 0"
    ),
    WarningRow(
      [.member("D", "d/", "Ya\u{0}\u{0}").dialect(.gnu).mode(0o755)],
      "dump-directory: incremental dump directory, first at tar byte 0, /d"
    ),
    // By place, not in the order in which they are found.
    WarningRow(
      [.file("/d/./x"), .file("a").mode(0o100644).pax("VENDOR.x", "1"), .file("d/x")],
      "absolute-path: slash at the beginning of a path ignored, first at tar byte 0, /d/x",
      "unknown-record-ignored: pax record with an unknown key ignored, first at tar byte 1024, /a",
      "mode-bits-ignored: bits of a mode beyond 07777 ignored, first at tar byte 1636, /a",
      "duplicate-entry: the same path again; the last one counts, first at tar byte 2048, /d/x"
    ),
    WarningRow(
      [.symlink("s", to: "t").declaring(size: 7)],
      "size-ignored: size of a member without data ignored, first at tar byte 0, /s"
    ),
    WarningRow(
      [.file("b"), .file("a").mode(0o100644), .file("c").mode(0o100644)],
      "mode-bits-ignored: bits of a mode beyond 07777 ignored (2 times), "
        + "first at tar byte 612, /a"
    ),
    WarningRow(
      [.file("a").editingHeader(put(Array("        ".utf8), at: 108))],
      "blank-number: blank number taken for zero, first at tar byte 108, /a"
    ),
  ]

  private static let records = [
    WarningRow(
      [.file("a").pax("mtime", "1").pax("mtime", "2")],
      "repeated-record: repeated extension record, first at tar byte 523, /a"
    ),
    WarningRow(
      [.member("L", "@", "long\u{0}er\u{0}"), .file("a")],
      "text-after-nul: long name or target cut at its first NUL, first at tar byte 516, /long"
    ),
    WarningRow(
      [.file("a").pax("SCHILY.acl.access", "user::rw-")],
      "textual-acl-ignored: textual ACL ignored, first at tar byte 512, /a"
    ),
    WarningRow(
      [.file("a").pax("RHT.security.selinux", "u:r:t")],
      "selinux-label-ignored: SELinux label ignored, first at tar byte 512, /a"
    ),
    WarningRow(
      [.file("a").pax("SCHILY.fflags", "nodump")],
      "file-flags-ignored: file flags ignored, first at tar byte 512, /a"
    ),
    WarningRow(
      [.file("b").pax("comment", "x"), .file("a").pax("later", "1")],
      "unknown-record-ignored: pax record with an unknown key ignored, "
        + "first at tar byte 2048, /a"
    ),
    WarningRow(
      [.file("a").attribute("user.overlay.opaque", "y")],
      "label-or-overlay-mark: label or overlay mark left out, first at tar byte 0, /a"
    ),
    WarningRow(
      [.file("a").attribute("strange", "1")],
      "attribute-namespace: extended attribute of an unknown namespace left out, "
        + "first at tar byte 0, /a"
    ),
    WarningRow(
      [.symlink("s", to: "t").attribute("user.a", "1")],
      "attribute-on-this-type: extended attribute that this type of file cannot have left out, "
        + "first at tar byte 0, /s"
    ),
    WarningRow(
      [.file("a").attribute("security.capability", "short")],
      "malformed-attribute: malformed capability or ACL left out, first at tar byte 0, /a"
    ),
  ]

  private static let members = [
    WarningRow(
      [.file("/a")],
      "absolute-path: slash at the beginning of a path ignored, first at tar byte 0, /a"
    ),
    WarningRow(
      [.file("d/../a")],
      "dot-dot-in-path: path with .. in it, first at tar byte 0, /a"
    ),
    WarningRow(
      [.file("a"), .hardLink("b", to: "/a")],
      "absolute-link-target: hard link to an absolute path, first at tar byte 512, /b"
    ),
    WarningRow(
      [.file("a"), .hardLink("b", to: "../a")],
      "dot-dot-in-link-target: hard link to a path with .. in it, first at tar byte 512, /b",
      "link-target-above-root: hard link to a path above the root, which counts in its stead, "
        + "first at tar byte 512, /b"
    ),
    WarningRow(
      [.file("a/")],
      "slash-after-file-name: slash behind a file's name ignored, first at tar byte 0, /a"
    ),
    WarningRow(
      [.directory("d"), .file("d/.wh.x", "text"), .directory(".wh..wh..opq/")],
      "odd-whiteout: whiteout that is not an empty file (2 times), "
        + "first at tar byte 512, /d/.wh.x"
    ),
    WarningRow(
      [.directory(".wh..wh.plnk")],
      "union-bookkeeping: bookkeeping of AUFS not shown, first at tar byte 0, /.wh..wh.plnk"
    ),
    WarningRow(
      [.file("a").modified(10_737_418_240).base256()],
      "time-out-of-range: time that ext4 cannot hold, first at tar byte 0, /a"
    ),
  ]

  private static let merges = [
    WarningRow(
      [.file("l/f")],
      "replaced-symbolic-link: symbolic link of a lower layer replaced by a directory, "
        + "first at tar byte 0, /l/f"
    ),
    WarningRow(
      [.file("p/f")],
      "replaced-parent: parent that is no directory replaced by one, first at tar byte 0, /p/f"
    ),
    WarningRow(
      [.whiteout("q"), .hardLink("b", to: "q")],
      "link-to-hidden-target: hard link to a path that the same layer hides, "
        + "first at tar byte 512, /b"
    ),
    WarningRow(
      [.whiteout("gone/b"), .opaque("gone")],
      "whiteout-without-directory: whiteout below a path that is gone or no directory (2 times), "
        + "first at tar byte 0, /gone/.wh.b"
    ),
    WarningRow(
      [.file("a")] + (0..<1000).map { _ in .file("a") },
      "duplicate-entry: the same path again; the last one counts (1000 times), "
        + "first at tar byte 512, /a"
    ),
    WarningRow(
      [.hardLink("h", to: "t"), .file("t")],
      "link-before-target: hard link before its target, first at tar byte 0, /h"
    ),
    WarningRow(
      [.file("a"), .hardLink("a", to: "a")],
      "link-to-itself: hard link to itself ignored, first at tar byte 512, /a"
    ),
    WarningRow(
      [.file("a"), .hardLink("b", to: "a").mode(0o600)],
      "link-attributes-ignored: owner, mode, time or attributes of a hard link ignored, "
        + "first at tar byte 512, /b"
    ),
    WarningRow(
      [.characterDevice("n", major: 0, minor: 0)],
      "null-device: character device 0:0 kept as a device, first at tar byte 0, /n"
    ),
    WarningRow(
      [.file(".wh.a/b"), .file("c/.wh..wh..opq/d")],
      "below-whiteout-name: below a name that begins with .wh.; not shown (2 times), "
        + "first at tar byte 0, /.wh.a/b"
    ),
  ]

  /// Base first, and next to it those that need something of it to be there still.
  private static let rows = [base] + merges + blobs + headers + records + members

  private func image(in place: Workplace) throws -> String {
    let path = place.appending("image")
    _ = try ImageFixture.image(Self.rows.map(\.layer), at: path)
    return "oci:\(path)"
  }

  @Test func `layers --warnings says what was odd in each layer, and where first`() throws {
    let place = try Workplace()
    let outcome = try place.run("layers", "--warnings", try image(in: place))
    let expected = Self.rows.enumerated().flatMap { number, row in
      // "sha256:" and 12 digits.
      row.lines.map { "layer \(number) \(ImageFixture.sha256(row.layer.blob).prefix(19)): \($0)" }
    }
    #expect((outcome.status, outcome.errors) == (0, ""))
    #expect(outcome.text.split(separator: "\n").map(String.init) == expected)
  }

  @Test func `as JSON every warning has a code, a text, a count and a place`() throws {
    let place = try Workplace()
    let outcome = try place.run("layers", "--format", "json", try image(in: place))
    let layers = try #require(try JSONText.object(outcome.output)["layers"] as? [[String: Any]])
    try #require(layers.count == Self.rows.count)
    for (layer, row) in zip(layers, Self.rows) {
      let warnings = try #require(layer["warnings"] as? [[String: Any]])
      #expect(try warnings.map(line) == row.lines)
    }
  }

  /// A warning of a JSON document as the text has it.
  private func line(_ warning: [String: Any]) throws -> String {
    let code = try #require(warning["code"] as? String)
    let text = try #require(warning["text"] as? String)
    let count = try #require(warning["count"] as? Int)
    let stream = try #require(warning["stream"] as? String)
    let offset = try #require(warning["offset"] as? Int)
    let times = count == 1 ? "" : " (\(count) times)"
    let path = (warning["path"] as? String).map { ", /\($0)" } ?? ""
    let bytes = (warning["pathBase64"] as? String).flatMap { Data(base64Encoded: $0) }
    #expect(bytes == (path == ", /\\xe4" ? Data([0xE4]) : nil))
    return "\(code): \(text)\(times), first at \(stream) byte \(offset)\(path)"
  }

  @Test func `an archive's made-up media types are not held against its layers`() throws {
    let place = try Workplace()
    let configuration = """
      {"architecture":"amd64","os":"linux","rootfs":{"type":"layers",\
      "diff_ids":["\(ImageFixture.sha256(Self.small))"]}}
      """
    let manifest = #"[{"Config":"c.json","RepoTags":["x:1"],"Layers":["l.tar"]}]"#
    let archive = TarBytes.archive([
      .file("manifest.json", TarText(Array(manifest.utf8))),
      .file("c.json", TarText(Array(configuration.utf8))), .file("l.tar", TarText(Self.small)),
    ])
    try Data(archive).write(to: URL(fileURLWithPath: place.appending("image.tar")))
    let reference = "docker-archive:\(place.appending("image.tar"))"
    expect(try place.run("layers", "--warnings", reference), is: .success())
  }

  @Test func `the documentation lists exactly the kinds there are`() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let text = try String(contentsOf: root.appendingPathComponent("docs/JSON.md"), encoding: .utf8)
    let start = try #require(text.range(of: "## Warnings\n"))
    let section = text[start.upperBound...].prefix { $0 != "#" }
    let listed = section.split(separator: "\n").filter { $0.hasPrefix("| `") }.compactMap {
      $0.split(separator: "`").dropFirst().first.map(String.init)
    }
    #expect(Set(listed) == Set(Self.rows.flatMap(\.codes)))
    #expect(listed.count == Set(listed).count)
  }
}
