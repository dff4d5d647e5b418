// Layers that cannot be merged, and what is said of them: rows of docs/SEMANTICS.md that end in an
// error. Archives that cannot even be read as layers are in ArchiveFailures.

package import FileTree

/// One way of failing, by example.
package struct FailureRow: CustomStringConvertible, Sendable {
  /// The name of the row of docs/SEMANTICS.md, and what is special here.
  package var name: String
  /// Base first.
  package var layers: [[LayerMember]]
  package var lowerLinks = LowerLinkPolicy.replace
  /// With the positions of the tables that `layer` makes.
  package var error: TreeError
  /// The error's text, but for the layer in front of it and the byte behind.
  package var says: String

  package var description: String { name }

  package init(
    name: String,
    layers: [[LayerMember]],
    lowerLinks: LowerLinkPolicy = .replace,
    error: TreeError,
    says: String
  ) {
    (self.name, self.layers, self.lowerLinks) = (name, layers, lowerLinks)
    (self.error, self.says) = (error, says)
  }

  package static let merges: [FailureRow] = hardLinks + parents
}

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

extension FailureRow {
  private static func missing(
    _ path: String,
    _ target: String,
    layer: Int = 0,
    member: Int
  ) -> TreeError {
    .hardLinkTargetMissing(
      path: bytes(path),
      target: bytes(target),
      layer: layer,
      member: memberOffset(member)
    )
  }

  private static func loop(
    _ path: String,
    _ target: String,
    layer: Int = 0,
    member: Int
  ) -> TreeError {
    .hardLinkLoop(
      path: bytes(path),
      target: bytes(target),
      layer: layer,
      member: memberOffset(member)
    )
  }

  private static func toDirectory(
    _ path: String,
    _ target: String,
    layer: Int = 0,
    member: Int
  ) -> TreeError {
    .hardLinkToDirectory(
      path: bytes(path),
      target: bytes(target),
      layer: layer,
      member: memberOffset(member)
    )
  }

  /// A hard link to nothing or to a directory is refused.
  package static let hardLinks: [FailureRow] = [
    FailureRow(
      name: "H2 to nothing",
      layers: [[.file("a")], [.file("c"), .hardLink("b", to: "d/a")]],
      error: missing("b", "d/a", layer: 1, member: 1),
      says: "/b: hard link to /d/a, which does not exist"
    ),
    FailureRow(
      name: "H2 to what an earlier layer hid",
      layers: [[.file("a")], [.whiteout("a")], [.hardLink("b", to: "a")]],
      error: missing("b", "a", layer: 2, member: 0),
      says: "/b: hard link to /a, which does not exist"
    ),
    FailureRow(
      name: "H2 to a path through a file",
      layers: [[.file("a"), .hardLink("b", to: "a/x")]],
      error: missing("b", "a/x", member: 1),
      says: "/b: hard link to /a/x, which does not exist"
    ),
    FailureRow(
      name: "H5 to an earlier directory",
      layers: [[.directory("d"), .hardLink("b", to: "d")]],
      error: toDirectory("b", "d", member: 1),
      says: "/b: hard link to the directory /d"
    ),
    FailureRow(
      name: "H5 to a later directory",
      layers: [[.hardLink("b", to: "d"), .file("d/x")]],
      error: toDirectory("b", "d", member: 0),
      says: "/b: hard link to the directory /d"
    ),
    FailureRow(
      name: "H5 to a lower directory",
      layers: [[.directory("d")], [.hardLink("b", to: "d")]],
      error: toDirectory("b", "d", layer: 1, member: 0),
      says: "/b: hard link to the directory /d"
    ),
    FailureRow(
      name: "H5 to a directory that this layer hides",
      layers: [[.directory("d")], [.whiteout("d"), .hardLink("b", to: "d")]],
      error: toDirectory("b", "d", layer: 1, member: 1),
      says: "/b: hard link to the directory /d"
    ),
    FailureRow(
      name: "H5 to the root",
      layers: [[.hardLink("b", to: "")]],
      error: toDirectory("b", "", member: 0),
      says: "/b: hard link to the directory /"
    ),
    FailureRow(
      name: "H6 to each other",
      layers: [[.hardLink("a", to: "b"), .hardLink("b", to: "a")]],
      error: loop("b", "a", member: 1),
      says: "/b: hard link to /a, which leads back to it"
    ),
    FailureRow(
      name: "H6 to each other, whatever lower layers have there",
      layers: [
        [.file("a"), .file("b"), .file("c")],
        [.hardLink("a", to: "b"), .hardLink("b", to: "c"), .hardLink("c", to: "a")],
      ],
      error: loop("c", "a", layer: 1, member: 2),
      says: "/c: hard link to /a, which leads back to it"
    ),
    FailureRow(
      name: "H6 to itself by another spelling",
      layers: [[.symlink("l", to: "."), .hardLink("a", to: "l/a")]],
      error: loop("a", "l/a", member: 1),
      says: "/a: hard link to /l/a, which leads back to it"
    ),
    FailureRow(
      name: "H6 to what waits for links that lead to each other: those are named",
      layers: [
        [.hardLink("x", to: "a"), .hardLink("a", to: "b"), .hardLink("b", to: "a"), .file("c")]
      ],
      error: loop("b", "a", member: 2),
      says: "/b: hard link to /a, which leads back to it"
    ),
    FailureRow(
      name: "H2 to a path through links in a loop",
      layers: [[.symlink("l", to: "l"), .hardLink("a", to: "l/a")]],
      error: missing("a", "l/a", member: 1),
      says: "/a: hard link to /l/a, which does not exist"
    ),
  ]

