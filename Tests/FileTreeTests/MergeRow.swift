// Rows of merge tables: layers in, a short dump and warnings out.

import FileTree
import Offsets
import TestKit
import Testing

/// One rule of merging, by example.
struct MergeRow: CustomTestStringConvertible, Sendable {
  /// The rule's name in docs/SEMANTICS.md, and what is special here.
  var rule: String
  /// Base first.
  var layers: [[LayerMember]]
  var policy = LowerLinkPolicy.replace
  /// As `DumpRow.brief` writes it.
  var dump: String
  /// `KIND LAYER.MEMBER`.
  var warnings: [String] = []

  var testDescription: String { rule }

  func check() throws {
    let merged = try TreeBuilder.merge(try layers.map(layer), lowerLinks: policy)
    expectSound(merged.tree, "\(rule)")
    #expect(merged.tree.brief == dump, "\(rule)")
    let noted = merged.warnings.places.map {
      "\($0.kind) \($0.layer).\($0.member.bytes / memberOffset(1).bytes)"
    }
    #expect(noted == warnings, "\(rule)")
    // The reference is held to the same rows.
    #expect(
      try ReferenceMerge.rows(of: layers, lowerLinks: policy) == merged.tree.rowsWithOrigins,
      "\(rule)"
    )
  }
}

/// One way of failing, by example.
struct MergeFailure: CustomTestStringConvertible, Sendable {
  var rule: String
  var layers: [[LayerMember]]
  var policy = LowerLinkPolicy.replace
  var error: TreeError

  var testDescription: String { rule }

  func check() {
    #expect(throws: error) {
      try TreeBuilder.merge(try layers.map(layer), lowerLinks: policy)
    }
    #expect(throws: error) { try ReferenceMerge.rows(of: layers, lowerLinks: policy) }
  }
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
