// The seekable copy of a layer that cannot be entered in the middle: the same tar stream, as zstd
// frames of 1 MiB, in the cache. May be deleted at any time. Why:
// docs/decisions/0002-single-frame-zstd.md.

import FlatArrays
import ImageStore
import OCISpec
import Offsets
import SeekableCompression
import SystemPackage

/// A layer's tar stream in a form that can be entered everywhere.
struct SeekableCopy: Sendable {
  let points: FlatArray<SeekPoint>
  /// The frames; a read of those that are no longer as they were written fails.
  let source: any ByteSource
  private let damage: DamageReport

  /// Tells the cache that the copy is no good, so that the next process makes it again.
  ///
  /// Once: whoever calls again changes nothing.
  func reportDamage() { damage.report() }
}

extension SeekableCopy {
  /// Frames, then the seek points, then a CRC-32 of each 64 KiB before the points, then this
  /// trailer: 64 bytes.
  ///
  /// Magic and point count (8 each), bytes of frames and of the tar stream (8 each), and the
  /// SHA-256 of the layer's diffID, the points, the checksums and the trailer up to here (32).
  private static let trailerByteCount = 4 * 8 + 32
  /// "BNGRCPY" and a newline.
  private static let magic: UInt64 = 0x0A59_5043_5247_4E42

  /// The copy in an open file of the cache; `nil` when it is none of this layer.
  ///
  /// `discard` is called on the first thread that finds it damaged later.
  init?(
    _ file: borrowing CachedFile,
    of index: LayerIndex,
    discard: @escaping @Sendable () -> Void
  ) {
    guard file.byteCount >= Self.trailerByteCount,
      let block = ByteBlock(mapping: file.descriptor.rawValue, byteCount: file.byteCount),
      let trailer = block.array(
        of: UInt8.self,
        at: file.byteCount - Self.trailerByteCount,
        count: Self.trailerByteCount
      )
    else { return nil }
    var numbers = ByteDecoder(Array(trailer))
    guard numbers.next() == Self.magic,
      let pointCount = numbers.next(UInt64.self).flatMap(Int.init(exactly:)),
      let frameByteCount = numbers.next(UInt64.self).flatMap(Int.init(exactly:)),
      numbers.next() == index.tarByteCount,
      let points = block.array(of: SeekPoint.self, at: frameByteCount, count: pointCount)
    else { return nil }
    let pointEnd = frameByteCount + pointCount * MemoryLayout<SeekPoint>.stride
    let blockCount = Int(BlockChecksums.blockCount(UInt64(frameByteCount)))
    let tail = Tail(
      points: points,
      checksums: block.array(of: UInt32.self, at: pointEnd, count: blockCount),
      numbers: Array(trailer.prefix(Self.trailerByteCount - 32))
    )
    guard let checksums = tail.checksums,
      pointEnd + blockCount * 4 + Self.trailerByteCount == file.byteCount,
      tail.digest(for: index) == Array(trailer.suffix(32)),
      points.areSound(
        blobByteCount: UInt64(frameByteCount),
        tarByteCount: index.tarByteCount,
        windowByteCount: 0
      )
    else { return nil }
    self.points = points
    let frames = MappedFrames(block: block, byteCount: UInt64(frameByteCount))
    source = CheckedSource(frames, checksums: checksums)
    damage = DamageReport(action: discard)
  }

  /// What follows the frames, but for its own digest.
  private struct Tail {
    let points: FlatArray<SeekPoint>
    let checksums: FlatArray<UInt32>?
    let numbers: [UInt8]

    func digest(for index: LayerIndex) -> [UInt8] {
      var hash = DigestHasher(.sha256)
      FlatArray(Array(index.diffID.description.utf8)).withUnsafeBytes { hash.update($0) }
      points.withUnsafeBytes { hash.update($0) }
      checksums?.withUnsafeBytes { hash.update($0) }
      FlatArray(numbers).withUnsafeBytes { hash.update($0) }
      return hash.finalize().bytes
    }
  }

  /// Decodes the whole layer once and writes the copy to `file`, which the caller publishes.
  static func write(
    _ index: LayerIndex,
    from source: any ByteSource,
    to file: borrowing PendingFile
  ) throws(LayersError) {
    let layer = index.blobDigest
    var position: UInt64 = 0
    var blocks = BlockChecksumBuilder()
    func append(_ bytes: UnsafeRawBufferPointer) throws(LayersError) {
      do throws(ImageStoreError) {
        try file.write(bytes, at: position)
      } catch {
        throw .store(layer: layer, error)
      }
      position += UInt64(bytes.count)
    }
    func appendFrames(_ bytes: UnsafeRawBufferPointer) throws(LayersError) {
      blocks.update(bytes)
      try append(bytes)
    }
    let table = try recompress(index, from: source, appendFrames)
    // Arrays are mapped where they lie, so they must lie aligned.
    let padding = [UInt8](repeating: 0, count: Int((16 - position % 16) % 16))
    try FlatArray(padding).withUnsafeBytes(appendFrames)
    blocks.finish()
    let points = FlatArray(table.points)
    let checksums = FlatArray(blocks.checksums)
    var numbers = ByteEncoder()
    numbers.append(magic)
    numbers.append(UInt64(points.count))
    numbers.append(position)
    numbers.append(index.tarByteCount)
    let tail = Tail(points: points, checksums: checksums, numbers: numbers.bytes)
    try points.withUnsafeBytes(append)
    try checksums.withUnsafeBytes(append)
    try FlatArray(numbers.bytes + tail.digest(for: index)).withUnsafeBytes(append)
  }

