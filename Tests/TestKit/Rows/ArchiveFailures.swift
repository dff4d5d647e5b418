// Archives that are refused for a name, a link or an owner: rows N, H, S, M and U10 of docs/SEMANTICS.md.

/// An image whose upper layers somewhere hold what is an error.
package struct ArchiveFailure: CustomStringConvertible, Sendable {
  /// The name of the row of docs/SEMANTICS.md, and what is special here.
  package var name: String
  /// The members of the layer, on one that is sound.
  package var layer: [TarEntry]
  /// The error's text, but for the layer in front of it; with the byte.
  package var says: String

  package var description: String { name }

  init(_ name: String, _ layer: TarEntry..., says: String) {
    (self.name, self.layer, self.says) = (name, layer, says)
  }

  package static let all: [ArchiveFailure] = names + whiteouts + links + owners

  static let names: [ArchiveFailure] = [
    ArchiveFailure(
      "N2 `..` above the root",
      .file("a"),
      .file("../b"),
      says: "../b: path leaves the root (member at tar byte 512)"
    ),
    ArchiveFailure(
      "N2 `..` above the root in the middle of an absolute path",
      .directory("/a/../.././b"),
      says: "/a/../.././b: path leaves the root (member at tar byte 0)"
    ),
    ArchiveFailure(
      "N5 a file whose name is the root's",
      .file("a"),
      .file("./"),
      says: "the root is not a directory (member at tar byte 512)"
    ),
    ArchiveFailure(
      "N5 a fifo without a name",
      .fifo(""),
      says: "the root is not a directory (member at tar byte 0)"
    ),
    // A record for the name stands before the member: 512 of header, 512 of data.
    ArchiveFailure(
      "N8 a component of 256 bytes",
      .file("a"),
      .file("d/\(String(repeating: "n", count: 256))/x"),
      says: "d/\(String(repeating: "n", count: 256))/x: path component over 255 bytes"
        + " (member at tar byte 512)"
    ),
    ArchiveFailure(
      "N9 a path over 64 KiB",
      .file(TarText(Array(Array(repeating: Array("ab/".utf8), count: 21_846).joined()))),
      // Of the path, its first 512 bytes.
      says: String(repeating: "ab/", count: 170)
        + "ab…: tar: path is larger than 65536 bytes at tar byte 0"
    ),
    ArchiveFailure(
      "N10 a NUL in the record of a path",
      .file("x").pax("path", "a\0b"),
      says: "tar: NUL in a pax record at tar byte 521"
    ),
    ArchiveFailure(
      "N13 a whiteout below a path that leaves the root",
      .whiteout("../x"),
      says: "../.wh.x: path leaves the root (member at tar byte 0)"
    ),
  ]

  static let whiteouts: [ArchiveFailure] = [
    ArchiveFailure(
      "U10 `.wh.`",
      .file("a"),
      .file("d/.wh."),
      says: "d/.wh.: whiteout that names nothing (member at tar byte 512)"
    ),
    ArchiveFailure(
      "U10 `.wh..`",
      .directory(".wh.."),
      says: ".wh..: whiteout that names nothing (member at tar byte 0)"
    ),
    ArchiveFailure(
      "U10 `.wh...`",
      .file("./.wh..."),
      says: "./.wh...: whiteout that names nothing (member at tar byte 0)"
    ),
  ]

  static let links: [ArchiveFailure] = [
    ArchiveFailure(
      "H5 a hard link to the root, by the name of its directory",
      .file("a"),
      .hardLink("b", to: "../.."),
      says: "/b: hard link to the directory / (member at tar byte 512)"
    ),
    ArchiveFailure(
      "H8 data behind a hard link is taken for a header, and is none",
      .file("a"),
      .hardLink("b", to: "a").declaring(size: 512),
      .verbatim([UInt8](repeating: UInt8(ascii: "x"), count: 512)),
      says: "tar: header checksum does not match at tar byte 1024"
    ),
    ArchiveFailure(
      "S1 a symbolic link to nothing",
      .symlink("d/l", to: ""),
      says: "d/l: tar: empty link target at tar byte 0"
    ),
    ArchiveFailure(
      "S3 a symbolic link to 4096 bytes",
      .file("a"),
      .symlink("d/l", to: TarText([UInt8](repeating: UInt8(ascii: "t"), count: 4096))),
      says: "d/l: tar: symbolic link target is larger than 4095 bytes at tar byte 512"
    ),
  ]

  static let owners: [ArchiveFailure] = [
    // The field for the user is at byte 108 of the header, the group's at 116.
    ArchiveFailure(
      "M7 the user that means none",
      .file("a"),
      .file("b").dialect(.gnu).owner(4_294_967_295, 0),
      says: "b: tar: uid is out of range at tar byte \(512 + 108)"
    ),
    ArchiveFailure(
      "M7 the group that means none",
      .file("b").dialect(.gnu).owner(0, 4_294_967_295),
      says: "b: tar: gid is out of range at tar byte 116"
    ),
  ]
}
