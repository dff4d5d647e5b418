// The cache as an image layout that we write and that other tools read and write too: its set-up, and
// blobs in and out of it. What images are called in it: ImageCache+Names. What it takes, whether it
// is right, what can go: CacheUsage, CacheVerification, CachePruning.
//
//   CACHE/oci-layout, index.json, blobs/ALGORITHM/HEX    the layout
//   CACHE/banger/ingest/ALGORITHM-HEX                    what has arrived of a blob
//   CACHE/banger/ingest/.pending-RANDOM                  a document or index.json being written
//
// Blobs come first and names last; names go first and blobs last. So a name never stands for less than
// a whole image, whenever a process dies. Whoever brings an image holds each of its blobs from the
// moment it is there until the name is; whoever removes blobs takes none that is held, and none that
// has a name, which nobody can add meanwhile.
// Source: OCI image-spec 1.1, image-layout.md.

import Glibc
package import OCISpec
package import SystemPackage

/// The image layout in a cache directory.
///
/// Usable from any thread, and by several processes at once. Methods may block.
package final class ImageCache: Sendable {
  package let directory: CacheDirectory
  let blobs: BlobDirectory
  let ingest: DirectoryHandle

  /// Where the layout is.
  package var path: FilePath { directory.path }

  /// Opens the layout, making what is missing of it, and removes temporary files that died with
  /// their writers.
  ///
  /// - Throws: what is wrong with the directories, the marker or the index that are there.
  package init(_ directory: CacheDirectory) throws(ImageStoreError) {
    self.directory = directory
    blobs = try BlobDirectory(in: directory.root)
    ingest = try CacheDirectory.open("ingest", in: directory.ours)
    PendingFile.removeAbandoned(in: ingest)
    try prepare()
  }

  private func prepare() throws(ImageStoreError) {
    try create("oci-layout", Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8))
    try create("index.json", LayoutIndexEditor.empty)
    let marker = ImageStoreError.Document.layoutMarker(path.appending("oci-layout"))
    let version = try ImageLayout.file("oci-layout", marker, in: directory.root)
    _ = try parsing(marker) { () throws(SpecError) in try LayoutVersion(parsing: version) }
  }

  private func create(_ name: String, _ bytes: [UInt8]) throws(ImageStoreError) {
    guard try !isThere(name) else { return }
    let lock = try directory.lockNames()
    defer { lock.release() }
    // Whoever had the lock may have made it meanwhile.
    guard try !isThere(name) else { return }
    let file = try PendingFile(replacing: name, in: directory.root, from: ingest)
    try file.write(bytes)
    try file.publish(keepsName: true)
  }

  private func isThere(_ name: String) throws(ImageStoreError) -> Bool {
    do {
      return try directory.root.status(of: name) != nil
    } catch {
      throw .system("read the status", path.appending(name), error)
    }
  }

  // MARK: Blobs

  /// Opens and holds a blob, or returns `nil` where it is absent or not to be trusted.
  ///
  /// That its size is right is known; its content, to whoever reads all of it.
  package func openBlob(_ blob: Descriptor) throws(ImageStoreError) -> BlobFile? {
    try blobs.open(blob.digest, byteCount: blob.byteCount)
  }

  /// Puts a document into the cache, durably, and holds it.
  ///
  /// - Throws: `.blobSizeMismatch` or `.digestMismatch` where it is not what the descriptor says;
  ///   the system's refusal.
  package func store(
    _ bytes: [UInt8],
    as descriptor: Descriptor
  ) throws(ImageStoreError) -> BlobFile {
    let digest = descriptor.digest
    try descriptor.check(bytes)
    // Of several that bring it at once only one may write: the others would hold a file that has lost
    // its name to the last one's.
    let lock = try directory.lockIngest(digest)
    defer { lock.release() }
    if let present = try openBlob(descriptor), try present.readAll() == bytes { return present }

    let target = blobs.directory(digest.algorithm)
    let file = try PendingFile(replacing: digest.hex, in: target, from: ingest)
    try file.write(bytes)
    let blob = try file.hold(as: digest, byteCount: descriptor.byteCount)
    try file.publish()
    return blob
  }

  /// Begins or continues the download of a blob, or returns `nil` when another thread or process
  /// downloads it now.
  ///
  /// Reads what an earlier run left. Somebody may have finished it between the caller's `openBlob`
  /// and this call, so look again before fetching anything.
  package func tryIngest(_ blob: Descriptor) throws(ImageStoreError) -> BlobIngest? {
    guard let lock = try directory.tryLockIngest(blob.digest) else { return nil }
    do throws(ImageStoreError) {
      return try BlobIngest(blob, lock: lock, from: ingest, into: blobs)
    } catch {
      lock.release()
      throw error
    }
  }
}

extension PendingFile {
  /// Writes a whole small file.
  func write(_ bytes: [UInt8]) throws(ImageStoreError) {
    let result = bytes.withUnsafeBytes { buffer in
      Result { () throws(ImageStoreError) in try write(buffer, at: 0) }
    }
    try result.get()
  }

  /// The written file as the blob that it is going to be.
  ///
  /// Held before it has its name, so that nobody can take it for unused.
  func hold(as digest: Digest, byteCount: UInt64) throws(ImageStoreError) -> BlobFile {
    let descriptor = try reopenShared()
    do {
      let identity = BlobFile.Identity(ours: try fileStatus(of: descriptor))
      return BlobFile(digest, byteCount: byteCount, in: descriptor, identity: identity)
    } catch {
      descriptor.closeIgnoringErrors()
      throw .blobUnreadable(digest, at: 0, error)
    }
  }
}
