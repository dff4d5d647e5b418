// One blob on its way into the cache: bytes are counted, hashed and written as they come, and get the
// blob's name when they are all there, right, and on the disk. Knows nothing of where they come from.
//
// The file outlives a writer that dies at any moment: until the rename it is a partial file, which the
// next run hashes and continues; from then on it is a blob, whose bytes were synced before.
// While it is written, other threads may read it from the front, a step behind.

package import OCISpec
import Threading

/// A download of one blob; its owner has the only one of this digest on this machine.
///
/// One thread at a time appends; any thread may read and ask. Whoever appends ends it with `finish`
/// or `abandon`, else those who read may wait for ever.
package final class BlobIngest: Sendable {
  package let descriptor: Descriptor
  private let file: PartialFile
  private let blobs: BlobDirectory
  private let lock: CacheLock
  /// The hash of all bytes so far; held while they change.
  private let writer: Mutex<DigestHasher>
  private let progress: Monitor<Progress>

  private struct Progress {
    var byteCount: UInt64
    var phase = Phase.receiving
    /// Whether somebody has bytes that a restart would make wrong.
    var isFollowed = false
    /// Whether bytes that somebody has were found to be wrong.
    var misledFollowers = false
  }

  private enum Phase: Equatable {
    case receiving
    case verified(BlobFile.Identity)
    case ended
  }

  /// Opens and hashes what an earlier run left; `lock` is the blob's and is released in the end.
  init(
    _ descriptor: Descriptor,
    lock: CacheLock,
    from directory: DirectoryHandle,
    into blobs: BlobDirectory
  ) throws(ImageStoreError) {
    self.descriptor = descriptor
    self.lock = lock
    self.blobs = blobs
    let file = try PartialFile(of: descriptor, in: directory)
    var hasher = DigestHasher(descriptor.digest.algorithm)
    var byteCount: UInt64 = 0
    do {
      byteCount = try file.hash(into: &hasher)
      if byteCount > descriptor.byteCount { throw ImageStoreError.ingestEnded(descriptor.digest) }
    } catch {
      // What cannot be read, or grows under our lock, is fetched again.
      do throws(ImageStoreError) {
        try file.truncate(to: 0)
      } catch {
        file.close()
        throw error
      }
      hasher = DigestHasher(descriptor.digest.algorithm)
      byteCount = 0
    }
    self.file = file
    writer = Mutex(hasher)
    progress = Monitor(Progress(byteCount: byteCount))
  }

  deinit {
    abandon()
    file.close()
  }

  /// How many bytes are there: the offset of the next one that is wanted.
  package var byteCount: UInt64 { progress.wait(until: { _ in true }, then: { $0.byteCount }) }

  /// Which file the blob is, once it was verified.
  package var verifiedIdentity: BlobFile.Identity? {
    guard case .verified(let identity) = phase else { return nil }
    return identity
  }

  /// Whether somebody reads along.
  package var isFollowed: Bool { progress.wait(until: { _ in true }, then: { $0.isFollowed }) }

  private var phase: Phase { progress.wait(until: { _ in true }, then: { $0.phase }) }

  // MARK: Writing

  /// Takes the next bytes.
  ///
  /// - Throws: `.blobSizeMismatch` for more than the descriptor says, of which none is taken;
  ///   `.ingestEnded` after the end; the system's refusal, of kind `.noSpace` where the disk is full:
  ///   what was there stays, also for the next run.
  package func append(_ bytes: UnsafeRawBufferPointer) throws(ImageStoreError) {
    try writer.withLock { (hasher) throws(ImageStoreError) in
      let count = try receivedByteCount()
      guard UInt64(bytes.count) <= descriptor.byteCount - count else {
        throw .blobSizeMismatch(
          descriptor.digest,
          expected: descriptor.byteCount,
          actual: count + UInt64(bytes.count)
        )
      }
      try file.write(bytes, at: count)
      hasher.update(bytes)
      progress.update { $0.byteCount += UInt64(bytes.count) }
    }
  }

  /// Forgets every byte, because they were wrong or cannot be continued.
  package func restart() throws(ImageStoreError) {
    try writer.withLock { (hasher) throws(ImageStoreError) in
      _ = try receivedByteCount()
      try forget(&hasher)
    }
  }

  /// Makes the bytes a blob of the cache, which the result holds.
  ///
  /// Blocks until it is on the disk.
  ///
  /// - Throws: `.blobSizeMismatch` while bytes are missing; `.digestMismatch`, and all bytes are
  ///   forgotten; the system's refusal, which ends the download where it is to do with the name.
  package func finish() throws(ImageStoreError) -> BlobFile {
    try writer.withLock { (hasher) throws(ImageStoreError) in
      let count = try receivedByteCount()
      guard count == descriptor.byteCount else {
        throw .blobSizeMismatch(
          descriptor.digest,
          expected: descriptor.byteCount,
          actual: count
        )
      }
      let actual = hasher.finalize()
      guard actual == descriptor.digest else {
        try forget(&hasher)
        throw .digestMismatch(expected: descriptor.digest, actual: actual)
      }
      try synchronize(&hasher)
      defer { lock.release() }
      do throws(ImageStoreError) {
        let blob = try file.publish(descriptor, in: blobs)
        progress.update { $0.phase = .verified(blob.identity) }
        return blob
      } catch {
        // The file may have the blob's name already: nothing more may be written to it.
        progress.update { $0.phase = .ended }
        throw error
      }
    }
  }

  /// Gives the download up and keeps the bytes for the next one; without effect after the end.
  package func abandon() {
    writer.withLock { _ in
      if phase == .receiving {
        // Nothing to be continued; nobody else has the lock yet.
        if byteCount == 0 { file.remove() }
        progress.update { $0.phase = .ended }
      }
      lock.release()
    }
  }

  /// How many bytes have arrived, unless it is over.
  private func receivedByteCount() throws(ImageStoreError) -> UInt64 {
    guard phase == .receiving else { throw .ingestEnded(descriptor.digest) }
    return byteCount
  }

  private func forget(_ hasher: inout DigestHasher) throws(ImageStoreError) {
    // First, so that nobody takes new bytes for the continuation of old ones.
    progress.update {
      $0.byteCount = 0
      $0.misledFollowers = $0.misledFollowers || $0.isFollowed
    }
    hasher = DigestHasher(descriptor.digest.algorithm)
    try file.truncate(to: 0)
  }

  private func synchronize(_ hasher: inout DigestHasher) throws(ImageStoreError) {
    do throws(ImageStoreError) {
      // A write that failed half-way may have left more than it said.
      try file.truncate(to: descriptor.byteCount)
      try file.synchronize()
    } catch {
      // The kernel may have dropped what it could not write, and says so only once.
      try forget(&hasher)
      throw error
    }
  }

  // MARK: Reading along

  /// Reads the bytes from `offset` on, as soon as there are any, and returns how many.
  ///
  /// Blocks until then; 0 only at the blob's end, and only once it was verified. For threads that may
  /// wait, not for tasks.
  ///
  /// - Throws: `.ingestEnded` where the download was given up, or bytes that somebody had read were
  ///   forgotten: then nobody can follow it any more.
  package func read(
    at offset: UInt64,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(ImageStoreError) -> Int {
    guard let available = waitForBytes(at: offset) else { throw .ingestEnded(descriptor.digest) }
    let wanted = Int(min(UInt64(buffer.count), available))
    let filled: Int
    do {
      let target = UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted])
      filled = try file.descriptor.readFully(at: offset, into: target)
    } catch {
      throw .blobUnreadable(descriptor.digest, at: offset, error)
    }
    // They may have been forgotten, and others put there, while we read.
    let isMisled = progress.wait(until: { _ in true }, then: { $0.misledFollowers })
    guard !isMisled, filled == wanted else { throw .ingestEnded(descriptor.digest) }
    return filled
  }

  /// Waits for bytes at `offset`, and returns how many there are from there on: 0 at the verified end,
  /// `nil` where no more will come.
  private func waitForBytes(at offset: UInt64) -> UInt64? {
    progress.wait(
      until: { $0.byteCount > offset || $0.phase != .receiving || $0.misledFollowers },
      then: { progress in
        guard !progress.misledFollowers else { return nil }
        progress.isFollowed = true
        if progress.byteCount > offset { return progress.byteCount - offset }
        if case .verified = progress.phase { return 0 }
        return nil
      }
    )
  }
}
