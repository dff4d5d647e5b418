// Rows of histories: layers and a path in, what the layers did to it out.

import FileTree
import Offsets
import TestKit
import Testing

/// Layers, a path, and what they did to it.
struct HistoryRow: CustomTestStringConvertible, Sendable {
  var rule: String
  /// Base first.
  var layers: [[LayerMember]]
  var path: String
  var policy = LowerLinkPolicy.replace
  var roles: [LayerRole] = []
  /// `LAYER.MEMBER CHANGE RULES…`, with `@PATH` where it happened to a directory above.
  var events: [String]

  var testDescription: String { rule }

  func check() throws {
    let history = try TreeBuilder.history(
      of: Array(path.utf8),
      in: try layers.map(layer),
      lowerLinks: policy,
      roles: roles
    )
    #expect(history.path == Array(path.utf8), "\(rule)")
    #expect(history.events.map { $0.brief(in: Array(path.utf8)) } == events, "\(rule)")
  }
}

extension PathEvent {
  func brief(in whole: [UInt8]) -> String {
    let number = member.map { "\($0.offset.bytes / memberOffset(1).bytes)" } ?? "-"
    var words = [(layer.map { "\($0)." } ?? "-.") + number, word]
    if path != whole { words.append("@" + EscapedBytes.string(path)) }
    words += links.map { "\(EscapedBytes.string($0.path))->\($0.layer)" }
    return (words + rules.map(\.rawValue)).joined(separator: " ")
  }

  private var word: String {
    switch change {
    case .put(let new): "put(\(new.kind) \(new.layer))"
    case .replaced(let old, let new): "replaced(\(old.kind) \(old.layer) by \(new.kind))"
    case .changedAttributes: "changed"
    case .kept: "kept"
    case .hidden: "hidden"
    case .emptied: "emptied"
    case .overtaken(let later): "overtaken(\(later.offset.bytes / memberOffset(1).bytes))"
    case .ignored: "ignored"
    case .omitted(let count): "omitted(\(count))"
    }
  }
}
