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
struct ForgedTreeFile {
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

  enum Section: Int, CaseIterable {
    case nodes, children, segments, bytes, warnings

    var stride: Int { [88, 12, 24, 1, 1][rawValue] }
    var offsetField: Int { Field.arrays + rawValue * 16 }
    var countField: Int { offsetField + 8 }
  }

  func number(at offset: Int) -> UInt64 {
    (0..<8).reduce(0) { $0 | UInt64(bytes[offset + $1]) << (8 * UInt64($1)) }
  }

  mutating func set(_ value: some FixedWidthInteger, at offset: Int) {
    withUnsafeBytes(of: value.littleEndian) {
      bytes.replaceSubrange(offset..<(offset + $0.count), with: $0)
    }
  }

  /// The range of a section, if it lies in the file.
  func range(_ section: Section) -> Range<Int>? {
    let (offset, count) = (number(at: section.offsetField), number(at: section.countField))
    let (size, overflow) = count.multipliedReportingOverflow(by: UInt64(section.stride))
    guard !overflow, offset <= UInt64(bytes.count), size <= UInt64(bytes.count) - offset else {
      return nil
    }
    return Int(offset)..<Int(offset + size)
  }

  /// Makes the checksum right again, as long as the arrays can be found.
  mutating func seal() {
    var covered = Array(bytes[40..<4096])
    for section in Section.allCases {
      guard let range = range(section) else { return }
      covered += bytes[range]
    }
    bytes.replaceSubrange(8..<40, with: sha256(covered).bytes)
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
