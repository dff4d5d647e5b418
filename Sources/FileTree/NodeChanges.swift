// In what two nodes differ: type, attributes, targets and numbers, and of the content what can be known
// without reading it.

import FlatArrays

/// In what a path of one tree differs from the same path of another.
package struct NodeChanges: OptionSet, Hashable, Sendable {
  package let rawValue: UInt16

  package init(rawValue: UInt16) {
    self.rawValue = rawValue
  }

  package static let type = NodeChanges(rawValue: 1 << 0)
  /// A regular file's bytes.
  package static let content = NodeChanges(rawValue: 1 << 1)
  /// Where a symbolic link leads.
  package static let target = NodeChanges(rawValue: 1 << 2)
  /// A device's numbers.
  package static let device = NodeChanges(rawValue: 1 << 3)
  package static let mode = NodeChanges(rawValue: 1 << 4)
  /// The user's id, the group's, or both.
  package static let owner = NodeChanges(rawValue: 1 << 5)
  /// The modification time.
  package static let time = NodeChanges(rawValue: 1 << 6)
  package static let attributes = NodeChanges(rawValue: 1 << 7)
  /// With which other names the path is one file, of those that both trees have.
  package static let links = NodeChanges(rawValue: 1 << 8)
}

extension NodeChanges {
  /// What the nodes themselves tell: all but content and links.
  init(from old: Node, of oldTree: Tree, to new: Node, of newTree: Tree) {
    self = []
    if old.kind != new.kind {
      insert(.type)
    } else if old.kind == .symbolicLink {
      if oldTree.target(of: old) != newTree.target(of: new) { insert(.target) }
    } else if old.kind == .characterDevice || old.kind == .blockDevice {
      if old.size != new.size { insert(.device) }
    }
    if old.mode != new.mode { insert(.mode) }
    if old.uid != new.uid || old.gid != new.gid { insert(.owner) }
    if old.seconds != new.seconds || old.nanoseconds != new.nanoseconds { insert(.time) }
    if old.extendedAttributes.count == 0, new.extendedAttributes.count == 0 { return }
    let attributes = newTree.extendedAttributes(of: new)
    if !oldTree.extendedAttributes(of: old).isSame(as: attributes) { insert(.attributes) }
  }
}

extension Node {
  /// Whether two regular files have the same bytes, where sizes and zeros tell; else `nil`.
  func hasSameContent(as other: Node) -> Bool? {
    guard size == other.size, dataBlocks == other.dataBlocks, dataRuns == other.dataRuns else {
      return false
    }
    return dataBlocks == 0 ? true : nil
  }
}

/// In which extended attributes two files differ, by their names, sorted.
package struct AttributeChanges: Hashable, Sendable {
  package var added: [[UInt8]] = []
  package var removed: [[UInt8]] = []
  /// Of another value.
  package var changed: [[UInt8]] = []

  /// Walks both side by side: they are sorted by name.
  package init(from old: ExtendedAttributes, to new: ExtendedAttributes) {
    var (olds, news) = (old.makeIterator(), new.makeIterator())
    var (nextOld, nextNew) = (olds.next(), news.next())
    while nextOld != nil || nextNew != nil {
      if let before = nextOld, nextNew.map({ before.name < $0.name }) ?? true {
        removed.append(before.name.array)
        nextOld = olds.next()
      } else if let after = nextNew, nextOld.map({ after.name < $0.name }) ?? true {
        added.append(after.name.array)
        nextNew = news.next()
      } else if let before = nextOld, let after = nextNew {
        if before.value != after.value { changed.append(after.name.array) }
        (nextOld, nextNew) = (olds.next(), news.next())
      }
    }
  }
}

extension ExtendedAttributes {
  /// Both are sorted by name.
  fileprivate func isSame(as other: ExtendedAttributes) -> Bool {
    elementsEqual(other) { $0.name == $1.name && $0.value == $1.value }
  }
}
