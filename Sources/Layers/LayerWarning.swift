// What was tolerated in a layer, as data: kinds with a count and the first place. Joins what the parts of
// a pass, and the merge, have to say.

package import FileTree
package import Offsets
package import SeekableCompression
package import TarFormat

/// One kind of tolerated oddity in one layer.
package struct LayerWarning: Equatable, Sendable {
  /// What was odd, by who found it.
  package enum Kind: Hashable, Sendable {
    case compression(CompressionWarning.Kind)
    case tar(TarWarning.Kind)
    case entry(EntryWarning)
    case attribute(ExtendedAttributeRefusal)
    case merge(TreeWarning.Kind)
    /// The media type says another compression than the blob's first bytes do, which count.
    case otherCompression
  }

  package var kind: Kind
  package var count: UInt64
  package var first: Place
  /// Where the member begins that the first one is about; `nil` where it is about none.
  package var member: TarOffset?

  /// A position in one of the layer's two streams.
  package enum Place: Equatable, Comparable, Sendable {
    // What is known of the blob comes first, as the cases stand here.
    case blob(BlobOffset)
    case tar(TarOffset)
  }

  package init(kind: Kind, count: UInt64, first: Place, member: TarOffset? = nil) {
    self.kind = kind
    self.count = count
    self.first = first
    self.member = member
  }
}

extension LayerWarning.Kind {
  /// Every kind there is.
  package static let all: [Self] =
    [.otherCompression] + CompressionWarning.Kind.allCases.map(Self.compression)
    + TarWarning.Kind.allCases.map(Self.tar) + EntryWarning.allCases.map(Self.entry)
    + ExtendedAttributeRefusal.allCases.map(Self.attribute)
    + TreeWarning.Kind.allCases.map(Self.merge)

  private static let byCode = Dictionary(all.map { ($0.code, $0) }) { first, _ in first }

  /// The kind that programs know by `code`; `nil` where there is none.
  init?(code: String) {
    guard let kind = Self.byCode[code] else { return nil }
    self = kind
  }

  /// What programs know the kind by; it never changes.
  package var code: String {
    switch self {
    case .compression(let kind): kind.rawValue
    case .tar(let kind): kind.rawValue
    case .entry(let kind): kind.rawValue
    case .attribute(let refusal): refusal.rawValue
    case .merge(let kind): kind.rawValue
    case .otherCompression: "other-compression"
    }
  }

  /// The kind as people read it.
  package var text: String {
    switch self {
    case .compression(let kind): kind.text
    case .tar(let kind): kind.text
    case .entry(let kind): kind.text
    case .attribute(let refusal): refusal.text
    case .merge(let kind): kind.text
    case .otherCompression: "media type of another compression"
    }
  }
}

extension LayerWarning {
  init(_ warning: TarWarning) {
    self.init(
      kind: .tar(warning.kind),
      count: warning.count,
      first: .tar(warning.first),
      member: warning.member
    )
  }

  init(_ warning: CompressionWarning) {
    self.init(kind: .compression(warning.kind), count: 1, first: .blob(warning.position))
  }

  init(_ tally: TreeWarnings.Tally) {
    self.init(
      kind: .merge(tally.kind),
      count: tally.count,
      first: .tar(tally.first),
      member: tally.first
    )
  }
}

/// Something odd about a member of a layer's tar stream, as an entry of a tree.
///
/// Raw values are the codes that programs know the kinds by; they never change.
package enum EntryWarning: String, Sendable, CaseIterable {
  case absolutePath = "absolute-path"
  /// `..`, taken back textually.
  case parentInPath = "dot-dot-in-path"
  /// Of a hard link: counted from the root, as archives mean it.
  case absoluteLinkTarget = "absolute-link-target"
  case parentInLinkTarget = "dot-dot-in-link-target"
  /// A hard link's target that `..` leads above the root: the root counts in its stead.
  case linkTargetAboveRoot = "link-target-above-root"
  /// A regular file by its type, whose path ends in a slash.
  case slashAfterFileName = "slash-after-file-name"
  /// A whiteout or opaque mark that is not an empty file: what else it is does not matter.
  case oddWhiteout = "odd-whiteout"
  /// `.wh..wh.plnk` and the like: what AUFS kept there is not shown.
  case unionBookkeeping = "union-bookkeeping"
  /// A modification time that ext4 cannot hold; a mount shows it as it is.
  case timeOutOfRange = "time-out-of-range"
}

extension EntryWarning {
  /// The kind as people read it.
  package var text: String {
    switch self {
    case .absolutePath: "slash at the beginning of a path ignored"
    case .parentInPath: "path with .. in it"
    case .absoluteLinkTarget: "hard link to an absolute path"
    case .parentInLinkTarget: "hard link to a path with .. in it"
    case .linkTargetAboveRoot: "hard link to a path above the root, which counts in its stead"
    case .slashAfterFileName: "slash behind a file's name ignored"
    case .oddWhiteout: "whiteout that is not an empty file"
    case .unionBookkeeping: "bookkeeping of AUFS not shown"
    case .timeOutOfRange: "time that ext4 cannot hold"
    }
  }
}

/// Warnings of a pass, counted in the order in which each kind was first met.
struct WarningCounter {
  private(set) var warnings: [LayerWarning] = []

  mutating func note(_ kind: LayerWarning.Kind, at member: TarOffset) {
    for index in warnings.indices where warnings[index].kind == kind {
      warnings[index].count += 1
      return
    }
    warnings.append(LayerWarning(kind: kind, count: 1, first: .tar(member), member: member))
  }
}