  private static func recompress(
    _ index: LayerIndex,
    from source: any ByteSource,
    _ append: (UnsafeRawBufferPointer) throws(LayersError) -> Void
  ) throws(LayersError) -> SeekTable {
    var table = SeekTable(codec: .zstd)
    guard let first = index.points.first else { return table }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { buffer.deallocate() }
    var failure: LayersError?
    do throws(CompressionError) {
      var decoder = try SpanDecoder(
        codec: index.codec,
        at: first,
        window: UnsafeRawBufferPointer(start: nil, count: 0),
        source: CheckedSource(source, checksums: index.blockChecksums)
      )
      var writer = try ZstdFrameWriter()
      var count = buffer.count
      while count == buffer.count, failure == nil {
        count = try decoder.read(into: buffer)
        var rest = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        while !rest.isEmpty {
          keep(&failure, try writer.write(&rest), append)
        }
      }
      keep(&failure, try writer.finish(), append)
      table = writer.table
    } catch {
      throw LayersError(error, layer: index.blobDigest)
    }
    if let failure { throw failure }
    guard table.decodedByteCount == index.tarByteCount else {
      throw .endsEarly(layer: index.blobDigest, at: TarOffset(table.decodedByteCount))
    }
    return table
  }

  /// Appends a frame, if there is one, and remembers the first failure to do so.
  private static func keep(
    _ failure: inout LayersError?,
    _ frame: UnsafeRawBufferPointer,
    _ append: (UnsafeRawBufferPointer) throws(LayersError) -> Void
  ) {
    if frame.isEmpty || failure != nil { return }
    do throws(LayersError) { try append(frame) } catch { failure = error }
  }

  /// The frames of a mapped copy.
  private struct MappedFrames: ByteSource {
    let block: ByteBlock
    let byteCount: UInt64

    func read(
      at offset: BlobOffset,
      into buffer: UnsafeMutableRawBufferPointer
    ) throws(ByteSourceError) -> Int {
      guard offset.bytes < byteCount else { return 0 }
      let count = Int(min(UInt64(buffer.count), byteCount - offset.bytes))
      return block.array(of: UInt8.self, at: Int(offset.bytes), count: count)?
        .slice(at: 0, count: count).copy(to: buffer) ?? 0
    }
  }
}

extension LayerStore {
  /// The seekable copy of a layer that needs one, made when it is not there.
  ///
  /// - Returns: `nil` when it needs none or there is no room for it. Reading then decodes from the
  ///   frame's start.
  func seekableCopy(
    of index: LayerIndex,
    from source: any ByteSource
  ) throws(LayersError) -> SeekableCopy? {
    guard index.longestSpan > SeekTable.longestTolerableSpan else { return nil }
    if let copy = loadCopy(of: index) { return copy }
    do throws(LayersError) {
      try makeCopy(of: index, from: source)
    } catch {
      guard case .store(_, let cause) = error else { throw error }
      note(cause)
      return nil
    }
    return loadCopy(of: index)
  }

  private func makeCopy(
    of index: LayerIndex,
    from source: any ByteSource
  ) throws(LayersError) {
    let layer = index.blobDigest
    let lock = try inStore(layer) { () throws(ImageStoreError) in try cache.lock(layer) }
    defer { lock.release() }
    // Whoever had the lock may have made it meanwhile.
    if loadCopy(of: index) != nil { return }
    let file = try inStore(layer) { () throws(ImageStoreError) in
      try cache.create(.copies, of: layer)
    }
    try SeekableCopy.write(index, from: source, to: file)
    do throws(ImageStoreError) {
      try file.publish()
      try cache.evict(downTo: copyByteLimit, keeping: CacheFileName(.copies, of: layer))
    } catch {
      throw .store(layer: layer, error)
    }
  }

  private func inStore<Result: ~Copyable>(
    _ layer: Digest,
    _ body: () throws(ImageStoreError) -> Result
  ) throws(LayersError) -> Result {
    do throws(ImageStoreError) { return try body() } catch { throw .store(layer: layer, error) }
  }

  private func loadCopy(of index: LayerIndex) -> SeekableCopy? {
    do throws(ImageStoreError) {
      guard let file = try cache.open(.copies, of: index.blobDigest) else { return nil }
      let layer = index.blobDigest
      return SeekableCopy(file, of: index) { discard(.copies, of: layer) }
    } catch {
      note(error)
      return nil
    }
  }
}
