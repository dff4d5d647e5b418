// One image and what three witnesses saw of it, and how a row is held against them.

import FileTree
import Foundation
import TestKit
import Testing

struct WitnessedImage: Sendable {
  private let tree: [DumpRow]
  private let mount: [DumpRow]
  private let ext4: [DumpRow]
  /// Who looked at the mount.
  private let role: Role

  /// The image of these layers, base first.
  init(_ layers: [[TarEntry]], _ lowerLinks: LowerLinkPolicy) throws {
    let place = try Workplace()
    role = place.role
    let options = lowerLinks == .follow ? ["--follow-dirlinks"] : []
    let reference = try place.image(layers)
    // First alone, so that the layers are indexed once.
    tree = try place.dump(of: reference, options).rows()

    let file = place.home + "/image.ext4"
    let builder = try place.start(["materialize", reference, file] + options)
    let mounted = try MountedImage(reference, options, in: place)
    mount = try mounted.dump().rows()
    try mounted.end()
    _ = try place.succeed(builder)
    ext4 = try Ext4Witness.rows(of: URL(fileURLWithPath: file))
    guard try place.mounts() == [] else { throw ProgramFailure("something stayed mounted") }
  }

  /// An image of all these rows, each below its directory.
  init(sharedBy rows: [TreeRow]) throws {
    let archives = rows.enumerated().map { Graft($0).archives(of: $1.layers) }
    let count = archives.map(\.count).max() ?? 0
    let layers = (0..<count).map { number in
      archives.flatMap { number < $0.count ? $0[number] : [] }
    }
    try self.init(layers, rows.first?.lowerLinks ?? .replace)
  }

  /// Holds a row against what was seen below its directory, or in the whole image.
  func check(_ row: TreeRow, _ graft: Graft?) throws {
    let seen = [tree, mount, ext4].map { all in graft.map { $0.rows(in: all) } ?? all }
    let (tree, mount, ext4) = (seen[0], seen[1], seen[2])
    #expect(DumpRow.brief(tree) == row.dump, "tree")
    #expect(DumpRow.brief(ext4) == row.ext4 ?? row.dump, "ext4")
    if let expected = row.mount {
      #expect(DumpRow.brief(mount) == expected, "mount")
    } else {
      let shown = DumpText(tree).shown(to: role)
      #expect(DumpText(mount).differences(from: shown) == [], "mount")
    }
    if row.ext4 == nil {
      #expect(DumpText(ext4).differences(from: DumpText(tree)) == [], "ext4")
    }
    try checkContents(row, tree)
  }

  /// Which bytes are in files: of the member that the reference says, or as the row says.
  private func checkContents(_ row: TreeRow, _ tree: [DumpRow]) throws {
    for (path, text) in row.contents {
      let file = try #require(tree.first { $0.path == Array(path.utf8) }, "\(path)")
      #expect("sha256:" + (file.contentDigest ?? "") == ImageFixture.sha256(Array(text.utf8)))
    }
    guard case .members(let layers) = row.layers else { return }
    let expected = try ReferenceMerge.rows(of: layers, lowerLinks: row.lowerLinks).map { row in
      var copy = row
      copy.contentDigest = row.contentDigest.map { Self.digest(ofMember: $0, in: layers) }
      return copy
    }
    #expect(DumpText(tree).differences(from: DumpText(expected)) == [], "reference")
  }

  /// `origin` is `LAYER.MEMBER`.
  private static func digest(ofMember origin: String, in layers: [[LayerMember]]) -> String {
    let numbers = origin.split(separator: ".").compactMap { Int($0) }
    guard numbers.count == 2 else { return origin }
    return String(ImageFixture.sha256(layers[numbers[0]][numbers[1]].fileContents).dropFirst(7))
  }
}
