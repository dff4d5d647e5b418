// The one pass over a layer's blob: digest, decoding with seek points, diffID, tar scan, census of
// zeros. Reads the blob once, from front to end, and keeps nothing of it but the index.

import FileTree
import FlatArrays
import ImageStore
package import OCISpec
import Offsets
package import SeekableCompression
import TarFormat

/// Counts what a pass has read, for whoever shows progress.
///
/// Called on the pass's own thread.
package typealias ByteProgress = @Sendable (_ blobByteCount: Int) -> Void

package struct LayerIndexer: ~Copyable {
  /// Large enough that calls are rare, small enough to stay in a core's cache.
  private static let readByteCount = 256 << 10

  private let blobDigest: Digest
  /// `nil` where it is not known beforehand.
  private let diffID: Digest?
  private var decoder: BlobIndexer
  private var scanner: TarScanner
  private var mapping: EntryMapping
  private var census = DataCensus()
  private var hasher: PieceHasher
  /// False where whoever provides the bytes has hashed them.
  private let hashesBlob: Bool
  /// The last decoded piece, and the one before it.
  private var pieces = (last: 0, before: 0)

  /// Indexes the blob behind `source`.
  ///
  /// The blob's digest is known only at its end, so whatever is found before may be the work of
  /// other bytes: a digest that disagrees wins over any other error. With `hashesBlob` false the
  /// source ends only where the digest was found to be right, and the first error is thrown at once.
  ///
  /// - Throws: `.digestMismatch`, `.diffIDMismatch`, or what is wrong with the layer and where.
  package static func index(
    _ source: any ByteSource,
    blobDigest: Digest,
    diffID: Digest?,
    limits: LayerLimits = LayerLimits(),
    hashesBlob: Bool = true,
    progress: ByteProgress = { _ in }
  ) throws(LayersError) -> LayerIndex {
    var indexer: LayerIndexer
    do throws(CompressionError) {
      indexer = try LayerIndexer(
        blobDigest: blobDigest,
        diffID: diffID,
        limits: limits,
        hashesBlob: hashesBlob
      )
    } catch {
      throw .compression(layer: blobDigest, error)
    }
    return try indexer.run(source, progress: progress)
  }

  private init(
    blobDigest: Digest,
    diffID: Digest?,
    limits: LayerLimits,
    hashesBlob: Bool
  ) throws(CompressionError) {
    self.blobDigest = blobDigest
    self.diffID = diffID
    decoder = try BlobIndexer(limits: limits.compression)
    scanner = TarScanner(limits: limits.tar)
    mapping = EntryMapping(limits: limits.tree)
    self.hashesBlob = hashesBlob
    hasher = PieceHasher(
      blob: hashesBlob ? DigestHasher(blobDigest.algorithm) : nil,
      tar: DigestHasher(diffID?.algorithm ?? .sha256)
    )
  }

  private mutating func run(
    _ source: any ByteSource,
    progress: ByteProgress
  ) throws(LayersError) -> LayerIndex {
    var failure: LayersError?
    var position = BlobOffset.zero
    // Two, so that one is hashed while the other is filled.
    let buffers = UnsafeMutableRawBufferPointer.allocate(
      byteCount: 2 * Self.readByteCount,
      alignment: 16
    )
    defer {
      _ = hasher.finish()
      buffers.deallocate()
    }
    var uses = (last: 0, before: 0)
    var half = 0
    while true {
      hasher.wait(for: uses.before)
      half = 1 - half
      let buffer = UnsafeMutableRawBufferPointer(
        rebasing: buffers[half * Self.readByteCount..<(half + 1) * Self.readByteCount]
      )
      let count = try read(source, at: position, into: buffer)
      if count == 0 { break }
      let piece = UnsafeRawBufferPointer(rebasing: buffer[..<count])
      position = BlobOffset(position.bytes + UInt64(count))
      uses = (hasher.takeStored(piece), uses.last)
      if failure == nil {
        // Hash on to the end: wrong bytes explain everything else.
        do throws(LayersError) {
          try take(piece)
        } catch {
          if !hashesBlob { throw error }
          failure = error
        }
      }
      progress(count)
    }
    let sums = hasher.finish()
    if let actual = sums.blob?.finalize(), actual != blobDigest {
      throw .digestMismatch(layer: blobDigest, actual: actual)
    }
    if let failure { throw failure }
    return try finish(sums, blobByteCount: position.bytes)
  }

  private func read(
    _ source: any ByteSource,
    at offset: BlobOffset,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(LayersError) -> Int {
    do {
      return try source.read(at: offset, into: buffer)
    } catch {
      throw .compression(layer: blobDigest, .source(error))
    }
  }

  private mutating func take(_ piece: UnsafeRawBufferPointer) throws(LayersError) {
    var rest = piece
    while true {
      // All but the last must not be in use any more.
      hasher.wait(for: pieces.before)
      let decoded: UnsafeRawBufferPointer
      do throws(CompressionError) {
        decoded = try decoder.decode(&rest)
      } catch {
        throw .compression(layer: blobDigest, error)
      }
      if decoded.isEmpty { return }
      pieces = (hasher.takeDecoded(decoded), pieces.last)
      try scan(decoded)
    }
  }

  private mutating func scan(_ decoded: UnsafeRawBufferPointer) throws(LayersError) {
    let bytes = decoded.bindMemory(to: UInt8.self).span
    let start = scanner.offset
    var position = 0
    census.take(bytes, at: start, into: &mapping.table)
    while try nextMember(in: bytes, from: &position) {
      do throws(TreeError) {
        try mapping.add(scanner.member)
      } catch {
        throw .entries(layer: blobDigest, error)
      }
      census.begin(in: mapping.table)
      census.take(bytes, at: start, into: &mapping.table)
    }
  }

  private mutating func nextMember(
    in bytes: Span<UInt8>,
    from position: inout Int
  ) throws(LayersError) -> Bool {
    do throws(TarError) {
      return try scanner.nextMember(in: bytes, from: &position)
    } catch {
      throw .tar(layer: blobDigest, path: scanner.pathUnderWay, error)
    }
  }

  private mutating func finish(
    _ sums: PieceHasher.Sums,
    blobByteCount: UInt64
  ) throws(LayersError) -> LayerIndex {
    let seekTable: SeekTable
    do throws(CompressionError) {
      seekTable = try decoder.finish()
    } catch {
      throw .compression(layer: blobDigest, error)
    }
    do throws(TarError) {
      try scanner.finish()
    } catch {
      throw .tar(layer: blobDigest, path: scanner.pathUnderWay, error)
    }
    let actual = sums.tar.finalize()
    if let diffID, actual != diffID {
      throw .diffIDMismatch(layer: blobDigest, expected: diffID, actual: actual)
    }
    var blocks = sums.blocks
    blocks.finish()
    return try index(seekTable, actual, blocks.checksums, blobByteCount: blobByteCount)
  }

  private mutating func index(
    _ seekTable: SeekTable,
    _ diffID: Digest,
    _ checksums: [UInt32],
    blobByteCount: UInt64
  ) throws(LayersError) -> LayerIndex {
    let table: LayerTable
    do throws(TreeError) {
      table = try mapping.table.table()
    } catch {
      throw .entries(layer: blobDigest, error)
    }
    let warnings =
      seekTable.warnings.map(LayerWarning.init) + scanner.warnings.map(LayerWarning.init)
      + mapping.counter.warnings
    return LayerIndex(
      blobDigest: blobDigest,
      diffID: diffID,
      codec: seekTable.codec,
      blobByteCount: blobByteCount,
      tarByteCount: seekTable.decodedByteCount,
      table: table,
      points: FlatArray(seekTable.points),
      windows: FlatArray(seekTable.windows),
      blockChecksums: FlatArray(checksums),
      warnings: warnings
    )
  }
}
