// Layers of gigabytes that are made while they are sent, so that neither this process nor a disk holds
// them: a tar of one file, the same block of noise again and again, plain or as one gzip member.
// Source: RFC 1951, section 3.2.4 (stored blocks); RFC 1952, section 2.3; zlib.h, Z_FULL_FLUSH.

import TestKit
import TestRegistry

/// A large layer, what its blob is and what it decodes to.
struct LargeLayer: Sendable {
  let blob: GeneratedBytes
  let diffID: String
  let isCompressed: Bool

  /// What is repeated: 1 MiB.
  private static let blockByteCount = 1 << 20

  /// One layer of about `byteCount` bytes, which does not get smaller when it is compressed.
  ///
  /// The member is one long run of deflate blocks, so that whoever wants to read from its middle has
  /// to keep windows of what came before.
  init(byteCount: Int, isCompressed: Bool) {
    let count = byteCount / Self.blockByteCount
    let block = GeneratedBytes.noise(byteCount: Self.blockByteCount).all
    let entry = TarEntry.file("big").declaring(size: Int64(count * block.count)).unpadded()
    let pieces = Pieces(
      head: TarBytes.bytes(of: entry),
      block: block,
      count: count,
      tail: TarBytes.zeros(2 * TarBytes.block)
    )
    let tar = pieces.bytes
    self.isCompressed = isCompressed
    diffID = tar.digest
    blob = isCompressed ? pieces.gzipped : tar
  }

  /// An image of this layer alone.
  var image: TestImage {
    let part = TestImage.Part(
      digest: isCompressed ? blob.digest : diffID,
      bytes: blob,
      mediaType: isCompressed ? ImageFixture.MediaTypes.oci.gzipLayer : TestImage.plainLayer
    )
    return TestImage(layers: [part], diffIDs: [diffID])
  }
}

/// A head, one block `count` times, and a tail.
private struct Pieces {
  let head: [UInt8]
  let block: [UInt8]
  let count: Int
  let tail: [UInt8]

  var bytes: GeneratedBytes {
    let block = block
    let middle = GeneratedBytes(byteCount: block.count * count) { range in
      var bytes: [UInt8] = []
      bytes.reserveCapacity(range.count)
      var place = range.lowerBound
      while place < range.upperBound {
        let start = place % block.count
        let end = min(block.count, start + range.upperBound - place)
        bytes += block[start..<end]
        place += end - start
      }
      return bytes
    }
    return GeneratedBytes(head) + middle + GeneratedBytes(tail)
  }

  /// All of it as one member: deflate blocks do not look behind a full flush, so those of a part can
  /// be repeated like the part itself.
  var gzipped: GeneratedBytes {
    var checksum = CompressedBytes.checksum(head)
    for _ in 0..<count { checksum = CompressedBytes.checksum(block, after: checksum) }
    checksum = CompressedBytes.checksum(tail, after: checksum)
    let byteCount = UInt32(truncatingIfNeeded: head.count + block.count * count + tail.count)
    let trailer = [checksum, byteCount].flatMap { number in
      (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }
    let deflated = Pieces(
      head: [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3] + Self.flushed(head),
      block: Self.flushed(block),
      count: count,
      tail: CompressedBytes.deflate(tail) + trailer
    )
    return deflated.bytes
  }

  /// Deflate blocks that end on a whole byte and are not the last ones.
  private static func flushed(_ bytes: [UInt8]) -> [UInt8] {
    let shape = CompressedBytes.GzipShape {
      $0.flush = .full
      $0.flushByteCount = bytes.count
    }
    // What follows the flush is the end of a stream of one byte; it is cut off again.
    let end = CompressedBytes.deflate([0])
    return Array(CompressedBytes.deflate(bytes + [0], shape).dropLast(end.count))
  }
}
