// Reads of files out of layers of every encoding, held against the bytes that were put in: at
// random places, from many threads, through caches that are too small.

import FileTree
import FlatArrays
import Foundation
import Offsets
import TestKit
import Testing

@testable import Layers
import Threading

/// Twenty-odd megabytes of files of many sizes, in one tar stream.
///
/// Sparse ones stand on the borders between spans.
struct LargeLayer: Sendable {
  let tar: [UInt8]
  let files: [String: [UInt8]]
  private let blobs = EncodedBlobs()

  /// Made once: every suite reads the same.
  static let shared = LargeLayer(byteCount: 22 << 20, seed: 31)

  init(byteCount: Int, seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let pool = CompressedBytes.sample(byteCount: 1 << 20, seed: seed &+ 1)
    var tar: [UInt8] = []
    var files: [String: [UInt8]] = [:]
    var number = 0
    while tar.count < byteCount {
      let name = "d\(number % 7)/f\(number)"
      number += 1
      if number % 6 == 0 {
        let (entry, bytes) = LargeLayer.sparse(name, pool, &random)
        files[name] = bytes
        tar += TarBytes.bytes(of: entry)
      } else {
        let sizes = [0, 1, 511, 512, 513, 40_000, 300_000, 1_500_000, 5_000_000]
        let bytes = LargeLayer.bytes(sizes.randomElement(using: &random) ?? 1, pool, &random)
        files[name] = bytes
        tar += TarBytes.bytes(of: .file(TarText(Array(name.utf8)), TarText(bytes)))
      }
    }
    self.tar = tar + TarBytes.zeros(1024)
    self.files = files
  }

  /// The layer as a blob, made when first asked for.
  func blob(_ encoding: LayerEncoding) -> [UInt8] { blobs.blob(of: tar, as: encoding) }

  private final class EncodedBlobs: Sendable {
    private let made = Mutex<[LayerEncoding: [UInt8]]>([:])

    func blob(of tar: [UInt8], as encoding: LayerEncoding) -> [UInt8] {
      made.withLock { made in
        let blob = made[encoding] ?? encoding.blob(of: tar)
        made[encoding] = blob
        return blob
      }
    }
  }

  /// Pieces of the pool, so that it compresses as programs do, without being one repeated block.
  private static func bytes(
    _ count: Int,
    _ pool: [UInt8],
    _ random: inout SeededGenerator
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count {
      let length = min(Int.random(in: 100...60_000, using: &random), count - bytes.count)
      let start = Int.random(in: 0...(pool.count - length), using: &random)
      bytes += pool[start..<(start + length)]
      if bytes.count < count { bytes.append(UInt8(truncatingIfNeeded: random.next())) }
    }
    return bytes
  }

  /// A file of up to 3 MB of which every other stretch is a hole.
  private static func sparse(
    _ name: String,
    _ pool: [UInt8],
    _ random: inout SeededGenerator
  ) -> (TarEntry, [UInt8]) {
    var whole: [UInt8] = []
    var segments: [(offset: Int64, bytes: TarText)] = []
    for _ in 0..<Int.random(in: 1...9, using: &random) {
      whole += [UInt8](repeating: 0, count: Int.random(in: 1...200_000, using: &random))
      let piece = bytes(Int.random(in: 1...150_000, using: &random), pool, &random)
      segments.append((Int64(whole.count), TarText(piece)))
      whole += piece
    }
    whole += [UInt8](repeating: 0, count: 70_000)
    let format = TarSparseFormat.allCases.randomElement(using: &random) ?? .oldGNU
    let entry = TarEntry.sparse(
      TarText(Array(name.utf8)),
      size: Int64(whole.count),
      segments: segments,
      format: format
    )
    return (entry, whole)
  }
}

/// A random read of a file, and what it must give.
struct RandomRead {
  var path: String
  var offset: UInt64
  var count: Int
  var expected: ArraySlice<UInt8>

  init(of files: [String: [UInt8]], names: [String], using random: inout SeededGenerator) {
    path = names.randomElement(using: &random) ?? ""
    let bytes = files[path] ?? []
    // A few behind the end, a few across a whole file.
    let start = Int.random(in: 0...(bytes.count + 3), using: &random)
    count = [0, 1, 511, 4096, 70_000, 131_072, 3 << 20].randomElement(using: &random) ?? 1
    offset = UInt64(start)
    let first = min(start, bytes.count)
    expected = bytes[first..<min(first + count, bytes.count)]
  }

