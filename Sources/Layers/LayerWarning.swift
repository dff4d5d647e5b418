// What a layer's pass tolerated, as data: kinds with a count and the first place.

package import FileTree
package import Offsets
import SeekableCompression
import TarFormat

/// One kind of tolerated oddity in one layer.
package struct LayerWarning: Equatable, Sendable {
  package var text: String
  package var count: UInt64
  package var first: Place

  /// A position in one of the layer's two streams.
  package enum Place: Equatable, Sendable {
    case blob(BlobOffset)
    case tar(TarOffset)
  }

  package init(text: String, count: UInt64, first: Place) {
    self.text = text
    self.count = count
    self.first = first
  }
}

extension LayerWarning {
  init(_ warning: TarWarning) {
    self.init(
      text: warning.kind.rawValue,
      count: warning.count,
      first: .tar(warning.first)
    )
  }

  init(_ warning: CompressionWarning) {
    switch warning {
    case .trailingPadding(let offset):
      self.init(text: "padding after the last gzip member", count: 1, first: .blob(offset))
    case .trailingJunk(let offset):
      self.init(text: "ignored bytes after the last gzip member", count: 1, first: .blob(offset))
    }
  }
}

/// Warnings of one kind of text, counted in the order in which they were first met.
struct WarningCounter {
  private(set) var warnings: [LayerWarning] = []

  mutating func note(_ text: String, at member: TarOffset) {
    for index in warnings.indices where warnings[index].text == text {
      warnings[index].count += 1
      return
    }
    warnings.append(LayerWarning(text: text, count: 1, first: .tar(member)))
  }
}

extension ExtendedAttributeRefusal {
  /// The refusal as a warning's text.
  package var warningText: String {
    switch self {
    case .notPartOfTheImage: "label or overlay mark left out"
    case .unknownNamespace: "extended attribute of an unknown namespace left out"
    case .notAllowedOnThisType: "extended attribute that this type of file cannot have left out"
    case .malformed: "malformed capability or ACL left out"
    case .tooLarge: "too large extended attribute left out"
    }
  }
}
