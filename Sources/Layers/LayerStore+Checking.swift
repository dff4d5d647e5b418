// Whether the indexes in the cache are sound, without using one.

package import ImageStore
package import OCISpec
import SystemPackage

extension LayerStore {
  /// The layers whose index would be made again because it is damaged, by digest.
  ///
  /// Checks everything but the windows of seek points, which are checked whenever one is read.
  package func damagedIndexes() throws(ImageStoreError) -> [Digest] {
    var damaged: [Digest] = []
    for digest in try cache.blobs(with: .index) {
      guard let file = try cache.open(.index, of: digest) else { continue }
      let index = LayerIndexFile.map(
        descriptor: file.descriptor.rawValue,
        byteCount: file.byteCount,
        digest: digest
      )
      if index == nil { damaged.append(digest) }
    }
    return damaged.sorted { $0.description < $1.description }
  }
}
