// Tree files that are made wrong on purpose, mapping whatever bytes there are, and trees compared whole.

import FileTree
import FlatArrays
import Foundation
import Glibc
import OCISpec
import SystemPackage
import TestKit

@testable import Layers

/// Maps bytes as a tree file.
func mapTree(_ bytes: [UInt8], key: Digest, layerCount: Int? = nil) throws -> MergedTree? {
  var name = Array((NSTemporaryDirectory() + "/tree.XXXXXX").utf8CString)
  let descriptor = FileDescriptor(rawValue: mkstemp(&name))
  unlink(name)
  return try descriptor.closeAfter {
    try descriptor.writeAll(bytes)
    return TreeFile.map(
      descriptor: descriptor.rawValue,
      byteCount: bytes.count,
      key: key,
      layerCount: layerCount
    )
  }
}

/// A tree file that is taken apart, changed and given a right checksum again.
struct ForgedTreeFile: ForgedFlatFile {
  var bytes: [UInt8]

  /// Where the head's fixed fields are.
  enum Field {
    static let version = 40
    static let nodeStride = 44
    static let hasAttributes = 56
    static let blockCount = 60
    static let layerCount = 68
    /// Behind a SHA-256 digest as text of 71 bytes with 4 of length.
    static let arrays = 76 + 4 + 71
  }

  enum Section: Int, ForgedSection {
    case nodes, children, segments, bytes, warnings

    var stride: Int { [88, 12, 24, 1, 1][rawValue] }
    static var arrays: Int { Field.arrays }
  }
}

extension MergedTree {
  func fileBytes(key: Digest, layerCount: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    TreeFile.write(self, key: key, layerCount: layerCount) { bytes += $0 }
    return bytes
  }

  /// Everything in the tree, as values that compare.
  var whole: WholeTree {
    WholeTree(
      nodes: Array(tree.nodes),
      children: Array(tree.childTable),
      segments: Array(tree.segments),
      bytes: Array(tree.bytes),
      totals: tree.totals,
      warnings: warnings,
      dump: DumpRow.text(tree.dumpRows { _ in nil })
    )
  }
}

extension OpenedImage {
  var merged: MergedTree { MergedTree(tree: files.tree, warnings: files.warnings) }
}

struct WholeTree: Equatable {
  var nodes: [Node]
  var children: [Child]
  var segments: [DataSegment]
  var bytes: [UInt8]
  var totals: TreeTotals
  var warnings: TreeWarnings
  var dump: String
}
