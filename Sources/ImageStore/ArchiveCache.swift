// What the cache keeps for archives: the files of compressed ones as blobs among the blobs, and a
// record of each archive under which they are found again. All of it may be deleted at any time.
//
//   CACHE/banger/archives/1/HEX     one record for each state of each archive
//   CACHE/banger/archives/1/.spool-RANDOM     files of an archive that is being read through
//
// HEX is the digest of what tells one state of a file from another.

import Glibc
import OCISpec
import SystemPackage
import Threading

/// The cache, as one open archive uses it.
///
/// Usable from any thread, and by several processes at once.
final class ArchiveCache: Sendable {
  private let cache: ImageCache
  private let records: DirectoryHandle
  /// Blobs that have no name in the cache, which pruning takes unless somebody holds them.
  private let held = Mutex<[Digest: BlobFile]>([:])
  private let heldBlobCount: Int
  /// Files of an archive that was just read through, for as long as they are looked for in it.
  private let spool = Mutex<ArchiveSpool?>(nil)

  /// Most blobs that are held: 256, two for each layer of the largest images in use.
  ///
  /// Each is an open file, of which most systems give a process 1,024. Of an archive with more, some
  /// may have to be decoded again where somebody prunes the cache in between.
  static let heldBlobCount = 256

  /// The largest record: 128 MiB.
  ///
  /// All names that `ArchiveLimits` lets pass are 64 MiB in hexadecimal; 131,072 digests and sizes
  /// of 200 bytes are 25 MiB.
  private static let recordByteCount = 128 << 20

  /// Most records that are kept, 1,000.
  ///
  /// Those used longest ago go first.
  private static let recordCount = 1000

  init(
    _ cache: ImageCache,
    heldBlobCount: Int = ArchiveCache.heldBlobCount
  ) throws(ImageStoreError) {
    self.cache = cache
    self.heldBlobCount = heldBlobCount
    records = try Self.records(in: cache.directory)
    PendingFile.removeAbandoned(in: records)
    ArchiveSpool.removeAbandoned(in: records)
  }

  /// The directory of the records.
  static func records(in directory: CacheDirectory) throws(ImageStoreError) -> DirectoryHandle {
    try CacheDirectory.open("1", in: CacheDirectory.open("archives", in: directory.ours))
  }

  // MARK: Records

  /// Waits until no other thread or process reads through the same archive.
  func lock(_ file: ArchiveFile) throws(ImageStoreError) -> CacheLock {
    try cache.directory.lock(Self.key(of: file))
  }

  /// What is known of an archive in its present state.
  func record(of file: ArchiveFile) throws(ImageStoreError) -> ArchiveRecord? {
    let name = Self.key(of: file).hex
    let descriptor: FileDescriptor
    do {
      descriptor = try records.openFile(name, O_RDONLY)
    } catch Errno.noSuchFileOrDirectory, Errno.tooManySymbolicLinkLevels {
      return nil
    } catch {
      throw .system("open", records.path.appending(name), error)
    }
    let status: stat
    do {
      status = try fileStatus(of: descriptor)
    } catch {
      descriptor.closeIgnoringErrors()
      throw .system("read the status", records.path.appending(name), error)
    }
    let byteCount = Int(clamping: status.st_size)
    // Its descriptor is closed with it.
    let path = records.path.appending(name)
    let opened = CachedFile(descriptor, status, byteCount: byteCount, path: path)
    guard status.isRegularFile, status.isOursAlone, byteCount <= Self.recordByteCount else {
      return nil
    }
    return ArchiveRecord(parsing: try opened.readAll(limit: Self.recordByteCount))
  }

  /// Remembers what was found out about an archive, unless it has been written to meanwhile.
  func save(_ record: ArchiveRecord, of file: ArchiveFile) throws(ImageStoreError) {
    guard try file.checkUnchanged() else { return }
    let pending = try PendingFile(replacing: Self.key(of: file).hex, in: records)
    let text = record.text
    try text.withUnsafeBufferPointer { (text) throws(ImageStoreError) in
      try pending.write(UnsafeRawBufferPointer(text), at: 0)
    }
    try pending.publish()
    try evict()
  }

  private func evict() throws(ImageStoreError) {
    do throws(Errno) {
      for file in try records.filesByLastUse().dropLast(Self.recordCount) {
        try records.unlink(file.name)
      }
    } catch .noSuchFileOrDirectory {
      // Another process evicts too.
    } catch {
      throw .system("evict files from", records.path, error)
    }
  }

  private static func key(of file: ArchiveFile) -> Digest {
    let identity = file.identity
    let changed = identity.changed.map { " \($0.seconds) \($0.nanoseconds)" } ?? ""
    let text =
      "\(identity.device) \(identity.inode) \(identity.byteCount) \(identity.modifiedSeconds) "
      + "\(identity.modifiedNanoseconds)\(changed)"
    return DigestHasher.digest(of: Array(text.utf8), .sha256)
  }

  // MARK: Blobs

  /// Opens a blob of the cache and holds it, or returns `nil` where there is none to be trusted.
  ///
  /// What waits in the spool becomes a blob by that.
  func openBlob(_ digest: Digest, byteCount: UInt64) throws(ImageStoreError) -> BlobFile? {
    if let blob = try openPresentBlob(digest, byteCount: byteCount) { return blob }
    let spool = spool.withLock { $0 }
    guard let blob = try spool?.publish(digest, byteCount: byteCount) else { return nil }
    hold(blob)
    return blob
  }

  /// The same for what is a blob already.
  func openPresentBlob(_ digest: Digest, byteCount: UInt64) throws(ImageStoreError) -> BlobFile? {
    if let known = held.withLock({ $0[digest] }), known.byteCount == byteCount { return known }
    let type = MediaType("application/octet-stream")
    let wanted = Descriptor(mediaType: type, digest: digest, byteCount: byteCount)
    let blob = try cache.openBlob(wanted)
    if let blob { hold(blob) }
    return blob
  }

  /// Holds a blob for as long as the archive is open, while there are not too many.
  private func hold(_ blob: BlobFile) {
    held.withLock { held in
      if held.count < heldBlobCount { held[blob.digest] = blob }
    }
  }

  /// A place for the files of an archive, which `body` may open as blobs; what it leaves is removed.
  func withSpool<Value>(
    _ body: (ArchiveSpool) throws(ImageStoreError) -> Value
  ) throws(ImageStoreError) -> Value {
    let own = try ArchiveSpool(in: records, for: cache.blobs)
    spool.withLock { $0 = own }
    defer { spool.withLock { $0 = nil } }
    return try body(own)
  }
}
