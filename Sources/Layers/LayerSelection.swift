// Which layers of an image a tree is made of: all of them, those up to one, or one alone.

/// Which layers of an image a tree is made of.
package enum LayerSelection: Hashable, Sendable {
  case all
  /// The tree as of that layer, counted from the base.
  case upTo(Int)
  /// What that layer has, its whiteouts shown as the files that they are in its archive.
  ///
  /// A hard link to a file of a lower layer is shown as an empty file.
  case alone(Int)

  /// The layers, of so many, whose members the tree is made of.
  package func range(ofCount count: Int) -> Range<Int> {
    switch self {
    case .all: 0..<count
    case .upTo(let last): 0..<min(count, last + 1)
    case .alone(let number): min(count, number)..<min(count, number + 1)
    }
  }

  var isAlone: Bool {
    if case .alone = self { true } else { false }
  }
}

extension OpenedImage {
  /// The tree that other layers make, with the same readers: what is decoded for one is there for all.
  ///
  /// What was laid over the image stays on top, but not over a layer alone.
  ///
  /// - Throws: what merging throws.
  package func showing(_ selection: LayerSelection) throws(LayersError) -> OpenedImage {
    try stack.showing(selection).merged()
  }

  /// What is known of a layer of the image by its number; `nil` where it was not opened.
  package func index(ofLayer number: Int) -> LayerIndex? {
    stack.index(ofLayer: number)
  }
}
