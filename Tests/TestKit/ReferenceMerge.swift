// The merge, naively: dictionaries from paths to files, one step of the rules after the other, however
// slow. What TreeBuilder must equal. Written from the rules (image-spec layer.md; docs/SEMANTICS.md),
// not from TreeBuilder. Bounded by patience only: for layers of some dozens of members.

package import FileTree
import Offsets

package struct ReferenceMerge {
  /// A file: hard links are paths with one and the same.
  fileprivate final class Inode {
    var member: LayerMember
    /// For telling versions of a path apart: `LAYER.MEMBER`, or nothing for an implicit directory.
    var origin: String
    /// A directory that no member of its layer describes.
    var isImplicit: Bool

    init(_ member: LayerMember, origin: String, isImplicit: Bool = false) {
      self.member = member
      self.origin = origin
      self.isImplicit = isImplicit
    }

    var isDirectory: Bool { member.what == .directory }
  }

  fileprivate typealias Path = [[UInt8]]
  /// Every path but the root's.
  fileprivate typealias View = [Path: Inode]

  fileprivate static func split(_ path: [UInt8]) -> Path {
    path.split(separator: UInt8(ascii: "/")).map(Array.init).filter { $0 != [UInt8(ascii: ".")] }
  }

  /// A walk along a path, component by component, inside the root.
  fileprivate struct Walk {
    var pending: Path
    var here: Path = []
    private var linkCount = 0

    enum Link { case followed, noLink, tooMany }

    init(pending: Path) { self.pending = pending }

    /// The path of the next component, which the caller enters, follows, or stops at.
    mutating func next() -> Path? {
      while let name = pending.first {
        pending.removeFirst()
        if name != Array("..".utf8) { return here + [name] }
        here = here.dropLast()
      }
      return nil
    }

    mutating func follow(_ inode: Inode) -> Link {
      guard case .symbolicLink(let target) = inode.member.what else { return .noLink }
      linkCount += 1
      if linkCount > 40 { return .tooMany }
      if target.first == UInt8(ascii: "/") { here = [] }
      pending = split(target) + pending
      return .followed
    }
  }

  private let follows: Bool
  private var root = Inode(.directory(""), origin: "", isImplicit: true)
  private var view: View = [:]
  private var layer = 0

  /// The dump's rows of `layers`, base first, each regular file's digest replaced by its origin.
  ///
  /// - Throws: What the merge must throw.
  package static func rows(
    of layers: [[LayerMember]],
    lowerLinks: LowerLinkPolicy = .replace
  ) throws(TreeError) -> [DumpRow] {
    var merge = ReferenceMerge(follows: lowerLinks == .follow)
    for (index, members) in layers.enumerated() {
      merge.layer = index
      try merge.apply(members)
    }
    return merge.rows
  }

  private init(follows: Bool) { self.follows = follows }

  private mutating func apply(_ members: [LayerMember]) throws(TreeError) {
    let before = view
    if members.contains(where: { $0.what == .whiteout || $0.what == .opaque }) {
      let alone = try OwnReading(of: members, over: [:], layer: layer, follows: false)
      hide(members, alone.own)
    }
    var reading = try OwnReading(of: members, over: view, layer: layer, follows: follows)
    try reading.makeLateLinks(before: before)
    overlay(reading.own)
    if let member = reading.rootMember {
      root = Inode(members[member], origin: "\(layer).\(member)")
    }
  }
}

// MARK: - Whiteouts

extension ReferenceMerge {
  private mutating func hide(_ members: [LayerMember], _ own: View) {
    var hidden: Set<Path> = []
    for member in members where member.what == .whiteout || member.what == .opaque {
      let path = Self.split(member.path)
      let named = member.what == .opaque ? path : Array(path.dropLast())
      guard let directory = place(of: named, own) else { continue }
      if member.what == .whiteout {
        hidden.insert(directory + [path[path.count - 1]])
      } else {
        for path in view.keys where path.count > directory.count && path.starts(with: directory) {
          hidden.insert(path)
        }
      }
    }
    view = view.filter { path, _ in !hidden.contains { path.starts(with: $0) } }
  }

  /// The lower path of a directory that a layer names: through the layer's own links, where no
  /// directory of lower layers is in the link's place.
  private func place(of named: Path, _ own: View) -> Path? {
    var walk = Walk(pending: named)
    while let next = walk.next() {
      let lowerIsDirectory = view[next]?.isDirectory ?? false
      if own[next]?.isDirectory ?? lowerIsDirectory {
        walk.here = next
      } else if lowerIsDirectory {
        return nil
      } else {
        guard let link = own[next] ?? (follows ? view[next] : nil), walk.follow(link) == .followed
        else { return nil }
      }
    }
    return walk.here
  }
}

