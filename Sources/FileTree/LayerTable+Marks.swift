// A layer as its archive has it, with whiteouts and opaque marks as the files that they are there: for
// looking at one layer alone, where there is nothing that they could hide.

import FlatArrays

extension LayerTable {
  /// The table with each whiteout and opaque mark as an empty regular file of the name that the archive
  /// gives it.
  ///
  /// Entries keep their places. A table without marks is returned as it is.
  ///
  /// - Throws: `.tableTooLarge` where the names do not fit into 4 GiB any more.
  func showingMarks() throws(TreeError) -> LayerTable {
    guard entries.contains(where: { $0.isMark }) else { return self }
    var shown = Array(entries)
    var pool = Array(bytes)
    for place in shown.indices where shown[place].isMark {
      let name = markName(of: shown[place])
      guard let start = UInt32(exactly: pool.count),
        UInt32(exactly: pool.count + name.count) != nil
      else { throw .tableTooLarge }
      pool += name
      shown[place].name = PoolRange(start: start, count: UInt32(name.count))
      shown[place].kindCode = EntryKind.regular.rawValue
      shown[place].payload = .none
      shown[place].size = 0
    }
    return LayerTable(
      foundSound: FlatArray(shown),
      segments: segments,
      bytes: FlatArray(pool)
    )
  }

  /// The last component of the path that the archive has for an entry.
  func markName(of entry: LayerEntry) -> [UInt8] {
    switch entry.kind {
    case .whiteout: Array(".wh.".utf8) + slice(entry.name).array
    case .opaque: Array(".wh..wh..opq".utf8)
    default: slice(entry.name).array
    }
  }
}

extension LayerEntry {
  /// Whether it takes something away, and puts nothing.
  package var isMark: Bool { kind == .whiteout || kind == .opaque }
}
