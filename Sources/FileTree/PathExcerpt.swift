// Which entries of layers have to do with one path: so that telling what happened to it takes a look at
// each entry, and no merge of them all.

import FlatArrays

/// The entries of layers that decide what the layers do to one path.
///
/// Those of the path, of the directories above, and of what hard links at them lead to, with the
/// directories above; and below each such directory one entry, since that makes the directory where no
/// entry does.
struct PathExcerpt {
  private let layers: [LayerTable]
  private var watched = WatchedPaths()
  /// Bytes of directories that may still be hashed: 256 MiB take a fraction of a second.
  ///
  /// A million files in a hundred thousand directories need an eighth; made-up paths of thousands of
  /// directories are merged, which has bounds of its own.
  private var hashBudget = 256 << 20

  /// The layers with those entries alone; `nil` where only a merge of everything can tell, because some
  /// path leads through a symbolic link, or because there is too much of everything.
  ///
  /// `path` is in normal form. All layers must be an image's own.
  static func tables(of path: [UInt8], in layers: [LayerTable]) -> [LayerTable]? {
    var excerpt = PathExcerpt(layers: layers)
    excerpt.watched.insert(path)
    // Hard links lead to other paths, those to others: chains longer than that are nobody's.
    for _ in 0..<8 {
      let count = excerpt.watched.count
      let tables = excerpt.kept()
      if excerpt.watched.isTooLarge { return nil }
      if excerpt.watched.count == count {
        return excerpt.mayBeLedByLinks() ? nil : tables
      }
    }
    return nil
  }

  private init(layers: [LayerTable]) {
    self.layers = layers
  }

  // MARK: Links

  /// Whether any directory of a path is a link's name in some layer: a hard link may be another name of
  /// a symbolic one.
  private mutating func mayBeLedByLinks() -> Bool {
    var directories: Set<UInt64> = []
    for table in layers {
      var last: PoolRange?
      for entry in table.entries where entry.directory != last {
        last = entry.directory
        insert(table.slice(entry.directory), to: &directories)
      }
    }
    for path in watched.directories { insert(ByteSlice(path), to: &directories) }
    if hashBudget < 0 { return true }
    return layers.contains { table in
      table.entries.contains { entry in
        guard entry.kind == .symbolicLink || entry.kind == .hardLink else { return false }
        return directories.contains(ByteSlice(table.path(of: entry)).tableHash(seed: 0))
      }
    }
  }

  /// Inserts the directory and all above it; equal hashes of different ones only cost a merge.
  private mutating func insert(_ directory: ByteSlice, to directories: inout Set<UInt64>) {
    var end = directory.count
    while end > 0, hashBudget >= 0 {
      hashBudget -= end
      let isNew = directories.insert(
        directory.slice(at: 0, count: end).tableHash(seed: 0)
      ).inserted
      if !isNew { return }
      repeat { end -= 1 } while end > 0 && directory[end] != UInt8(ascii: "/")
    }
  }

  // MARK: Entries

  /// The layers with the entries that have to do with the paths known so far; learns of more.
  private mutating func kept() -> [LayerTable] {
    layers.map { table in
      watched.beginLayer()
      var place: (directory: PoolRange, place: WatchedPaths.Place)?
      var entries: [LayerEntry] = []
      for entry in table.entries {
        if place?.directory != entry.directory {
          place = (entry.directory, watched.place(of: table.slice(entry.directory)))
        }
        guard let directory = place?.place, isKept(entry, of: table, in: directory) else {
          continue
        }
        entries.append(entry)
        if entry.kind == .hardLink { watched.insert(table.slice(entry.payload).array) }
      }
      return LayerTable(
        foundSound: FlatArray(entries),
        segments: table.segments,
        bytes: table.bytes
      )
    }
  }

  private mutating func isKept(
    _ entry: LayerEntry,
    of table: LayerTable,
    in directory: WatchedPaths.Place
  ) -> Bool {
    if directory.isExact {
      if entry.name.count == 0 { return true }
      if let path = watched.child(table.slice(entry.name), of: directory.number) {
        if !entry.isMark { watched.forgetBelow(path) }
        return true
      }
    }
    return !entry.isMark && watched.isFirstBelow(directory.number)
  }
}

/// Paths with all directories above them.
private struct WatchedPaths {
  /// A directory's place: the watched path that is it, or the longest one above it.
  struct Place {
    var number: Int
    var isExact: Bool
  }

  private struct Watched {
    var path: [UInt8]
    var children: [[UInt8]: Int] = [:]
    /// Whether an entry below was kept since the last entry of the path itself.
    var hasBelow = false
  }

  /// The root first; what is above a path comes before it.
  private var paths = [Watched(path: [])]
  private var byteCount = 0

  /// More than anybody asks about: 1 MiB of paths.
  var isTooLarge: Bool { byteCount > 1 << 20 }

  var count: Int { paths.count }

  /// Those that have watched paths in them.
  var directories: [[UInt8]] { paths.filter { !$0.children.isEmpty }.map(\.path) }

  mutating func insert(_ path: [UInt8]) {
    var number = 0
    for name in path.split(separator: UInt8(ascii: "/")).map(Array.init) {
      if let known = paths[number].children[name] {
        number = known
        continue
      }
      if isTooLarge { return }
      let above = paths[number].path
      paths[number].children[name] = paths.count
      number = paths.count
      paths.append(Watched(path: above.isEmpty ? name : above + [UInt8(ascii: "/")] + name))
      byteCount += paths[number].path.count
    }
  }

  mutating func beginLayer() {
    for number in paths.indices { paths[number].hasBelow = false }
  }

  func place(of directory: ByteSlice) -> Place {
    var number = 0
    for name in directory.array.split(separator: UInt8(ascii: "/")) {
      guard let next = paths[number].children[Array(name)] else {
        return Place(number: number, isExact: false)
      }
      number = next
    }
    return Place(number: number, isExact: true)
  }

  func child(_ name: ByteSlice, of directory: Int) -> Int? {
    let children = paths[directory].children
    return children.isEmpty ? nil : children[name.array]
  }

  /// An entry for the path may have taken away what was below it.
  mutating func forgetBelow(_ number: Int) {
    var pending = [number]
    while let next = pending.popLast() {
      paths[next].hasBelow = false
      pending += paths[next].children.values
    }
  }

  mutating func isFirstBelow(_ number: Int) -> Bool {
    defer { paths[number].hasBelow = true }
    return !paths[number].hasBelow
  }
}
