// Index files: what is written comes back, and no bytes whatever make a trap or a wrong read.

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
import Threading

extension LayerIndex {
  var fileBytes: [UInt8] {
    var bytes: [UInt8] = []
    LayerIndexFile.write(self) { bytes += $0 }
    return bytes
  }
}

/// A layer with everything that an index can hold, and more than one window.
private struct Sample {
  let tar: [UInt8]
  let blob: [UInt8]
  let index: LayerIndex
  let bytes: [UInt8]

  static let shared = Result { try Sample() }

  init() throws {
    tar = TarBytes.archive([
      .directory("d"), TarEntry.file("d/x").attribute("user.a", "value"),
      TarEntry.file("d/y").attribute("security.selinux", "label"), .symlink("d/s", to: "x"),
      .sparse(
        "sparse",
        size: 9_000_000,
        segments: [(0, "abc"), (8_000_000, "z")],
        format: .oldGNU
      ),
      .file("big", TarText(CompressedBytes.sample(byteCount: 2_400_000, seed: 11))),
      .whiteout("w"),
    ])
    blob = CompressedBytes.gzip(tar)
    index = try indexOfSample(blob, tar)
    bytes = index.fileBytes
  }
}

private func indexOfSample(_ blob: [UInt8], _ tar: [UInt8]) throws -> LayerIndex {
  try index(blob, tar: tar)
}

/// Reads all over whatever tree a table gives, to see that it ends in bytes or errors.
private func exercise(_ index: LayerIndex, blob: [UInt8]) {
  _ = index.longestSpan
  _ = index.byteCount
  let cache = SpanCache(byteLimit: 8 << 20)
  let reader = LayerReader(
    index,
    number: 0,
    source: MemorySource(bytes: blob),
    copy: nil,
    cache: cache
  )
  let end = index.tarByteCount
  for offset in [0, end / 2, end &- 1, end, .max] as [UInt64] {
    for count in [0, 4096] {
      var bytes = [UInt8](repeating: 0, count: count)
      _ = failure {
        try bytes.withUnsafeMutableBytes {
          try reader.read(at: TarOffset(offset), into: $0, decoding: .asNeeded)
        }
      }
    }
  }
  // The merge has its own tests for hostile tables; here its tree is read.
  let merged = Result { () throws(TreeError) in
    try TreeBuilder.merge([index.table], lowerLinks: .replace)
  }
  guard case .success(let merged) = merged else { return }
  let files = ImageFiles(
    tree: merged.tree,
    warnings: merged.warnings,
    layers: [.blob(reader)]
  )
  for node in files.tree.nodes where node.kind == .regular {
    for offset in [0, 1, node.size / 2, node.size &- 1, node.size] {
      _ = failure { try files.read(node, at: offset, count: 100) }
    }
  }
}

struct LayerIndexFileTests {
  private let mapper: IndexFileMapper
  private let sample: Sample

  init() throws {
    mapper = try IndexFileMapper()
    sample = try Sample.shared.get()
  }

  private func map(_ bytes: [UInt8]) throws -> LayerIndex? {
    try mapper.map(bytes, digest: sample.index.blobDigest)
  }

  @Test(arguments: LayerEncoding.allCases)
  func `what is written comes back`(encoding: LayerEncoding) throws {
    let blob = encoding.blob(of: sample.tar)
    let written = try index(blob, tar: sample.tar)
    let bytes = written.fileBytes
    let read = try #require(try mapper.map(bytes, digest: written.blobDigest))
    #expect(read.facts == written.facts)
    #expect(read.fileBytes == bytes)
    #expect(written.byteCount == bytes.count)
    #expect(read.byteCount == bytes.count)
  }

  @Test func `an index without anything in it comes back`() throws {
    let written = try index([], tar: [])
    let read = try #require(try mapper.map(written.fileBytes, digest: written.blobDigest))
    #expect(read.facts == written.facts)
  }

