// Index files that were changed and given a right checksum again. What is promised: they are refused,
// or whatever loads can be read to the end, merged and written again without a trap.

import FileTree
import FlatArrays
import Glibc
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
    var file = IndexFileBytes(sample.file)
    var rest = input.dropFirst()
    while let change = IndexChange(from: &rest) { file.apply(change) }
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
    var name = Array("/tmp/index.XXXXXX".utf8CString)
    let descriptor = mkstemp(&name)
    unlink(name)
    defer { close(descriptor) }
    guard descriptor >= 0, write(descriptor, bytes, bytes.count) == bytes.count else {
      faults.require(false, "no file to map: errno \(errno)")
      return nil
    }
    return LayerIndexFile.map(descriptor: descriptor, byteCount: bytes.count, digest: digest)
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
    let written = IndexFileBytes(index).bytes
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
        return SampleLayer(blob: blob, digest: digest, file: IndexFileBytes(index).bytes)
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

/// One change to an index file.
private struct IndexChange {
  enum What: UInt8, CaseIterable {
    /// A byte, anywhere.
    case byte
    /// Eight bytes in the head's fields behind the checksum.
    case headNumber
    /// Four bytes of a section, aligned.
    case sectionWord
    /// Eight bytes of a section, aligned.
    case sectionNumber
    /// The file ends early.
    case end
  }

  let what: What
  let section: Int
  let place: Int
  let value: UInt64

  /// Kind, section, two bytes of place, eight of value, all small-endian; what is missing is zero.
  init?(from bytes: inout ArraySlice<UInt8>) {
    guard let first = bytes.popFirst() else { return nil }
    func next(_ count: Int) -> UInt64 {
      (0..<count).reduce(0) { $0 | UInt64(bytes.popFirst() ?? 0) << (8 * UInt64($1)) }
    }
    what = What.allCases[Int(first) % What.allCases.count]
    section = Int(next(1))
    place = Int(next(2))
    value = next(8)
  }
}

/// The bytes of an index file, by docs/FORMATS.md.
private struct IndexFileBytes {
  private(set) var bytes: [UInt8]

  private static let headByteCount = 4096
  private static let checksum = 8..<40
  /// Where the places and counts of the arrays are: behind two SHA-256 digests as text of 71 bytes
  /// with 4 of length.
  private static let arrays = 76 + 2 * (4 + 71)
  /// Bytes of a record of each array; the last is of windows, which no checksum covers.
  private static let strides = [88, 24, 1, 40, 4, 1, 1]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  init(_ index: LayerIndex) {
    var bytes: [UInt8] = []
    LayerIndexFile.write(index) { bytes.append(contentsOf: $0) }
    self.bytes = bytes
  }

  mutating func apply(_ change: IndexChange) {
    switch change.what {
    case .byte: set(change.value, byteCount: 1, at: change.place % max(bytes.count, 1))
    case .headNumber:
      let fields = Self.arrays + Self.strides.count * 16 - Self.checksum.upperBound
      set(change.value, byteCount: 8, at: Self.checksum.upperBound + change.place % fields)
    case .sectionWord: setInSection(change, byteCount: 4)
    case .sectionNumber: setInSection(change, byteCount: 8)
    case .end: bytes.removeLast(min(bytes.count, change.place))
    }
  }

  private mutating func setInSection(_ change: IndexChange, byteCount: Int) {
    guard let range = range(of: change.section % Self.strides.count), !range.isEmpty else { return }
    let offset = change.place * byteCount % range.count
    set(change.value, byteCount: byteCount, at: range.lowerBound + offset)
  }

  private mutating func set(_ value: UInt64, byteCount: Int, at offset: Int) {
    for place in 0..<byteCount where offset + place < bytes.count {
      bytes[offset + place] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(place)))
    }
  }

  private func number(at offset: Int) -> UInt64 {
    guard offset + 8 <= bytes.count else { return .max }
    return (0..<8).reduce(0) { $0 | UInt64(bytes[offset + $1]) << (8 * UInt64($1)) }
  }

  /// The range of an array, if it lies in the file.
  private func range(of section: Int) -> Range<Int>? {
    let offset = number(at: Self.arrays + section * 16)
    let count = number(at: Self.arrays + section * 16 + 8)
    let (size, overflow) = count.multipliedReportingOverflow(by: UInt64(Self.strides[section]))
    guard !overflow, offset <= UInt64(bytes.count), size <= UInt64(bytes.count) - offset else {
      return nil
    }
    return Int(offset)..<Int(offset + size)
  }

  /// Makes the checksum right, as long as the arrays can be found.
  mutating func seal() {
    guard bytes.count >= Self.headByteCount else { return }
    var covered = Array(bytes[Self.checksum.upperBound..<Self.headByteCount])
    for section in Self.strides.indices.dropLast() {
      guard let range = range(of: section) else { return }
      covered += bytes[range]
    }
    let digest = DigestHasher.digest(of: covered, .sha256)
    bytes.replaceSubrange(Self.checksum, with: digest.bytes)
  }
}