  /// Why the read is wrong; `nil` when it is right.
  func check(_ files: ImageFiles) -> String? {
    do {
      let bytes = try files.read(path, at: offset, count: count)
      return isSame(bytes, expected) ? nil : "\(self.text): wrong bytes"
    } catch {
      return "\(text): \(error)"
    }
  }

  private var text: String { "\(path) from \(offset), \(count) bytes" }
}

func randomReads(
  _ files: ImageFiles,
  of layer: LargeLayer,
  count: Int,
  seed: UInt64
) -> [String] {
  var random = SeededGenerator(seed: seed)
  let names = layer.files.keys.sorted()
  return (0..<count).compactMap { _ in
    RandomRead(of: layer.files, names: names, using: &random).check(files)
      .map { "seed \(seed): \($0)" }
  }
}

struct ReadingTests {
  private let layer = LargeLayer.shared

  @Test(arguments: LayerEncoding.allCases)
  func `random reads give what was put in`(encoding: LayerEncoding) throws {
    let image = try StoredImage(large: encoding)
    let files = try image.open().files
    #expect(randomReads(files, of: layer, count: 120, seed: 41) == [])
    // Again from the index file, through a cache that holds one span.
    let again = try image.open(cacheByteLimit: 1).files
    #expect(randomReads(again, of: layer, count: 60, seed: 42) == [])
    #expect(image.noted == [])
  }

  @Test(arguments: [LayerEncoding.gzip, .gzipMembers, .zstdFrames])
  func `a layer of megabytes has many spans`(encoding: LayerEncoding) throws {
    let index = try index(layer.blob(encoding), tar: layer.tar)
    #expect(index.points.count >= 15)
    #expect(index.longestSpan < 3 << 20)
  }

  @Test(arguments: [LayerEncoding.plain, .gzip, .gzipStored, .zstd, .zstdSkippable])
  func `every file is whole when read from front to end`(encoding: LayerEncoding) throws {
    let files = try StoredImage(large: encoding).open(cacheByteLimit: 5 << 20).files
    for (name, bytes) in layer.files.sorted(by: { $0.key < $1.key }) {
      let node = try files.file(name)
      var read: [UInt8] = []
      while true {
        let piece = try files.read(node, at: UInt64(read.count), count: 131_072)
        if piece.isEmpty { break }
        read += piece
      }
      #expect(isSame(read, bytes[...]), "\(name)")
    }
  }

  @Test(arguments: [LayerEncoding.gzip, .zstdFrames, .zstd, .plain], [0, 3 << 20, 64 << 20])
  func `eight readers at once all read right`(
    encoding: LayerEncoding,
    cacheByteLimit: Int
  ) throws {
    let files = try StoredImage(large: encoding).open(cacheByteLimit: cacheByteLimit)
      .files
    let problems = Mutex<[String]>([])
    let layer = layer
    try onThreads(8) { number in
      // Two each have the same seed, and so want the same spans at the same time.
      let found = randomReads(files, of: layer, count: 25, seed: UInt64(50 + number / 2))
      problems.withLock { $0 += found }
    }
    #expect(problems.withLock { $0 } == [])
  }

  @Test func `layers of different encodings make one tree`() throws {
    let tars = [layer.tar, TarBytes.archive([.file("top", "t"), .whiteout("d0")])]
    let image = try StoredImage([
      .init(blob: layer.blob(.gzip), diffID: ImageFixture.sha256(tars[0])),
      .init(blob: LayerEncoding.zstd.blob(of: tars[1]), diffID: ImageFixture.sha256(tars[1])),
      .plain(TarBytes.archive([.file("plain", "p")])),
    ])
    let files = try image.open().files
    #expect(try files.read("top", count: 9) == Array("t".utf8))
    #expect(try files.read("plain", count: 9) == Array("p".utf8))
    #expect(try files.read("d1/f1", count: 1 << 23) == layer.files["d1/f1"])
    #expect(throws: LookupFailure.notFound) { try files.file("d0/f0") }
  }

  // MARK: Without decoding

