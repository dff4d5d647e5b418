// The one pass over a compressed archive: decoded as it is read, each file in it hashed and written
// to the cache, with a bound on memory whatever the archive holds. At the end those files become blobs,
// under their own digests, that the archive's images need; the others go. Where the cache already has
// a file of the digest that a name claims, the file is passed over.

import OCISpec
import Offsets
import SeekableCompression
import SystemPackage
import TarFormat

/// Reads through a compressed archive.
struct ArchiveDecoder: ~Copyable {
  private static let readByteCount = 256 << 10

  private let file: ArchiveFile
  private let cache: ArchiveCache
  private let spool: ArchiveSpool
  private var decoder: BlobIndexer
  private var scanner = TarScanner()
  private var table = ArchiveTable()
  private var incoming: IncomingFile?

  /// The members of `file`, with each file of its images in the cache; from memory where the archive
  /// was read through before, has not changed since, and all of its files are still there.
  ///
  /// `limits` are for the documents that say which files those are.
  static func table(
    of file: ArchiveFile,
    cache: ArchiveCache,
    limits: SpecLimits,
    progress: (_ readByteCount: UInt64, _ byteCount: UInt64) -> Void
  ) throws(ImageStoreError) -> ArchiveTable {
    if let table = try remembered(file, cache) { return table }
    let lock = try cache.lock(file)
    defer { lock.release() }
    // Whoever had the lock may have done it meanwhile.
    if let table = try remembered(file, cache) { return table }
    return try cache.withSpool { (spool) throws(ImageStoreError) in
      var table: ArchiveTable
      do throws(ArchiveFailure) {
        var decoder = try ArchiveDecoder(file, cache, spool)
        table = try decoder.run(progress: progress)
      } catch {
        throw error.of(file.path)
      }
      let parts = try ArchiveParts(
        of: ArchiveContents(file: file, table: table, cache: cache, limits: limits)
      )
      table.keep(only: parts.digests)
      // Else the archive is read through again, for whoever lets it have more.
      if parts.isComplete {
        var record = ArchiveRecord()
        record.entries = table.entries
        try cache.save(record, of: file)
      }
      return table
    }
  }

  private static func remembered(
    _ file: ArchiveFile,
    _ cache: ArchiveCache
  ) throws(ImageStoreError) -> ArchiveTable? {
    guard let entries = try cache.record(of: file)?.entries, !entries.isEmpty else { return nil }
    for case .file(let member) in entries.values {
      guard case .cache(let digest) = member.place else { continue }
      if try cache.openBlob(digest, byteCount: member.byteCount) == nil { return nil }
    }
    return ArchiveTable(entries)
  }

  private init(
    _ file: ArchiveFile,
    _ cache: ArchiveCache,
    _ spool: ArchiveSpool
  ) throws(ArchiveFailure) {
    let decoder: BlobIndexer
    do throws(CompressionError) {
      // Nobody will enter the archive in the middle, so no seek points are kept.
      decoder = try BlobIndexer(spacing: .max)
    } catch {
      throw .fault(.compression(error))
    }
    self.file = file
    self.cache = cache
    self.spool = spool
    self.decoder = decoder
  }

  private mutating func run(
    progress: (_ readByteCount: UInt64, _ byteCount: UInt64) -> Void
  ) throws(ArchiveFailure) -> ArchiveTable {
    let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: Self.readByteCount,
      alignment: 16
    )
    defer { buffer.deallocate() }
    var position: UInt64 = 0
    while true {
      let count = try read(at: position, into: buffer)
      if count == 0 { break }
      position += UInt64(count)
      try take(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      progress(position, file.byteCount)
    }
    do throws(CompressionError) { _ = try decoder.finish() } catch {
      throw .fault(.compression(error))
    }
    do throws(TarError) { try scanner.finish() } catch { throw .fault(ArchiveFault(error)) }
    return table
  }

