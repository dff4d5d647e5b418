// What a mutation of a tar stream breaks first and every time: the checksums of its header blocks.
// Puts them right, so that fuzzing goes further. Source: POSIX.1-2017 pax(1), "ustar Interchange Format".

import Offsets
import TarFormat

enum TarMending {
  static let blockSize = 512
  private static let sizeField = 124..<135
  private static let checksumField = 148..<156

  /// A ustar header block of a member called `m`, all its checksum right.
  static func block(type: String, byteCount: Int) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: blockSize)
    func put(_ text: String, at offset: Int) {
      block.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
    }
    put("m", at: 0)
    let digits = String(byteCount, radix: 8)
    put(String(repeating: "0", count: sizeField.count - digits.count) + digits, at: 124)
    put(type, at: 156)
    put("target", at: 157)
    put("ustar\u{0}00", at: 257)
    mend(&block, at: 0)
    return block
  }

  /// The stream with right checksums in every block that the scanner takes for a header.
  static func withRightChecksums(_ stream: [UInt8]) -> [UInt8] {
    var bytes = stream
    var scanner = TarScanner()
    var start = 0
    while start < bytes.count {
      let before = scanner
      let end = min(start + blockSize, bytes.count)
      do throws(TarError) {
        try take(start..<end, of: bytes, &scanner)
        start = end
      } catch {
        guard case .checksumMismatch(let place) = error, place.bytes == UInt64(start),
          end - start == blockSize
        else { return bytes }
        mend(&bytes, at: start)
        scanner = before
        do throws(TarError) { try take(start..<end, of: bytes, &scanner) } catch { return bytes }
        start = end
      }
    }
    return bytes
  }

  /// Where the stream's end marker ends; `nil` where it has none.
  static func endOfArchive(in bytes: [UInt8]) -> Int? {
    var scanner = TarScanner()
    for start in stride(from: 0, to: bytes.count, by: blockSize) {
      let end = min(start + blockSize, bytes.count)
      do throws(TarError) { try take(start..<end, of: bytes, &scanner) } catch { return nil }
      if scanner.isEnded { return end }
    }
    return nil
  }

  private static func take(
    _ range: Range<Int>,
    of bytes: [UInt8],
    _ scanner: inout TarScanner
  ) throws(TarError) {
    var position = 0
    while try scanner.nextMember(in: bytes.span.extracting(range), from: &position) {}
  }

  private static func mend(_ bytes: inout [UInt8], at start: Int) {
    let field = (start + checksumField.lowerBound)..<(start + checksumField.upperBound)
    // The sum counts its own field as blanks.
    bytes.replaceSubrange(field, with: repeatElement(0x20, count: field.count))
    let digits = String(bytes[start..<start + blockSize].reduce(0) { $0 + Int($1) }, radix: 8)
    let text = String(repeating: "0", count: 6 - digits.count) + digits + "\u{0} "
    bytes.replaceSubrange(field, with: text.utf8)
  }
}
