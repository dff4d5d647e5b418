// Indexes of layers, kept in the cache: loaded when they are there and sound, made when not. A bad
// file is made again and never mended; two processes that want the same one make it once.

import FlatArrays
package import ImageStore
package import OCISpec
import Offsets
import SeekableCompression
import SystemPackage

package struct LayerStore: Sendable {
  /// Names the form of our files in the cache; see `LayerIndexFile.version`.
  package static let cacheVersion = Int(LayerIndexFile.version)
  /// All seekable copies of a cache together: 8 GiB, the ones used longest ago go first.
  package static let defaultCopyByteLimit: UInt64 = 8 << 30

  let cache: CacheDirectory
  let limits: LayerLimits
  let copyByteLimit: UInt64
  /// Told what could not be kept in the cache.
  ///
  /// The layer is usable all the same, this time.
  let note: @Sendable (ImageStoreError) -> Void

  package init(
    cache: CacheDirectory,
    limits: LayerLimits = LayerLimits(),
    copyByteLimit: UInt64 = LayerStore.defaultCopyByteLimit,
    note: @escaping @Sendable (ImageStoreError) -> Void
  ) {
    self.cache = cache
    self.limits = limits
    self.copyByteLimit = copyByteLimit
    self.note = note
  }

  /// The index of a layer whose blob is what its digest says.
  ///
  /// Reads the whole blob, unless it was found right before and the file has not changed since.
  ///
  /// - Throws: what is wrong with the blob, or with its diffID.
  package func index(
    of blob: BlobFile,
    diffID: Digest,
    progress: ByteProgress
  ) throws(LayersError) -> LayerIndex {
    if let index = try load(blob.digest, diffID: diffID) {
      try verify(blob, progress: progress)
      return index
    }
    let lock: CacheLock?
    do throws(ImageStoreError) {
      lock = try cache.lock(blob.digest)
    } catch {
      note(error)
      lock = nil
    }
    defer { lock?.release() }
    // Whoever had the lock may have made it meanwhile.
    if let index = try load(blob.digest, diffID: diffID) {
      try verify(blob, progress: progress)
      return index
    }
    let index = try LayerIndexer.index(
      BlobSource(blob: blob),
      blobDigest: blob.digest,
      diffID: diffID,
      limits: limits,
      progress: progress
    )
    // Where no lock can be had nothing can be written, and once is enough to say so.
    if lock != nil { save(index, of: blob) }
    return index
  }

  /// The stored index, if it is sound.
  func load(_ digest: Digest, diffID: Digest) throws(LayersError) -> LayerIndex? {
    let found: LayerIndex?
    do throws(ImageStoreError) {
      found = try map(CacheFileName(.index, of: digest)) { descriptor, byteCount, wasFoundSound in
        LayerIndexFile.map(
          descriptor: descriptor,
          byteCount: byteCount,
          digest: digest,
          wasFoundSound: wasFoundSound
        )
      }
    } catch {
      note(error)
      return nil
    }
    guard var found, found.diffID.algorithm == diffID.algorithm else { return nil }
    if found.diffID != diffID {
      throw .diffIDMismatch(layer: digest, expected: diffID, actual: found.diffID)
    }
    found.damage = DamageReport { discard(.index, of: digest) }
    return found
  }

  private func save(_ index: LayerIndex, of blob: BlobFile) {
    do throws(ImageStoreError) {
      try save(index)
      try remember(blob)
    } catch {
      note(error)
    }
  }

  func save(_ index: LayerIndex) throws(ImageStoreError) {
    let name = CacheFileName(.index, of: index.blobDigest)
    let file = try cache.create(name)
    var position: UInt64 = 0
    try LayerIndexFile.write(index) { piece throws(ImageStoreError) in
      try file.write(piece, at: position)
      position += UInt64(piece.count)
    }
    try rememberSound(name, as: try file.publishKnown())
  }
}

// MARK: - Verified blobs

extension LayerStore {
  /// Hashes the blob, unless this very file was found right before.
  private func verify(_ blob: BlobFile, progress: ByteProgress) throws(LayersError) {
    if isRemembered(blob) {
      progress(Int(clamping: blob.byteCount))
      return
    }
    let actual: Digest
    do throws(ImageStoreError) {
      actual = try blob.contentDigest(progress: progress)
    } catch {
      throw .store(layer: blob.digest, error)
    }
    if actual != blob.digest { throw .digestMismatch(layer: blob.digest, actual: actual) }
    do throws(ImageStoreError) { try remember(blob) } catch { note(error) }
  }
}
