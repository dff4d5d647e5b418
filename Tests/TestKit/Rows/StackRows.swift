// Many layers: the rows U33 and U34 of docs/SEMANTICS.md.

extension TreeRow {
  /// As many layers as no engine writes, and layers that are read at the same time.
  package static let stacks: [TreeRow] = [
    TreeRow(
      name: "U33 two hundred layers, each of which hides what the one below it put",
      layers: [[.file("d/0", bytes: 1)]]
        + (1..<200).map { number in
          [
            .whiteout(PathBytes("d/\(number - 1)")),
            .file(PathBytes("d/\(number)"), bytes: number % 7),
          ]
        },
      place: .root,
      dump: "d/, d/199 3"
    ),
    TreeRow(
      name: "U34 layers of all sizes, each of which hides half of what the one below it put",
      layers: (0..<24).map(unevenLayer),
      place: .root,
      dump: ([
        "d/", "d/00-0 0", "d/00-2 2", "d/00-4 4",
      ]
        + (1..<24).flatMap { layer in
          (layer == 23 ? [0, 1, 2, 3, 4, 5] : [0, 2, 4]).map { file in
            "d/\(layer < 10 ? "0" : "")\(layer)-\(file) \(byteCount(layer, file))"
          }
        }).joined(separator: ", ")
    ),
  ]

  /// Six files, and whiteouts for three of the layer below.
  private static func unevenLayer(_ layer: Int) -> [LayerMember] {
    func name(_ layer: Int, _ file: Int) -> PathBytes {
      PathBytes("d/\(layer < 10 ? "0" : "")\(layer)-\(file)")
    }
    let files = (0..<6).map { LayerMember.file(name(layer, $0), bytes: byteCount(layer, $0)) }
    if layer == 0 { return files }
    return [1, 3, 5].map { .whiteout(name(layer - 1, $0)) } + files
  }

  /// A layer in the middle is read last.
  private static func byteCount(_ layer: Int, _ file: Int) -> Int {
    file * (layer % 5 == 3 ? 20_000 : 1)
  }
}