// MARK: - Overlay

extension ReferenceMerge {
  private mutating func overlay(_ own: View) {
    for (path, inode) in own.sorted(by: { $0.key.count < $1.key.count }) {
      if inode.isDirectory, let lower = view[path], lower.isDirectory {
        if !inode.isImplicit { view[path] = inode }
        continue
      }
      view = view.filter { other, _ in !(other.count > path.count && other.starts(with: path)) }
      view[path] = inode
    }
  }

  private var rows: [DumpRow] {
    let visible = view.filter { path, _ in
      !path.contains { $0.starts(with: ".wh.".utf8) }
    }
    let sorted = visible.sorted { left, right in
      left.key.lexicographicallyPrecedes(right.key) { $0.lexicographicallyPrecedes($1) }
    }
    var firstPaths: [ObjectIdentifier: [UInt8]] = [:]
    var rows = [row(at: [], root, in: visible)]
    for (path, inode) in sorted {
      var row = row(at: path, inode, in: visible)
      if !inode.isDirectory {
        row.hardLinkTo = firstPaths[ObjectIdentifier(inode)]
        if row.hardLinkTo == nil { firstPaths[ObjectIdentifier(inode)] = row.path }
        if row.hardLinkTo != nil { row.contentDigest = nil }
      }
      rows.append(row)
    }
    return rows
  }

  private func row(at path: Path, _ inode: Inode, in visible: View) -> DumpRow {
    let attributes = inode.member.attributes
    var row = DumpRow(
      path: Array(path.joined(separator: [UInt8(ascii: "/")])),
      mode: UInt32(attributes.mode),
      uid: attributes.uid,
      gid: attributes.gid,
      seconds: attributes.seconds,
      nanoseconds: attributes.nanoseconds,
      extendedAttributes: inode.member.extendedAttributes.sorted {
        $0.name.lexicographicallyPrecedes($1.name)
      }
    )
    row.linkCount = UInt32(
      inode.isDirectory
        ? 2 + visible.count { $0.key.dropLast().elementsEqual(path) && $0.value.isDirectory }
        : visible.count { $0.value === inode }
    )
    switch inode.member.what {
    case .directory: row.mode |= 0o040000
    case .file(let byteCount):
      row.mode |= 0o100000
      row.size = UInt64(byteCount)
      row.contentDigest = inode.origin
    case .symbolicLink(let target):
      row.mode |= 0o120000
      row.target = target
    case .characterDevice(let major, let minor):
      row.mode |= 0o020000
      (row.deviceMajor, row.deviceMinor) = (major, minor)
    case .blockDevice(let major, let minor):
      row.mode |= 0o060000
      (row.deviceMajor, row.deviceMinor) = (major, minor)
    case .fifo: row.mode |= 0o010000
    case .hardLink, .whiteout, .opaque: break
    }
    return row
  }
}

// MARK: - One layer

extension ReferenceMerge {
  /// A layer as a tree of its own: of several members of a path the last one counts.
  fileprivate struct OwnReading {
    var own: View = [:]
    /// The last member about the root.
    var rootMember: Int?
    /// The layers below, whiteouts applied.
    let lower: View
    let layer: Int
    let follows: Bool
    let members: [LayerMember]
    /// Hard links without a target so far: the member by the path that waits for it.
    var late: [Path: Int] = [:]

    init(
      of members: [LayerMember],
      over lower: View,
      layer: Int,
      follows: Bool
    ) throws(TreeError) {
      (self.members, self.lower, self.layer, self.follows) = (members, lower, layer, follows)
      for index in members.indices {
        try put(index)
      }
    }
  }
}

extension ReferenceMerge.OwnReading {
  private mutating func put(_ index: Int) throws(TreeError) {
    let member = members[index]
    if member.what == .whiteout || member.what == .opaque { return }
    let path = ReferenceMerge.split(member.path)
    guard let name = path.last else {
      guard member.what == .directory else {
        throw .rootIsNotADirectory(layer: layer, member: memberOffset(index))
      }
      rootMember = index
      return
    }
    let place = try makeParents(path.dropLast(), for: index) + [name]
    let new = ReferenceMerge.Inode(member, origin: "\(layer).\(index)")
    if case .hardLink = member.what {
      try putLink(index, at: place)
    } else if member.what == .directory, let present = own[place], present.isDirectory {
      (present.member, present.origin, present.isImplicit) = (new.member, new.origin, false)
    } else {
      replace(place, by: new)
    }
  }

