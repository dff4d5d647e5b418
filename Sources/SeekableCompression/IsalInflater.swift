// Decoding deflate with ISA-L, which stops only where input or room ends: block boundaries are
// found by ending the input in short steps. Knows nothing of gzip members, blobs or seek points.
// Source: RFC 1951; igzip_lib.h, struct inflate_state.

#if HAS_ISAL
import CIsal

/// A decoder of one raw deflate stream at a time; see `InflateEngine`, which owns it alone.
struct IsalInflater: ~Copyable, Sendable {
  /// How many bytes of input a step takes which begins so many decoded bytes behind the wish.
  ///
  /// Before it 4 KiB, which make 4 MiB at most (4 KiB × 1032). Behind it a header must be cut to be
  /// seen: most are longer than 64 bytes. What has not been met within 512 KiB has shorter ones, or
  /// longer blocks, of which none may be missed: a stored block's header has 4 bytes and some bits, a
  /// fixed one's some bits only.
  private static func stepByteCount(late: Int) -> UInt64 {
    switch late {
    case ..<0: 4 << 10
    case ..<(512 << 10): 64
    case ..<(4 << 20): 4
    default: 1
    }
  }

  /// How much the state's own buffer holds: the window, and 32 KiB more.
  private static let ownByteCount = 2 * Int(ISAL_DEF_HIST_SIZE)

  /// How many bytes that were never written may count as decoded when data is found to be damaged.
  ///
  /// The library's assembly moves on by a match's length, 258 at most, before it looks at the
  /// match's distance.
  private static let longestMatch = 258

  private struct Progress {
    /// Bytes of input since the stream began.
    var fed: UInt64 = 0
    /// Where the current step ends.
    var stepEnd: UInt64 = 0
    /// Whether all that the step holds was decoded.
    var isStepDone = true
    /// Whether there is no more than what waits for room.
    var isCorrupt = false
    /// How many bytes of input behind the damage came with earlier input.
    var unusedByteCount = 0
    /// The last eight bytes that were fed, the latest lowest.
    var recent: UInt64 = 0
  }

  /// 87 KB, and pinned: it is large.
  nonisolated(unsafe) private let state: UnsafeMutablePointer<inflate_state>
  nonisolated(unsafe) private let progress: UnsafeMutablePointer<Progress>

  init() {
    state = .allocate(capacity: 1)
    isal_inflate_init(state)
    state.pointee.crc_flag = UInt32(ISAL_DEFLATE)
    progress = .allocate(capacity: 1)
    progress.initialize(to: Progress())
  }

  deinit {
    state.deallocate()
    progress.deallocate()
  }

  /// What it takes of memory.
  var byteCount: Int { MemoryLayout<inflate_state>.size + MemoryLayout<Progress>.size }

  /// The corresponding C function is `isal_inflate_reset`.
  func begin() {
    isal_inflate_reset(state)
    progress.pointee = Progress()
  }

  /// The corresponding C function is `isal_inflate_set_dict`.
  func resume(bits: UInt8, bitCount: UInt8, window: UnsafeRawBufferPointer) -> Bool {
    begin()
    state.pointee.read_in = UInt64(bits)
    state.pointee.read_in_length = Int32(bitCount)
    guard let base = window.baseAddress, !window.isEmpty else { return true }
    // The library only reads it.
    let bytes = UnsafeMutablePointer(mutating: base.assumingMemoryBound(to: UInt8.self))
    return isal_inflate_set_dict(state, bytes, UInt32(window.count)) == COMP_OK
  }

  func decode(
    _ input: inout UnsafeRawBufferPointer,
    into output: inout UnsafeMutableRawBufferPointer,
    until goal: DecodeGoal
  ) -> InflateOutcome {
    switch goal {
    case .bytes: run(&input, into: &output)
    case .boundary(let distance): search(&input, into: &output, after: distance)
    }
  }
}

