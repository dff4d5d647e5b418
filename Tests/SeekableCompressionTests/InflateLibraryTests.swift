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
    let blob = encoding.encode(Array(Encoding.smallSample[..<1200]))
    for length in blob.indices { try compare(Array(blob[..<length]), "\(length) bytes") }
  }

  @Test(arguments: gzip, [0x01, 0x08, 0x40, 0xff] as [UInt8])
  func `a stream damaged at any byte ends alike`(encoding: Encoding, mask: UInt8) throws {
    let blob = encoding.encode(Array(Encoding.smallSample[..<1200]))
    for position in blob.indices {
      var damaged = blob
      damaged[position] ^= mask
      try compare(damaged, "byte \(position) ^ \(mask)")
    }
  }

  @Test(arguments: gzip, [0x01, 0x10] as [UInt8])
  func `all before the damage can be read alike`(encoding: Encoding, mask: UInt8) throws {
    let blob = encoding.encode(Encoding.sample)
    let table = try indexed(blob).table
    var generator = SeededGenerator(seed: UInt64(mask))
    for _ in 0..<12 {
      var damaged = blob
      damaged[Int.random(in: 20..<blob.count, using: &generator)] ^= mask
      let bytes = try InflateLibrary.allCases.map { try readable(damaged, table, $0) }
      #expect(bytes.allSatisfy { $0 == bytes[0] }, "\(bytes.map(\.count)) bytes")
    }
  }

  /// What can be read in pieces until the first error.
  private func readable(
    _ blob: [UInt8],
    _ table: SeekTable,
    _ library: InflateLibrary
  ) throws -> [UInt8] {
    var decoder = try decoder(of: MemoryBlob(blob), table, library: library)
    var bytes: [UInt8] = []
    do {
      while true {
        let piece = try decoder.bytes(1)
        if piece.isEmpty { return bytes }
        bytes += piece
      }
    } catch {
      #expect(error is CompressionError)
      return bytes
    }
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
          .truncated(.gzip, _):
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
