// ISA-L held against zlib: the same bytes and errors of whole and of damaged streams, and an index
// that one of them made read by the other. Where there is no ISA-L, zlib against itself.

import Foundation
import Offsets
import SeekableCompression
import TestKit
import Testing

struct InflateLibraryTests {
  private static let gzip = Encoding.all.filter { $0.codec == .gzip }

  @Test(arguments: gzip, [64 << 10, 200_000, SeekTable.defaultSpacing])
  func `an index that one library made is read by every other`(
    encoding: Encoding,
    spacing: UInt64
  ) throws {
    try checkAll(encoding.encode(Encoding.sample), of: Encoding.sample, spacing: spacing)
  }

  @Test(arguments: 0..<40 as Range<UInt64>)
  func `random streams decode alike`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let count = Int.random(in: 1...400_000, using: &generator)
    let sample = CompressedBytes.sample(byteCount: count, seed: seed)
    let shape = CompressedBytes.GzipShape {
      $0.level = Int32.random(in: 0...9, using: &generator)
      $0.strategy = .allCases.randomElement(using: &generator) ?? .standard
      $0.flush = [.none, .sync, .full].randomElement(using: &generator) ?? .none
      $0.flushByteCount = Int.random(in: 100...100_000, using: &generator)
      if Bool.random(using: &generator) {
        $0.memberByteCount = Int.random(in: 1000...200_000, using: &generator)
      }
      if Bool.random(using: &generator) { $0.extra = [UInt8](repeating: 0x1f, count: 70) }
      if Bool.random(using: &generator) { $0.tail = [0, 0, 0] }
    }
    try checkAll(CompressedBytes.gzip(sample, shape), of: sample, spacing: 64 << 10)
  }

  @Test func `the distance between points is the same within a few blocks`() throws {
    let blob = CompressedBytes.gzip(CompressedBytes.sample(byteCount: 6_000_000, seed: 5))
    let tables = try InflateLibrary.allCases.map { try indexed(blob, library: $0).table }
    let counts = tables.map(\.points.count)
    #expect(counts.allSatisfy { (5...6).contains($0) }, "\(counts)")
    // A block of level 6 has 16,383 symbols: here up to 100 KB.
    let longest = tables.map(\.longestSpan)
    #expect(longest.allSatisfy { $0 < (1 << 20) + 300_000 }, "\(longest)")
  }

  /// 40 MB of zeros between two samples: as long as blocks make it, and no longer.
  @Test func `a point is not far behind the wish where a stream is all runs`() throws {
    let sample = Encoding.smallSample
    let blob = CompressedBytes.gzip(sample + [UInt8](repeating: 0, count: 40_000_000) + sample)
    for library in InflateLibrary.allCases {
      let table = try indexed(blob, library: library).table
      #expect(table.longestSpan <= SeekTable.longestTolerableSpan, "\(library)")
    }
  }

  @Test func `members by the thousand, small and empty, decode alike`() throws {
    let sample = CompressedBytes.sample(byteCount: 200_000, seed: 8)
    let empty = CompressedBytes.gzip([])
    var blob: [UInt8] = []
    for start in stride(from: 0, to: sample.count, by: 20) {
      blob += CompressedBytes.gzip(Array(sample[start..<start + 20])) + empty
    }
    try checkAll(blob, of: sample, spacing: 64 << 10)
  }

  @Test(arguments: gzip)
  func `a stream cut at any byte ends alike`(encoding: Encoding) throws {
    let blob = encoding.encode(Array(Encoding.smallSample[..<600]))
    for length in blob.indices { try compare(Array(blob[..<length]), "\(length) bytes") }
  }

  @Test(arguments: gzip, [0x01, 0x08, 0xff] as [UInt8])
  func `a stream damaged at any byte ends alike`(encoding: Encoding, mask: UInt8) throws {
    let blob = encoding.encode(Array(Encoding.smallSample[..<400]))
    for position in blob.indices {
      var damaged = blob
      damaged[position] ^= mask
      try compare(damaged, "byte \(position) ^ \(mask)")
    }
  }

  @Test(arguments: gzip, [0x01, 0x10] as [UInt8])
  func `all before the damage can be read alike, but for a match`(
    encoding: Encoding,
    mask: UInt8
  ) throws {
    let blob = encoding.encode(Array(Encoding.sample[..<300_000]))
    let table = try indexed(blob).table
    var generator = SeededGenerator(seed: UInt64(mask))
    for _ in 0..<20 {
      var damaged = blob
      damaged[Int.random(in: 20..<blob.count, using: &generator)] ^= mask
      let bytes = try InflateLibrary.allCases.map { try readable(damaged, table, $0) }
      for other in bytes.dropFirst() { expectAlike(other, reference: bytes[0]) }
    }
  }

  /// ISA-L gives up to the longest match less than zlib, and never more.
  private func expectAlike(_ bytes: [UInt8], reference: [UInt8]) {
    let isAlike = reference.starts(with: bytes) && bytes.count + 258 >= reference.count
    #expect(isAlike, "\(bytes.count) bytes, \(reference.count) by zlib")
  }

  /// What can be read until the first error.
  private func readable(
    _ blob: [UInt8],
    _ table: SeekTable,
    _ library: InflateLibrary
  ) throws -> [UInt8] {
    var bytes: [UInt8] = []
    // What a read that fails has decoded is lost, so the last ones are read one by one.
    for size in [4096, 64, 1] {
      var decoder = try decoder(of: MemoryBlob(blob), table, library: library)
      bytes = try decoder.bytes(bytes.count)
      do {
        while true {
          let piece = try decoder.bytes(size)
          if piece.isEmpty { return bytes }
          bytes += piece
        }
      } catch {
        #expect(error is CompressionError)
      }
    }
    return bytes
  }

  @Test(arguments: [RealImage.debian, .small])
  func `the layers of a real image decode alike`(image: RealImage) throws {
    let blobs = try image.layout + "/blobs/sha256/"
    for name in try FileManager.default.contentsOfDirectory(atPath: blobs) {
      let blob = [UInt8](try Data(contentsOf: URL(fileURLWithPath: blobs + name)))
      guard Codec.sniff(blob.prefix(10)) == .known(.gzip) else { continue }
      let passes = try InflateLibrary.allCases.map { try indexed(blob, library: $0) }
      for pass in passes {
        #expect(CompressedBytes.checksum(pass.bytes) == CompressedBytes.checksum(passes[0].bytes))
        for library in InflateLibrary.allCases {
          try checkSpans(of: MemoryBlob(blob), pass, library)
        }
      }
    }
  }

  /// One block with a code of `words` for literals and lengths, none for distances, and a body of bits.
  ///
  /// Its lengths are in code words of four bits each, so that lengths 0 to 15 stand for themselves.
  private func codedBlock(_ words: [Int: Int], _ body: String) -> [UInt8] {
    var bits = "1" + "01" + number(0, 5) + number(0, 5) + number(15, 4)
    let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
    for symbol in order { bits += number(symbol < 16 ? 4 : 0, 3) }
    for symbol in 0..<257 { bits += String(number(words[symbol] ?? 0, 4).reversed()) }
    bits += "0000" + body
    return packed(bits)
  }

  /// Bits in the order of the stream.
  private func packed(_ bits: String) -> [UInt8] {
    stride(from: 0, to: bits.count, by: 8).map { start in
      bits.dropFirst(start).prefix(8).reversed().reduce(0) { $0 << 1 | ($1 == "1" ? 1 : 0) }
    }
  }

  /// The bits of a number, the lowest first.
  private func number(_ value: Int, _ count: Int) -> String {
    String((0..<count).map { value >> $0 & 1 == 1 ? "1" : "0" })
  }

  private func member(_ deflate: [UInt8], of bytes: [UInt8]) -> [UInt8] {
    let empty = CompressedBytes.gzip([])
    let numbers = [CompressedBytes.checksum(bytes), UInt32(bytes.count)]
    return empty[..<10] + deflate
      + numbers.flatMap { number in (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } }
  }

  @Test func `a code that lacks words is zlib's to refuse, and others' only if one is met`() throws
  {
    // a: 0, end: 10; 11 is missing. Then with b: 11.
    let lacking = [97: 1, 256: 2]
    let whole = [97: 1, 98: 2, 256: 2]
    let bytes = Array("aaa".utf8)
    for library in InflateLibrary.allCases {
      let complete = member(codedBlock(whole, "00011"), of: bytes)
      #expect(try indexed(complete, library: library).bytes == bytes, "\(library)")
      let unused = member(codedBlock(lacking, "00010"), of: bytes)
      let used = member(codedBlock(lacking, "000110"), of: bytes)
      for (blob, isRefused) in [(unused, library == .zlib), (used, true)] {
        if isRefused {
          let error = #expect(throws: CompressionError.self) { try indexed(blob, library: library) }
          guard case .corruptDeflate(at: _, memberAt: .zero) = error else {
            return #expect(Bool(false), "\(library): \(String(describing: error))")
          }
        } else {
          #expect(try indexed(blob, library: library).bytes == bytes, "\(library)")
        }
      }
    }
  }

  /// What ISA-L counts as decoded then, it never wrote; see `IsalInflater`.
  @Test(arguments: [40, 300, 5000, 20_000], [0, 8, 300, 70_000])
  func `a match from before the stream gives no byte`(count: Int, filler: Int) throws {
    let bytes = CompressedBytes.sample(byteCount: count, seed: 4)
    var shape = CompressedBytes.GzipShape()
    shape.flush = .full
    shape.flushByteCount = count
    let whole = CompressedBytes.deflate(bytes + Array("a".utf8), shape)
    // A block with one letter, behind a flush: that ends at a byte.
    try #require(whole.suffix(3) == [0x4b, 0x04, 0])
    // A block of fixed codes: length 258, distance 24,577, and whatever follows.
    let match = packed("110" + "11000101" + "11101" + String(repeating: "0", count: 13))
    let blob =
      CompressedBytes.gzip([])[..<10] + whole.dropLast(3) + match
      + [UInt8](repeating: 0x55, count: filler)
    var table = SeekTable(codec: .gzip)
    table.points = [SeekPoint(blobOffset: BlobOffset(10), tarOffset: .zero)]
    for library in InflateLibrary.allCases {
      expectAlike(try readable(Array(blob), table, library), reference: bytes)
      let error = #expect(throws: CompressionError.self) {
        try indexed(Array(blob), library: library)
      }
      guard case .corruptDeflate(at: let end, memberAt: .zero) = error else {
        return #expect(Bool(false), "\(library): \(String(describing: error))")
      }
      #expect(end.bytes <= UInt64(blob.count) && end.bytes > UInt64(blob.count - filler - 8))
    }
  }

  /// Every span of a table, one decoder for all.
  private func checkSpans(
    of blob: MemoryBlob,
    _ pass: Pass,
    _ library: InflateLibrary
  ) throws {
    let table = pass.table
    var decoder = try decoder(of: blob, table, library: library)
    for (place, point) in table.points.enumerated() {
      try table.window(of: point).withUnsafeBytes {
        try decoder.reset(codec: .gzip, at: point, window: $0, source: blob)
      }
      let isLast = place + 1 == table.points.count
      let end = isLast ? table.decodedByteCount : table.points[place + 1].tarOffset.bytes
      let range = Int(point.tarOffset.bytes)..<Int(end)
      let isRight = try decoder.bytes(range.count) == Array(pass.bytes[range])
      #expect(isRight, "\(library), from tar byte \(point.tarOffset)")
    }
  }

  /// Indexes with each library, and reads from every point with each.
  private func checkAll(_ blob: [UInt8], of sample: [UInt8], spacing: UInt64) throws {
    for maker in InflateLibrary.allCases {
      let pass = try indexed(blob, spacing: spacing, library: maker)
      #expect(pass.bytes == sample, "\(maker)")
      #expect(try indexed(blob, spacing: spacing, pieceByteCount: 777, library: maker) == pass)
      for reader in InflateLibrary.allCases {
        try checkSpans(of: MemoryBlob(blob), pass, reader)
        // Over members, and to the end of the blob.
        var decoder = try decoder(of: MemoryBlob(blob), pass.table, library: reader)
        let isRight = try decoder.bytes(sample.count + 1) == sample
        #expect(isRight, "made by \(maker), read by \(reader)")
      }
    }
  }

  /// What may differ is where damaged deflate data is seen, and whether there or by a checksum.
  private func compare(_ blob: [UInt8], _ name: Comment) throws {
    let outcomes = InflateLibrary.allCases.map { outcome(of: blob, $0) }
    for outcome in outcomes {
      switch (outcomes[0], outcome) {
      case (.failure(.corruptDeflate(_, let member)), .failure(let error)):
        switch error {
        case .corruptDeflate(_, member), .checksumMismatch(member), .sizeMismatch(member),
          .truncated(.gzip, at: _, from: member):
          break
        default: Issue.record("\(name): \(error)")
        }
      case (let first, let outcome): #expect(outcome == first, name)
      }
    }
  }

  private enum Outcome: Equatable {
    case bytes([UInt8], [CompressionWarning])
    case failure(CompressionError)
  }

  private func outcome(of blob: [UInt8], _ library: InflateLibrary) -> Outcome {
    do {
      let pass = try indexed(blob, library: library)
      return .bytes(pass.bytes, pass.table.warnings)
    } catch let error as CompressionError {
      return .failure(error)
    } catch {
      Issue.record(error)
      return .bytes([], [])
    }
  }
}
