// What the rows of docs/SEMANTICS.md tolerate, as `layers --warnings` tells it: the code, the layer, the
// member that is the first, and how often.

import FileTree
import Foundation
import TestKit
import Testing

struct RowWarningTests {
  private struct Answer: Decodable {
    struct Layer: Decodable {
      var layer: Int
      var warnings: [Warning]
    }
    struct Warning: Decodable {
      var code: String
      var count: Int
      var path: String?
    }
    var layers: [Layer]
  }

  @Test(arguments: RowTests.all)
  func `what a row tolerates is told with its layer and member`(row: TreeRow) throws {
    let place = try Workplace()
    let image = try place.image(row.layers.archives)
    let options = row.lowerLinks == .follow ? ["--follow-dirlinks"] : []
    let output = try place.succeed(
      try place.start(["layers", "--warnings", "--format", "json", image] + options)
    )
    let answer = try JSONDecoder().decode(Answer.self, from: Data(output))
    let told = answer.layers.flatMap { layer in
      layer.warnings.map { Self.text($0.code, layer.layer, $0.path ?? "-", $0.count) }
    }
    #expect(told.sorted() == (Self.merges(of: row) + row.tolerated).sorted())
  }

  private static func text(_ code: String, _ layer: Int, _ path: String, _ count: Int) -> String {
    "\(code) \(layer) \(path)" + (count == 1 ? "" : " ×\(count)")
  }

  /// The merge's warnings, those of one kind in one layer together.
  private static func merges(of row: TreeRow) -> [String] {
    guard case .members(let layers) = row.layers else { return [] }
    let groups = Dictionary(grouping: row.warnings) { $0.prefix { $0 != "." } }
    return groups.map { key, warnings in
      let members = warnings.compactMap { Int($0.drop { $0 != "." }.dropFirst()) }
      let words = key.split(separator: " ")
      let (layer, first) = (Int(words[1]) ?? 0, members.min() ?? 0)
      return text(String(words[0]), layer, path(of: layers[layer][first]), members.count)
    }
  }

  private static func path(of member: LayerMember) -> String {
    let isMark = member.what == .whiteout || member.what == .opaque
    return String(decoding: isMark ? member.archiveName : member.path, as: UTF8.self)
  }
}