  private func read(
    at position: UInt64,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(ArchiveFailure) -> Int {
    do throws(ImageStoreError) {
      return try file.read(at: position, into: buffer)
    } catch {
      throw .store(error)
    }
  }

  private mutating func take(_ stored: UnsafeRawBufferPointer) throws(ArchiveFailure) {
    var rest = stored
    while true {
      let decoded: UnsafeRawBufferPointer
      do throws(CompressionError) { decoded = try decoder.decode(&rest) } catch {
        throw .fault(.compression(error))
      }
      if decoded.isEmpty { return }
      try scan(decoded)
    }
  }

  private mutating func scan(_ decoded: UnsafeRawBufferPointer) throws(ArchiveFailure) {
    let bytes = decoded.bindMemory(to: UInt8.self).span
    var position = 0
    while true {
      if let count = try takeData(decoded, from: position) {
        position += count
        scanner.skip(UInt64(count))
      }
      do throws(TarError) {
        guard try scanner.nextMember(in: bytes, from: &position) else { return }
      } catch {
        throw .fault(ArchiveFault(error))
      }
      try begin(scanner.member)
    }
  }

  /// Hands on what of the piece belongs to the file that is coming in; the count of that.
  private mutating func takeData(
    _ decoded: UnsafeRawBufferPointer,
    from position: Int
  ) throws(ArchiveFailure) -> Int? {
    guard var file = incoming.take() else { return nil }
    let count = Int(min(file.missingByteCount, UInt64(decoded.count - position)))
    do throws(ImageStoreError) {
      try file.append(UnsafeRawBufferPointer(rebasing: decoded[position..<(position + count)]))
      if file.missingByteCount > 0 {
        incoming = consume file
        return count
      }
    } catch {
      throw .store(error)
    }
    end(file)
    return count
  }

  private mutating func begin(_ member: TarMember) throws(ArchiveFailure) {
    let hasName: Bool
    do throws(ArchiveFault) {
      let file = ArchiveMember(place: .sparse, byteCount: member.size)
      // Of a file the place is known at its end.
      hasName = try table.add(member.path, ArchiveTable.Entry(member, file: file))
    } catch {
      throw .fault(error)
    }
    guard hasName, member.kind == .regular, !member.isSparse else { return }
    do throws(ImageStoreError) {
      let claim = ArchiveTable.claimedDigest(member.path)
      if let claim, try cache.openPresentBlob(claim, byteCount: member.size) != nil {
        let file = ArchiveMember(place: .cache(claim), byteCount: member.size)
        return table.place(file, at: member.path)
      }
      incoming = IncomingFile(
        path: member.path,
        byteCount: member.size,
        algorithm: claim?.algorithm ?? .sha256,
        pending: try spool.create(claim?.algorithm ?? .sha256)
      )
    } catch {
      throw .store(error)
    }
  }

  private mutating func end(_ file: consuming IncomingFile) {
    let (path, digest, byteCount) = (file.path, file.digest, file.byteCount)
    file.leave(in: spool)
    table.place(ArchiveMember(place: .cache(digest), byteCount: byteCount), at: path)
  }
}

/// A file of a compressed archive on its way into the cache.
private struct IncomingFile: ~Copyable {
  let path: [UInt8]
  let byteCount: UInt64
  private var hasher: DigestHasher
  private var written: UInt64 = 0
  private let pending: PendingFile

  init(
    path: [UInt8],
    byteCount: UInt64,
    algorithm: Digest.Algorithm,
    pending: consuming PendingFile
  ) {
    self.path = path
    self.byteCount = byteCount
    self.pending = pending
    hasher = DigestHasher(algorithm)
  }

  var missingByteCount: UInt64 { byteCount - written }

  /// The digest of what has been appended.
  var digest: Digest { hasher.finalize() }

  mutating func append(_ bytes: UnsafeRawBufferPointer) throws(ImageStoreError) {
    hasher.update(bytes)
    try pending.write(bytes, at: written)
    written += UInt64(bytes.count)
  }

  /// Puts the whole file with those of which nobody knows yet what they are for.
  consuming func leave(in spool: ArchiveSpool) {
    let (digest, byteCount) = (digest, byteCount)
    spool.keep(pending, as: digest, byteCount: byteCount)
  }
}
