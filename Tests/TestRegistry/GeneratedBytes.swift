// Bytes that a server sends: an array, or a function of the offset, so that a layer of gigabytes
// takes no memory. Nothing here knows of HTTP.

import Crypto
package import TestKit

/// A sequence of bytes of known length, any part of which can be made at any time.
package struct GeneratedBytes: Sendable {
  package let byteCount: Int
  private let make: @Sendable (Range<Int>) -> [UInt8]

  /// `make` returns the bytes of a range within `0..<byteCount`, the same ones each time.
  package init(byteCount: Int, _ make: @escaping @Sendable (Range<Int>) -> [UInt8]) {
    self.byteCount = byteCount
    self.make = make
  }

  package init(_ bytes: [UInt8]) {
    self.init(byteCount: bytes.count) { Array(bytes[$0]) }
  }

  package init(_ text: String) {
    self.init(Array(text.utf8))
  }

  package func bytes(_ range: Range<Int>) -> [UInt8] {
    range.isEmpty ? [] : make(range)
  }

  package var all: [UInt8] { bytes(0..<byteCount) }

  package func slice(_ range: Range<Int>) -> GeneratedBytes {
    GeneratedBytes(byteCount: range.count) { part in
      bytes(range.lowerBound + part.lowerBound..<range.lowerBound + part.upperBound)
    }
  }

  package static func + (first: GeneratedBytes, second: GeneratedBytes) -> GeneratedBytes {
    let border = first.byteCount
    return GeneratedBytes(byteCount: border + second.byteCount) { range in
      let head = range.clamped(to: 0..<border)
      let tail = range.clamped(to: border..<border + second.byteCount)
      return first.bytes(head) + second.bytes(tail.lowerBound - border..<tail.upperBound - border)
    }
  }

  /// `sha256:` and the digest, computed piece by piece.
  package var digest: String {
    var hasher = SHA256()
    for start in stride(from: 0, to: byteCount, by: 1 << 20) {
      bytes(start..<min(start + (1 << 20), byteCount)).withUnsafeBytes {
        hasher.update(bufferPointer: $0)
      }
    }
    return "sha256:"
      + hasher.finalize().map { byte in
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
      }.joined()
  }

  /// Noise that tells where it is: a block of 1 MiB again and again, each begun by its number.
  package static func noise(byteCount: Int, seed: UInt64 = 1) -> GeneratedBytes {
    let blockByteCount = 1 << 20
    var generator = SeededGenerator(seed: seed)
    var words = [UInt64](repeating: 0, count: (min(blockByteCount, byteCount) + 7) / 8)
    for index in words.indices { words[index] = generator.next() }
    let block = words.withUnsafeBytes { Array($0) }
    return GeneratedBytes(byteCount: byteCount) { range in
      var bytes: [UInt8] = []
      bytes.reserveCapacity(range.count)
      var place = range.lowerBound
      while place < range.upperBound {
        let (number, within) = place.quotientAndRemainder(dividingBy: blockByteCount)
        let end = min(within + range.upperBound - place, blockByteCount)
        let stamp = littleEndian(UInt64(number))
        if within < 8 { bytes += stamp[within..<min(end, 8)] }
        if end > max(within, 8) { bytes += block[max(within, 8)..<end] }
        place += end - within
      }
      return bytes
    }
  }

  /// A tar stream of one file full of noise, about `byteCount` bytes long.
  package static func tar(byteCount: Int, path: TarText = "big", seed: UInt64 = 1)
    -> GeneratedBytes
  {
    let size = (byteCount + 511) / 512 * 512
    let entry = TarEntry.file(path).declaring(size: Int64(size)).unpadded()
    return GeneratedBytes(TarBytes.bytes(of: entry)) + noise(byteCount: size, seed: seed)
      + GeneratedBytes(TarBytes.zeros(2 * TarBytes.block))
  }

  private static func littleEndian(_ number: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  }
}
