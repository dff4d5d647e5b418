// Walking a path of a layer, component by component, through whatever tree the caller has. Knows how
// `..` and the targets of symbolic links behave, and nothing of what the tree is made of.
// Source: path_resolution(7), with the tree's root as the root.

import FlatArrays

/// Where one component of a path leads.
enum PathStep<Place> {
  case place(Place)
  /// A symbolic link: its target is to be walked from the directory that holds the link.
  case link(target: PooledName)
  case nowhere
}

/// Where a whole path leads.
enum PathEnd<Place> {
  case place(Place)
  case nowhere
  /// More than 40 symbolic links on the way.
  case tooManyLinks
  /// Deeper below the root than any path in normal form can say.
  case tooDeep
  /// This walk and those before it read more targets of links than `LinkBudget` allows.
  case overBudget
}

/// How many bytes of links' targets the walks of a whole merge may read.
///
/// Whoever holds it counts up the same number.
final class LinkBudget {
  /// Grows with the entries that are read: see `TreeLimits`.
  private(set) var limit: UInt64
  private var used: UInt64 = 0

  init(_ limits: TreeLimits) {
    limit = UInt64(limits.linkByteCount)
  }

  /// Makes room for a layer that is about to be read.
  func admit(entryCount: Int) {
    // Of at most 2³¹ entries, in at most 2¹⁶ layers that are each read twice.
    limit += UInt64(entryCount) * UInt64(TreeLimits.linkBytesPerEntry)
  }

  /// Whether so many bytes more are within the bound.
  fileprivate func take(_ byteCount: UInt32) -> Bool {
    used = min(used, limit) + UInt64(byteCount)
    return used <= limit
  }
}

/// The bytes that paths consist of, and the walk along them.
struct PathWalk {
  let pools: [FlatArray<UInt8>]
  let budget: LinkBudget

  /// MAXSYMLINKS of Linux.
  static let linkLimit = 40
  /// The most components of a path of `EntryPath.pathLimit` bytes: half of them are slashes.
  static let depthLimit = EntryPath.pathLimit / 2

  /// Walks `path` from `root`, and `last` from there; `..` never leaves the root.
  ///
  /// `step` says where a component leads from a place; its last argument tells it that nothing
  /// follows.
  func end<Place, Failure: Error>(
    of path: PooledName,
    then last: PooledName? = nil,
    from root: Place,
    step: (Place, PooledName, Bool) throws(Failure) -> PathStep<Place>
  ) throws(Failure) -> PathEnd<Place> {
    var ancestors = [root]
    var pending = (last.map { [$0] } ?? []) + reversedComponents(of: path)
    var linkCount = 0
    while let component = pending.popLast() {
      if isParent(component) {
        if ancestors.count > 1 { ancestors.removeLast() }
        continue
      }
      switch try step(ancestors[ancestors.count - 1], component, pending.isEmpty) {
      case .nowhere:
        return .nowhere
      case .place(let place):
        ancestors.append(place)
        if ancestors.count > Self.depthLimit { return .tooDeep }
      case .link(let target):
        linkCount += 1
        if linkCount > Self.linkLimit { return .tooManyLinks }
        if !budget.take(target.range.count) { return .overBudget }
        if isAbsolute(target) { ancestors = [root] }
        pending += reversedComponents(of: target)
      }
    }
    return .place(ancestors[ancestors.count - 1])
  }

  private func isAbsolute(_ path: PooledName) -> Bool {
    path.range.count > 0 && pools[Int(path.layer)][Int(path.range.start)] == UInt8(ascii: "/")
  }

  private func isParent(_ component: PooledName) -> Bool {
    component.range.count == 2 && dotCount(component) == 2
  }

  private func dotCount(_ component: PooledName) -> Int {
    let pool = pools[Int(component.layer)]
    let start = Int(component.range.start)
    return (start..<start + Int(component.range.count)).count { pool[$0] == UInt8(ascii: ".") }
  }

  /// The components, the last one first, without empty ones and `.`.
  private func reversedComponents(of path: PooledName) -> [PooledName] {
    let pool = pools[Int(path.layer)]
    let first = Int(path.range.start)
    var components: [PooledName] = []
    var end = first + Int(path.range.count)
    while end > first {
      var start = end
      while start > first, pool[start - 1] != UInt8(ascii: "/") { start -= 1 }
      let component = PooledName(
        layer: path.layer,
        range: PoolRange(start: UInt32(start), count: UInt32(end - start))
      )
      let isDot = component.range.count == 1 && dotCount(component) == 1
      if start < end, !isDot { components.append(component) }
      end = start - 1
    }
    return components
  }
}
