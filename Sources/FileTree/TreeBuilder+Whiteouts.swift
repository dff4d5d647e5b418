// What a layer takes away from those below it: whiteouts and opaque marks, before any of its entries.
// Source: OCI image-spec, layer.md, "Whiteouts".

import FlatArrays

extension TreeBuilder {
  mutating func hideLowerNames() {
    var hiding: [LayerEntry] = []
    for entry in table.entries where entry.kind == .whiteout || entry.kind == .opaque {
      hiding.append(entry)
    }
    if hiding.isEmpty { return }
    let links = ownLinks(inDirectoriesOf: hiding)
    // Resolve all of them before the first takes effect: one must not depend on another.
    let directories = hiding.map { lowerDirectory($0, through: links) }
    for (entry, directory) in zip(hiding, directories) {
      guard let directory else {
        warn(.whiteoutWithoutDirectory, entry)
        continue
      }
      hide(entry, in: directory)
    }
  }

  private mutating func hide(_ entry: LayerEntry, in directory: UInt32) {
    if entry.kind == .opaque {
      for place in draft.places(in: directory) {
        draft.hide(place, in: layer)
      }
    } else if let place = draft.place(of: table.slice(entry.name), in: directory) {
      draft.hide(place, in: layer)
    }
  }

  /// The directory of lower layers that a whiteout or opaque mark is about.
  private func lowerDirectory(
    _ entry: LayerEntry,
    through links: [[UInt8]: [UInt8]]
  ) -> UInt32? {
    let path = resolve(table.slice(entry.directory).array, through: links)
    var node = DraftTree.root
    for component in path.split(separator: UInt8(ascii: "/")) {
      guard let next = draft.node(ByteSlice(Array(component)), in: node),
        draft.nodes[Int(next)].kind == .directory
      else { return nil }
      node = next
    }
    return node
  }

  /// Symbolic links that this layer itself puts at a directory of one of its whiteouts.
  private func ownLinks(inDirectoriesOf hiding: [LayerEntry]) -> [[UInt8]: [UInt8]] {
    var prefixes: Set<[UInt8]> = []
    for entry in hiding {
      var path = table.slice(entry.directory).array[...]
      while !path.isEmpty, prefixes.insert(Array(path)).inserted {
        path = EntryPath.split(Array(path)).directory
      }
    }
    var links: [[UInt8]: [UInt8]] = [:]
    for entry in table.entries where entry.kind == .symbolicLink {
      let path = table.path(of: entry)
      if prefixes.contains(path) { links[path] = table.slice(entry.payload).array }
    }
    return links
  }

  /// `path` with the links among its leading components followed, textually and inside the root.
  private func resolve(_ path: [UInt8], through links: [[UInt8]: [UInt8]]) -> [UInt8] {
    if links.isEmpty { return path }
    var pending = path
    for _ in 0..<Self.linkLimit {
      guard let (prefix, target) = firstLink(of: pending, in: links) else { break }
      let base =
        target.first == UInt8(ascii: "/") ? [] : EntryPath.split(prefix).directory + [slash]
      let joined = base + target + pending.dropFirst(prefix.count)
      guard case .success(let normal) = normalized(joined) else { break }
      pending = normal
    }
    return pending
  }

  private func normalized(_ path: [UInt8]) -> Result<[UInt8], EntryPathError> {
    Result { () throws(EntryPathError) in try EntryPath.normalize(path, aboveRoot: .clamp) }
  }

  private func firstLink(
    of path: [UInt8],
    in links: [[UInt8]: [UInt8]]
  ) -> (prefix: [UInt8], target: [UInt8])? {
    var ends = path.indices.filter { path[$0] == slash }
    ends.append(path.count)
    for end in ends {
      let prefix = Array(path[..<end])
      if let target = links[prefix] { return (prefix, target) }
    }
    return nil
  }

}
