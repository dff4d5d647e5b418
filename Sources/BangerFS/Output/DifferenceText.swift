// In what two trees differ, for people: a line for each path.

import FileTree
import FlatArrays

/// `A PATH`, `D PATH` or `M PATH  WHAT,WHAT`.
struct DifferenceText {
  let old: Tree
  let new: Tree

  func line(_ difference: TreeDifference) -> String {
    let path = "/" + EscapedBytes.string(difference.path)
    switch difference.change {
    case .added: return "A " + path
    case .removed: return "D " + path
    case .changed(let before, let after, let changes):
      let words = changes.codes.flatMap { details($0.changes, $0.code, old[before], new[after]) }
      return "M \(path)  " + words.joined(separator: ",")
    }
  }

  private func details(
    _ change: NodeChanges,
    _ code: String,
    _ before: Node,
    _ after: Node
  ) -> [String] {
    switch change {
    case .type:
      return [code + arrow(FileFacts.name(of: before.kind), FileFacts.name(of: after.kind))]
    case .content:
      let size = before.size == after.size ? [] : ["size" + arrow(before.size, after.size)]
      return [code] + size
    case .target: return [code + arrow(target(of: before, in: old), target(of: after, in: new))]
    case .device: return [code + arrow(device(before), device(after))]
    case .mode: return [code + arrow(ModeText.octal(before.mode), ModeText.octal(after.mode))]
    case .owner:
      return [code + arrow("\(before.uid):\(before.gid)", "\(after.uid):\(after.gid)")]
    case .attributes:
      let changes = AttributeChanges(
        from: old.extendedAttributes(of: before),
        to: new.extendedAttributes(of: after)
      )
      return changes.removed.map { "\(code) -" + word($0) }
        + changes.added.map { "\(code) +" + word($0) }
        + changes.changed.map { "\(code) " + word($0) }
    default: return [code]
    }
  }

  private func arrow(_ before: some Any, _ after: some Any) -> String { " \(before)->\(after)" }

  private func target(of link: Node, in tree: Tree) -> String {
    word(tree.target(of: link).array)
  }

  private func device(_ node: Node) -> String { "\(node.deviceMajor):\(node.deviceMinor)" }

  /// A name without what separates words.
  private func word(_ bytes: [UInt8]) -> String {
    EscapedBytes.string(bytes, alsoEscaping: Array(" ,".utf8))
  }
}

extension NodeChanges {
  /// Those in the set, each with what people and programs know it by, which never changes.
  var codes: [(changes: NodeChanges, code: String)] {
    [
      (.type, "type"), (.content, "content"), (.target, "target"), (.device, "device"),
      (.mode, "mode"), (.owner, "owner"), (.time, "time"), (.attributes, "xattr"),
      (.links, "links"),
    ].filter { contains($0.0) }
  }
}
