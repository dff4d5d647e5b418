// Files of flat arrays that are made wrong on purpose: what index files and tree files have in common.

import OCISpec
import TestKit

/// One array of such a file, by its place in the head.
protocol ForgedSection: CaseIterable, RawRepresentable where RawValue == Int {
  /// Where the head has the place and count of the first array.
  static var arrays: Int { get }
  /// The size of a record.
  var stride: Int { get }
  /// Whether the file's checksum covers it.
  var isCovered: Bool { get }
}

extension ForgedSection {
  var isCovered: Bool { true }
  var offsetField: Int { Self.arrays + rawValue * 16 }
  var countField: Int { offsetField + 8 }
}

/// A file that is taken apart, changed and given a right checksum again.
protocol ForgedFlatFile {
  associatedtype Section: ForgedSection
  var bytes: [UInt8] { get set }
}

extension ForgedFlatFile {
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
    for section in Section.allCases where section.isCovered {
      guard let range = range(section) else { return }
      covered += bytes[range]
    }
    bytes.replaceSubrange(8..<40, with: sha256(covered).bytes)
  }
}
