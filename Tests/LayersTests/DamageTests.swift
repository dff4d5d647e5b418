// Blobs that change after they were verified: reads give the right bytes or an error, never others.

import FileTree
import FlatArrays
import Foundation
import ImageStore
import Offsets
import SeekableCompression
import SystemPackage
import TestKit
import Testing

@testable import Layers

struct DamageTests {
  private static let sample = CompressedBytes.sample(byteCount: 5_000_000, seed: 71)
  private static let sampleTar = TarBytes.archive([.file("f", TarText(sample))])

  private let tar = DamageTests.sampleTar
  private let content = DamageTests.sample

  /// Reads all of the file in pieces: the offsets of those that fail, and how.
  private func readAll(_ files: ImageFiles) throws -> [(offset: Int, error: LayersError)] {
    let node = try files.file("f")
    var failures: [(offset: Int, error: LayersError)] = []
    for start in stride(from: 0, to: content.count, by: 50_000) {
      do {
        let bytes = try files.read(node, at: UInt64(start), count: 50_000)
        #expect(isSame(bytes, content[start..<(start + 50_000)]), "at \(start)")
      } catch let error as LayersError {
        failures.append((start, error))
      }
    }
    return failures
  }

  @Test(arguments: LayerEncoding.allCases)
  func `a changed byte is an error in its block, and other reads are right`(
    encoding: LayerEncoding
  ) throws {
    let image = try StoredImage([tar], as: encoding)
    let place = image.blobs[0].count / 2
    let block = BlobOffset(UInt64(place / 65536 * 65536))
    _ = try image.open()
    // With the index that was kept, not the one that was just made.
    let files = try image.open().files
    try overwrite(image.blobPath(), keepingTime: true) { $0[place] ^= 0x40 }
    let failures = try readAll(files)
    #expect(!failures.isEmpty)
    for failure in failures {
      #expect(failure.error == .blobChanged(layer: sha256(image.blobs[0]), at: block))
    }
    // One zstd frame has to be decoded from its start; elsewhere the damage stays in its span.
    if encoding != .zstd { #expect(failures.count < 70) }
    #expect(failures.first?.offset ?? 0 > 500_000)
    #expect("\(failures[0].error)".hasSuffix("at or after blob byte \(block)"))
  }

  @Test(arguments: LayerEncoding.allCases)
  func `a blob that is repaired is read again`(encoding: LayerEncoding) throws {
    let image = try StoredImage([tar], as: encoding)
    let place = image.blobs[0].count / 2
    // No cache to speak of: what failed is not held against the blob for ever.
    let files = try image.open(cacheByteLimit: 0).files
    try overwrite(image.blobPath(), keepingTime: true) { $0[place] ^= 0x40 }
    #expect(try !readAll(files).isEmpty)
    try overwrite(image.blobPath(), keepingTime: true) { $0[place] ^= 0x40 }
    #expect(try readAll(files).isEmpty)
  }

  @Test(arguments: LayerEncoding.allCases)
  func `a blob that is cut while it is open is an error where it is missing`(
    encoding: LayerEncoding
  ) throws {
    let image = try StoredImage([tar], as: encoding)
    let files = try image.open().files
    let kept = image.blobs[0].count / 2
    let descriptor = try FileDescriptor.open(image.blobPath(), .readWrite)
    try descriptor.closeAfter { try descriptor.resize(to: Int64(kept)) }
    let failures = try readAll(files)
    #expect(failures.last?.offset == content.count - 50_000)
    #expect(failures.first?.offset ?? 0 > 500_000)
    for failure in failures {
      guard case .blobChanged(sha256(image.blobs[0]), let offset) = failure.error else {
        Issue.record("\(failure)")
        continue
      }
      #expect(offset.bytes + 65536 > UInt64(kept))
    }
  }

  @Test(arguments: LayerEncoding.allCases)
  func `X36: a blob that is replaced or removed under its name is served as it was`(
    encoding: LayerEncoding
  ) throws {
    let image = try StoredImage([tar], as: encoding)
    let files = try image.open(cacheByteLimit: 0).files
    try Data([1, 2, 3]).write(to: URL(fileURLWithPath: image.blobPath()), options: .atomic)
    #expect(try readAll(files).isEmpty)
    try FileManager.default.removeItem(atPath: image.blobPath())
    #expect(try readAll(files).isEmpty)
  }

  @Test func `damage anywhere never becomes wrong bytes`() throws {
    let seed: UInt64 = 72
    var random = SeededGenerator(seed: seed)
    for encoding in [LayerEncoding.gzip, .zstdFrames, .gzipMembers] {
      let blob = encoding.blob(of: tar)
      let index = try index(blob, tar: tar)
      for _ in 0..<25 {
        var damaged = blob
        let start = Int.random(in: 0..<blob.count, using: &random)
        let length = [1, 2, 700].randomElement(using: &random) ?? 1
        let end = min(blob.count, start + length)
        for place in start..<end { damaged[place] = UInt8(truncatingIfNeeded: random.next()) }
        let reader = LayerReader(
          index,
          number: 0,
          source: MemorySource(bytes: damaged),
          copy: nil,
          cache: SpanCache()
        )
        for _ in 0..<6 {
          let offset = Int.random(in: 0..<(tar.count - 5000), using: &random)
          var bytes = [UInt8](repeating: 0, count: 5000)
          let error = failure {
            try bytes.withUnsafeMutableBytes {
              try reader.read(at: TarOffset(UInt64(offset)), into: $0, decoding: .asNeeded)
            }
          }
          #expect(
            error != nil || isSame(bytes, tar[offset..<(offset + 5000)]),
            "seed \(seed) \(encoding) \(start) \(offset)"
          )
        }
      }
    }
  }

  @Test func `an index whose windows are damaged is used, and made again by the next`() throws {
    let tar = TarBytes.archive([
      .file("big", TarText(CompressedBytes.sample(byteCount: 5_000_000, seed: 22)))
    ])
    let image = try StoredImage([tar], as: .gzip)
    _ = try image.open()
    let good = try Data(contentsOf: URL(fileURLWithPath: image.cachePath(.index)))
    // The windows are at the end of the file.
    try overwrite(image.cachePath(.index), keepingTime: false) { $0[$0.count - 100] ^= 1 }
    let opened = try image.open()
    for offset in stride(from: 0, to: 5_000_000, by: 500_000).reversed() {
      let bytes = try opened.files.read("big", at: UInt64(offset), count: 1000)
      #expect(isSame(bytes, tar[(512 + offset)..<(512 + offset + 1000)]))
    }
    #expect(try Data(contentsOf: URL(fileURLWithPath: image.cachePath(.index))).isEmpty)
    _ = try image.open()
    #expect(try Data(contentsOf: URL(fileURLWithPath: image.cachePath(.index))) == good)
    #expect(image.noted == [])
  }

  @Test func `what the disk refuses once it may give another time`() throws {
    let blob = CompressedBytes.gzip(tar)
    let index = try index(blob, tar: tar)
    let source = FlakySource(MemorySource(bytes: blob), failingReads: [1, 4])
    let reader = LayerReader(index, number: 0, source: source, copy: nil, cache: SpanCache())
    var results: [Bool] = []
    for _ in 0..<4 {
      var bytes = [UInt8](repeating: 0, count: 900_000)
      let error = failure {
        try bytes.withUnsafeMutableBytes {
          try reader.read(at: TarOffset(512), into: $0, decoding: .asNeeded)
        }
      }
      if error == nil { #expect(isSame(bytes, content[..<900_000])) }
      results.append(error == nil)
    }
    #expect(results == [false, false, true, true])
  }
}
