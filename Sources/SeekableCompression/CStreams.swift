// Owners of what the C libraries keep on the heap: zlib's deflate stream, zstd's contexts, and
// plain bytes. With the two inflaters, the only places that allocate and free. Know nothing of blobs
// or seek points. A C stream holds a pointer to itself or is large, so it is pinned: it never moves.

#if HAS_ISAL
import CIsal
#endif
import CZlib
import CZstd

/// Bytes on the heap, freed with their owner.
///
/// Move-only, so whoever can reach it is its only user.
struct HeapBytes: ~Copyable, Sendable {
  nonisolated(unsafe) let bytes: UnsafeMutableRawBufferPointer

  init(byteCount: Int) {
    bytes = .allocate(byteCount: byteCount, alignment: 16)
  }

  deinit {
    bytes.deallocate()
  }

  /// The bytes of `range`, which must lie inside.
  func slice(_ range: Range<Int>) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(rebasing: bytes[range])
  }
}

/// The CRC-32 of RFC 1952 §8, of bytes that come in pieces.
package struct CRC32: Sendable {
  package private(set) var value: UInt32 = 0

  package init() {}

  /// The corresponding C functions are `crc32_gzip_refl` of ISA-L, and zlib's `crc32_z`.
  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
    guard let base else { return }
    #if HAS_ISAL
    value = crc32_gzip_refl(value, base, UInt64(bytes.count))
    #else
    value = UInt32(truncatingIfNeeded: crc32_z(UInt(value), base, bytes.count))
    #endif
  }

  package static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var crc = CRC32()
    crc.update(bytes)
    return crc.value
  }
}

/// A compressor to raw deflate, for small inputs at once.
struct DeflateContext: ~Copyable, Sendable {
  nonisolated(unsafe) private let stream: UnsafeMutablePointer<z_stream>

  init(level: Int32) throws(CompressionError) {
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    guard czlib_deflateInit2(stream, level, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK else {
      stream.deallocate()
      throw .outOfMemory
    }
    self.stream = stream
  }

  deinit {
    deflateEnd(stream)
    stream.deallocate()
  }

  /// Deflates `bytes` into `output` and returns the count, or `nil` when there is no room.
  ///
  /// The corresponding C function is `deflate` with `Z_FINISH`.
  mutating func deflate(
    _ bytes: UnsafeRawBufferPointer,
    into output: UnsafeMutableRawBufferPointer
  ) -> Int? {
    guard deflateReset(stream) == Z_OK else { return nil }
    stream.pointee.next_in = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_in = UInt32(bytes.count)
    stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(output.count)
    guard CZlib.deflate(stream, Z_FINISH) == Z_STREAM_END else { return nil }
    return output.count - Int(stream.pointee.avail_out)
  }
}

/// A zstd decompression context.
struct ZstdDecompressor: ~Copyable, Sendable {
  nonisolated(unsafe) private let context: OpaquePointer

  init() throws(CompressionError) {
    guard let context = ZSTD_createDCtx() else { throw .outOfMemory }
    // What a frame may need is asked of its header, before the library sees it.
    let limit = Int32(CompressionLimits.largestZstdWindowByteCount.trailingZeroBitCount)
    guard ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, limit)) == 0 else {
      ZSTD_freeDCtx(context)
      throw .outOfMemory
    }
    self.context = context
  }

  deinit {
    ZSTD_freeDCtx(context)
  }

  /// Forgets the frame it is in; its memory and parameters stay.
  ///
  /// The corresponding C function is `ZSTD_DCtx_reset`.
  mutating func reset() {
    ZSTD_DCtx_reset(context, ZSTD_reset_session_only)
  }

  /// What it takes, the window of the largest frame so far included.
  ///
  /// The corresponding C function is `ZSTD_sizeof_DCtx`.
  var byteCount: Int { ZSTD_sizeof_DCtx(context) }

  enum Outcome {
    case more
    case frameEnd
    case failed(ZstdFault)
  }

  /// Decodes as far as input and room allow, and moves both past what was used.
  ///
  /// The corresponding C function is `ZSTD_decompressStream`.
  mutating func decode(
    _ input: inout UnsafeRawBufferPointer,
    into output: inout UnsafeMutableRawBufferPointer
  ) -> Outcome {
    var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
    var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
    let result = ZSTD_decompressStream(context, &target, &source)
    input.dropFirstInPlace(source.pos)
    output.dropFirstInPlace(target.pos)
    if ZSTD_isError(result) != 0 { return .failed(ZstdFault(result)) }
    return result == 0 ? .frameEnd : .more
  }
}

/// A zstd compression context that makes frames with content size and checksum.
struct ZstdCompressor: ~Copyable, Sendable {
  nonisolated(unsafe) private let context: OpaquePointer

  init(level: Int32) throws(CompressionError) {
    guard let context = ZSTD_createCCtx() else { throw .outOfMemory }
    for (parameter, value) in [(ZSTD_c_compressionLevel, level), (ZSTD_c_checksumFlag, 1)] {
      let result = ZSTD_CCtx_setParameter(context, parameter, value)
      if ZSTD_isError(result) != 0 {
        ZSTD_freeCCtx(context)
        throw .compressorFailed(ZstdFault(result))
      }
    }
    self.context = context
  }

  deinit {
    ZSTD_freeCCtx(context)
  }

  /// The room that any frame of `byteCount` decoded bytes fits into.
  ///
  /// The corresponding C function is `ZSTD_compressBound`.
  static func bound(_ byteCount: Int) -> Int {
    ZSTD_compressBound(byteCount)
  }

  /// Compresses `bytes` to one frame in `output`, and returns its size.
  ///
  /// The corresponding C function is `ZSTD_compress2`.
  mutating func compress(
    _ bytes: UnsafeRawBufferPointer,
    into output: UnsafeMutableRawBufferPointer
  ) throws(CompressionError) -> Int {
    let result = ZSTD_compress2(
      context,
      output.baseAddress,
      output.count,
      bytes.baseAddress,
      bytes.count
    )
    if ZSTD_isError(result) != 0 { throw .compressorFailed(ZstdFault(result)) }
    return result
  }
}

extension ZstdFault {
  init(_ result: Int) {
    code = ZSTD_getErrorCode(result).rawValue
  }
}

extension ZstdFault: CustomStringConvertible {
  /// The library's words, such as "Restored data doesn't match checksum", in our grammar.
  package var description: String {
    guard let text = ZSTD_getErrorString(ZSTD_ErrorCode(rawValue: code)) else { return "\(code)" }
    let words = String(cString: text)
    return words.prefix(1).lowercased() + words.dropFirst()
  }
}

extension UnsafeRawBufferPointer {
  mutating func dropFirstInPlace(_ count: Int) {
    self = UnsafeRawBufferPointer(rebasing: self[count...])
  }
}

extension UnsafeMutableRawBufferPointer {
  mutating func dropFirstInPlace(_ count: Int) {
    self = UnsafeMutableRawBufferPointer(rebasing: self[count...])
  }
}
