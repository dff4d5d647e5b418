// Everything tolerated in one layer of an image: what its bytes are, what its pass met, and what the merge
// made of it.

import FileTree
package import ImageStore
import OCISpec
import Offsets
import SeekableCompression

extension OpenedImage {
  /// What was odd about a layer of the image that this was opened from.
  ///
  /// At most one of each kind, in the order of their places.
  package func warnings(of layer: ResolvedLayer, in image: ResolvedImage) -> [LayerWarning] {
    guard let index = index(ofLayer: layer.index) else { return [] }
    var warnings: [LayerWarning] = []
    if image.source.statesMediaTypes, index.blobByteCount > 0,
      let stated = Codec(layer.descriptor.mediaType), stated != index.codec
    {
      warnings.append(
        LayerWarning(kind: .otherCompression, count: 1, first: .blob(.zero))
      )
    }
    warnings += index.warnings
    warnings += files.warnings.tallies(ofLayer: layer.index).map(LayerWarning.init)
    return warnings.sorted { $0.first < $1.first }
  }
}

extension Codec {
  /// What a layer of that type should be packed with; `nil` for types of no layer.
  fileprivate init?(_ mediaType: MediaType) {
    guard case .layer(let compression, _) = mediaType.kind else { return nil }
    self =
      switch compression {
      case .none: .identity
      case .gzip: .gzip
      case .zstd: .zstd
      }
  }
}
