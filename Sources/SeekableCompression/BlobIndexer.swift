// The one streaming pass over a blob: compressed bytes in, decoded bytes out, a SeekTable at the
// end. Checks everything the format offers: completeness, sizes, checksums. Does not hash, write or
// scan.

import Offsets

/// One pass over a blob's stored bytes, pushed in order.
///
/// The table depends on the bytes alone, not on the pieces they arrive in. One thread at a time.
package struct BlobIndexer: ~Copyable, Sendable {
  /// Room for decoded bytes: enough that calls are rare, little enough to stay in a core's cache.
  private static let pieceByteCount = 256 << 10
  private static let historyByteCount = InflateEngine.windowByteCount
  private static let roomByteCount = historyByteCount + 2 * pieceByteCount

  private let limits: CompressionLimits
  private var codec: Codec?
  private var stream: BlobStream
  private var recorder: PointRecorder
  private var probe: WindowProbe
  /// The first bytes, until they tell the codec; then they are decoded before all others.
  private var head: [UInt8] = []
  /// Two rooms for decoded bytes, used in turn: those of earlier pieces, which are the window, then the
  /// current piece.
  private let rooms: HeapBytes
  private var room = 0
  private var filled = 0
  private var position = TarOffset.zero
  private var memberStart = TarOffset.zero

  /// Begins a pass that wants a seek point every `spacing` decoded bytes.
  ///
  /// A wish: see `SeekTable.longestSpan`. Less than `SeekTable.smallestSpacing` means that.
  package init(
    spacing: UInt64 = SeekTable.defaultSpacing,
    limits: CompressionLimits = CompressionLimits(),
    library: InflateLibrary = .standard
  ) throws(CompressionError) {
    let stream = try BlobStream(zstdWindowByteLimit: limits.zstdWindowByteCount, library)
    let recorder = try PointRecorder(spacing: spacing)
    let probe = try WindowProbe(library)
    self.limits = limits
    self.stream = stream
    self.recorder = recorder
    self.probe = probe
    rooms = HeapBytes(byteCount: 2 * BlobIndexer.roomByteCount)
  }

  /// Takes compressed bytes from the front of `rest`, and returns the next decoded piece.
  ///
  /// Call it again with what is left of `rest` until the piece is empty: then `rest` is used up and
  /// the next bytes are due. A piece is valid until another one was returned and a third is asked for:
  /// so there is time to hash it meanwhile.
  ///
  /// - Throws: what is wrong with the blob; the pass cannot go on after that.
  package mutating func decode(
    _ rest: inout UnsafeRawBufferPointer
  ) throws(CompressionError) -> UnsafeRawBufferPointer {
    if codec == nil { try sniff(&rest) }
    guard codec != nil else { return UnsafeRawBufferPointer(decoded(0..<0)) }
    makeRoom()
    let start = filled
    if !head.isEmpty { try decodeHead() }
    if head.isEmpty { try fill(from: &rest) }
    if let met = limits.exceeded(decoded: position.bytes, stored: stream.position.bytes) {
      throw .tooLarge(met.bound, limit: met.limit, at: stream.position)
    }
    return UnsafeRawBufferPointer(decoded(start..<filled))
  }

  /// Ends the pass after the blob's last byte; nothing may be pushed afterwards.
  ///
  /// - Throws: `.truncated` when the blob ends inside a member, a frame or a magic number.
  package mutating func finish() throws(CompressionError) -> SeekTable {
    guard let codec else {
      guard head.isEmpty else { throw truncatedMagic }
      var table = SeekTable(codec: .identity)
      table.points = [SeekPoint(blobOffset: .zero, tarOffset: .zero)]
      return table
    }
    try stream.checkEnd()
    // Nothing but skippable frames.
    recorder.takeFirst(SeekPoint(blobOffset: .zero, tarOffset: .zero))
    var table = SeekTable(codec: codec)
    table.points = recorder.points
    table.windows = recorder.windows
    table.decodedByteCount = position.bytes
    table.blobByteCount = stream.position.bytes
    table.warnings = stream.warnings
    return table
  }

  private var truncatedMagic: CompressionError {
    let codec: Codec = head.first == 0x1f ? .gzip : .zstd
    return .truncated(codec, at: BlobOffset(UInt64(head.count)), from: .zero)
  }

  private mutating func sniff(_ rest: inout UnsafeRawBufferPointer) throws(CompressionError) {
    while let byte = rest.first {
      head.append(byte)
      rest.dropFirstInPlace(1)
      switch Codec.sniff(head) {
      case .undecided: continue
      case .foreign(let format): throw .unsupported(format)
      case .known(let codec):
        self.codec = codec
        stream.begin(codec)
        if codec == .identity {
          recorder.takeFirst(SeekPoint(blobOffset: .zero, tarOffset: .zero))
        }
        return
      }
    }
  }

  /// Moves the window to the front of the other room when what is left of this one is short.
  private mutating func makeRoom() {
    guard BlobIndexer.roomByteCount - filled < BlobIndexer.pieceByteCount else { return }
    let kept = min(filled, BlobIndexer.historyByteCount)
    let window = UnsafeRawBufferPointer(decoded(filled - kept..<filled))
    room = 1 - room
    decoded(0..<kept).copyMemory(from: window)
    filled = kept
  }

  /// A part of the room in use.
  private func decoded(_ range: Range<Int>) -> UnsafeMutableRawBufferPointer {
    let start = room * BlobIndexer.roomByteCount
    return rooms.slice(start + range.lowerBound..<start + range.upperBound)
  }

  private mutating func decodeHead() throws(CompressionError) {
    let bytes = head
    // A closure cannot throw a typed error through the standard library's rethrowing.
    var failure: CompressionError?
    bytes.withUnsafeBytes { bytes in
      var rest = bytes
      do throws(CompressionError) { try fill(from: &rest) } catch { failure = error }
      head.removeFirst(head.count - rest.count)
    }
    if let failure { throw failure }
  }

  /// Decodes until the input or the room is used up.
  private mutating func fill(
    from input: inout UnsafeRawBufferPointer
  ) throws(CompressionError) {
    while filled < BlobIndexer.roomByteCount {
      let wish = recorder.distanceToWish(at: position)
      var rest = decoded(filled..<BlobIndexer.roomByteCount)
      let (before, free) = (input, rest.count)
      let event = try stream.step(&input, into: &rest, until: .boundary(after: wish))
      filled += free - rest.count
      position.bytes += UInt64(free - rest.count)
      if probe.isActive {
        try feedProbe(UnsafeRawBufferPointer(rebasing: before[..<(before.count - input.count)]))
      }
      try take(event)
      if event == .inputUsed, input.isEmpty { return }
    }
  }

  private mutating func take(_ event: StreamEvent) throws(CompressionError) {
    switch event {
    case .inputUsed, .outputFull: break
    case .unitEnd: if probe.isActive { try endProbe(isComplete: true) }
    case .restart(let offset):
      memberStart = position
      recorder.takeRestart(SeekPoint(blobOffset: offset, tarOffset: position))
    case .boundary(let boundary):
      if probe.isActive { try endProbe(isComplete: false) }
      let start = stream.position.bytes - UInt64(boundary.following.count)
      recorder.takeBoundary(
        SeekPoint(
          blobOffset: BlobOffset(start),
          tarOffset: position,
          bitCount: boundary.bitCount
        )
      )
      probe.begin(at: boundary, window: window)
    }
  }

  /// What was last decoded of this member, 32 KiB at most.
  private var window: UnsafeRawBufferPointer {
    let inMember = position.distance(from: memberStart) ?? 0
    let count = Int(min(inMember, UInt64(BlobIndexer.historyByteCount)))
    return UnsafeRawBufferPointer(decoded(filled - count..<filled))
  }

  private mutating func feedProbe(
    _ bytes: UnsafeRawBufferPointer
  ) throws(CompressionError) {
    probe.push(bytes)
    if probe.isFull { try endProbe(isComplete: true) }
  }

  private mutating func endProbe(isComplete: Bool) throws(CompressionError) {
    try recorder.storeWindow(probe.end(isComplete: isComplete))
  }
}
