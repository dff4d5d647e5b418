// Everything that can go wrong between a compressed blob and its decoded bytes.
// Positions are those of the stored bytes (BlobOffset) unless the type says otherwise.

package import Offsets

/// Why a blob could not be decoded.
package enum CompressionError: Error, Equatable, Sendable {
  /// The bytes are those of a format that layers must not be in.
  case unsupported(ForeignFormat)
  /// The blob ended before its last member or frame did, which begins at `from`, `nil` where nobody
  /// saw it begin; the position is the blob's end.
  case truncated(Codec, at: BlobOffset, from: BlobOffset?)
  /// A gzip member header breaks RFC 1952; the position is the member's first byte.
  case badMemberHeader(GzipHeaderFault, memberAt: BlobOffset)
  /// The deflate data is no deflate data; found when this many bytes of the blob had been read.
  case corruptDeflate(at: BlobOffset, memberAt: BlobOffset)
  /// A gzip member's bytes do not have the CRC-32 that its trailer states.
  case checksumMismatch(memberAt: BlobOffset)
  /// A gzip member's size modulo 2^32 is not the ISIZE of its trailer.
  case sizeMismatch(memberAt: BlobOffset)
  /// A zstd frame is damaged (its checksum counts); found when this much of the blob had been read.
  case corruptFrame(ZstdFault, at: BlobOffset, frameAt: BlobOffset)
  /// A zstd frame needs more memory for its window than we allow.
  case windowTooLarge(byteCount: UInt64, limit: UInt64, frameAt: BlobOffset)
  /// A zstd frame was made with a dictionary, which no layer carries.
  case dictionaryNeeded(identifier: UInt32, frameAt: BlobOffset)
  /// Where a zstd frame should begin there is none, nor a skippable one.
  case unknownFrame(magic: UInt32, at: BlobOffset)
  /// The blob decodes to more bytes than `limit`, the named bound of `CompressionLimits`.
  case tooLarge(CompressionLimits.Bound, limit: UInt64, at: BlobOffset)
  /// The window stored for the seek point at this tar offset is damaged.
  case corruptWindow(pointAt: TarOffset)
  /// The seek point cannot be one of this blob.
  case badSeekPoint(at: TarOffset)
  /// The blob's bytes could not be read.
  case source(ByteSourceError)
  /// A compression library could not get memory.
  case outOfMemory
  /// zstd refused to compress.
  case compressorFailed(ZstdFault)
}

/// A compression format that is recognised only to be refused.
package enum ForeignFormat: String, Sendable {
  case bzip2, xz, lz4
  case legacyZstd = "zstd before 0.8"
}

/// What is wrong with a gzip member header.
package enum GzipHeaderFault: Error, Equatable, Sendable {
  /// The compression method is not 8, deflate.
  case unknownMethod(UInt8)
  /// Reserved flag bits are set, so that what follows cannot be understood.
  case reservedFlags(UInt8)
  /// The header's own CRC-16 is wrong.
  case checksumMismatch
}

/// An error code of libzstd.
///
/// The corresponding C function is `ZSTD_getErrorCode`.
package struct ZstdFault: Equatable, Sendable {
  package let code: UInt32
}

extension CompressionError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unsupported(let format): "the blob is \(format.rawValue), which is not supported"
    case .truncated(let codec, let end, let start):
      "\(codec): \(Self.unit(of: codec, from: start))truncated at blob byte \(end)"
    case .badMemberHeader(let fault, let member): "gzip: member at blob byte \(member): \(fault)"
    case .corruptDeflate(let offset, let member):
      "gzip: member at blob byte \(member): corrupt deflate data before blob byte \(offset)"
    case .checksumMismatch(let member): "gzip: member at blob byte \(member): wrong CRC-32"
    case .sizeMismatch(let member): "gzip: member at blob byte \(member): wrong size in trailer"
    default: zstdDescription
    }
  }

  private static func unit(of codec: Codec, from start: BlobOffset?) -> String {
    start.map { "\(codec == .gzip ? "member" : "frame") at blob byte \($0): " } ?? ""
  }

  private var zstdDescription: String {
    switch self {
    case .corruptFrame(let fault, let offset, let frame):
      "zstd: frame at blob byte \(frame): \(fault) before blob byte \(offset)"
    case .windowTooLarge(let count, let limit, let frame):
      "zstd: frame at blob byte \(frame): needs a window of \(count) bytes, more than \(limit)"
    case .dictionaryNeeded(let identifier, let frame):
      "zstd: frame at blob byte \(frame): needs dictionary \(identifier)"
    case .unknownFrame(let magic, let offset):
      "zstd: no frame at blob byte \(offset): magic number 0x\(String(magic, radix: 16))"
    case .compressorFailed(let fault): "zstd: cannot compress: \(fault)"
    default: generalDescription
    }
  }

  private var generalDescription: String {
    switch self {
    case .tooLarge(let bound, let limit, let offset):
      "decodes to more than \(limit) bytes by blob byte \(offset): \(bound)"
    case .corruptWindow(let point): "seek point at tar byte \(point): damaged window"
    case .badSeekPoint(let point): "seek point at tar byte \(point): not one of this blob"
    case .source(let error): "\(error)"
    default: "out of memory"
    }
  }
}

extension GzipHeaderFault: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unknownMethod(let method): "unknown compression method \(method)"
    case .reservedFlags(let flags): "reserved flags in 0x\(String(flags, radix: 16))"
    case .checksumMismatch: "wrong header CRC-16"
    }
  }
}