  /// Links in a loop and a root that is no directory are refused.
  package static let parents: [FailureRow] = [
    FailureRow(
      name: "U22 a link to itself",
      layers: [[], [.symlink("d/l", to: "l"), .file("d/l/x/f")]],
      error: .symbolicLinkLoop(path: bytes("d/l/x"), layer: 1, member: memberOffset(1)),
      says: "/d/l/x: too many levels of symbolic links"
    ),
    FailureRow(
      name: "U22 links to each other",
      layers: [[.symlink("a", to: "/b"), .symlink("b", to: "a"), .file("c"), .directory("a/d")]],
      error: .symbolicLinkLoop(path: bytes("a"), layer: 0, member: memberOffset(3)),
      says: "/a: too many levels of symbolic links"
    ),
    FailureRow(
      name: "U22 forty-one links",
      layers: [TreeRow.links(41) + [.fifo("l1/f")]],
      error: .symbolicLinkLoop(path: bytes("l1"), layer: 0, member: memberOffset(41)),
      says: "/l1: too many levels of symbolic links"
    ),
    FailureRow(
      name: "U21 lower links in a loop, followed",
      layers: [[.symlink("a", to: "b"), .symlink("b", to: "a")], [.file("a/f")]],
      lowerLinks: .follow,
      error: .symbolicLinkLoop(path: bytes("a"), layer: 1, member: memberOffset(0)),
      says: "/a: too many levels of symbolic links"
    ),
    FailureRow(
      name: "N5 a file as root",
      layers: [[.file("a")], [.file("b"), .file("")]],
      error: .rootIsNotADirectory(layer: 1, member: memberOffset(1)),
      says: "the root is not a directory"
    ),
    FailureRow(
      name: "N5 a symbolic link as root",
      layers: [[.symlink("", to: "a")]],
      error: .rootIsNotADirectory(layer: 0, member: memberOffset(0)),
      says: "the root is not a directory"
    ),
    FailureRow(
      name: "N5 a hard link as root",
      layers: [[.file("a"), .hardLink("", to: "a")]],
      error: .rootIsNotADirectory(layer: 0, member: memberOffset(1)),
      says: "the root is not a directory"
    ),
  ]
}