extension IsalInflater {
  /// Decodes in steps until one ends between two blocks, far enough.
  ///
  /// What is looked at is only what is known at the end of a step, when all of it is decoded: that
  /// is a matter of the stream alone.
  private func search(
    _ input: inout UnsafeRawBufferPointer,
    into output: inout UnsafeMutableRawBufferPointer,
    after distance: Int
  ) -> InflateOutcome {
    let room = output.count
    while true {
      if progress.pointee.isStepDone {
        let late = room - output.count + waitingByteCount - distance
        let boundary = late < 0 ? nil : boundary
        if input.isEmpty || boundary != nil {
          var none = UnsafeRawBufferPointer(rebasing: input[..<0])
          let outcome = run(&none, into: &output)
          guard outcome == .inputUsed, let boundary else { return outcome }
          return .boundary(boundary)
        }
        beginStep(Self.stepByteCount(late: late))
      }
      let outcome = takeStep(&input, into: &output)
      guard outcome == .inputUsed else { return outcome }
      progress.pointee.isStepDone = progress.pointee.fed == progress.pointee.stepEnd
      if input.isEmpty, !progress.pointee.isStepDone { return run(&input, into: &output) }
    }
  }

  /// Steps end at multiples of their size, so that they are the same however the input is cut.
  private func beginStep(_ byteCount: UInt64) {
    progress.pointee.stepEnd = (progress.pointee.fed / byteCount + 1) * byteCount
    progress.pointee.isStepDone = false
  }

  /// Decodes what there is of the current step's input.
  ///
  /// First into the state's own buffer: when a call ends with more than 32 KiB handed out, the
  /// library moves its window, which is dear for a step of 64 bytes.
  private func takeStep(
    _ input: inout UnsafeRawBufferPointer,
    into output: inout UnsafeMutableRawBufferPointer
  ) -> InflateOutcome {
    let rest = Int(progress.pointee.stepEnd - progress.pointee.fed)
    var part = UnsafeRawBufferPointer(rebasing: input.prefix(rest))
    let count = part.count
    defer { input.dropFirstInPlace(count - part.count) }
    let space = Self.ownByteCount - Int(state.pointee.tmp_out_valid)
    if space > 0, !progress.pointee.isCorrupt {
      let waiting = waitingByteCount
      var none = UnsafeMutableRawBufferPointer(rebasing: output[..<0])
      let outcome = run(&part, into: &none)
      guard outcome == .outputFull else { return outcome }
      // If there was space left, it is the input that ended.
      let isTaken = part.isEmpty && waitingByteCount - waiting < space
      if isTaken, !progress.pointee.isCorrupt { return .inputUsed }
    }
    return run(&part, into: &output)
  }

  private var waitingByteCount: Int {
    Int(state.pointee.tmp_out_valid - state.pointee.tmp_out_processed)
  }

  /// Where the decoder stands, if it is between two blocks or inside a block's header.
  ///
  /// The state keeps the bits that it had before the header apart from the header's bytes.
  private var boundary: BlockBoundary? {
    let headerByteCount: Int
    switch state.pointee.block_state {
    case ISAL_BLOCK_HDR: headerByteCount = Int(state.pointee.tmp_in_size)
    case ISAL_BLOCK_NEW_HDR: headerByteCount = 0
    default: return nil
    }
    let bitCount = UInt64(state.pointee.read_in_length % 8)
    let bits = state.pointee.read_in
    let bytes = (0..<UInt64(state.pointee.read_in_length / 8)).map {
      UInt8(truncatingIfNeeded: bits >> (bitCount + 8 * $0))
    }
    let header = UnsafeBufferPointer(start: cisal_header_bytes(state), count: headerByteCount)
    return BlockBoundary(
      bitCount: UInt8(bitCount),
      previousByte: UInt8(truncatingIfNeeded: bits << (8 - bitCount)),
      following: bytes + header
    )
  }

