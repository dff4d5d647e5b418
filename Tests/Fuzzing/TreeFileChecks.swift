// Tree files that were changed and given a right checksum again. What is promised: they are refused, or
// whatever loads is a sound tree that can be read to the end and written again.

import FileTree
import FlatArrays
import ImageStore
import Layers
import OCISpec
import Offsets
import TestKit

enum TreeFileChecks {
  /// Takes `input` as the choice of a file and changes to it, as `IndexChecks` does.
  static func check(_ input: [UInt8], _ faults: inout Faults) {
    let trees = SampleTree.all
    guard let first = input.first, !trees.isEmpty else {
      faults.require(!trees.isEmpty, "no sample tree could be merged")
      return
    }
    let sample = trees[Int(first) % trees.count]
    var file = FlatFileBytes(sample.file, FlatFileShape.tree)
    file.apply(changes: input.dropFirst())
    file.seal()
    guard let merged = map(file.bytes, &faults) else {
      faults.require(file.bytes != sample.file, "a file is refused as it was written")
      return
    }
    for fault in TreeCheck.faults(of: merged.tree) { faults.require(false, fault) }
    read(merged)
    rewrite(merged, &faults)
  }

  private static func map(_ bytes: [UInt8], _ faults: inout Faults) -> MergedTree? {
    FlatFileBytes.inFile(bytes, &faults) { descriptor in
      TreeFile.map(
        descriptor: descriptor,
        byteCount: bytes.count,
        key: SampleTree.key,
        layerCount: SampleTree.layerCount
      )
    }
  }

  /// Looks at everything once: what traps is found by that.
  private static func read(_ merged: MergedTree) {
    let tree = merged.tree
    var count = DumpRow.text(tree.dumpRows { _ in nil }).utf8.count
    for node in tree.nodes {
      for segment in tree.segments(of: node) { count += Int(clamping: segment.byteCount) & 1 }
    }
    for layer in 0..<SampleTree.layerCount {
      count += merged.warnings.tallies(ofLayer: layer).count
    }
    count += merged.warnings.counts.count + merged.warnings.places.count
    withExtendedLifetime(count) {}
  }

  /// What was loaded is written again as a file that loads as the same.
  private static func rewrite(_ merged: MergedTree, _ faults: inout Faults) {
    guard let again = map(SampleTree.bytes(of: merged), &faults) else {
      faults.require(false, "a tree that loads does not load when it is written again")
      return
    }
    let isSame =
      again.tree.nodes.elementsEqual(merged.tree.nodes)
      && again.tree.childTable.elementsEqual(merged.tree.childTable)
      && again.tree.bytes.elementsEqual(merged.tree.bytes)
      && again.tree.totals == merged.tree.totals && again.warnings == merged.warnings
    faults.require(isSame, "a tree changes when it is written again")
  }
}

/// A tree that tree files are made of.
private struct SampleTree: Sendable {
  let file: [UInt8]

  static let key = DigestHasher.digest(of: [1], .sha256)
  static let layerCount = 2

  /// One with everything in it, and one that is a root alone.
  static let all: [SampleTree] = {
    let lower: [LayerMember] = [
      .directory("d").with("user.a", "1"), .file("d/f", bytes: 5000), .hardLink("h", to: "d/f"),
      .symlink("s", to: "d"), .characterDevice("c", 1, 3), .fifo("p"), .file("d/e/g"),
    ]
    let upper: [LayerMember] = [
      .file("twice"), .file("twice", bytes: 7), .whiteout("c"), .whiteout("x/y"), .file("d/z"),
    ]
    return [[lower, upper], [[], []]].compactMap { stack in
      do throws(TreeError) {
        var tables: [LayerTable] = []
        for members in stack { tables.append(try layer(members)) }
        return SampleTree(file: bytes(of: try TreeBuilder.merge(tables)))
      } catch {
        return nil
      }
    }
  }()

  static func bytes(of merged: MergedTree) -> [UInt8] {
    var bytes: [UInt8] = []
    TreeFile.write(merged, key: key, layerCount: layerCount) { bytes.append(contentsOf: $0) }
    return bytes
  }
}
