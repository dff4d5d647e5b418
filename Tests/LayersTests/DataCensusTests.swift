// The blocks that a pass over a layer counts, against the files' own bytes.

import FileTree
import FlatArrays
import Glibc
import ImageStore
import OCISpec
import Offsets
import SeekableCompression
import SystemPackage
import TestKit
import Testing

@testable import Layers

/// A blob that comes in pieces of any size.
private struct DribblingSource: ByteSource {
  let bytes: [UInt8]
  let seed: UInt64

  var byteCount: UInt64 { UInt64(bytes.count) }

  func read(
    at offset: BlobOffset,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(ByteSourceError) -> Int {
    var random = SeededGenerator(seed: seed &+ offset.bytes)
    let limit = [1, 511, 4097, 70_000].randomElement(using: &random) ?? 1
    let wanted = min(Int.random(in: 1...limit, using: &random), buffer.count)
    return try MemorySource(bytes: bytes).read(at: offset, into: .init(rebasing: buffer[..<wanted]))
  }
}

/// An archive and what its members take, in its order.
private struct Census {
  var entries: [TarEntry] = []
  var counts: [BlockCount] = []

  init(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for number in 0..<12 {
      let file = BlockCount.randomFile(&random)
      if Bool.random(using: &random) {
        add(.file("f\(number)", TarText(file)), BlockCount(of: file))
      } else {
        addSparse("s\(number)", file, &random)
      }
      if Int.random(in: 0..<3, using: &random) == 0 { addOther(number, &random) }
    }
  }

  private mutating func add(_ entry: TarEntry, _ count: BlockCount) {
    entries.append(entry)
    counts.append(count)
  }

  /// Of a file of these bytes some runs are stored, and the others are zero.
  private mutating func addSparse(
    _ name: String,
    _ bytes: [UInt8],
    _ random: inout SeededGenerator
  ) {
    var file = [UInt8](repeating: 0, count: bytes.count)
    var segments: [(offset: Int64, bytes: TarText)] = []
    var position = Int.random(in: 0...5000, using: &random)
    while position < bytes.count {
      let end = min(position + Int.random(in: 1...9000, using: &random), bytes.count)
      file[position..<end] = bytes[position..<end]
      segments.append((Int64(position), TarText(Array(bytes[position..<end]))))
      position = end + Int.random(in: 0...9000, using: &random)
    }
    let format = TarSparseFormat.allCases.randomElement(using: &random) ?? .pax10
    add(
      .sparse("\(name)", size: Int64(file.count), segments: segments, format: format),
      BlockCount(of: file)
    )
  }

  /// Members that have no data blocks, whatever follows their headers.
  private mutating func addOther(_ number: Int, _ random: inout SeededGenerator) {
    let data = TarText([UInt8](repeating: 1, count: Int.random(in: 1...20_000, using: &random)))
    let none = BlockCount(blocks: 0, runs: 0)
    switch Int.random(in: 0..<5, using: &random) {
    case 0: add(.directory("d\(number)"), none)
    case 1: add(.hardLink("h\(number)", to: "f0"), none)
    case 2: add(.file(".wh.w\(number)", data), none)
    case 3: add(.member("D", "dump\(number)", data), none)
    default: add(.symlink("l\(number)", to: "f0"), none)
    }
  }
}

extension LayerTable {
  fileprivate var blockCounts: [BlockCount] {
    entries.map { BlockCount(blocks: $0.dataBlocks, runs: $0.dataRuns) }
  }
}

struct DataCensusTests {
  @Test(arguments: LayerEncoding.allCases)
  func `blocks of zeros are found in every encoding`(encoding: LayerEncoding) throws {
    for seed in UInt64(0)..<15 {
      let census = Census(seed: seed)
      let tar = TarBytes.archive(census.entries)
      let index = try index(encoding.blob(of: tar), tar: tar)
      #expect(index.table.blockCounts == census.counts, "seed \(seed)")
    }
  }

  @Test(arguments: [LayerEncoding.plain, .gzip, .zstd])
  func `blocks of zeros are found however the blob is cut`(encoding: LayerEncoding) throws {
    for seed in UInt64(100)..<130 {
      let census = Census(seed: seed)
      let tar = TarBytes.archive(census.entries)
      let blob = encoding.blob(of: tar)
      let index = try LayerIndexer.index(
        DribblingSource(bytes: blob, seed: seed),
        blobDigest: sha256(blob),
        diffID: sha256(tar)
      )
      #expect(index.table.blockCounts == census.counts, "seed \(seed)")
    }
  }

  @Test func `a large sparse file of little is little`() throws {
    let size: Int64 = 1 << 40
    let entries: [TarEntry] = TarSparseFormat.allCases.enumerated().map { number, format in
      .sparse(
        "s\(number)",
        size: size,
        segments: [(4095, "ab"), (1 << 39, TarText(TarBytes.zeros(9000))), (size - 1, "z")],
        format: format
      )
    }
    let tar = TarBytes.archive(entries + [.file("behind", "x")])
    let counts = try index(CompressedBytes.gzip(tar), tar: tar).table.blockCounts
    #expect(
      counts == [BlockCount](repeating: BlockCount(blocks: 3, runs: 2), count: 4)
        + [BlockCount(blocks: 1, runs: 1)]
    )
  }

  @Test func `the real image's files take what another implementation unpacks`() throws {
    let tree = try realTree(.small)
    let unpacked = try UnpackedImage(.small)
    // Some can be read by root alone.
    try AsRoot.succeed(["chmod", "-R", "a+rX", unpacked.path])
    var seen: Set<NodeID> = []
    for step in tree.walk() where tree[step.node].kind == .regular {
      guard seen.insert(step.node).inserted else { continue }
      let node = tree[step.node]
      let file = try bytes(ofFile: Array((unpacked.path + "/").utf8) + step.path)
      #expect(
        BlockCount(blocks: node.dataBlocks, runs: node.dataRuns) == BlockCount(of: file),
        "\(EscapedBytes.string(step.path))"
      )
    }
    // Else nothing was compared.
    #expect(seen.count > 1000)
  }

  private func realTree(_ image: RealImage) throws -> Tree {
    let directory = try TemporaryDirectory()
    let cache = try CacheDirectory(
      opening: FilePath(directory.appending("cache")),
      version: LayerStore.cacheVersion
    )
    let reference = try LayoutReference("oci:\(image.layout):debian")
    return try ImageOpener(store: LayerStore(cache: cache) { Issue.record($0) })
      .open(try ImageResolver().resolve(reference)).files.tree
  }

  /// Names are bytes, which Foundation's paths are not.
  private func bytes(ofFile path: [UInt8]) throws -> [UInt8] {
    let name = (path + [0]).map(CChar.init(bitPattern:))
    let file = try FileDescriptor.open(FilePath(platformString: name), .readOnly)
    return try file.closeAfter {
      var status = stat()
      guard fstat(file.rawValue, &status) == 0 else { throw Errno(rawValue: errno) }
      let count = Int(status.st_size)
      return try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        while filled < count {
          let rest = UnsafeMutableRawBufferPointer(
            rebasing: UnsafeMutableRawBufferPointer(buffer)[filled...]
          )
          let read = try file.read(into: rest)
          if read == 0 { break }
          filled += read
        }
      }
    }
  }
}
