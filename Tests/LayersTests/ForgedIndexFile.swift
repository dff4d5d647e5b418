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
struct ForgedIndexFile: ForgedFlatFile {
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

  enum Section: Int, ForgedSection {
    case entries, segments, bytes, points, blockChecksums, warnings, windows

    var stride: Int { [88, 24, 1, 40, 4, 1, 1][rawValue] }
    static var arrays: Int { Field.arrays }
    var isCovered: Bool { self != .windows }
  }
}
