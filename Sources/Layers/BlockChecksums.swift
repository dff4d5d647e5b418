// Checksums of a blob's bytes, block by block, taken in the pass that verifies its digest. They let
// every later read tell damage from data without hashing the whole blob again.

import FlatArrays
import OCISpec
import Offsets
import SeekableCompression

enum BlockChecksums {
  /// 64 KiB: what a decoder asks for at once.
  ///
  /// Four bytes each are 1/16,384 of the blob.
  static let blockByteCount = 64 << 10

  /// How many blocks a blob of `byteCount` bytes has; the last may be short.
  static func blockCount(_ byteCount: UInt64) -> UInt64 {
    byteCount / UInt64(blockByteCount) + (byteCount % UInt64(blockByteCount) == 0 ? 0 : 1)
  }
}

/// Collects the checksums of a stream of bytes, pushed in order.
struct BlockChecksumBuilder {
  private(set) var checksums: [UInt32] = []
  private var current = CRC32()
  private var filled = 0

  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    var rest = bytes
    while !rest.isEmpty {
      let count = min(rest.count, BlockChecksums.blockByteCount - filled)
      current.update(UnsafeRawBufferPointer(rebasing: rest[..<count]))
      filled += count
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      if filled == BlockChecksums.blockByteCount { endBlock() }
    }
  }

  mutating func finish() {
    if filled > 0 { endBlock() }
  }

  private mutating func endBlock() {
    checksums.append(current.value)
    current = CRC32()
    filled = 0
  }
}

/// A blob whose every read is held against the checksums of its index.
struct CheckedSource: ByteSource {
  private let source: any ByteSource
  private let checksums: FlatArray<UInt32>

  init(_ source: any ByteSource, checksums: FlatArray<UInt32>) {
    self.source = source
    self.checksums = checksums
  }

  var byteCount: UInt64 { source.byteCount }

  /// Reads block by block; a whole block goes straight to where it is wanted.
  func read(
    at offset: BlobOffset,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(ByteSourceError) -> Int {
    var done = 0
    while done < buffer.count, offset.bytes + UInt64(done) < byteCount {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      done += try readFromBlock(at: offset.bytes + UInt64(done), into: rest)
    }
    return done
  }

  private func readFromBlock(
    at offset: UInt64,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(ByteSourceError) -> Int {
    let block = offset / UInt64(BlockChecksums.blockByteCount)
    let start = block * UInt64(BlockChecksums.blockByteCount)
    let size = Int(min(UInt64(BlockChecksums.blockByteCount), byteCount - start))
    if offset == start, buffer.count >= size {
      try readBlock(block, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<size]))
      return size
    }
    return try withTemporaryBytes(size) { scratch throws(ByteSourceError) in
      try readBlock(block, into: scratch)
      let skipped = Int(offset - start)
      let count = min(size - skipped, buffer.count)
      buffer.copyMemory(
        from: UnsafeRawBufferPointer(rebasing: scratch[skipped..<(skipped + count)])
      )
      return count
    }
  }

  private func readBlock(
    _ block: UInt64,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(ByteSourceError) {
    let offset = BlobOffset(block * UInt64(BlockChecksums.blockByteCount))
    let count = try source.read(at: offset, into: buffer)
    guard count == buffer.count, block < UInt64(checksums.count),
      CRC32.of(UnsafeRawBufferPointer(buffer)) == checksums[Int(block)]
    else { throw .changed(at: offset) }
  }
}

/// `withUnsafeTemporaryAllocation` for typed errors.
func withTemporaryBytes<Result, Failure: Error>(
  _ byteCount: Int,
  _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
) throws(Failure) -> Result {
  try withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: 16) {
    buffer throws(Failure) in try body(buffer)
  }
}
