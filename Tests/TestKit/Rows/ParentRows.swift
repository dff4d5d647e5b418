// Parents that are no directories: the rows U21 to U24 of docs/SEMANTICS.md.

import FileTree

extension TreeRow {
  /// A parent that is a link of the same layer is followed inside the root.
  package static let parents: [TreeRow] = [
    TreeRow(
      name: "U22 relative",
      layers: [[.file("e/x")], [.symlink("l", to: "e"), .file("l/f", bytes: 1)]],
      dump: "e/, e/f 1, e/x 0, l -> e"
    ),
    TreeRow(
      name: "U22 absolute",
      layers: [[.symlink("d/l", to: "/e/g"), .file("d/l/f", bytes: 1)]],
      dump: "d/, d/l -> /e/g, e/, e/g/, e/g/f 1"
    ),
    TreeRow(
      name: "U22 through `..`",
      layers: [[.symlink("d/e/l", to: "../../x/./y/.."), .file("d/e/l/f", bytes: 1)]],
      dump: "d/, d/e/, d/e/l -> ../../x/./y/.., x/, x/f 1, x/y/"
    ),
    TreeRow(
      name: "U22 `..` above the root stays there",
      layers: [[.symlink("l", to: "../../../x"), .file("l/f", bytes: 1)]],
      place: .root,
      dump: "l -> ../../../x, x/, x/f 1"
    ),
    TreeRow(
      name: "U22 to the root and to itself's directory",
      layers: [
        [
          .symlink("d/l", to: "/"), .file("d/l/f", bytes: 1), .symlink("d/m", to: "."),
          .file("d/m/g", bytes: 2),
        ]
      ],
      dump: "d/, d/g 2, d/l -> /, d/m -> ., f 1"
    ),
    TreeRow(
      name: "U22 a chain",
      layers: [
        [
          .symlink("a", to: "b"), .symlink("b", to: "d/c"), .symlink("d/c", to: "../e"),
          .file("a/f", bytes: 1),
        ]
      ],
      dump: "a -> b, b -> d/c, d/, d/c -> ../e, e/, e/f 1"
    ),
    TreeRow(
      name: "U22 to a file, which becomes a directory",
      layers: [[.file("f", bytes: 1), .symlink("l", to: "f"), .file("l/x", bytes: 2)]],
      dump: "f/, f/x 2, l -> f",
      warnings: ["duplicate-entry 0.2"]
    ),
    TreeRow(
      name: "U22 a directory in the link's place ends it",
      layers: [
        [
          .symlink("l", to: "e"), .file("l/f", bytes: 1), .directory("l"), .file("l/g", bytes: 2),
        ]
      ],
      dump: "e/, e/f 1, l/, l/g 2",
      warnings: ["duplicate-entry 0.2"]
    ),
    TreeRow(
      name: "U22 a link of this layer to a link of a lower one",
      layers: [
        [.file("real/x"), .symlink("d", to: "real")],
        [.symlink("l", to: "d"), .file("l/f", bytes: 1)],
      ],
      dump: "d/, d/f 1, l -> d, real/, real/x 0",
      warnings: ["replaced-symbolic-link 1.1"]
    ),
    TreeRow(
      name: "U23 a link after its child",
      layers: [[.file("l/f", bytes: 1), .symlink("l", to: "e")]],
      dump: "l -> e",
      warnings: ["duplicate-entry 0.1"]
    ),
    TreeRow(
      name: "U24 a file of a lower layer becomes a directory",
      layers: [[.file("p", bytes: 1)], [.file("p/q/f", bytes: 2), .file("p/g")]],
      dump: "p/, p/g 0, p/q/, p/q/f 2",
      warnings: ["replaced-parent 1.0"]
    ),
    TreeRow(
      name: "forty links are followed",
      layers: [links(40) + [.file("l1/f", bytes: 1)]],
      dump: (["end/, end/f 1"]
        + (1...40).map { "l\($0)" }.sorted().map { name in
          let next = (Int(name.dropFirst()) ?? 0) + 1
          return next == 41 ? "l40 -> end" : "\(name) -> l\(next)"
        }).joined(separator: ", ")
    ),
  ]

  /// Links `l1` → `l2` → … → `end`.
  package static func links(_ count: Int) -> [LayerMember] {
    (1...count).map {
      .symlink(PathBytes("l\($0)"), to: $0 == count ? "end" : PathBytes("l\($0 + 1)"))
    }
  }

  private static let lowerLink: [LayerMember] = [
    .file("e/x"), .symlink("l", to: "./e"), .symlink("d/m", to: "/l/g"),
  ]

  /// A parent that is a link of a lower layer becomes a directory, or is followed if so asked.
  package static let lowerParents: [TreeRow] = [
    TreeRow(
      name: "U21 replaced",
      layers: [lowerLink, [.file("l/f", bytes: 1)]],
      dump: "d/, d/m -> /l/g, e/, e/x 0, l/, l/f 1",
      warnings: ["replaced-symbolic-link 1.0"]
    ),
    TreeRow(
      name: "U21 followed",
      layers: [lowerLink, [.file("l/f", bytes: 1)]],
      lowerLinks: .follow,
      dump: "d/, d/m -> /l/g, e/, e/f 1, e/x 0, l -> ./e"
    ),
    TreeRow(
      name: "U21 followed from link to link",
      layers: [lowerLink, [.file("d/m/f", bytes: 1)]],
      lowerLinks: .follow,
      dump: "d/, d/m -> /l/g, e/, e/g/, e/g/f 1, e/x 0, l -> ./e"
    ),
    TreeRow(
      name: "U21 followed until the layer puts a directory there",
      layers: [
        lowerLink, [.file("l/f", bytes: 1), .directory("l"), .file("l/g", bytes: 2)],
      ],
      lowerLinks: .follow,
      dump: "d/, d/m -> /l/g, e/, e/f 1, e/x 0, l/, l/g 2"
    ),
    TreeRow(
      name: "U21 a link that the layer hides is not followed",
      layers: [lowerLink, [.file("l/f", bytes: 1), .whiteout("l")]],
      lowerLinks: .follow,
      dump: "d/, d/m -> /l/g, e/, e/x 0, l/, l/f 1"
    ),
    TreeRow(
      name: "U21 a link that the layer hides is not replaced either",
      layers: [lowerLink, [.file("l/f", bytes: 1), .whiteout("l")]],
      dump: "d/, d/m -> /l/g, e/, e/x 0, l/, l/f 1"
    ),
    TreeRow(
      name: "U21 a layer's directory in the link's place stays one",
      layers: [lowerLink, [.directory("l", mode: 0o700), .file("l/f", bytes: 1)]],
      lowerLinks: .follow,
      dump: "d/, d/m -> /l/g, e/, e/x 0, l/ mode=700, l/f 1"
    ),
  ]
}
