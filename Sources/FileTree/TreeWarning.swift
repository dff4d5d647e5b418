// What a merge tolerates, as data: counted, with the first places, never printed from here.

package import Offsets

/// An oddity of a layer that has a defined result.
package struct TreeWarning: Hashable, Sendable {
  package enum Kind: Hashable, Sendable, CaseIterable {
    /// A whiteout or opaque mark below a path that is gone or no directory: no effect.
    case whiteoutWithoutDirectory
    /// The same path more than once in one layer: the last one counts.
    case duplicateEntry
    /// A parent directory's path names a symbolic link of a lower layer: it became a directory.
    case replacedLowerSymbolicLink
    /// A parent directory's path names something else that is no directory: it became one.
    case replacedParent
    /// A hard link that comes before its target.
    case linkBeforeTarget
    /// A hard link to a path that this layer hides: the hidden file is meant.
    case linkToHiddenTarget
    /// A hard link to itself.
    case linkToItself
    /// A character device 0:0. Overlay file systems mean a whiteout by it; here it is a device.
    case nullDevice
  }

  package var kind: Kind
  /// Counted from the base.
  package var layer: Int
  package var member: TarOffset
}

/// Warnings of one merge: every kind counted, the first places of each kept.
package struct TreeWarnings: Sendable, Equatable {
  /// Enough to look into; a hostile layer could have millions.
  private static let placesPerKind = 100

  package private(set) var counts: [TreeWarning.Kind: Int] = [:]
  package private(set) var places: [TreeWarning] = []

  mutating func note(_ kind: TreeWarning.Kind, layer: Int, member: TarOffset) {
    counts[kind, default: 0] += 1
    if counts[kind, default: 0] <= Self.placesPerKind {
      places.append(TreeWarning(kind: kind, layer: layer, member: member))
    }
  }
}
