// An archive's files by name, wherever their bytes are: in the archive itself where it is plain, in
// the cache where it had to be decoded. What the files mean is for those who ask for them.

import OCISpec
import SeekableCompression
import SystemPackage

/// The files of one open archive.
///
/// Usable from any thread.
struct ArchiveContents: Sendable {
  let file: ArchiveFile
  let table: ArchiveTable
  let cache: ArchiveCache
  /// What documents in the archive may ask for.
  let limits: SpecLimits

  /// The file called `name`, or `nil` where there is none.
  func member(_ name: [UInt8]) throws(ImageStoreError) -> ArchiveMember? {
    do throws(ArchiveFault) {
      return try table.file(name)
    } catch {
      throw .badArchive(file.path, error)
    }
  }

  /// Opens a file as the blob `digest`.
  ///
  /// - Throws: `.digestMismatch` where the content is known to be another; it need not be known.
  func open(
    _ member: ArchiveMember,
    called name: [UInt8],
    as digest: Digest
  ) throws(ImageStoreError) -> BlobFile {
    switch member.place {
    case .archive(let start):
      return try file.blob(digest, at: start, byteCount: member.byteCount)
    case .cache(let actual):
      guard actual == digest else { throw .digestMismatch(expected: digest, actual: actual) }
      guard let blob = try cache.openBlob(digest, byteCount: member.byteCount) else {
        throw .badArchive(file.path, .decodedFileRemoved(ArchiveTable.shown(name)))
      }
      return blob
    case .sparse: throw .badArchive(file.path, .memberIsSparse(ArchiveTable.shown(name)))
    }
  }

  /// The bytes of a document, which no digest vouches for, or `nil` where there is none.
  func document(_ name: [UInt8]) throws(ImageStoreError) -> [UInt8]? {
    guard let member = try member(name) else { return nil }
    guard member.byteCount <= limits.documentByteCount else {
      let limit = limits.documentByteCount
      throw invalid(name, .documentTooLarge(byteCount: member.byteCount, limit: limit))
    }
    return try open(member, called: name, as: anyDigest(of: member)).readAll()
  }

  /// How a file is packed.
  func sniff(_ member: ArchiveMember, called name: [UInt8]) throws(ImageStoreError) -> Codec {
    let blob = try open(member, called: name, as: anyDigest(of: member))
    var magic = [UInt8](repeating: 0, count: 10)
    let count = try magic.withUnsafeMutableBufferPointer { (buffer) throws(ImageStoreError) in
      try blob.read(at: 0, into: UnsafeMutableRawBufferPointer(buffer))
    }
    switch Codec.sniff(magic.prefix(count)) {
    case .known(let codec): return codec
    case .undecided: return .identity
    case .foreign(let format):
      let shown = ArchiveTable.shown(name)
      throw .badArchive(file.path, .memberUnsupportedFormat(shown, format))
    }
  }

  /// The digest of a file, by SHA-256.
  ///
  /// A file of a plain archive is hashed once, unless its name claims a digest: the cache
  /// remembers.
  func digest(
    _ member: ArchiveMember,
    called name: [UInt8]
  ) throws(ImageStoreError) -> Digest {
    if case .cache(let digest) = member.place { return digest }
    // Whoever reads the blob will find out whether that is true.
    if let claim = ArchiveTable.claimedDigest(name) { return claim }
    guard case .archive(let start) = member.place else {
      throw .badArchive(file.path, .memberIsSparse(ArchiveTable.shown(name)))
    }
    let run = ArchiveRecord.Run(start: start, byteCount: member.byteCount)
    var record = try cache.record(of: file) ?? ArchiveRecord()
    if let digest = record.digests[run] { return digest }
    let digest = try hash(run)
    record.digests[run] = digest
    try cache.save(record, of: file)
    return digest
  }

  private func hash(_ run: ArchiveRecord.Run) throws(ImageStoreError) -> Digest {
    // Which digest it has is the question; any serves to open it by.
    let unknown = DigestHasher.digest(of: [], .sha256)
    return try file.blob(unknown, at: run.start, byteCount: run.byteCount).contentDigest()
  }

  func invalid(_ name: [UInt8], _ error: SpecError) -> ImageStoreError {
    .badArchive(file.path, .invalidDocument(ArchiveTable.shown(name), error))
  }

  /// A digest to open a file by that is read here, and not handed on.
  private func anyDigest(of member: ArchiveMember) -> Digest {
    if case .cache(let digest) = member.place { return digest }
    return DigestHasher.digest(of: [], .sha256)
  }
}
