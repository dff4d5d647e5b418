// One rule of laying a layer over an image, and its check.

import FileTree
import FlatArrays
import Offsets
import TestKit
import Testing

/// One rule of laying a layer over an image, by example.
struct AddedRow: CustomTestStringConvertible, Sendable {
  var rule: String
  var image: [LayerMember]
  var added: [LayerMember]
  var role = LayerRole.overlay
  var policy = LowerLinkPolicy.replace
  /// As `DumpRow.brief` writes it; or what it fails with.
  var result: Result<String, TreeError>
  /// `KIND LAYER.MEMBER`.
  var warnings: [String] = []

  var testDescription: String { rule }

  func check() throws {
    let layers = [try layer(image), try layer(added)]
    let actual = Result { () throws(TreeError) in
      try TreeBuilder.merge(layers, lowerLinks: policy, roles: [.image, role])
    }
    #expect(actual.map(\.tree.brief) == result, "\(rule)")
    guard case .success(let merged) = actual else { return }
    expectSound(merged.tree, "\(rule)")
    let noted = merged.warnings.places.map {
      "\($0.kind) \($0.layer).\($0.member.bytes / memberOffset(1).bytes)"
    }
    #expect(noted == warnings, "\(rule)")
  }
}
