// Recompresses a tar stream so that it can be entered everywhere: zstd frames of one decoded size.
// Knows nothing of files; why and when: docs/decisions/0002-single-frame-zstd.md.

import Offsets

/// Decoded bytes in, zstd frames and their seek table out.
package struct ZstdFrameWriter: ~Copyable, Sendable {
  /// Decoded bytes per frame: 1 MiB, as far apart as seek points are elsewhere.
  package static let defaultFrameByteCount = 1 << 20

  /// zstd's level 1: the copy is made once and may be evicted.
  package static let defaultLevel: Int32 = 1

  private var context: ZstdCompressor
  private let frame: HeapBytes
  private let packed: HeapBytes
  private var filled = 0
  /// The frames so far: a blob of their bytes would have this table.
  package private(set) var table = SeekTable(codec: .zstd)

  package init(
    frameByteCount: Int = ZstdFrameWriter.defaultFrameByteCount,
    level: Int32 = ZstdFrameWriter.defaultLevel
  ) throws(CompressionError) {
    precondition(frameByteCount > 0, "a frame holds at least one byte")
    let context = try ZstdCompressor(level: level)
    self.context = context
    frame = HeapBytes(byteCount: frameByteCount)
    packed = HeapBytes(byteCount: ZstdCompressor.bound(frameByteCount))
    table.points = [SeekPoint(blobOffset: .zero, tarOffset: .zero)]
  }

  /// Takes decoded bytes from the front of `rest`, and returns the next frame when one is complete.
  ///
  /// Call it again until the frame is empty: then `rest` is used up. A frame is valid until the
  /// next call.
  package mutating func write(
    _ rest: inout UnsafeRawBufferPointer
  ) throws(CompressionError) -> UnsafeRawBufferPointer {
    let count = min(rest.count, frame.bytes.count - filled)
    frame.slice(filled..<filled + count)
      .copyMemory(from: UnsafeRawBufferPointer(rebasing: rest[..<count]))
    rest.dropFirstInPlace(count)
    filled += count
    guard filled == frame.bytes.count else { return UnsafeRawBufferPointer(packed.slice(0..<0)) }
    return try flush()
  }

  /// Returns the last frame, empty when there is none; `table` is then complete.
  package mutating func finish() throws(CompressionError) -> UnsafeRawBufferPointer {
    filled == 0 ? UnsafeRawBufferPointer(packed.slice(0..<0)) : try flush()
  }

  private mutating func flush() throws(CompressionError) -> UnsafeRawBufferPointer {
    let bytes = UnsafeRawBufferPointer(frame.slice(0..<filled))
    let count = try context.compress(bytes, into: packed.bytes)
    if table.decodedByteCount > 0 {
      table.points.append(
        SeekPoint(
          blobOffset: BlobOffset(table.blobByteCount),
          tarOffset: TarOffset(table.decodedByteCount)
        )
      )
    }
    table.decodedByteCount += UInt64(filled)
    table.blobByteCount += UInt64(count)
    filled = 0
    return UnsafeRawBufferPointer(packed.slice(0..<count))
  }
}
