// The rows of docs/SEMANTICS.md that make a tree, and those that must not, through the program: each is
// looked at in the tree, in a mount and in an ext4 file, and means the same in all three. Rows that may
// share an image do, each below a directory of its own; those about the root have one each.

import FileTree
import Foundation
import TestKit
import Testing

struct RowTests {
  static let all = TreeRow.merges + TreeRow.archives
  static let shared = all.filter { $0.place == .anywhere }

  /// The rows that share an image, by what is done at links of lower layers.
  private static func rows(_ lowerLinks: LowerLinkPolicy) -> [TreeRow] {
    shared.filter { $0.lowerLinks == lowerLinks }
  }

  /// Made once, by the first that asks.
  private static let replacing = Result { try WitnessedImage(sharedBy: rows(.replace)) }
  private static let following = Result { try WitnessedImage(sharedBy: rows(.follow)) }

  @Test(arguments: shared)
  func `a row is the same in tree, mount and ext4`(row: TreeRow) throws {
    let image = try (row.lowerLinks == .follow ? Self.following : Self.replacing).get()
    let number = Self.rows(row.lowerLinks).firstIndex { $0.name == row.name }
    try image.check(row, Graft(try #require(number)))
  }

  @Test(arguments: all.filter { $0.place == .root })
  func `a row about the root is the same in tree, mount and ext4`(row: TreeRow) throws {
    try WitnessedImage(row.layers.archives, row.lowerLinks).check(row, nil)
  }

  @Test func `U32: the layer that comes twice is one blob`() throws {
    let row = try #require(TreeRow.merges.first { $0.name == "U32 the same layer twice" })
    let place = try Workplace()
    let output = try place.succeed(
      try place.start(["layers", "--format", "json", try place.image(row.layers.archives)])
    )
    let layers = try #require(try JSONText.object(output)["layers"] as? [[String: Any]])
    let digests = layers.compactMap { $0["digest"] as? String }
    #expect(digests.count == 4)
    #expect(digests[1] == digests[3])
    #expect(Set(digests).count == 3)
  }

  @Test func `no two rows have one name`() {
    let names =
      Self.all.map(\.name) + FailureRow.merges.map(\.name) + ArchiveFailure.all.map(\.name)
    #expect(Dictionary(grouping: names) { $0 }.filter { $0.value.count > 1 }.keys.sorted() == [])
  }

  // MARK: Failures

  @Test(arguments: FailureRow.merges)
  func `what cannot be merged is refused, and layer, path and byte are named`(
    row: FailureRow
  ) throws {
    let layers = row.layers.map { $0.map(TarEntry.init) }
    let layer = try #require(row.error.layer)
    let member = memberIndex(at: try #require(row.error.member))
    let byte = layers[layer][..<member].reduce(0) { $0 + TarBytes.bytes(of: $1).count }
    try expectRefusal(
      of: layers,
      layer,
      "\(row.says) (member at tar byte \(byte))",
      row.lowerLinks == .follow ? ["--follow-dirlinks"] : []
    )
  }

  @Test(arguments: ArchiveFailure.all)
  func `an archive that is no layer is refused, and layer and byte are named`(
    row: ArchiveFailure
  ) throws {
    try expectRefusal(of: [[.file("base")], row.layer], 1, row.says)
  }

  private func expectRefusal(
    of layers: [[TarEntry]],
    _ layer: Int,
    _ text: String,
    _ options: [String] = []
  ) throws {
    let place = try Workplace()
    let digest = ImageFixture.sha256(LayerEncoding.gzip.layer(layers[layer]).blob)
    let outcome = try place.start(["ls", try place.image(layers)] + options).finish()
    expect(outcome, is: .failure(65, "layer \(digest): \(text)"))
  }
}
