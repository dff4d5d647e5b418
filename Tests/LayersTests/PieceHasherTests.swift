// Pieces hashed on another thread against the same bytes hashed at once, from memory that is filled
// again as soon as it may be.

import ImageStore
import OCISpec
import TestKit
import Testing

@testable import Layers

struct PieceHasherTests {
  @Test(arguments: 0..<5 as Range<UInt64>)
  func `pieces come to what their bytes come to`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var hasher = PieceHasher(blob: DigestHasher(.sha512), tar: DigestHasher(.sha256))
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 200_000, alignment: 16)
    defer { memory.deallocate() }
    var (blob, tar): ([UInt8], [UInt8]) = ([], [])
    var tickets = [0, 0]
    for number in 0..<60 {
      hasher.wait(for: tickets[number % 2])
      let count = Int.random(in: 1...100_000, using: &generator)
      let start = number % 2 * 100_000
      let piece = UnsafeMutableRawBufferPointer(rebasing: memory[start..<start + count])
      let byte = UInt8.random(in: 0...255, using: &generator)
      for place in piece.indices { piece[place] = byte &+ UInt8(truncatingIfNeeded: place / 7) }
      if Bool.random(using: &generator) {
        blob += piece
        tickets[number % 2] = hasher.takeStored(UnsafeRawBufferPointer(piece))
      } else {
        tar += piece
        tickets[number % 2] = hasher.takeDecoded(UnsafeRawBufferPointer(piece))
      }
    }
    let sums = hasher.finish()
    #expect(sums.blob?.finalize() == DigestHasher.digest(of: blob, .sha512))
    #expect(sums.tar.finalize() == DigestHasher.digest(of: tar, .sha256))
    var blocks = BlockChecksumBuilder()
    blob.withUnsafeBytes { blocks.update($0) }
    #expect(sums.blocks.checksums == blocks.checksums)
  }

  @Test func `no pieces come to the sums of nothing`() {
    let sums = PieceHasher(blob: nil, tar: DigestHasher(.sha256)).finish()
    #expect(sums.blob == nil && sums.blocks.checksums == [])
    #expect(sums.tar.finalize() == DigestHasher.digest(of: [], .sha256))
  }
}
