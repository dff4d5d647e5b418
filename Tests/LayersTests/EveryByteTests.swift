// Small blobs and small index files, of which every single byte is changed: before a blob is used for the
// first time, after it was indexed, and in the index. What is read is right, or it is an error that says where.

import FileTree
import Foundation
import Offsets
import SeekableCompression
import TestKit
import Testing

@testable import Layers

struct EveryByteTests {
  /// One layer in one encoding, and its index.
  private struct Sample {
    let encoding: LayerEncoding
    let tar: [UInt8]
    let blob: [UInt8]
    let index: LayerIndex

    init(_ encoding: LayerEncoding) throws {
      self.encoding = encoding
      tar = TarBytes.archive([
        .file("d/a", "first"), .file("b", TarText(CompressedBytes.sample(byteCount: 700, seed: 3))),
        .sparse("s", size: 20_000, segments: [(0, "abc"), (15_000, "z")], format: .oldGNU),
      ])
      blob = encoding.blob(of: tar)
      index = try LayersTests.index(blob, tar: tar)
    }

    /// The regular files of an index, read from a blob; the first failure, if there is one.
    func read(_ index: LayerIndex, from blob: [UInt8]) throws -> Result<[[UInt8]], LayersError> {
      let merged = try TreeBuilder.merge([index.table], lowerLinks: .replace)
      let reader = LayerReader(
        index,
        number: 0,
        source: MemorySource(bytes: blob),
        copy: nil,
        cache: SpanCache()
      )
      let files = ImageFiles(
        tree: merged.tree,
        warnings: merged.warnings,
        layers: [.blob(reader)]
      )
      var contents: [[UInt8]] = []
      do {
        for node in files.tree.nodes where node.kind == .regular {
          contents.append(try files.read(node, at: 0, count: Int(node.size)))
        }
      } catch let error as LayersError {
        return .failure(error)
      }
      return .success(contents)
    }
  }

  @Test(arguments: LayerEncoding.allCases)
  func `X11: every byte that is another at first sight is a wrong digest`(
    encoding: LayerEncoding
  ) throws {
    let sample = try Sample(encoding)
    for place in sample.blob.indices {
      var damaged = sample.blob
      damaged[place] ^= 1 << (place % 8)
      let digest = sample.index.blobDigest
      let error = failure { try index(damaged, tar: sample.tar, digest: digest) }
      #expect(
        error == .digestMismatch(layer: digest, actual: sha256(damaged)),
        "byte \(place) of \(encoding)"
      )
    }
  }

  @Test(arguments: LayerEncoding.allCases)
  func `X11: an end that is missing at first sight is a wrong digest`(
    encoding: LayerEncoding
  ) throws {
    let sample = try Sample(encoding)
    for count in stride(from: 0, to: sample.blob.count, by: 5) {
      let cut = Array(sample.blob[..<count])
      let digest = sample.index.blobDigest
      let error = failure { try index(cut, tar: sample.tar, digest: digest) }
      #expect(error == .digestMismatch(layer: digest, actual: sha256(cut)), "\(count) bytes")
    }
  }

  @Test(arguments: LayerEncoding.allCases)
  func `X36: every byte that is another later is an error in its block`(
    encoding: LayerEncoding
  ) throws {
    let sample = try Sample(encoding)
    let right = try sample.read(sample.index, from: sample.blob).get()
    #expect(right.map(\.count).sorted() == [5, 700, 20_000])
    let expected = LayersError.blobChanged(layer: sample.index.blobDigest, at: .zero)
    for place in sample.blob.indices {
      var damaged = sample.blob
      damaged[place] ^= 1 << (place % 8)
      let result = try sample.read(sample.index, from: damaged)
      #expect(result == .failure(expected), "byte \(place) of \(encoding)")
    }
  }

  @Test(arguments: LayerEncoding.allCases)
  func `X36: an end that is missing later is an error of the layer`(
    encoding: LayerEncoding
  ) throws {
    let sample = try Sample(encoding)
    for count in stride(from: 0, to: sample.blob.count, by: 5) {
      let result = try sample.read(sample.index, from: Array(sample.blob[..<count]))
      guard case .failure(let error) = result else {
        Issue.record("\(count) bytes of \(encoding) are read")
        continue
      }
      #expect("\(error)".hasPrefix("layer \(sample.index.blobDigest): "))
    }
  }

  @Test(arguments: [LayerEncoding.plain, .gzip, .gzipMembers, .zstdFrames])
  func `X12: every byte of an index file that is another makes it none, or does not matter`(
    encoding: LayerEncoding
  ) throws {
    let sample = try Sample(encoding)
    let mapper = try IndexFileMapper()
    let bytes = sample.index.fileBytes
    var accepted = 0
    for place in bytes.indices {
      var damaged = bytes
      damaged[place] ^= 1 << (place % 8)
      guard let read = try mapper.map(damaged, digest: sample.index.blobDigest) else { continue }
      // Padding between arrays, at most 15 bytes before each.
      accepted += 1
      #expect(read.facts == sample.index.facts, "byte \(place) of \(encoding)")
    }
    #expect(accepted < 7 * 16)
    for count in stride(from: 0, to: bytes.count, by: 5) {
      let read = try mapper.map(Array(bytes[..<count]), digest: sample.index.blobDigest)
      #expect(read == nil, "\(count) bytes of \(encoding)")
    }
  }
}