  @Test func `B16: digests of either algorithm fit the head`() throws {
    let tar = TarBytes.archive([.file("a")])
    let digest = DigestHasher.digest(of: tar, .sha512)
    let written = try LayerIndexer.index(
      MemorySource(bytes: tar),
      blobDigest: digest,
      diffID: digest
    )
    let read = try #require(try mapper.map(written.fileBytes, digest: digest))
    #expect(read.facts == written.facts)
  }

  @Test func `the index of another blob is none`() throws {
    #expect(try mapper.map(sample.bytes, digest: sha256([1])) == nil)
  }

  @Test func `a file cut anywhere is none`() throws {
    let count = sample.bytes.count
    let lengths =
      [0, 1, 7, 8, 39, 40, 4095, 4096, 4097, count - 1, count - 100]
      + stride(from: 5000, to: count, by: 1009)
    for length in lengths {
      #expect(try map(Array(sample.bytes[..<length])) == nil, "\(length) bytes")
    }
  }

  @Test func `bytes behind the end do not matter`() throws {
    #expect(try map(sample.bytes + [1, 2, 3])?.facts == sample.index.facts)
  }

  @Test func `a changed byte of head or arrays makes a file that is none`() throws {
    let forged = ForgedIndexFile(bytes: sample.bytes)
    let windows = Int(forged.number(at: ForgedIndexFile.Section.windows.offsetField))
    // All of the head that says anything, a sample of its zeros, and of the arrays.
    let places =
      Array(0..<400) + Array(stride(from: 400, to: 4096, by: 151))
      + Array(stride(from: 4096, to: windows, by: 7))
    var padding: [Int] = []
    for place in places {
      var bytes = sample.bytes
      bytes[place] ^= 1 << (place % 8)
      guard let index = try map(bytes) else { continue }
      // Only what pads an array up to the next one is not covered, and it means nothing.
      padding.append(place)
      #expect(index.facts == sample.index.facts, "byte \(place)")
    }
    let covered = ForgedIndexFile.Section.allCases.map { section -> Range<Int> in
      let start = Int(forged.number(at: section.offsetField))
      return start..<(start + Int(forged.number(at: section.countField)) * section.stride)
    }
    for place in padding {
      #expect(place >= 4096 && !covered.contains { $0.contains(place) }, "byte \(place)")
    }
  }

  /// Reads a little at every seek point, each time with a new reader: one that decodes on from the
  /// span before needs no window.
  private func expectRight(_ index: LayerIndex, _ comment: Comment) throws {
    for point in index.points {
      let reader = LayerReader(
        index,
        number: 0,
        source: MemorySource(bytes: sample.blob),
        copy: nil,
        cache: SpanCache()
      )
      var read = [UInt8](repeating: 0, count: 1000)
      let start = Int(point.tarOffset.bytes)
      let isRead = try read.withUnsafeMutableBytes {
        try reader.read(at: point.tarOffset, into: $0, decoding: .asNeeded)
      }
      #expect(isRead && read == Array(sample.tar[start..<(start + 1000)]), comment)
    }
  }

  @Test func `a changed byte of a window costs time, and is told once`() throws {
    let forged = ForgedIndexFile(bytes: sample.bytes)
    let windows = Int(forged.number(at: ForgedIndexFile.Section.windows.offsetField))
    let damaged = sample.index.points.filter { $0.windowByteCount > 0 }
    try #require(damaged.count >= 2)
    for chosen in damaged.map({ [$0] }) + [damaged] {
      var bytes = sample.bytes
      for point in chosen {
        bytes[windows + Int(point.windowOffset) + Int(point.windowByteCount) / 2] ^= 0x20
      }
      var index = try #require(try map(bytes))
      let reports = Mutex(0)
      index.damage = DamageReport { reports.withLock { $0 += 1 } }
      try expectRight(index, "\(chosen.count) windows, \(chosen[0].tarOffset)")
      #expect(reports.withLock { $0 } == 1)
    }
  }

