// Which files were found to be what they should be: blobs, whose digests agree, and files of ours, which
// were checked from beginning to end. A note names the file by its identity, so that it says nothing of
// any other, nor of the same one once it was written to. Without a note a file is looked at again: notes
// need not survive a crash.

import FlatArrays
import ImageStore
import OCISpec
import SystemPackage

extension LayerStore {
  // MARK: Blobs

  func isRemembered(_ blob: BlobFile) -> Bool {
    holds(
      CacheFileName(.verified, of: blob.digest),
      identityBytes(blob.identity, byteCount: blob.byteCount)
    )
  }

  func remember(_ blob: BlobFile) throws(ImageStoreError) {
    // What was hashed must be what the file is now: it may have been written to meanwhile.
    guard try blob.currentIdentity() == blob.identity else { return }
    try remember(blob.digest, byteCount: blob.byteCount, as: blob.identity)
  }

  /// Notes which file was found to be a blob.
  func remember(
    _ digest: Digest,
    byteCount: UInt64,
    as identity: BlobFile.Identity
  ) throws(ImageStoreError) {
    try write(
      identityBytes(identity, byteCount: byteCount),
      to: CacheFileName(.verified, of: digest)
    )
  }

  // MARK: Files of ours

  /// Maps a file of the cache, `nil` where there is none.
  ///
  /// `body` is told whether this very file was found sound before, and returns `nil` for one that is
  /// not; what it returns for another is noted.
  func map<Contents>(
    _ name: CacheFileName,
    _ body: (_ descriptor: Int32, _ byteCount: Int, _ wasFoundSound: Bool) -> Contents?
  ) throws(ImageStoreError) -> Contents? {
    guard let file = try cache.open(name) else { return nil }
    let wasFoundSound = holds(noteName(name), identityBytes(file.identity))
    guard let contents = body(file.descriptor.rawValue, file.byteCount, wasFoundSound) else {
      return nil
    }
    if wasFoundSound { return contents }
    do throws(ImageStoreError) {
      if try file.isUnchanged { try rememberSound(name, as: file.identity) }
    } catch {
      note(error)
    }
    return contents
  }

  /// Notes which file of that name was found, or just made, sound.
  func rememberSound(
    _ name: CacheFileName,
    as identity: BlobFile.Identity
  ) throws(ImageStoreError) {
    try write(identityBytes(identity), to: noteName(name))
  }

  /// Lets the next one who needs the file check all of it.
  func forget(_ name: CacheFileName) throws(ImageStoreError) { try cache.remove(noteName(name)) }

  private func noteName(_ name: CacheFileName) -> CacheFileName {
    CacheFileName(.checked, of: name.blob, variant: name.variant)
  }

  // MARK: Notes

  private func holds(_ name: CacheFileName, _ bytes: [UInt8]) -> Bool {
    do throws(ImageStoreError) {
      guard let file = try cache.open(name) else { return false }
      return try file.readAll(limit: 4096) == bytes
    } catch {
      note(error)
      return false
    }
  }

  private func write(_ bytes: [UInt8], to name: CacheFileName) throws(ImageStoreError) {
    let file = try cache.create(name)
    try FlatArray(bytes).withUnsafeBytes { bytes throws(ImageStoreError) in
      try file.write(bytes, at: 0)
    }
    try file.publishUnsynchronized()
  }

  /// Of a file of ours, as it was when it was opened or published.
  private func identityBytes(_ identity: BlobFile.Identity) -> [UInt8] {
    identityBytes(identity, byteCount: identity.byteCount)
  }

  private func identityBytes(
    _ identity: BlobFile.Identity,
    byteCount: UInt64
  ) -> [UInt8] {
    var bytes = ByteEncoder()
    bytes.append(identity.device)
    bytes.append(identity.inode)
    bytes.append(identity.byteCount)
    bytes.append(identity.modifiedSeconds)
    bytes.append(identity.modifiedNanoseconds)
    // One file may hold many blobs: an archive does.
    bytes.append(identity.start)
    bytes.append(byteCount)
    if let changed = identity.changed {
      bytes.append(changed.seconds)
      bytes.append(changed.nanoseconds)
    }
    return bytes.bytes
  }
}
