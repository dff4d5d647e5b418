// Decoding forward from a seek point, over member and frame borders, out of a ByteSource. Knows
// nothing of spans as cached things, nor of files. Checksums of gzip members are not checked again:
// the pass that made the point did, and a span rarely holds a whole member.

package import Offsets

/// A forward reader of decoded bytes, from a seek point on.
///
/// Its contexts and its 64 KiB of input are made once: keep decoders and `reset` them, as a new one
/// costs some 200 KiB of allocations. It can move between threads; one at a time may use it.
package struct SpanDecoder: ~Copyable, Sendable {
  /// What is asked of the source at once, and room for a window while it is unpacked.
  private static let inputByteCount = 64 << 10

  private var stream: BlobStream
  private var source: any ByteSource
  private let input: HeapBytes
  private var unread = 0..<0
  private var nextRead = BlobOffset.zero
  private var isAtEnd = false
  /// The tar offset of the next decoded byte.
  package private(set) var position = TarOffset.zero

  /// Makes a decoder that stands at `point`; see `reset`.
  package init(
    codec: Codec,
    at point: SeekPoint,
    window: UnsafeRawBufferPointer,
    source: any ByteSource,
    library: InflateLibrary = .standard
  ) throws(CompressionError) {
    // Whoever made the point has let the frame pass.
    let windowByteLimit = CompressionLimits.largestZstdWindowByteCount
    var stream = try BlobStream(zstdWindowByteLimit: windowByteLimit, library)
    let input = HeapBytes(byteCount: SpanDecoder.inputByteCount)
    try stream.resume(codec, at: point, window: window, source: source, scratch: input.bytes)
    self.stream = stream
    self.input = input
    self.source = source
    nextRead = point.blobOffset
    position = point.tarOffset
  }

  /// Stands at `point` of the blob behind `source`, whatever was decoded before.
  ///
  /// `window` is the point's window as stored in its table; it is copied, not kept.
  ///
  /// - Throws: `.corruptWindow` when it is not what was stored, `.truncated` when the blob ends
  /// before   the point. The decoder can then be reset again.
  package mutating func reset(
    codec: Codec,
    at point: SeekPoint,
    window: UnsafeRawBufferPointer,
    source: any ByteSource
  ) throws(CompressionError) {
    self.source = source
    unread = 0..<0
    isAtEnd = false
    nextRead = point.blobOffset
    position = point.tarOffset
    try stream.resume(codec, at: point, window: window, source: source, scratch: input.bytes)
  }

  /// What it takes of memory, to a few KiB.
  package var byteCount: Int { stream.byteCount + input.bytes.count }

  /// Fills `buffer` with the next decoded bytes, and returns how many there were.
  ///
  /// Fewer than asked for only at the stream's end. After an error only `reset` makes sense.
  package mutating func read(
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(CompressionError) -> Int {
    var room = buffer
    while !room.isEmpty, !isAtEnd {
      if unread.isEmpty { try readInput() }
      var bytes = UnsafeRawBufferPointer(input.slice(unread))
      let isLast = bytes.isEmpty
      let before = room.count
      let event = try stream.step(&bytes, into: &room, until: .bytes)
      unread = unread.upperBound - bytes.count..<unread.upperBound
      position.bytes += UInt64(before - room.count)
      if isLast, event == .inputUsed {
        try stream.checkEnd()
        isAtEnd = true
      }
    }
    return buffer.count - room.count
  }

  /// Decodes and drops what lies before `offset`, and returns whether the stream goes so far.
  ///
  /// `offset` must not lie behind `position`: to go back, reset. `scratch` is for the dropped
  /// bytes.
  package mutating func skip(
    to offset: TarOffset,
    using scratch: UnsafeMutableRawBufferPointer
  ) throws(CompressionError) -> Bool {
    if stream.codec == .identity { return skipPlain(to: offset) }
    precondition(!scratch.isEmpty, "skipping needs scratch space")
    while let distance = offset.distance(from: position), distance > 0 {
      let count = Int(min(distance, UInt64(scratch.count)))
      let part = UnsafeMutableRawBufferPointer(rebasing: scratch[..<count])
      if try read(into: part) < count { return false }
    }
    return position == offset
  }

  /// In a plain blob both offsets are the same, so nothing needs to be read.
  private mutating func skipPlain(to offset: TarOffset) -> Bool {
    if offset == position { return true }
    let target = min(offset.bytes, source.byteCount)
    unread = 0..<0
    nextRead = BlobOffset(target)
    position = TarOffset(target)
    return target == offset.bytes
  }

  private mutating func readInput() throws(CompressionError) {
    // Reads end at multiples of their size, so that a source that checks blocks reads each once.
    let byteCount = Self.inputByteCount - Int(nextRead.bytes % UInt64(Self.inputByteCount))
    let count = try source.bytes(at: nextRead, into: input.slice(0..<byteCount))
    nextRead.bytes += UInt64(count)
    unread = 0..<count
  }
}

extension ByteSource {
  fileprivate func bytes(
    at offset: BlobOffset,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(CompressionError) -> Int {
    do {
      return try read(at: offset, into: buffer)
    } catch {
      throw .source(error)
    }
  }

  /// The byte whose high bits belong to the point; 0 when none do.
  fileprivate func byteBefore(_ point: SeekPoint) throws(CompressionError) -> UInt8 {
    guard point.bitCount > 0 else { return 0 }
    let offset = point.blobOffset.bytes
    guard offset > 0 else { throw .badSeekPoint(at: point.tarOffset) }
    var byte: UInt8 = 0
    let count = try withUnsafeMutableBytes(of: &byte) { buffer throws(CompressionError) in
      try bytes(at: BlobOffset(offset - 1), into: buffer)
    }
    guard count == 1 else { throw .badSeekPoint(at: point.tarOffset) }
    return byte
  }
}

extension BlobStream {
  /// Stands at a seek point, with its window unpacked in `scratch` (32 KiB or more) on the way.
  fileprivate mutating func resume(
    _ codec: Codec,
    at point: SeekPoint,
    window stored: UnsafeRawBufferPointer,
    source: any ByteSource,
    scratch: UnsafeMutableRawBufferPointer
  ) throws(CompressionError) {
    guard point.blobOffset.bytes <= source.byteCount else {
      throw .truncated(codec, at: BlobOffset(source.byteCount), from: nil)
    }
    let count = try unpack(stored, of: point, into: scratch)
    let window = UnsafeRawBufferPointer(rebasing: scratch[..<count])
    let previousByte = try source.byteBefore(point)
    try resume(codec, at: point, previousByte: previousByte, window: window)
  }

  /// Checks and unpacks the window of `point`, and returns its size.
  private mutating func unpack(
    _ stored: UnsafeRawBufferPointer,
    of point: SeekPoint,
    into scratch: UnsafeMutableRawBufferPointer
  ) throws(CompressionError) -> Int {
    guard point.windowByteCount > 0 else { return 0 }
    guard stored.count == Int(point.windowByteCount), CRC32.of(stored) == point.windowChecksum
    else { throw .corruptWindow(pointAt: point.tarOffset) }
    let room = UnsafeMutableRawBufferPointer(
      rebasing: scratch[..<InflateEngine.windowByteCount]
    )
    guard let count = unpackWindow(stored, into: room) else {
      throw .corruptWindow(pointAt: point.tarOffset)
    }
    return count
  }
}
