// Gzip members one after another, pushed in order: headers, deflate data, trailers, and what may
// follow the last member. Knows checksums and sizes; does not inflate (InflateEngine) nor parse
// headers (GzipFraming). Source: RFC 1952 §2.2, §2.3.1.

import Offsets

/// A decoder of a whole gzip file, or of one from a seek point on.
struct GzipStream: ~Copyable, Sendable {
  private enum Phase {
    /// Before a member; `hasFirst` when ID1 was seen.
    case magic(hasFirst: Bool)
    case header(GzipHeaderReader)
    case body
    /// Inside CRC32 and ISIZE, 8 bytes, of which `count` were seen.
    case trailer(count: Int, value: UInt64)
    /// NULs after the last member.
    case padding
    /// Bytes after the last member that are no member; they are ignored.
    case junk
  }

  private var engine: InflateEngine
  private var phase = Phase.magic(hasFirst: false)
  private(set) var position = BlobOffset.zero
  private(set) var warnings: [CompressionWarning] = []
  private var memberStart = BlobOffset.zero
  private var memberByteCount: UInt64 = 0
  private var crc = CRC32()
  /// Checking is for the pass that sees every byte of every member.
  private var checksTrailers = true

  init(_ library: InflateLibrary) throws(CompressionError) {
    engine = try InflateEngine(library)
  }

  /// What it takes of memory, to a few KiB.
  var byteCount: Int { engine.byteCount }

  /// Where the member begins that was read last; `nil` if the stream was not read from its start.
  var lastMemberStart: BlobOffset? { checksTrailers ? memberStart : nil }

  var isBetweenMembers: Bool {
    switch phase {
    case .magic(hasFirst: false), .padding, .junk: true
    case .magic(hasFirst: true), .header, .body, .trailer: false
    }
  }

  mutating func begin() {
    phase = .magic(hasFirst: false)
    position = .zero
    warnings = []
    checksTrailers = true
  }

  mutating func resume(
    at point: SeekPoint,
    previousByte: UInt8,
    window: UnsafeRawBufferPointer
  ) throws(CompressionError) {
    begin()
    let bitCount = UInt8(truncatingIfNeeded: point.bitCount)
    guard engine.resume(bitCount: bitCount, previousByte: previousByte, window: window) else {
      throw .badSeekPoint(at: point.tarOffset)
    }
    phase = .body
    position = point.blobOffset
    memberStart = point.blobOffset
    checksTrailers = false
  }

  mutating func unpackWindow(
    _ stored: UnsafeRawBufferPointer,
    into output: UnsafeMutableRawBufferPointer
  ) -> Int? {
    engine.begin()
    var input = stored
    var room = output
    let outcome = engine.decode(&input, into: &room, until: .bytes)
    return outcome == .end(unused: []) && input.isEmpty ? output.count - room.count : nil
  }

  mutating func step(
    _ input: inout UnsafeRawBufferPointer,
    into output: inout UnsafeMutableRawBufferPointer,
    until goal: DecodeGoal
  ) throws(CompressionError) -> StreamEvent {
    if case .body = phase { return try inflate(&input, into: &output, until: goal) }
    while let byte = input.first {
      input.dropFirstInPlace(1)
      if let event = try take(byte) { return event }
      if case .junk = phase {
        position.bytes += UInt64(input.count)
        input.dropFirstInPlace(input.count)
      }
    }
    return .inputUsed
  }

  private mutating func inflate(
    _ input: inout UnsafeRawBufferPointer,
    into output: inout UnsafeMutableRawBufferPointer,
    until goal: DecodeGoal
  ) throws(CompressionError) -> StreamEvent {
    let (inputBefore, outputBefore) = (input, output)
    let outcome = engine.decode(&input, into: &output, until: goal)
    position.bytes += UInt64(inputBefore.count - input.count)
    let made = outputBefore.count - output.count
    // It is compared modulo 2^32.
    memberByteCount &+= UInt64(made)
    if checksTrailers {
      crc.update(UnsafeRawBufferPointer(rebasing: outputBefore[..<made]))
    }
    switch outcome {
    case .inputUsed: return .inputUsed
    case .outputFull: return .outputFull
    case .boundary(let boundary): return .boundary(boundary)
    case .end(let unused):
      phase = .trailer(count: 0, value: 0)
      // No more than eight: they end in the trailer.
      position.bytes -= UInt64(unused.count)
      for byte in unused { try take(byte) }
      return .unitEnd
    case .corrupt(let unusedByteCount):
      position.bytes -= UInt64(unusedByteCount)
      throw .corruptDeflate(at: position, memberAt: memberStart)
    case .outOfMemory: throw .outOfMemory
    }
  }

  /// Takes one byte outside deflate data.
  @discardableResult
  private mutating func take(_ byte: UInt8) throws(CompressionError) -> StreamEvent? {
    position.bytes += 1
    return try push(byte)
  }

  private mutating func push(_ byte: UInt8) throws(CompressionError) -> StreamEvent? {
    switch phase {
    case .magic(let hasFirst): try pushMagic(byte, hasFirst: hasFirst)
    case .header(var reader):
      try pushHeader(byte, to: &reader)
      phase = .header(reader)
      if reader.isDone { return beginBody() }
    case .trailer(let count, let value):
      let value = value | UInt64(byte) << (8 * UInt64(count))
      phase = .trailer(count: count + 1, value: value)
      if count == 7 { try endMember(trailer: value) }
    case .padding:
      if byte != 0 { endWithJunk(at: BlobOffset(position.bytes - 1)) }
    case .body, .junk: break
    }
    return nil
  }

  private mutating func pushMagic(
    _ byte: UInt8,
    hasFirst: Bool
  ) throws(CompressionError) {
    if hasFirst {
      guard byte == 0x8b else { return endWithJunk(at: memberStart) }
      var reader = GzipHeaderReader()
      try pushHeader(0x1f, to: &reader)
      try pushHeader(0x8b, to: &reader)
      phase = .header(reader)
      return
    }
    memberStart = BlobOffset(position.bytes - 1)
    switch byte {
    case 0x1f: phase = .magic(hasFirst: true)
    case 0:
      warnings.append(.trailingPadding(at: memberStart))
      phase = .padding
    default: endWithJunk(at: memberStart)
    }
  }

  private func pushHeader(
    _ byte: UInt8,
    to reader: inout GzipHeaderReader
  ) throws(CompressionError) {
    do {
      try reader.push(byte)
    } catch {
      throw .badMemberHeader(error, memberAt: memberStart)
    }
  }

  private mutating func beginBody() -> StreamEvent {
    engine.begin()
    phase = .body
    crc = CRC32()
    memberByteCount = 0
    return .restart(at: position)
  }

  private mutating func endMember(trailer: UInt64) throws(CompressionError) {
    phase = .magic(hasFirst: false)
    guard checksTrailers else { return }
    guard crc.value == UInt32(truncatingIfNeeded: trailer) else {
      throw .checksumMismatch(memberAt: memberStart)
    }
    guard UInt32(truncatingIfNeeded: memberByteCount) == UInt32(trailer >> 32) else {
      throw .sizeMismatch(memberAt: memberStart)
    }
  }

  private mutating func endWithJunk(at offset: BlobOffset) {
    warnings.append(.trailingJunk(at: offset))
    phase = .junk
  }
}
