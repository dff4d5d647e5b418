// Layers that cannot be entered in the middle: their seekable copies, and reading without one.

import FileTree
import FlatArrays
import Foundation
import ImageStore
import OCISpec
import Offsets
import SeekableCompression
import SystemPackage
import TestKit
import Testing

@testable import Layers

/// One zstd frame that is longer than reads should have to live with.
private struct LongFrame: Sendable {
  let layer = LargeLayer(byteCount: 18 << 20, seed: 81)
  let blob: [UInt8]

  static let shared = LongFrame()

  private init() { blob = CompressedBytes.zstd(layer.tar) }
}

struct SeekableCopyTests {
  private let layer = LongFrame.shared.layer
  private let image: StoredImage

  init() throws {
    let frame = LongFrame.shared
    image = try StoredImage([
      .init(blob: frame.blob, diffID: ImageFixture.sha256(frame.layer.tar))
    ])
  }

  private var path: String { image.cachePath(.copies) }

  private func expectRight(_ files: ImageFiles) {
    #expect(randomReads(files, of: layer, count: 40, seed: 91) == [])
  }

  @Test func `a copy is made once, and used`() throws {
    let opened = try image.open()
    #expect(opened.indexes[0].longestSpan > SeekTable.longestTolerableSpan)
    let file = try #require(FileState(path))
    expectRight(opened.files)
    let again = try image.open()
    #expect(FileState(path) == file)
    // With a blob that cannot be read any more, every byte comes from the copy.
    try overwrite(image.blobPath(), keepingTime: true) { bytes in
      for place in stride(from: 0, to: bytes.count, by: 1000) { bytes[place] ^= 1 }
    }
    expectRight(again.files)
    #expect(image.noted == [])
  }

  @Test func `a layer that can be entered gets no copy`() throws {
    let image = try StoredImage([layer.tar], as: .zstdFrames)
    _ = try image.open()
    #expect(FileState(image.cachePath(.copies)) == nil)
  }

