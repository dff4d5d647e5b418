// Whether the indexes and trees in the cache are sound, without using one.

package import ImageStore
import OCISpec
import SystemPackage

extension LayerStore {
  /// The indexes and trees that would be made again because they are damaged.
  ///
  /// Reads all of each but the windows of seek points, which are checked whenever one is read. What was
  /// noted of a damaged file is forgotten, so that nobody uses it.
  package func damagedFiles() throws(ImageStoreError) -> [CacheFileName] {
    var damaged: [CacheFileName] = []
    for kind in [CacheKind.index, .trees] {
      for name in try cache.names(of: kind) where try !isSound(name) {
        try forget(name)
        damaged.append(name)
      }
    }
    return damaged.sorted { ($0.kind.rawValue, "\($0.blob)") < ($1.kind.rawValue, "\($1.blob)") }
  }

  private func isSound(_ name: CacheFileName) throws(ImageStoreError) -> Bool {
    // Gone meanwhile, or nothing that anybody would use.
    guard let file = try cache.open(name) else { return true }
    let descriptor = file.descriptor.rawValue
    if let key = name.variant {
      return TreeFile.map(descriptor: descriptor, byteCount: file.byteCount, key: key) != nil
    }
    return LayerIndexFile.map(
      descriptor: descriptor,
      byteCount: file.byteCount,
      digest: name.blob
    ) != nil
  }
}
