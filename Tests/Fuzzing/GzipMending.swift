// What a mutation of a gzip blob breaks first and every time: the CRC-32 and size in its members'
// trailers. Puts them right, so that fuzzing goes further. Source: RFC 1952 §2.3.1.

import Offsets
import SeekableCompression

enum GzipMending {
  /// Members whose trailers are put right; more are not worth their time.
  private static let memberLimit = 4
  private static let trailerByteCount = 8

  /// The blob with trailers that fit; `nil` where none can be put right or all are.
  static func withRightTrailers(_ blob: [UInt8]) -> [UInt8]? {
    var mended = blob
    var isMended = false
    for _ in 0..<memberLimit {
      guard let member = brokenMember(of: mended) else { break }
      guard let trailer = trailer(of: Array(mended[member...])) else { break }
      let start = member + trailer.start
      mended.replaceSubrange(start..<start + trailerByteCount, with: trailer.bytes)
      isMended = true
    }
    return isMended ? mended : nil
  }

  /// Where the first member begins whose trailer does not fit.
  private static func brokenMember(of blob: [UInt8]) -> Int? {
    switch BlobChecks.BlobPass(blob).error {
    case .checksumMismatch(let member), .sizeMismatch(let member): Int(member.bytes)
    default: nil
    }
  }

  /// The right trailer of the one member at the front of `blob`, and where it belongs.
  private static func trailer(of blob: [UInt8]) -> (start: Int, bytes: [UInt8])? {
    // Fed byte by byte, the pass gives every decoded byte before it meets the trailer's last.
    let pass = BlobChecks.BlobPass(blob, pieceSize: 1)
    guard pass.error != nil else { return nil }
    let start = pass.takenByteCount - trailerByteCount
    let checksum = pass.bytes.withRawBytes { CRC32.of($0) }
    let size = UInt32(truncatingIfNeeded: pass.bytes.count)
    return (
      start,
      [checksum, size].flatMap { number in
        (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
      }
    )
  }
}
