// How much the layers of an image may ask for: the bounds of all who read them, as one value.

package import FileTree
package import SeekableCompression
package import TarFormat

/// Upper bounds for the layers of one image.
///
/// They hold when a layer is read for the first time: whoever has its index has let it pass.
package struct LayerLimits: Equatable, Sendable {
  package var compression = CompressionLimits()
  package var tar = TarLimits()
  package var tree = TreeLimits()

  package init() {}
}
