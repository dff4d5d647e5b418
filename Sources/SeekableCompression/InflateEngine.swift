// The seam behind which deflate is decoded: one raw deflate stream, started at its beginning or in
// its middle. Knows nothing of gzip members, blobs or seek points. zlib does the work; another
// engine would replace this file. Source: RFC 1951; zlib.h on Z_BLOCK, inflatePrime.

import CZlib

/// How far the next stretch of decoding may go.
enum DecodeGoal {
  /// Until input or room is used up.
  case bytes
  /// Also stop at the first boundary between two deflate blocks.
  case blockBoundary
}

/// A decoder of one raw deflate stream at a time.
struct InflateEngine: ~Copyable, Sendable {
  /// The furthest that deflate refers back: 32 KiB.
  ///
  /// Source: RFC 1951 §2.
  static let windowByteCount = 32 << 10

  nonisolated(unsafe) private let stream: UnsafeMutablePointer<z_stream>

  init() throws(CompressionError) {
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    guard czlib_inflateInit2(stream, -15) == Z_OK else {
      stream.deallocate()
      throw .outOfMemory
    }
    self.stream = stream
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  /// Starts a stream at its first byte.
  ///
  /// The corresponding C function is `inflateReset`.
  mutating func begin() {
    inflateReset(stream)
  }

  /// Starts in the middle of a stream, at a block boundary.
  ///
  /// The block's first `bitCount` bits (0 to 7) are the high bits of `previousByte`; the rest
  /// follows in the input. `window` is what was decoded before, 32 KiB of it at most.
  /// The corresponding C functions are `inflatePrime` and `inflateSetDictionary`.
  ///
  /// - Returns: whether zlib accepted it.
  mutating func resume(
    bitCount: UInt8,
    previousByte: UInt8,
    window: UnsafeRawBufferPointer
  ) -> Bool {
    begin()
    if bitCount > 0 {
      guard bitCount < 8 else { return false }
      let bits = Int32(previousByte >> (8 - bitCount))
      guard inflatePrime(stream, Int32(bitCount), bits) == Z_OK else { return false }
    }
    guard let base = window.baseAddress, !window.isEmpty else { return true }
    let bytes = base.assumingMemoryBound(to: UInt8.self)
    return inflateSetDictionary(stream, bytes, UInt32(window.count)) == Z_OK
  }

  enum Outcome: Equatable {
    case inputUsed
    case outputFull
    /// Between two blocks; the next begins with the `bitCount` high bits of the byte just used.
    case boundary(bitCount: UInt8)
    /// The stream's last block ended; the input stands at the first byte after it.
    case end
    case corrupt
    case outOfMemory
  }

  /// Decodes as far as `goal`, input and room allow, and moves both past what was used.
  ///
  /// The corresponding C function is `inflate`.
  mutating func decode(
    _ input: inout UnsafeRawBufferPointer,
    into output: inout UnsafeMutableRawBufferPointer,
    until goal: DecodeGoal
  ) -> Outcome {
    while true {
      let code = step(&input, &output, flush: goal == .blockBoundary ? Z_BLOCK : Z_NO_FLUSH)
      switch code {
      case Z_STREAM_END: return .end
      case Z_MEM_ERROR: return .outOfMemory
      case Z_OK, Z_BUF_ERROR: break
      default: return .corrupt
      }
      if goal == .blockBoundary {
        // zlib.h: 128 right after a block, 64 in the last one, the low bits count what is unused.
        let state = stream.pointee.data_type
        if state & 192 == 128 { return .boundary(bitCount: UInt8(state & 7)) }
        // Only when called once more after the last block does zlib say that the stream ended.
        if state & 192 == 192 { continue }
      }
      if output.isEmpty { return .outputFull }
      if input.isEmpty { return .inputUsed }
    }
  }

  private mutating func step(
    _ input: inout UnsafeRawBufferPointer,
    _ output: inout UnsafeMutableRawBufferPointer,
    flush: Int32
  ) -> Int32 {
    let inputCount = UInt32(clamping: input.count)
    let outputCount = UInt32(clamping: output.count)
    stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_in = inputCount
    stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = outputCount
    let code = inflate(stream, flush)
    input.dropFirstInPlace(Int(inputCount - stream.pointee.avail_in))
    output.dropFirstInPlace(Int(outputCount - stream.pointee.avail_out))
    return code
  }
}
