// The images of the cache as they were at one moment, for whoever reads images from any place.

import OCISpec
import SystemPackage
import Threading

/// The cache with one content of `index.json`.
final class CacheSnapshot: ImageSource {
  let index: ImageIndex
  private let cache: ImageCache
  /// Whether blobs are held once they were opened, so that what was found whole stays whole.
  private let holdsBlobs: Bool
  private let held = Mutex<[Digest: BlobFile]>([:])

  init(_ cache: ImageCache, index: ImageIndex, holdsBlobs: Bool = false) {
    self.cache = cache
    self.holdsBlobs = holdsBlobs
    self.index = index
  }

  var path: FilePath { cache.path }
  /// Whoever brought a document has let it pass.
  let limits = SpecLimits.highest

  /// Opens a blob, or hands out the one that is held.
  ///
  /// - Throws: `.blobMissing` also for what is there and not to be trusted.
  func openBlob(_ blob: Descriptor) throws(ImageStoreError) -> BlobFile {
    if let known = held.withLock({ $0[blob.digest] }), known.byteCount == blob.byteCount {
      return known
    }
    guard let opened = try cache.openBlob(blob) else { throw .blobMissing(blob.digest) }
    if holdsBlobs { hold(opened) }
    return opened
  }

  /// Holds a blob that the caller opened.
  func hold(_ blob: BlobFile) {
    held.withLock { $0[blob.digest] = blob }
  }

  func place(of digest: Digest) -> FilePath { cache.blobs.path(of: digest) }
}