  @Test func `a gzip block without end gets a copy too`() throws {
    let tar = TarBytes.archive([.file("zeros", TarText(TarBytes.zeros(20 << 20)))])
    // One block of fixed codes: each symbol is a byte and 7 bits of it say "repeat 258 times".
    let image = try StoredImage([
      .init(blob: OneBlockGzip.blob(of: tar), diffID: ImageFixture.sha256(tar))
    ])
    let opened = try image.open()
    #expect(opened.indexes[0].longestSpan > SeekTable.longestTolerableSpan)
    #expect(FileState(image.cachePath(.copies)) != nil)
    #expect(
      try opened.files.read("zeros", at: 19 << 20, count: 5000) == TarBytes.zeros(5000)
    )
  }

  @Test func `a copy that was deleted is made again, and what had it open reads on`() throws {
    let opened = try image.open()
    try FileManager.default.removeItem(atPath: path)
    expectRight(opened.files)
    expectRight(try image.open().files)
    #expect(FileState(path) != nil)
    #expect(image.noted == [])
  }

  @Test(arguments: [0.0, 0.3, 0.6, 0.9])
  func `damaged frames are read from the blob, and the copy is made again`(
    part: Double
  ) throws {
    _ = try image.open()
    let good = try Data(contentsOf: URL(fileURLWithPath: path))
    try overwrite(path, keepingTime: true) { bytes in
      bytes[10 + Int(Double(bytes.count) * part)] ^= 0x10
    }
    // The points are right, so the copy is taken for good.
    let opened = try image.open()
    #expect(FileState(path)?.byteCount == good.count)
    for (name, bytes) in layer.files {
      let read = try opened.files.read(name, count: bytes.count + 1)
      #expect(isSame(read, bytes[...]), "\(name)")
    }
    // What was found out is kept: there is no copy now, and the next process makes one.
    #expect(FileState(path)?.byteCount == 0)
    expectRight(try image.open().files)
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == good)
    #expect(image.noted == [])
  }

  @Test func `a copy whose tail is damaged is made again`() throws {
    _ = try image.open()
    let good = try Data(contentsOf: URL(fileURLWithPath: path))
    // The trailer, its digest, the checksums, the points.
    for distance in [1, 30, 33, 40, 57, 64, 65, 200, 800] {
      try overwrite(path, keepingTime: true) { $0[$0.count - distance] ^= 1 }
      _ = try image.open()
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == good, "\(distance)")
    }
    for length in [0, 1, 63, 64, 65, good.count - 1, good.count / 2] {
      try overwrite(path, keepingTime: true) { $0.removeLast($0.count - length) }
      _ = try image.open()
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == good, "\(length)")
    }
  }

  @Test func `the copy of another layer is none`() throws {
    _ = try image.open()
    var other = layer.tar
    other[other.count - 1600] ^= 1
    let image = try StoredImage([other], as: .zstd)
    _ = try image.open()
    let good = try Data(contentsOf: URL(fileURLWithPath: image.cachePath(.copies)))
    // Of the same tar size, under the right name.
    try FileManager.default.removeItem(atPath: image.cachePath(.copies))
    try FileManager.default.copyItem(atPath: path, toPath: image.cachePath(.copies))
    _ = try image.open()
    #expect(try Data(contentsOf: URL(fileURLWithPath: image.cachePath(.copies))) == good)
  }

  @Test func `points of a sealed copy that lie anywhere make it none`() throws {
    // Three megabytes do: the points are what matters.
    let tar = TarBytes.archive([
      .file("f", TarText(CompressedBytes.sample(byteCount: 3_000_000, seed: 96)))
    ])
    let image = try StoredImage([tar], as: .zstd)
    let index = try index(image.blobs[0], tar: tar)
    let file = try image.store().cache.create(.copies, of: index.blobDigest)
    try SeekableCopy.write(index, from: MemorySource(bytes: image.blobs[0]), to: file)
    try file.publish()
    let path = image.cachePath(.copies)
    let good = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    let trailer = good.count - 64
    let pointCount = Int(number(good, trailer + 8))
    let points = Int(number(good, trailer + 16))
    // The forger is right: nothing changed, nothing is wrong.
    func isTaken(_ bytes: [UInt8]) throws -> Bool {
      let sealed = sealed(bytes, diffID: index.diffID.description, points)
      return try accepts(sealed, index, of: image)
    }
    #expect(try isTaken(good))
    for value in [1, 1 << 20, 1 << 40, 1 << 63, .max - 1, .max] as [UInt64] {
      for field in [0, 8, 16, 24] {
        for record in [0, 1, pointCount - 1] {
          var forged = good
          replace(&forged, points + record * 40 + field, value)
          let isAccepted = try isTaken(forged)
          // A point that only moved inside its streams may be taken: what it leads to is checked.
          let mustRefuse =
            switch field {
            case 16: true
            case 24: UInt32(truncatingIfNeeded: value) != 0
            default: value > 1 << 20 || (record == 0 && field == 8)
            }
          #expect(!(mustRefuse && isAccepted), "\(value) in \(record), \(field)")
        }
      }
      for field in [8, 16, 24] {
        var forged = good
        replace(&forged, trailer + field, value)
        #expect(try !isTaken(forged), "\(value) in the trailer, \(field)")
      }
    }
  }

  private func number(_ bytes: [UInt8], _ place: Int) -> UInt64 {
    (0..<8).reduce(0) { $0 | UInt64(bytes[place + $1]) << (8 * UInt64($1)) }
  }

  private func replace(_ bytes: inout [UInt8], _ place: Int, _ value: UInt64) {
    withUnsafeBytes(of: value.littleEndian) { bytes.replaceSubrange(place..<(place + 8), with: $0) }
  }

  private func sealed(_ bytes: [UInt8], diffID: String, _ points: Int) -> [UInt8] {
    var bytes = bytes
    let covered = Array(diffID.utf8) + bytes[points..<(bytes.count - 32)]
    bytes.replaceSubrange((bytes.count - 32)..., with: sha256(covered).bytes)
    return bytes
  }

  /// Whether the cache takes these bytes for the layer's copy; then they are read, too.
  private func accepts(
    _ bytes: [UInt8],
    _ index: LayerIndex,
    of image: StoredImage
  ) throws -> Bool {
    let path = image.cachePath(.copies)
    try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
    let cache = try image.store().cache
    guard let file = try cache.open(.copies, of: index.blobDigest),
      let copy = SeekableCopy(file, of: index, discard: {})
    else { return false }
    let reader = LayerReader(
      index,
      number: 0,
      source: MemorySource(bytes: image.blobs[0]),
      copy: copy,
      cache: SpanCache()
    )
    for offset in [0, 1 << 20, index.tarByteCount - 100] as [UInt64] {
      var bytes = [UInt8](repeating: 0, count: 100)
      _ = failure {
        try bytes.withUnsafeMutableBytes {
          try reader.read(at: TarOffset(offset), into: $0, decoding: .asNeeded)
        }
      }
    }
    return true
  }

  @Test func `copies beyond the limit go, the one just made stays`() throws {
    let cache = try image.store().cache
    for byte in [1, 2] as [UInt8] {
      let old = try cache.create(.copies, of: sha256([byte]))
      try old.publish()
      let name = path.replacing(sha256(image.blobs[0]).hex, with: sha256([byte]).hex)
      try overwrite(name, keepingTime: false) { $0 = [UInt8](repeating: byte, count: 1000) }
    }
    let store = try image.store(copyByteLimit: 1 << 20)
    expectRight(try ImageOpener(store: store).open(try image.resolve()).files)
    let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: directory)
        == [sha256(image.blobs[0]).hex]
    )
  }

  // MARK: Without a copy

  @Test(.enabled(if: geteuid() == 0, "mounts a tmpfs"))
  func `where there is no room for a copy reads are slow and right`() throws {
    let small = try SmallFileSystem(byteCount: 1 << 20)
    let opened = try image.open(cache: small.path + "/cache")
    #expect(image.noted.count == 1)
    guard case .failed("write", _, .noSpace) = image.noted.first else {
      Issue.record("\(image.noted)")
      return
    }
    let directory = small.path + "/cache/banger/copies/\(LayerStore.cacheVersion)/sha256"
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == [])
    expectRight(opened.files)
  }

  @Test func `a reader without a copy cuts long stretches and reads right`() throws {
    let reader = try slowReader(MemorySource(bytes: image.blobs[0]), SpanCache(byteLimit: 9 << 20))
    var random = SeededGenerator(seed: 95)
    for _ in 0..<40 {
      let count = Int.random(in: 0...100_000, using: &random)
      let offset = Int.random(in: 0...(layer.tar.count - count), using: &random)
      var bytes = [UInt8](repeating: 0, count: count)
      let isRead = try bytes.withUnsafeMutableBytes {
        try reader.read(at: TarOffset(UInt64(offset)), into: $0, decoding: .asNeeded)
      }
      #expect(isRead && isSame(bytes, layer.tar[offset..<(offset + count)]))
    }
  }

  @Test func `two readers of one long frame, each going forward, decode it twice`() throws {
    let blob = image.blobs[0]
    let source = FlakySource(MemorySource(bytes: blob), failingReads: [])
    // A cache of two spans: what one reader leaves behind is gone when the other comes.
    let reader = try slowReader(source, SpanCache(byteLimit: 9 << 20))
    let lead = 9 << 20
    var bytes = [UInt8](repeating: 0, count: 200_000)
    for start in stride(from: 0, to: layer.tar.count - bytes.count, by: bytes.count) {
      for position in [start, start - lead] where position >= 0 {
        let isRead = try bytes.withUnsafeMutableBytes {
          try reader.read(at: TarOffset(UInt64(position)), into: $0, decoding: .asNeeded)
        }
        #expect(isRead && isSame(bytes, layer.tar[position..<(position + bytes.count)]))
      }
    }
    // A decoder asks for 64 KiB at a time, which lie in two blocks at most.
    let once = blob.count / 65536 + 1
    #expect(source.readCount <= 2 * 2 * once + 8)
  }

  private func slowReader(
    _ source: any ByteSource,
    _ cache: SpanCache
  ) throws -> LayerReader {
    let blob = image.blobs[0]
    let index = try index(blob, tar: layer.tar)
    return LayerReader(index, number: 0, source: source, copy: nil, cache: cache)
  }
}
