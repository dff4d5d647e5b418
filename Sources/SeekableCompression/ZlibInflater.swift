// Decoding deflate with zlib, which can stop at every block boundary when asked. Knows nothing of
// gzip members, blobs or seek points. Source: RFC 1951; zlib.h on Z_BLOCK, inflatePrime.

import CZlib

/// A decoder of one raw deflate stream at a time; see `InflateEngine`, which owns it alone.
struct ZlibInflater: ~Copyable, Sendable {
  nonisolated(unsafe) private let stream: UnsafeMutablePointer<z_stream>
  /// The last byte that was used of any input.
  nonisolated(unsafe) private let lastByte: UnsafeMutablePointer<UInt8>

  init() throws(CompressionError) {
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    guard czlib_inflateInit2(stream, -15) == Z_OK else {
      stream.deallocate()
      throw .outOfMemory
    }
    self.stream = stream
    lastByte = .allocate(capacity: 1)
    lastByte.initialize(to: 0)
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
    lastByte.deallocate()
  }

  /// What it takes of memory: zlib's state and window, 48 KiB.
  var byteCount: Int { 48 << 10 }

  /// The corresponding C function is `inflateReset`.
  func begin() {
    inflateReset(stream)
  }

  /// The corresponding C functions are `inflatePrime` and `inflateSetDictionary`.
  func resume(bits: UInt8, bitCount: UInt8, window: UnsafeRawBufferPointer) -> Bool {
    begin()
    lastByte.pointee = bits << (8 - max(bitCount, 1))
    if bitCount > 0, inflatePrime(stream, Int32(bitCount), Int32(bits)) != Z_OK { return false }
    guard let base = window.baseAddress, !window.isEmpty else { return true }
    let bytes = base.assumingMemoryBound(to: UInt8.self)
    return inflateSetDictionary(stream, bytes, UInt32(window.count)) == Z_OK
  }

  func decode(
    _ input: inout UnsafeRawBufferPointer,
    into output: inout UnsafeMutableRawBufferPointer,
    until goal: DecodeGoal
  ) -> InflateOutcome {
    guard case .boundary(let distance) = goal else {
      return decode(&input, into: &output, flush: Z_NO_FLUSH)
    }
    let room = output.count
    // Free running ends one byte early, so that a boundary at the wished distance itself is met
    // with the library asked for it, however the input is cut.
    if distance > 1 {
      let freeCount = min(room, distance - 1)
      var free = UnsafeMutableRawBufferPointer(rebasing: output[..<freeCount])
      let outcome = decode(&input, into: &free, flush: Z_NO_FLUSH)
      output.dropFirstInPlace(freeCount - free.count)
      if outcome != .outputFull || output.isEmpty { return outcome }
    }
    while true {
      let outcome = decode(&input, into: &output, flush: Z_BLOCK)
      if case .boundary = outcome, room - output.count < distance { continue }
      return outcome
    }
  }

  private func decode(
    _ input: inout UnsafeRawBufferPointer,
    into output: inout UnsafeMutableRawBufferPointer,
    flush: Int32
  ) -> InflateOutcome {
    while true {
      switch step(&input, &output, flush: flush) {
      case Z_STREAM_END: return .end(unused: [])
      case Z_MEM_ERROR: return .outOfMemory
      case Z_OK, Z_BUF_ERROR: break
      default: return .corrupt(unusedByteCount: 0)
      }
      if flush == Z_BLOCK {
        // zlib.h: 128 right after a block, 64 in the last one, the low bits count what is unused.
        let state = stream.pointee.data_type
        if state & 192 == 128 {
          let bitCount = UInt8(state & 7)
          return .boundary(BlockBoundary(bitCount: bitCount, previousByte: lastByte.pointee))
        }
        // Only when called once more after the last block does zlib say that the stream ended.
        if state & 192 == 192 { continue }
      }
      if output.isEmpty { return .outputFull }
      if input.isEmpty { return .inputUsed }
    }
  }

  /// The corresponding C function is `inflate`.
  private func step(
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
    let used = Int(inputCount - stream.pointee.avail_in)
    if used > 0 { lastByte.pointee = input[used - 1] }
    input.dropFirstInPlace(used)
    output.dropFirstInPlace(Int(outputCount - stream.pointee.avail_out))
    return code
  }
}
