// Arbitrary tar streams as the layers of an image, through everything: index, merge, walk, and every
// file read back. What is promised: an error with its place, or a sound tree whose files hold what the
// stream holds.

import FileTree
import FlatArrays
import ImageStore
import Layers
import OCISpec
import Offsets
import SeekableCompression
import TarFormat
import TestKit

enum LayerChecks {
  /// Layers of one input.
  private static let layerLimit = 4
  /// Of a file's bytes, those that are compared.
  private static let contentLimit: UInt64 = 64 << 10

  /// Takes `input` as layers one behind the other, each ended by its end marker.
  static func check(_ input: [UInt8], _ faults: inout Faults) {
    let tars = split(input)
    var indexes: [LayerIndex] = []
    for tar in tars {
      guard let index = index(of: tar, as: tar, &faults) else { return }
      checkCompressed(tar, index, &faults)
      indexes.append(index)
    }
    let merged: MergedTree
    do throws(TreeError) {
      merged = try TreeBuilder.merge(indexes.map(\.table))
    } catch {
      checkError(error, tars, &faults)
      return
    }
    for fault in TreeCheck.faults(of: merged.tree) { faults.require(false, fault) }
    _ = DumpRow.text(merged.tree.dumpRows { _ in nil })
    checkFiles(of: merged, tars, indexes, &faults)
  }

  /// The streams of `input`, with header checksums that fit.
  private static func split(_ input: [UInt8]) -> [[UInt8]] {
    var tars: [[UInt8]] = []
    var rest = input
    while !rest.isEmpty, tars.count < layerLimit {
      let mended = TarMending.withRightChecksums(rest)
      let end = TarMending.endOfArchive(in: mended) ?? mended.count
      tars.append(Array(mended[..<end]))
      rest = Array(rest[end...])
    }
    return tars
  }

  private static func index(
    of tar: [UInt8],
    as blob: [UInt8],
    _ faults: inout Faults
  ) -> LayerIndex? {
    do throws(LayersError) {
      return try LayerIndexer.index(
        MemoryBlob(bytes: blob),
        blobDigest: DigestHasher.digest(of: blob, .sha256),
        diffID: DigestHasher.digest(of: tar, .sha256)
      )
    } catch {
      faults.requirePositions(in: "\(error)", of: "tar byte", upTo: tar.count)
      faults.requirePositions(in: "\(error)", of: "blob byte", upTo: blob.count)
      return nil
    }
  }

  /// The same stream compressed is the same layer.
  private static func checkCompressed(
    _ tar: [UInt8],
    _ plain: LayerIndex,
    _ faults: inout Faults
  ) {
    var numbers = InputNumbers(of: tar)
    let blob: [UInt8]
    switch numbers.next(below: 8) {
    case 0: blob = CompressedBytes.gzip(tar)
    case 1: blob = CompressedBytes.zstd(tar)
    default: return
    }
    guard let packed = index(of: tar, as: blob, &faults) else {
      faults.require(false, "a layer is refused only when it is compressed")
      return
    }
    let isSame =
      packed.table.entries.elementsEqual(plain.table.entries)
      && packed.table.bytes.elementsEqual(plain.table.bytes)
      && packed.table.segments.elementsEqual(plain.table.segments)
    faults.require(isSame, "a layer has other entries when it is compressed")
  }

  private static func checkError(
    _ error: TreeError,
    _ tars: [[UInt8]],
    _ faults: inout Faults
  ) {
    guard let layer = error.layer, let member = error.member else { return }
    let isInside = tars.indices.contains(layer) && member.bytes < UInt64(tars[layer].count)
    faults.require(isInside, "names a place outside of its layer: \(error)")
  }

  // MARK: Contents

  private static func checkFiles(
    of merged: MergedTree,
    _ tars: [[UInt8]],
    _ indexes: [LayerIndex],
    _ faults: inout Faults
  ) {
    let files = ImageFiles(merged, of: indexes, sources: tars.map { MemoryBlob(bytes: $0) })
    let members = tars.map { tar in
      Dictionary(
        TarScan(tar).members.map { ($0.header, $0) },
        uniquingKeysWith: { first, _ in first }
      )
    }
    for step in merged.tree.walk() {
      let node = merged.tree[step.node]
      guard node.kind == .regular else { continue }
      let layer = Int(node.layer)
      let header = indexes[layer].table.entries[Int(node.entry)].header
      guard let member = members[layer][header] else {
        faults.require(false, "a file that no member made: \(EscapedBytes.string(step.path))")
        continue
      }
      checkContent(of: node, files, member, tars[layer], &faults)
    }
  }

  private static func checkContent(
    of node: Node,
    _ files: ImageFiles,
    _ member: TarMember,
    _ tar: [UInt8],
    _ faults: inout Faults
  ) {
    let place = "member at \(member.header): "
    faults.require(node.size == member.size, place + "size")
    // The start, the end, and where a run begins.
    let starts =
      [0, node.size - min(node.size, contentLimit)]
      + member.segments.prefix(4).map { $0.fileOffset - min($0.fileOffset, 3) }
    for start in starts {
      let count = Int(min(contentLimit, node.size - start))
      do throws(LayersError) {
        let bytes = try [UInt8].filled(count) { buffer throws(LayersError) in
          try files.read(node, at: start, into: buffer)
        }
        faults.require(bytes.count == count, place + "short read at \(start)")
        let expected = content(of: member, from: start, count: count, in: tar)
        faults.require(bytes == expected, place + "other bytes at \(start)")
      } catch {
        faults.require(false, place + "\(error)")
      }
    }
  }

  /// What a member's headers say that the file holds.
  private static func content(
    of member: TarMember,
    from start: UInt64,
    count: Int,
    in tar: [UInt8]
  ) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let whole = SparseSegment(fileOffset: 0, byteCount: member.size, data: member.data)
    for segment in member.isSparse ? member.segments : [whole] {
      let first = max(segment.fileOffset, start)
      let last = min(segment.fileOffset + segment.byteCount, start + UInt64(count))
      guard first < last else { continue }
      let source = Int(segment.data.bytes + (first - segment.fileOffset))
      let target = Int(first - start)
      let length = Int(last - first)
      bytes.replaceSubrange(target..<target + length, with: tar[source..<source + length])
    }
    return bytes
  }
}
