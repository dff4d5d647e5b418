// One blob's stored bytes, pushed in order, become decoded bytes and events, in whichever format.
// Both directions of use stand on it: BlobIndexer from the start, SpanDecoder from a seek point.
// Knows where decoding could begin; does not choose or keep seek points.

import Offsets

/// What stopped a step of a stream.
enum StreamEvent: Equatable {
  /// The input is used up, and nothing decoded is held back.
  case inputUsed
  case outputFull
  /// Decoding can begin at `offset` with nothing known of what was before.
  case restart(at: BlobOffset)
  /// Deflate only: decoding can begin here, given the window. See `InflateOutcome`.
  case boundary(BlockBoundary)
  /// The member or frame is complete.
  case unitEnd
}

/// A decoder of pushed bytes.
struct BlobStream: ~Copyable, Sendable {
  private(set) var codec = Codec.identity
  private var gzip: GzipStream
  private var zstd: ZstdStream
  private var plainPosition = BlobOffset.zero

  init(zstdWindowByteLimit: UInt64, _ library: InflateLibrary) throws(CompressionError) {
    // First all that can fail: a half-made value of move-only parts could not be taken apart.
    let gzip = try GzipStream(library)
    let zstd = try ZstdStream(windowByteLimit: zstdWindowByteLimit)
    self.gzip = gzip
    self.zstd = zstd
  }

  /// The position of the first byte that is not used yet.
  var position: BlobOffset {
    switch codec {
    case .identity: plainPosition
    case .gzip: gzip.position
    case .zstd: zstd.position
    }
  }

  /// What decoding takes of memory.
  var byteCount: Int { zstd.byteCount + gzip.byteCount }

  var warnings: [CompressionWarning] {
    codec == .gzip ? gzip.warnings : []
  }

  /// Starts at the first byte of a blob, and checks whatever checksums it has.
  mutating func begin(_ codec: Codec) {
    self.codec = codec
    switch codec {
    case .identity: plainPosition = .zero
    case .gzip: gzip.begin()
    case .zstd: zstd.begin(at: .zero)
    }
  }

  /// Starts at a seek point: the next byte pushed is the one at its blob offset.
  mutating func resume(
    _ codec: Codec,
    at point: SeekPoint,
    previousByte: UInt8,
    window: UnsafeRawBufferPointer
  ) throws(CompressionError) {
    self.codec = codec
    switch codec {
    case .identity: plainPosition = point.blobOffset
    case .zstd: zstd.begin(at: point.blobOffset)
    case .gzip: try gzip.resume(at: point, previousByte: previousByte, window: window)
    }
  }

  /// Inflates a stored window into `output`, and returns its size; ends whatever was being decoded.
  ///
  /// Here because the inflate context that will use the window can unpack it first.
  mutating func unpackWindow(
    _ stored: UnsafeRawBufferPointer,
    into output: UnsafeMutableRawBufferPointer
  ) -> Int? {
    gzip.unpackWindow(stored, into: output)
  }

  /// Decodes until something happens, and moves input and room past what was used.
  ///
  /// Must be called with room.
  mutating func step(
    _ input: inout UnsafeRawBufferPointer,
    into output: inout UnsafeMutableRawBufferPointer,
    until goal: DecodeGoal
  ) throws(CompressionError) -> StreamEvent {
    switch codec {
    case .gzip: return try gzip.step(&input, into: &output, until: goal)
    case .zstd: return try zstd.step(&input, into: &output)
    case .identity:
      let count = min(input.count, output.count)
      output.copyMemory(from: UnsafeRawBufferPointer(rebasing: input[..<count]))
      input.dropFirstInPlace(count)
      output.dropFirstInPlace(count)
      plainPosition.bytes += UInt64(count)
      return output.isEmpty ? .outputFull : .inputUsed
    }
  }

  /// Says whether the blob may end here.
  mutating func checkEnd() throws(CompressionError) {
    switch codec {
    case .identity: return
    case .gzip:
      if gzip.isBetweenMembers { return }
      throw .truncated(codec, at: position, from: gzip.lastMemberStart)
    case .zstd:
      if zstd.isBetweenFrames { return }
      throw .truncated(codec, at: position, from: zstd.frameStart)
    }
  }
}
