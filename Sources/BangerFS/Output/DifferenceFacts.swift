// In what two trees differ at one path, for JSON.

import FileTree
import FlatArrays

struct DifferenceFacts: Encodable {
  var path: String
  var pathBase64: String?
  /// `added`, `removed` or `changed`.
  var change: String
  /// In what the path differs, where both trees have it.
  var what: [String]?
  var before: FileFacts?
  var after: FileFacts?
  var xattrs: Attributes?
  /// The files' unified diff, where it was asked for and both are texts.
  var contentDiff: String?
  /// Whether one of them is no text, where a diff was asked for.
  var isBinary: Bool?

  /// Names of extended attributes.
  struct Attributes: Encodable {
    var added: [String]
    var removed: [String]
    var changed: [String]

    init(_ changes: AttributeChanges) {
      added = changes.added.map { JSONBytes($0).text }
      removed = changes.removed.map { JSONBytes($0).text }
      changed = changes.changed.map { JSONBytes($0).text }
    }
  }

  init(_ difference: TreeDifference, from old: Tree, to new: Tree) {
    let name = JSONBytes(difference.path)
    path = name.text
    pathBase64 = name.base64
    switch difference.change {
    case .added(let node):
      change = "added"
      after = FileFacts(WalkStep(path: difference.path, node: node), in: new)
    case .removed(let node):
      change = "removed"
      before = FileFacts(WalkStep(path: difference.path, node: node), in: old)
    case .changed(let oldNode, let newNode, let changes):
      change = "changed"
      what = changes.codes.map(\.code)
      before = FileFacts(WalkStep(path: difference.path, node: oldNode), in: old)
      after = FileFacts(WalkStep(path: difference.path, node: newNode), in: new)
      guard changes.contains(.attributes) else { return }
      xattrs = Attributes(
        AttributeChanges(
          from: old.extendedAttributes(of: old[oldNode]),
          to: new.extendedAttributes(of: new[newNode])
        )
      )
    }
  }
}
