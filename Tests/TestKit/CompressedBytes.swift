// Compressed blobs of every shape a layer comes in, made from given bytes. For tests only.
// Source: RFC 1952 §2.3 (gzip members), RFC 8878 §3.1 (zstd frames).

import CZlib
import CZstd

/// A small seeded random number generator (SplitMix64), so that a failure can be repeated.
package struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}

/// Makers of compressed bytes.
package enum CompressedBytes {
  /// Random bytes that compress about as a tar of programs does: noise, runs, and copies of what
  /// was up to 64 KiB before.
  package static func sample(byteCount: Int, seed: UInt64) -> [UInt8] {
    var generator = SeededGenerator(seed: seed)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(byteCount + 512)
    while bytes.count < byteCount {
      let length = Int.random(in: 8...300, using: &generator)
      switch Int.random(in: 0..<8, using: &generator) {
      case 0:
        bytes.append(
          contentsOf: repeatElement(UInt8.random(in: 0...255, using: &generator), count: length)
        )
      case 1...2:
        for _ in 0..<length { bytes.append(UInt8(truncatingIfNeeded: generator.next())) }
      case 3...4:
        for _ in 0..<length { bytes.append(UInt8.random(in: 97...110, using: &generator)) }
      default:
        guard bytes.count > 1024 else { continue }
        let distance = Int.random(in: 300...min(bytes.count, 64 << 10), using: &generator)
        let start = bytes.count - distance
        bytes.append(contentsOf: Array(bytes[start..<min(start + length, bytes.count)]))
      }
    }
    bytes.removeLast(bytes.count - byteCount)
    return bytes
  }

  /// How to write gzip.
  package struct GzipShape: Sendable {
    package enum Flush: Sendable { case none, sync, full }

    /// Raw values are zlib's Z_DEFAULT_STRATEGY to Z_FIXED.
    package enum Strategy: Int32, Sendable, CaseIterable {
      case standard, filtered, huffmanOnly, runs, fixed
    }

    /// 0 makes stored blocks.
    package var level: Int32 = 6
    package var strategy = Strategy.standard
    /// Decoded bytes per member; `nil` for one member.
    package var memberByteCount: Int?
    /// Flushes within a member, every `flushByteCount` bytes.
    package var flush = Flush.none
    package var flushByteCount = 32 << 10
    package var extra: [UInt8]?
    package var name: [UInt8]?
    package var comment: [UInt8]?
    package var hasHeaderChecksum = false
    /// Appended after the last member.
    package var tail: [UInt8] = []

    package init() {}

    package init(_ change: (inout GzipShape) -> Void) { change(&self) }
  }

  /// Writes gzip members; no bytes at all make one empty member.
  package static func gzip(_ bytes: [UInt8], _ shape: GzipShape = GzipShape()) -> [UInt8] {
    let size = shape.memberByteCount ?? max(bytes.count, 1)
    let starts = bytes.isEmpty ? [0] : Array(stride(from: 0, to: bytes.count, by: size))
    let members = starts.reduce(into: [UInt8]()) { blob, start in
      blob += gzipMember(Array(bytes[start..<min(start + size, bytes.count)]), shape)
    }
    return members + shape.tail
  }

  private static func gzipMember(_ bytes: [UInt8], _ shape: GzipShape) -> [UInt8] {
    var flags: UInt8 = 0
    if shape.hasHeaderChecksum { flags |= 2 }
    if shape.extra != nil { flags |= 4 }
    if shape.name != nil { flags |= 8 }
    if shape.comment != nil { flags |= 16 }
    // ID1 ID2 CM FLG MTIME(4) XFL OS
    var member: [UInt8] = [0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3]
    if let extra = shape.extra { member += littleEndian(UInt16(extra.count)) + extra }
    for text in [shape.name, shape.comment] {
      if let text { member += text + [0] }
    }
    if shape.hasHeaderChecksum {
      member += littleEndian(UInt16(truncatingIfNeeded: checksum(member)))
    }
    member += deflate(bytes, shape)
    return member + littleEndian(checksum(bytes)) + littleEndian(UInt32(bytes.count))
  }

  /// CRC-32 of `bytes`, or of all bytes so far where `start` is that of those before.
  package static func checksum(_ bytes: [UInt8], after start: UInt32 = 0) -> UInt32 {
    UInt32(crc32_z(UInt(start), bytes, bytes.count))
  }

  private static func littleEndian(_ number: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
  }

  /// Raw deflate data.
  package static func deflate(_ bytes: [UInt8], _ shape: GzipShape = GzipShape()) -> [UInt8] {
    var stream = z_stream()
    return withUnsafeMutablePointer(to: &stream) { stream in
      let made = czlib_deflateInit2(stream, shape.level, -15, 8, shape.strategy.rawValue)
      precondition(made == Z_OK, "zlib refused to start")
      defer { deflateEnd(stream) }
      let step = shape.flush == .none ? max(bytes.count, 1) : shape.flushByteCount
      let mode = shape.flush == .full ? Z_FULL_FLUSH : Z_SYNC_FLUSH
      var result: [UInt8] = []
      for start in stride(from: 0, to: max(bytes.count, 1), by: step) {
        let end = min(start + step, bytes.count)
        push(bytes[start..<end], flush: end == bytes.count ? Z_FINISH : mode, stream, &result)
      }
      return result
    }
  }

  private static func push(
    _ bytes: ArraySlice<UInt8>,
    flush: Int32,
    _ stream: UnsafeMutablePointer<z_stream>,
    _ result: inout [UInt8]
  ) {
    var room = [UInt8](repeating: 0, count: 64 << 10)
    bytes.withUnsafeBufferPointer { bytes in
      stream.pointee.next_in = bytes.baseAddress
      stream.pointee.avail_in = UInt32(bytes.count)
      repeat {
        let made = room.withUnsafeMutableBufferPointer { room in
          stream.pointee.next_out = room.baseAddress
          stream.pointee.avail_out = UInt32(room.count)
          _ = CZlib.deflate(stream, flush)
          return room.count - Int(stream.pointee.avail_out)
        }
        result += room[..<made]
      } while stream.pointee.avail_out == 0
    }
  }

  /// How to write zstd.
  package struct ZstdShape: Sendable {
    package var level: Int32 = 3
    /// Decoded bytes per frame; `nil` for one frame.
    package var frameByteCount: Int?
    package var hasContentSize = true
    package var hasChecksum = true
    package var windowLog: Int32?
    /// The content of a skippable frame before each frame and at the end.
    package var skippable: [UInt8]?

    package init() {}

    package init(_ change: (inout ZstdShape) -> Void) { change(&self) }
  }

  /// Writes zstd frames; no bytes at all make one empty frame.
  package static func zstd(_ bytes: [UInt8], _ shape: ZstdShape = ZstdShape()) -> [UInt8] {
    let size = shape.frameByteCount ?? max(bytes.count, 1)
    let starts = bytes.isEmpty ? [0] : Array(stride(from: 0, to: bytes.count, by: size))
    let skippable = shape.skippable.map(skippableFrame) ?? []
    let frames = starts.reduce(into: [UInt8]()) { blob, start in
      blob += skippable + zstdFrame(Array(bytes[start..<min(start + size, bytes.count)]), shape)
    }
    return frames + skippable
  }

  /// A frame for others: magic number, size, content.
  package static func skippableFrame(_ content: [UInt8]) -> [UInt8] {
    littleEndian(0x184d_2a53 as UInt32) + littleEndian(UInt32(content.count)) + content
  }

  private static func zstdFrame(_ bytes: [UInt8], _ shape: ZstdShape) -> [UInt8] {
    guard let context = ZSTD_createCCtx() else { preconditionFailure("zstd refused to start") }
    defer { ZSTD_freeCCtx(context) }
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, shape.level)
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, shape.hasChecksum ? 1 : 0)
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, shape.hasContentSize ? 1 : 0)
    if let windowLog = shape.windowLog {
      ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, windowLog)
    }
    // Ended in a second call, so that a window asked for is not cut down to a known size.
    var room = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count) + 1024)
    let made = room.withUnsafeMutableBytes { room in
      var output = ZSTD_outBuffer(dst: room.baseAddress, size: room.count, pos: 0)
      bytes.withUnsafeBytes { bytes in
        var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
        if shape.hasContentSize { ZSTD_CCtx_setPledgedSrcSize(context, UInt64(bytes.count)) }
        while input.pos < input.size {
          ZSTD_compressStream2(context, &output, &input, ZSTD_e_continue)
        }
        while ZSTD_compressStream2(context, &output, &input, ZSTD_e_end) != 0 {}
      }
      return output.pos
    }
    return Array(room[..<made])
  }
}