  private mutating func replace(_ path: ReferenceMerge.Path, by inode: ReferenceMerge.Inode?) {
    own = own.filter { other, _ in !other.starts(with: path) }
    late = late.filter { other, _ in !other.starts(with: path) }
    own[path] = inode
  }

  private mutating func makeParents(
    _ named: ReferenceMerge.Path.SubSequence,
    for index: Int
  ) throws(TreeError) -> ReferenceMerge.Path {
    var walk = ReferenceMerge.Walk(pending: Array(named))
    while let next = walk.next() {
      let present = own[next] ?? (follows ? lower[next] : nil)
      switch present.map({ walk.follow($0) }) ?? .noLink {
      case .followed: break
      case .tooMany:
        throw .symbolicLinkLoop(
          path: Array(named.joined(separator: [UInt8(ascii: "/")])),
          layer: layer,
          member: memberOffset(index)
        )
      case .noLink:
        if !(own[next]?.isDirectory ?? false) {
          let directory = LayerMember.directory("")
          replace(next, by: ReferenceMerge.Inode(directory, origin: "", isImplicit: true))
        }
        walk.here = next
      }
    }
    return walk.here
  }
}

// MARK: - Hard links

extension ReferenceMerge.OwnReading {
  private func target(of index: Int) -> [UInt8] {
    if case .hardLink(let target) = members[index].what { return target }
    return []
  }

  private mutating func putLink(_ index: Int, at place: ReferenceMerge.Path) throws(TreeError) {
    if target(of: index) == members[index].path { return }
    switch find(target(of: index), [own]) {
    case .directory: throw toDirectory(index)
    case .file(let inode): replace(place, by: inode)
    case .nothing, .late:
      replace(place, by: nil)
      late[place] = index
    }
  }

  mutating func makeLateLinks(before: ReferenceMerge.View) throws(TreeError) {
    while let first = late.min(by: { $0.value < $1.value }) {
      try makeLateLink(first.key, before, [])
    }
  }

  private mutating func makeLateLink(
    _ place: ReferenceMerge.Path,
    _ before: ReferenceMerge.View,
    _ waiting: Set<ReferenceMerge.Path>
  ) throws(TreeError) {
    guard let index = late[place] else { return }
    var found = find(target(of: index), [own, lower])
    while case .late(let other) = found {
      guard other != place, !waiting.contains(other) else { throw loop(index) }
      try makeLateLink(other, before, waiting.union([place]))
      found = find(target(of: index), [own, lower])
    }
    if case .nothing = found { found = find(target(of: index), [before], withLate: false) }
    switch found {
    case .file(let inode):
      late[place] = nil
      own[place] = inode
    case .directory: throw toDirectory(index)
    case .nothing, .late: throw missing(index)
    }
  }

  private enum Found {
    case file(ReferenceMerge.Inode)
    case directory
    /// The path leads through a link that has no target so far.
    case late(ReferenceMerge.Path)
    case nothing
  }

  /// What `path` leads to in `views` laid over each other, the first on top.
  ///
  /// Symbolic links are followed everywhere but at the end.
  private func find(
    _ path: [UInt8],
    _ views: [ReferenceMerge.View],
    withLate: Bool = true
  ) -> Found {
    var walk = ReferenceMerge.Walk(pending: ReferenceMerge.split(path))
    while let next = walk.next() {
      if withLate, late[next] != nil { return .late(next) }
      guard let inode = views.lazy.compactMap({ $0[next] }).first else { return .nothing }
      if inode.isDirectory {
        walk.here = next
      } else if walk.pending.isEmpty {
        return .file(inode)
      } else if walk.follow(inode) != .followed {
        return .nothing
      }
    }
    return .directory
  }

  private func missing(_ index: Int) -> TreeError {
    error(TreeError.hardLinkTargetMissing, index)
  }

  private func loop(_ index: Int) -> TreeError { error(TreeError.hardLinkLoop, index) }

  private func toDirectory(_ index: Int) -> TreeError {
    error(TreeError.hardLinkToDirectory, index)
  }

  private func error(
    _ make: ([UInt8], [UInt8], Int, TarOffset) -> TreeError,
    _ index: Int
  ) -> TreeError {
    make(members[index].path, target(of: index), layer, memberOffset(index))
  }
}
