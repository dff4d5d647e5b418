// Indexing a layer while it is downloaded, so that a fetched image is ready to mount. Only ever saves
// work: whatever goes wrong here, the ordinary pass over the finished blob finds again and tells.
//
// Locks: the download has one of its own, under which its owner appends. The lock of the layer, which
// the ordinary pass takes, is tried for once all bytes have arrived, and never waited for. So nobody
// who has the same layer elsewhere waits for the network, and whoever opens the image right after the
// download waits for what is left of this pass instead of beginning another.

package import ImageStore
package import OCISpec
import Offsets
import SeekableCompression
import SystemPackage
import Threading

extension LayerStore {
  /// Indexes the layer that is being downloaded, on the caller's thread, and keeps the index once the
  /// blob was verified.
  ///
  /// Blocks until then, or until the download is given up or turns out to be wrong.
  ///
  /// - Returns: whether the layer is ready, so that nobody needs to read it again.
  @discardableResult
  package func follow(
    _ ingest: BlobIngest,
    diffID: Digest,
    progress: ByteProgress = { _ in }
  ) -> Bool {
    let source = IngestSource(ingest, cache: cache)
    defer { source.release() }
    do throws(LayersError) {
      if try load(ingest.descriptor.digest, diffID: diffID) != nil {
        try source.skipToEnd()
        return keep(nil, of: ingest)
      }
      let index = try LayerIndexer.index(
        source,
        blobDigest: ingest.descriptor.digest,
        diffID: diffID,
        limits: limits,
        hashesBlob: false,
        progress: progress
      )
      return keep(index, of: ingest)
    } catch {
      return false
    }
  }

  private func keep(_ index: LayerIndex?, of ingest: BlobIngest) -> Bool {
    guard let identity = ingest.verifiedIdentity else { return false }
    do throws(ImageStoreError) {
      if let index { try save(index) }
      let blob = ingest.descriptor
      try remember(blob.digest, byteCount: blob.byteCount, as: identity)
      return true
    } catch {
      note(error)
      return false
    }
  }
}

/// A download as a source of bytes; ends only where the blob was verified.
private final class IngestSource: ByteSource {
  private let ingest: BlobIngest
  private let cache: CacheDirectory
  private let lock = Mutex<CacheLock?>(nil)

  init(_ ingest: BlobIngest, cache: CacheDirectory) {
    self.ingest = ingest
    self.cache = cache
  }

  var byteCount: UInt64 { ingest.descriptor.byteCount }

  func read(
    at offset: BlobOffset,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(ByteSourceError) -> Int {
    do throws(ImageStoreError) {
      try takeLock(at: offset)
      return try ingest.read(at: offset.bytes, into: buffer)
    } catch {
      throw .changed(at: offset)
    }
  }

  /// Takes the layer's lock when nothing is left to come; refused, somebody indexes it already.
  private func takeLock(at offset: BlobOffset) throws(ImageStoreError) {
    guard ingest.byteCount == byteCount, lock.withLock({ $0 == nil }) else { return }
    guard let taken = try cache.tryLock(ingest.descriptor.digest) else {
      throw .ingestEnded(ingest.descriptor.digest)
    }
    lock.withLock { $0 = taken }
  }

  func release() {
    lock.withLock { lock in
      lock?.release()
      lock = nil
    }
  }

  /// Waits until the whole blob was verified.
  func skipToEnd() throws(LayersError) {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1, alignment: 1)
    defer { buffer.deallocate() }
    do throws(ImageStoreError) {
      _ = try ingest.read(at: byteCount, into: buffer)
    } catch {
      throw .store(layer: ingest.descriptor.digest, error)
    }
  }
}