  /// Decodes until input or room is used up.
  private func run(
    _ input: inout UnsafeRawBufferPointer,
    into output: inout UnsafeMutableRawBufferPointer
  ) -> InflateOutcome {
    while !progress.pointee.isCorrupt {
      let given = input
      let (code, used, made) = step(given, output)
      if state.pointee.block_state == ISAL_BLOCK_FINISH {
        output.dropFirstInPlace(made)
        return .end(unused: settle(given, used: used, &input))
      }
      if code == ISAL_DECOMP_OK {
        remember(UnsafeRawBufferPointer(rebasing: given[..<used]))
        input.dropFirstInPlace(used)
        output.dropFirstInPlace(made)
        if output.isEmpty { return .outputFull }
        if input.isEmpty { return .inputUsed }
        // It has never been seen to stand still. If it does there is no way on.
        if used > 0 || made > 0 { continue }
      }
      output.dropFirstInPlace(soundByteCount(ofMade: made))
      progress.pointee.isCorrupt = true
      progress.pointee.unusedByteCount = settle(given, used: used, &input).count
    }
    return handOut(into: &output)
  }

  /// The corresponding C function is `isal_inflate`.
  ///
  /// - Returns: its result, and how many bytes it used and made; it used less than none where it
  ///   gave back bytes of earlier input.
  private func step(
    _ input: UnsafeRawBufferPointer,
    _ output: UnsafeMutableRawBufferPointer
  ) -> (code: Int32, used: Int, made: Int) {
    // The library only reads it.
    let base = UnsafeMutablePointer(
      mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self)
    )
    let room = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    state.pointee.next_in = base
    state.pointee.avail_in = UInt32(clamping: input.count)
    state.pointee.next_out = room
    state.pointee.avail_out = UInt32(clamping: output.count)
    let code = isal_inflate(state)
    // By the pointers: when data is damaged the counts may be off by what the library's assembly
    // keeps free at the ends, even below zero.
    return (
      code,
      distance(from: base, to: state.pointee.next_in, atMost: input.count),
      max(0, distance(from: room, to: state.pointee.next_out, atMost: output.count))
    )
  }

  private func distance(
    from start: UnsafeMutablePointer<UInt8>?,
    to end: UnsafeMutablePointer<UInt8>?,
    atMost limit: Int
  ) -> Int {
    min(Int(bitPattern: end) - Int(bitPattern: start), limit)
  }

  /// Forgets what counts as decoded and may not be, behind the last byte that is.
  ///
  /// - Returns: what is left of the `made` bytes that were handed out.
  private func soundByteCount(ofMade made: Int) -> Int {
    let doubtful = min(Self.longestMatch, made + waitingByteCount)
    let waiting = min(doubtful, waitingByteCount)
    state.pointee.tmp_out_valid -= Int32(waiting)
    return made - (doubtful - waiting)
  }

  /// Puts `input` where decoding stopped, before whole bytes that the library has read ahead.
  ///
  /// - Returns: those of them that were not in `given`.
  private func settle(
    _ given: UnsafeRawBufferPointer,
    used: Int,
    _ input: inout UnsafeRawBufferPointer
  ) -> [UInt8] {
    let stop = used - Int(max(state.pointee.read_in_length, 0) / 8)
    input = UnsafeRawBufferPointer(rebasing: given[max(stop, 0)...])
    return (0..<min(UInt64(max(-stop, 0)), min(progress.pointee.fed, 8))).reversed().map {
      UInt8(truncatingIfNeeded: progress.pointee.recent >> (8 * $0))
    }
  }

  private func remember(_ used: UnsafeRawBufferPointer) {
    progress.pointee.fed += UInt64(used.count)
    for byte in used.suffix(8) {
      progress.pointee.recent = progress.pointee.recent << 8 | UInt64(byte)
    }
  }

  /// Hands out what was decoded before the damage; the library cannot be asked for it any more.
  private func handOut(into output: inout UnsafeMutableRawBufferPointer) -> InflateOutcome {
    let waiting = cisal_waiting_bytes(state)
    let bytes = UnsafeRawBufferPointer(start: waiting, count: waitingByteCount)
    let count = min(bytes.count, output.count)
    output.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
    output.dropFirstInPlace(count)
    state.pointee.tmp_out_processed += Int32(count)
    if output.isEmpty { return .outputFull }
    return .corrupt(unusedByteCount: progress.pointee.unusedByteCount)
  }
}
#endif
