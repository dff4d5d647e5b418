// Zstd frames one after another, pushed in order; skippable frames are skipped. Knows where frames
// begin and end; decoding and frame checksums are the library's. Source: RFC 8878 §3.1.

import Offsets

/// A decoder of a whole zstd file, or of one from a frame's start on.
struct ZstdStream: ~Copyable, Sendable {
  private enum Phase {
    case header
    /// Inside a frame; of its header bytes, those from `given` on are still to be decoded.
    case body(given: Int)
    case skipping(UInt64)
  }

  private var context: ZstdDecompressor
  private var phase = Phase.header
  private var header: ZstdHeaderReader
  private(set) var frameStart = BlobOffset.zero
  /// The library may hold decoded bytes back: it ran out of room.
  private var mayHoldOutput = false
  private(set) var position = BlobOffset.zero

  init(windowByteLimit: UInt64) throws(CompressionError) {
    context = try ZstdDecompressor()
    header = ZstdHeaderReader(windowByteLimit: windowByteLimit)
  }

  var isBetweenFrames: Bool {
    switch phase {
    case .header: header.bytes.isEmpty
    case .body: false
    case .skipping(let count): count == 0
    }
  }

  /// What decoding takes of memory.
  var byteCount: Int { context.byteCount }

  mutating func begin(at offset: BlobOffset) {
    context.reset()
    header.clear()
    phase = .header
    mayHoldOutput = false
    position = offset
  }

  mutating func step(
    _ input: inout UnsafeRawBufferPointer,
    into output: inout UnsafeMutableRawBufferPointer
  ) throws(CompressionError) -> StreamEvent {
    while true {
      switch phase {
      case .header:
        guard let byte = input.first else { return .inputUsed }
        input.dropFirstInPlace(1)
        if let event = try pushHeader(byte) { return event }
      case .skipping(let count):
        let used = min(count, UInt64(input.count))
        input.dropFirstInPlace(Int(used))
        position.bytes += used
        phase = used == count ? .header : .skipping(count - used)
        if used < count { return .inputUsed }
      case .body(let given):
        return try decode(&input, into: &output, headerBytesGiven: given)
      }
    }
  }

  private mutating func pushHeader(_ byte: UInt8) throws(CompressionError) -> StreamEvent? {
    if header.bytes.isEmpty { frameStart = position }
    position.bytes += 1
    switch try header.push(byte, frameAt: frameStart) {
    case .incomplete: return nil
    case .skippable(let byteCount):
      header.clear()
      phase = .skipping(UInt64(byteCount))
      return nil
    case .frame:
      phase = .body(given: 0)
      return .restart(at: frameStart)
    }
  }

  private mutating func decode(
    _ input: inout UnsafeRawBufferPointer,
    into output: inout UnsafeMutableRawBufferPointer,
    headerBytesGiven given: Int
  ) throws(CompressionError) -> StreamEvent {
    if given < header.bytes.count {
      try giveHeader(from: given, into: &output)
      return try step(&input, into: &output)
    }
    // Asked again and again with nothing to do, the library takes its caller for stuck.
    if input.isEmpty, !mayHoldOutput { return .inputUsed }
    let before = input.count
    let outcome = context.decode(&input, into: &output)
    position.bytes += UInt64(before - input.count)
    mayHoldOutput = output.isEmpty
    return try event(for: outcome, isOutputFull: output.isEmpty)
  }

  /// Hands the header that was gathered for ourselves on to the library; it makes no output.
  private mutating func giveHeader(
    from given: Int,
    into output: inout UnsafeMutableRawBufferPointer
  ) throws(CompressionError) {
    let bytes = header.bytes
    let (outcome, used) = bytes.withUnsafeBytes { bytes in
      var rest = UnsafeRawBufferPointer(rebasing: bytes[given...])
      let outcome = context.decode(&rest, into: &output)
      return (outcome, bytes.count - given - rest.count)
    }
    phase = .body(given: given + used)
    if case .failed(let fault) = outcome {
      throw .corruptFrame(fault, at: position, frameAt: frameStart)
    }
  }

  private mutating func event(
    for outcome: ZstdDecompressor.Outcome,
    isOutputFull: Bool
  ) throws(CompressionError) -> StreamEvent {
    switch outcome {
    case .failed(let fault):
      throw .corruptFrame(fault, at: position, frameAt: frameStart)
    case .frameEnd:
      header.clear()
      phase = .header
      mayHoldOutput = false
      return .unitEnd
    case .more: return isOutputFull ? .outputFull : .inputUsed
    }
  }
}