  @Test func `a read that may not decode gives what is decoded, and nothing else`() throws {
    let files = try StoredImage(large: .gzip).open().files
    let (name, bytes) = try #require(layer.files.first { $0.value.count == 5_000_000 })
    let node = try files.file(name)
    #expect(try files.readDecoded(node, at: 0, count: 100) == nil)
    #expect(try files.read(node, at: 0, count: 1000) == Array(bytes[..<1000]))
    #expect(try files.readDecoded(node, at: 0, count: 1000) == Array(bytes[..<1000]))
    #expect(try files.readDecoded(node, at: 10, count: 90) == Array(bytes[10..<100]))
    // Asking changed nothing: what lies behind is still not decoded.
    #expect(try files.readDecoded(node, at: 990, count: 20) == nil)
    #expect(try files.readDecoded(node, at: 4_000_000, count: 1) == nil)
    // At the end there is nothing to decode.
    #expect(try files.readDecoded(node, at: 5_000_000, count: 10) == [])
    #expect(try files.readDecoded(node, at: .max, count: 10) == [])
    // Across spans: only once all are there.
    #expect(isSame(try files.read(node, at: 0, count: 5_000_000), bytes[...]))
    let rest = try #require(try files.readDecoded(node, at: 1, count: 5_000_000))
    #expect(isSame(rest, bytes[1...]))
  }

  @Test func `a plain layer needs no decoding`() throws {
    let files = try StoredImage(large: .plain).open().files
    for (name, bytes) in layer.files {
      let node = try files.file(name)
      let read = try #require(try files.readDecoded(node, at: 0, count: bytes.count))
      #expect(isSame(read, bytes[...]), "\(name)")
    }
  }

  @Test func `a hole needs no decoding`() throws {
    let tar = TarBytes.archive([
      .sparse("s", size: 1 << 40, segments: [(1 << 39, "xy")], format: .pax10)
    ])
    let files = try StoredImage([tar], as: .gzip).open().files
    let node = try files.file("s")
    #expect(node.size == 1 << 40)
    #expect(try files.readDecoded(node, at: 1 << 30, count: 3) == [0, 0, 0])
    #expect(try files.readDecoded(node, at: (1 << 39) - 1, count: 2) == nil)
    #expect(try files.read(node, at: (1 << 39) - 1, count: 4) == [0, 0x78, 0x79, 0])
    #expect(try files.readDecoded(node, at: (1 << 39) + 1, count: 2) == [0x79, 0])
    #expect(try files.read(node, at: (1 << 40) - 1, count: 9) == [0])
  }

  @Test func `what is no regular file has no bytes`() throws {
    let tar = TarBytes.archive([.directory("d"), .symlink("s", to: "d"), .fifo("p")])
    let files = try StoredImage([tar], as: .gzip).open().files
    for name in ["d", "s", "p", ""] {
      #expect(try files.read(name, count: 10) == [], "\(name)")
    }
  }

  // MARK: Memory

  @Test func `the cache never holds more than its limit and one span`() throws {
    // 200 MB of the stream, each of whose spans is far below the limit.
    let large = [UInt8](repeating: 0, count: 1 << 20)
    let piece = LargeLayer.shared.files.values.max { $0.count < $1.count } ?? large
    var tar: [UInt8] = []
    for number in 0..<40 {
      tar += TarBytes.bytes(of: .file("\(number)", TarText(piece)))
    }
    tar += TarBytes.zeros(1024)
    try #require(tar.count > 199_000_000)
    let blob = LayerEncoding.zstdFrames.blob(of: tar)
    let index = try index(blob, tar: tar)
    let limit = 16 << 20
    let cache = SpanCache(byteLimit: limit)
    let reader = LayerReader(
      index,
      number: 0,
      source: MemorySource(bytes: blob),
      copy: nil,
      cache: cache
    )
    var random = SeededGenerator(seed: 61)
    var highest = 0
    var buffer = [UInt8](repeating: 0, count: 4096)
    for _ in 0..<400 {
      let offset = Int.random(in: 0...(tar.count - buffer.count), using: &random)
      let isRead = try buffer.withUnsafeMutableBytes {
        try reader.read(at: TarOffset(UInt64(offset)), into: $0, decoding: .asNeeded)
      }
      #expect(isRead && isSame(buffer, tar[offset..<(offset + buffer.count)]))
      highest = max(highest, cache.byteCount)
    }
    #expect(highest <= limit)
    #expect(highest > limit - Int(index.longestSpan))
  }
}
