// What a merge tolerates, as data: counted for each layer, with the first places, never printed from
// here.

package import Offsets

/// An oddity of a layer that has a defined result.
package struct TreeWarning: Hashable, Sendable {
  /// Raw values are the codes that programs know the kinds by; they never change.
  package enum Kind: String, Sendable, CaseIterable {
    /// A whiteout or opaque mark below a path that is gone or no directory: no effect.
    case whiteoutWithoutDirectory = "whiteout-without-directory"
    /// The same path more than once in one layer: the last one counts.
    case duplicateEntry = "duplicate-entry"
    /// A parent directory's path names a symbolic link of a lower layer: it became a directory.
    case replacedLowerSymbolicLink = "replaced-symbolic-link"
    /// A parent directory's path names something else that is no directory: it became one.
    case replacedParent = "replaced-parent"
    /// A hard link that comes before its target.
    case linkBeforeTarget = "link-before-target"
    /// A hard link to a path that this layer hides: the hidden file is meant.
    case linkToHiddenTarget = "link-to-hidden-target"
    /// A hard link to itself.
    case linkToItself = "link-to-itself"
    /// A hard link with another owner, mode, time or other attributes than its target: the target's
    /// count.
    case linkAttributesIgnored = "link-attributes-ignored"
    /// A character device 0:0. Overlay file systems mean a whiteout by it; here it is a device.
    case nullDevice = "null-device"
    /// A member below a name that begins with `.wh.`: nothing of it is shown.
    case belowWhiteoutName = "below-whiteout-name"
    /// A hard link to a file of a lower layer, in a layer that is looked at alone: shown as an empty
    /// file.
    case linkToLowerLayer = "link-to-lower-layer"
  }

  package var kind: Kind
  /// Counted from the base.
  package var layer: Int
  package var member: TarOffset

  package init(kind: Kind, layer: Int, member: TarOffset) {
    self.kind = kind
    self.layer = layer
    self.member = member
  }
}

extension TreeWarning.Kind {
  /// The kind as people read it.
  package var text: String {
    switch self {
    case .whiteoutWithoutDirectory: "whiteout below a path that is gone or no directory"
    case .duplicateEntry: "the same path again; the last one counts"
    case .replacedLowerSymbolicLink: "symbolic link of a lower layer replaced by a directory"
    case .replacedParent: "parent that is no directory replaced by one"
    case .linkBeforeTarget: "hard link before its target"
    case .linkToHiddenTarget: "hard link to a path that the same layer hides"
    case .linkToItself: "hard link to itself ignored"
    case .linkAttributesIgnored: "owner, mode, time or attributes of a hard link ignored"
    case .nullDevice: "character device 0:0 kept as a device"
    case .belowWhiteoutName: "below a name that begins with .wh.; not shown"
    case .linkToLowerLayer: "hard link to a file of a lower layer, shown as an empty file"
    }
  }
}

/// Warnings of one merge: every kind counted for each layer, the first places of each kept.
package struct TreeWarnings: Sendable, Equatable {
  /// All warnings of one kind in one layer.
  package struct Tally: Sendable, Equatable {
    package var kind: TreeWarning.Kind
    package var count: UInt64
    /// The one that comes first in the layer's tar stream.
    package var first: TarOffset

    package init(kind: TreeWarning.Kind, count: UInt64, first: TarOffset) {
      self.kind = kind
      self.count = count
      self.first = first
    }
  }

  /// Enough to look into; a hostile layer could have millions.
  private static let placesPerKind = 100

  /// By layer, from the base on; kinds in the order in which they were first met.
  package private(set) var tallies: [[Tally]]
  /// The first hundred of each kind in each layer, in the order in which they were met.
  package private(set) var places: [TreeWarning]

  package init(tallies: [[Tally]] = [], places: [TreeWarning] = []) {
    self.tallies = tallies
    self.places = places
  }

  /// What was odd about one layer, counted from the base.
  package func tallies(ofLayer layer: Int) -> [Tally] {
    tallies.indices.contains(layer) ? tallies[layer] : []
  }

  /// How often each kind was met, in all layers.
  package var counts: [TreeWarning.Kind: Int] {
    var counts: [TreeWarning.Kind: Int] = [:]
    for tally in tallies.joined() { counts[tally.kind, default: 0] += Int(tally.count) }
    return counts
  }

  mutating func note(_ kind: TreeWarning.Kind, layer: Int, member: TarOffset) {
    while tallies.count <= layer { tallies.append([]) }
    let place: Int
    if let known = tallies[layer].firstIndex(where: { $0.kind == kind }) {
      place = known
      tallies[layer][place].count += 1
      tallies[layer][place].first = min(tallies[layer][place].first, member)
    } else {
      place = tallies[layer].count
      tallies[layer].append(Tally(kind: kind, count: 1, first: member))
    }
    if tallies[layer][place].count <= Self.placesPerKind {
      places.append(TreeWarning(kind: kind, layer: layer, member: member))
    }
  }

  /// Takes back what was noted of the layer that comes last, which is about to be read again.
  mutating func forget(layer: Int) {
    if tallies.indices.contains(layer) { tallies[layer] = [] }
    while let last = places.last, last.layer == layer { places.removeLast() }
  }
}
