// How much two trees differ, for text and JSON.

import FileTree

/// Counts of differences.
struct DifferenceSummary: Encodable {
  private(set) var added = Names()
  private(set) var removed = Names()
  private(set) var changed = Changes()
  /// How many of the added and removed names of files with several were met.
  private var metOld: [NodeID: UInt32] = [:]
  private var metNew: [NodeID: UInt32] = [:]
  /// The files with several names whose contents were counted.
  private var countedOld: Set<NodeID> = []
  private var countedNew: Set<NodeID> = []

  struct Names: Encodable {
    var names = 0
    /// Of regular files; a file with several names counts when all of them are there.
    var bytes: UInt64 = 0
  }

  struct Changes: Encodable {
    var names = 0
    /// Of regular files whose contents differ, each counted once.
    var bytesBefore: UInt64 = 0
    var bytesAfter: UInt64 = 0
    /// How many names differ in what.
    var what: [String: Int] = [:]
  }

  private enum CodingKeys: CodingKey { case added, removed, changed }

  var isEmpty: Bool { added.names + removed.names + changed.names == 0 }

  mutating func add(_ difference: TreeDifference, from old: Tree, to new: Tree) {
    switch difference.change {
    case .added(let id): Self.count(id, new[id], in: &added, met: &metNew)
    case .removed(let id): Self.count(id, old[id], in: &removed, met: &metOld)
    case .changed(let oldID, let newID, let changes):
      changed.names += 1
      for (_, code) in changes.codes { changed.what[code, default: 0] += 1 }
      guard changes.contains(.content) else { return }
      let (before, after) = (old[oldID], new[newID])
      if before.linkCount == 1 || countedOld.insert(oldID).inserted {
        changed.bytesBefore = changed.bytesBefore.addingSaturated(before.size)
      }
      if after.linkCount == 1 || countedNew.insert(newID).inserted {
        changed.bytesAfter = changed.bytesAfter.addingSaturated(after.size)
      }
    }
  }

  private static func count(
    _ id: NodeID,
    _ node: Node,
    in names: inout Names,
    met: inout [NodeID: UInt32]
  ) {
    names.names += 1
    guard node.kind == .regular else { return }
    if node.linkCount > 1 {
      met[id, default: 0] += 1
      guard met[id] == node.linkCount else { return }
    }
    names.bytes = names.bytes.addingSaturated(node.size)
  }

  /// A table, and below it in what names that both trees have differ.
  func lines(_ sizes: ByteCountOptions) -> [String] {
    var table = Table([
      ("CHANGE", .left), ("NAMES", .right), ("BEFORE", .right), ("AFTER", .right),
    ])
    table.add(["added", "\(added.names)", "-", sizes.text(added.bytes)])
    table.add(["removed", "\(removed.names)", sizes.text(removed.bytes), "-"])
    table.add([
      "changed", "\(changed.names)", sizes.text(changed.bytesBefore),
      sizes.text(changed.bytesAfter),
    ])
    if changed.names == 0 { return table.lines }
    let what = NodeChanges.all.codes.compactMap { _, code in
      changed.what[code].map { "\(code) \($0)" }
    }
    return table.lines + ["changed: " + what.joined(separator: ", ")]
  }
}

extension NodeChanges {
  fileprivate static let all = NodeChanges(rawValue: .max)
}
