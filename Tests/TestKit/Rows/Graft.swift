// Rows below a directory each, so that many share one image: what a row says is moved there, and what a
// witness saw there is moved back.

package import FileTree

/// A directory at the root that stands for a row's root.
package struct Graft: Sendable {
  private let name: [UInt8]
  private var slash: UInt8 { UInt8(ascii: "/") }

  /// The directory for the row of that number.
  package init(_ number: Int) { name = Array("row\(number)".utf8) }

  // MARK: There

  /// The layers of a row, moved below the directory.
  package func archives(of layers: TreeRow.Layers) -> [[TarEntry]] {
    switch layers {
    case .members(let layers): layers.map { $0.map(archived) }
    case .archives(let layers): layers.map { $0.map(moved) }
    }
  }

  /// With the content of a file that was not moved.
  private func archived(_ member: LayerMember) -> TarEntry {
    var entry = TarEntry(moved(member))
    entry.content = member.fileContents
    return entry
  }

  private func below(_ path: [UInt8]) -> [UInt8] { path.isEmpty ? name : name + [slash] + path }

  /// Only absolute targets change: a relative one must not leave the row's root.
  private func target(_ target: [UInt8]) -> [UInt8] {
    target.first == slash ? [slash] + name + target : target
  }

  private func moved(_ member: LayerMember) -> LayerMember {
    var copy = member
    copy.path = below(member.path)
    switch member.what {
    case .symbolicLink(let target): copy.what = .symbolicLink(target: self.target(target))
    case .hardLink(let target): copy.what = .hardLink(target: below(target))
    default: break
    }
    return copy
  }

  private func moved(_ entry: TarEntry) -> TarEntry {
    var copy = entry
    copy.path = below(entry.path)
    if entry.type == UInt8(ascii: "1") { copy.linkTarget = below(entry.linkTarget) }
    if entry.type == UInt8(ascii: "2") { copy.linkTarget = target(entry.linkTarget) }
    return copy
  }

  // MARK: And back

  /// Of what a witness saw, what is the row's, as if its directory were the root.
  ///
  /// Where nothing made the directory, a root as it is by default.
  package func rows(in all: [DumpRow]) -> [DumpRow] {
    let rows = all.filter { $0.path == name || $0.path.starts(with: name + [slash]) }
    return rows.isEmpty ? [DumpRow(path: [], mode: 0o040755, linkCount: 2)] : rows.map(back)
  }

  private func back(_ row: DumpRow) -> DumpRow {
    var copy = row
    copy.path = Array(row.path.dropFirst(name.count + 1))
    copy.hardLinkTo = row.hardLinkTo.map { Array($0.dropFirst(name.count + 1)) }
    copy.target = row.target.map { target in
      let prefix = [slash] + name + [slash]
      return target.starts(with: prefix) ? Array(target.dropFirst(prefix.count - 1)) : target
    }
    return copy
  }
}
