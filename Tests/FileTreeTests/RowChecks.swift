// How the merge is held to the rows of TestKit: the tree, its warnings, or the error; and the naive
// reference beside it.

import FileTree
import TestKit
import Testing

extension TreeRow {
  /// Checks a row whose layers are members.
  func checkMerge() throws {
    guard case .members(let layers) = layers else {
      Issue.record("\(name): archives are read by the program only")
      return
    }
    let merged = try TreeBuilder.merge(try layers.map(layer), lowerLinks: lowerLinks)
    expectSound(merged.tree, "\(name)")
    #expect(merged.tree.brief == dump, "\(name)")
    let noted = merged.warnings.places.map {
      "\($0.kind.rawValue) \($0.layer).\(memberIndex(at: $0.member))"
    }
    #expect(noted == warnings, "\(name)")
    // The reference is held to the same rows.
    #expect(
      try ReferenceMerge.rows(of: layers, lowerLinks: lowerLinks) == merged.tree.rowsWithOrigins,
      "\(name)"
    )
  }
}

extension FailureRow {
  func checkMerge() {
    #expect(throws: error) {
      try TreeBuilder.merge(try layers.map(layer), lowerLinks: lowerLinks)
    }
    #expect(throws: error) { try ReferenceMerge.rows(of: layers, lowerLinks: lowerLinks) }
    #expect(error.problem == says)
  }
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
