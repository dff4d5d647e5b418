// Index files that are made wrong on purpose, and mapping whatever bytes there are.

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

/// Maps bytes as an index file.
struct IndexFileMapper {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  func map(_ bytes: [UInt8], digest: Digest) throws -> LayerIndex? {
    let path = directory.appending("index")
    // Written beside it and renamed: a mapped file must not change.
    try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
    let descriptor = try FileDescriptor.open(path, .readOnly)
    return try descriptor.closeAfter {
      LayerIndexFile.map(
        descriptor: descriptor.rawValue,
        byteCount: bytes.count,
        digest: digest
      )
    }
  }
}

/// An index file that is taken apart, changed and given a right checksum again.
struct ForgedIndexFile {
  var bytes: [UInt8]

  /// Where the head's fixed fields are.
  enum Field {
    static let version = 40
    static let entryStride = 44
    static let codec = 56
    static let blobByteCount = 60
    static let tarByteCount = 68
    /// Behind two SHA-256 digests as text of 71 bytes with 4 of length.
    static let arrays = 76 + 2 * (4 + 71)
  }

  enum Section: Int, CaseIterable {
    case entries, segments, bytes, points, blockChecksums, warnings, windows

    var stride: Int { [88, 24, 1, 40, 4, 1, 1][rawValue] }
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

  /// Where byte `field` of a record is in the file.
  func place(_ section: Section, _ record: Int, field: Int) -> Int {
    Int(number(at: section.offsetField)) + record * section.stride + field
  }

  /// The range of a section, if it lies in the file.
  private func range(_ section: Section) -> Range<Int>? {
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
    for section in Section.allCases where section != .windows {
      guard let range = range(section) else { return }
      covered += bytes[range]
    }
    bytes.replaceSubrange(8..<40, with: sha256(covered).bytes)
  }
}