  @Test func `a file of another version, or of other records, is none`() throws {
    for (field, value) in [
      (ForgedIndexFile.Field.version, LayerIndexFile.version + 1),
      (ForgedIndexFile.Field.version, 0), (ForgedIndexFile.Field.entryStride, 80),
      (ForgedIndexFile.Field.codec, 3),
    ] {
      var forged = ForgedIndexFile(bytes: sample.bytes)
      forged.set(value, at: field)
      forged.seal()
      #expect(try map(forged.bytes) == nil, "\(value) at \(field)")
    }
    // The forger itself is right: sealing what is unchanged changes nothing.
    var untouched = ForgedIndexFile(bytes: sample.bytes)
    untouched.seal()
    #expect(untouched.bytes == sample.bytes)
  }

  @Test(arguments: ForgedIndexFile.Section.allCases)
  func `arrays that lie elsewhere than in the file are none`(
    section: ForgedIndexFile.Section
  ) throws {
    let count = UInt64(sample.bytes.count)
    for offset in [count, count + 1, count - 1, 1 << 62, 1 << 63, .max, .max - 7] as [UInt64] {
      for records in [1, count, 1 << 59, 1 << 60, 1 << 61, 1 << 62, 1 << 63, .max] as [UInt64]
      where records > 1 || offset >= count {
        var forged = ForgedIndexFile(bytes: sample.bytes)
        forged.set(offset, at: section.offsetField)
        forged.set(records, at: section.countField)
        forged.seal()
        #expect(try map(forged.bytes) == nil, "\(records) at \(offset)")
      }
    }
  }

  @Test(arguments: [ForgedIndexFile.Section.entries, .segments, .points, .blockChecksums])
  func `arrays that are not aligned are none`(section: ForgedIndexFile.Section) throws {
    for shift in 1..<(section == .blockChecksums ? 4 : 8) as Range<UInt64> {
      var forged = ForgedIndexFile(bytes: sample.bytes)
      forged.set(forged.number(at: section.offsetField) + shift, at: section.offsetField)
      forged.set(forged.number(at: section.countField) - 1, at: section.countField)
      forged.seal()
      #expect(try map(forged.bytes) == nil, "\(shift)")
    }
  }

  @Test func `whatever a sealed file claims ends in bytes or in errors`() throws {
    let values: [UInt64] = [
      0, 1 << 20, (1 << 32) - 1, (1 << 62) + 3, 1 << 63, .max,
    ]
    let original = ForgedIndexFile(bytes: sample.bytes)
    var places = [ForgedIndexFile.Field.blobByteCount, ForgedIndexFile.Field.tarByteCount]
    for section in [ForgedIndexFile.Section.entries, .segments, .points] {
      for record in 0..<Int(original.number(at: section.countField)) {
        places += stride(from: 0, to: section.stride, by: 8).map {
          original.place(section, record, field: $0)
        }
      }
    }
    places += ForgedIndexFile.Section.allCases.flatMap { [$0.offsetField, $0.countField] }
    var acceptedCount = 0
    for place in places {
      for value in values {
        var forged = original
        forged.set(value, at: place)
        forged.seal()
        guard let index = try map(forged.bytes) else { continue }
        acceptedCount += 1
        exercise(index, blob: sample.blob)
      }
    }
    // Else nothing was exercised.
    #expect(acceptedCount > 100)
  }

  @Test func `records of random bytes end in bytes or in errors`() throws {
    // A trap would end the process before anything could be printed: one seed, the same always.
    var random = SeededGenerator(seed: 7)
    let original = ForgedIndexFile(bytes: sample.bytes)
    for _ in 0..<200 {
      var forged = original
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let section =
          [ForgedIndexFile.Section.entries, .segments, .points]
          .randomElement(using: &random) ?? .points
        let count = Int(original.number(at: section.countField))
        let record = Int.random(in: 0..<count, using: &random)
        let field = Int.random(in: 0..<(section.stride / 4), using: &random) * 4
        forged.set(
          UInt32.random(in: 0 ... .max, using: &random)
            >> UInt32.random(in: 0...31, using: &random),
          at: original.place(section, record, field: field)
        )
      }
      forged.seal()
      if let index = try map(forged.bytes) { exercise(index, blob: sample.blob) }
    }
  }
}
