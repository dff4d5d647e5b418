// Index files that were changed and given a right checksum again. What is promised: they are refused,
// or whatever loads can be read to the end, merged and written again without a trap.

import FileTree
import FlatArrays
import ImageStore
import Layers
import OCISpec
import Offsets
import SeekableCompression
import TestKit

enum IndexChecks {
  /// Takes `input` as the choice of a file and changes to it: a choice of what is changed, a place
  /// and a value each.
  static func check(_ input: [UInt8], _ faults: inout Faults) {
    let layers = SampleLayer.all
    guard let first = input.first, !layers.isEmpty else {
      faults.require(!layers.isEmpty, "no sample layer could be indexed")
      return
    }
    let sample = layers[Int(first) % layers.count]
    var file = FlatFileBytes(sample.file, FlatFileShape.index)
    file.apply(changes: input.dropFirst())
    file.seal()
    guard let index = map(file.bytes, sample.digest, &faults) else {
      faults.require(file.bytes != sample.file, "a file is refused as it was written")
      return
    }
    readTable(of: index)
    readFiles(of: index, sample, &faults)
    rewrite(index, file.bytes, &faults)
  }

  private static func map(
    _ bytes: [UInt8],
    _ digest: Digest,
    _ faults: inout Faults
  ) -> LayerIndex? {
    FlatFileBytes.inFile(bytes, &faults) { descriptor in
      LayerIndexFile.map(descriptor: descriptor, byteCount: bytes.count, digest: digest)
    }
  }

  fileprivate static func bytes(of index: LayerIndex) -> [UInt8] {
    var bytes: [UInt8] = []
    LayerIndexFile.write(index) { bytes.append(contentsOf: $0) }
    return bytes
  }

  /// Looks at everything once: what traps is found by that.
  private static func readTable(of index: LayerIndex) {
    let table = index.table
    var byteCount = 0
    for entry in table.entries {
      byteCount += table.path(of: entry).count
      for attribute in table.extendedAttributes(of: entry) {
        byteCount += attribute.name.array.count + attribute.value.array.count
      }
      if entry.kind != .regular { byteCount += table.slice(entry.payload).array.count }
    }
    for point in index.points {
      byteCount +=
        index.windows.slice(
          at: Int(point.windowOffset),
          count: Int(point.windowByteCount)
        ).array.count
    }
    for warning in index.warnings { byteCount += "\(warning)".utf8.count }
    withExtendedLifetime(byteCount + Int(clamping: index.longestSpan) + index.byteCount) {}
  }

  private static func readFiles(
    of index: LayerIndex,
    _ sample: SampleLayer,
    _ faults: inout Faults
  ) {
    let merged: MergedTree
    do throws(TreeError) {
      merged = try TreeBuilder.merge([index.table])
    } catch {
      withExtendedLifetime("\(error)") {}
      return
    }
    withExtendedLifetime(DumpRow.text(merged.tree.dumpRows { _ in nil })) {}
    let files = ImageFiles(merged, of: [index], sources: [MemoryBlob(bytes: sample.blob)])
    for node in merged.tree.nodes where node.kind == .regular {
      let runs = merged.tree.segments(of: node).prefix(4).map { $0.file.bytes }
      for start in [0, node.size / 2, node.size - min(node.size, 100)] + runs {
        readSome(of: node, at: start, files, &faults)
      }
    }
  }

  private static func readSome(
    of node: Node,
    at start: UInt64,
    _ files: ImageFiles,
    _ faults: inout Faults
  ) {
    do throws(LayersError) {
      let bytes = try [UInt8].filled(300) { buffer throws(LayersError) in
        try files.read(node, at: start, into: buffer)
      }
      let expected = min(300, node.size - min(start, node.size))
      faults.require(UInt64(bytes.count) == expected, "a short read at \(start) of \(node.size)")
    } catch {
      withExtendedLifetime("\(error)") {}
    }
  }

  /// What was loaded is written again as a file that loads as the same.
  private static func rewrite(_ index: LayerIndex, _ bytes: [UInt8], _ faults: inout Faults) {
    let written = IndexChecks.bytes(of: index)
    guard let again = map(written, index.blobDigest, &faults) else {
      faults.require(false, "an index that loads does not load when it is written again")
      return
    }
    let isSame =
      again.table.entries.elementsEqual(index.table.entries)
      && again.points.elementsEqual(index.points)
      && again.tarByteCount == index.tarByteCount
    faults.require(isSame, "an index changes when it is written again")
  }
}

/// A layer that index files are made of.
private struct SampleLayer: Sendable {
  let blob: [UInt8]
  let digest: Digest
  let file: [UInt8]

  /// Plain, gzip with a seek point that has a window, zstd of several frames.
  static let all: [SampleLayer] = {
    let small = tar(with: CompressedBytes.sample(byteCount: 9000, seed: 1))
    // Behind the first seek point; of runs, which decode fast.
    let lines = (0..<20_000).flatMap { number in repeatElement(UInt8(number % 251), count: 57) }
    var frames = CompressedBytes.ZstdShape()
    frames.frameByteCount = 5000
    let blobs = [
      small, CompressedBytes.gzip(tar(with: lines)), CompressedBytes.zstd(small, frames),
    ]
    return blobs.compactMap { blob in
      let digest = DigestHasher.digest(of: blob, .sha256)
      let source = MemoryBlob(bytes: blob)
      do throws(LayersError) {
        let index = try LayerIndexer.index(source, blobDigest: digest, diffID: nil)
        return SampleLayer(blob: blob, digest: digest, file: IndexChecks.bytes(of: index))
      } catch {
        return nil
      }
    }
  }()

  /// A layer with every kind of entry.
  private static func tar(with content: [UInt8]) -> [UInt8] {
    TarBytes.archive([
      .directory("d/"), .file("d/f", "text").attribute("user.a", "1"), .hardLink("h", to: "d/f"),
      .symlink("s", to: "d"), .characterDevice("c", major: 1, minor: 3), .fifo("p"),
      .whiteout("d/w"), .opaque("d"),
      .sparse("sparse", size: 20_000, segments: [(0, "abc"), (9000, "def")], format: .pax10),
      .file("large", TarText(content)),
    ])
  }
}
