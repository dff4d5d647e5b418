// What decides a merged tree: equal keys, equal trees. The program's own part in it is the version of the
// form, which is part of every file's place.

import FileTree
import ImageStore
package import OCISpec

/// Names the tree that a merge of an image's layers makes.
package struct TreeKey: Hashable, Sendable {
  /// The image's last layer, with which the tree goes from the cache.
  package let lastLayer: Digest
  package let layerCount: Int
  /// SHA-256 of everything that decides the tree.
  package let digest: Digest

  /// `nil` for an image without layers, of which there is nothing to keep.
  init?(
    layers: [Digest],
    lowerLinks: LowerLinkPolicy,
    owners: OwnerMap?,
    limits: TreeLimits
  ) {
    guard let last = layers.last else { return nil }
    lastLayer = last
    layerCount = layers.count
    var whole = ByteEncoder()
    whole.append(UInt64(layers.count))
    for layer in layers { whole.append(Array(layer.description.utf8)) }
    let policy: UInt8 =
      switch lowerLinks {
      case .replace: 0
      case .follow: 1
      }
    whole.append(policy)
    // A map without ranges is another thing than none: it maps nothing.
    whole.append(UInt8(owners == nil ? 0 : 1))
    whole.append(Array((owners?.description ?? "").utf8))
    // What larger limits let pass must be refused by smaller ones. The size of a layer's table is not
    // among them: that is counted when the layer is indexed.
    whole.append(UInt64(limits.entryCount))
    whole.append(UInt64(limits.linkByteCount))
    digest = DigestHasher.digest(of: whole.bytes, .sha256)
  }

  var fileName: CacheFileName { CacheFileName(.trees, of: lastLayer, variant: digest) }
}
