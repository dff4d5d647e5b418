// Changes to files of flat arrays, and what every one of them breaks first: the checksum. Puts it right,
// so that fuzzing goes further.

import Glibc
import ImageStore
import OCISpec

/// Where the arrays of a kind of file are, by docs/FORMATS.md.
struct FlatFileShape {
  /// Where the head has their places and counts.
  let arrays: Int
  /// Bytes of a record of each array.
  let strides: [Int]
  /// Arrays that the checksum covers, from the first on.
  let coveredCount: Int

  /// Behind two SHA-256 digests as text of 71 bytes with 4 of length; the last array is of windows,
  /// which have checksums of their own.
  static let index = FlatFileShape(
    arrays: 76 + 2 * (4 + 71),
    strides: [88, 24, 1, 40, 4, 1, 1],
    coveredCount: 6
  )
  /// Behind one SHA-256 digest.
  static let tree = FlatFileShape(
    arrays: 76 + (4 + 71),
    strides: [88, 12, 24, 1, 1],
    coveredCount: 5
  )
}

/// The bytes of an index or tree file.
struct FlatFileBytes {
  private(set) var bytes: [UInt8]
  private let shape: FlatFileShape

  private static let headByteCount = 4096
  private static let checksum = 8..<40

  init(_ bytes: [UInt8], _ shape: FlatFileShape) {
    self.bytes = bytes
    self.shape = shape
  }

  /// Calls `body` with an open file that holds `bytes`; `nil` where none can be had.
  static func inFile<Contents>(
    _ bytes: [UInt8],
    _ faults: inout Faults,
    _ body: (Int32) -> Contents?
  ) -> Contents? {
    var name = Array("/tmp/flat.XXXXXX".utf8CString)
    let descriptor = mkstemp(&name)
    unlink(name)
    defer { close(descriptor) }
    guard descriptor >= 0, write(descriptor, bytes, bytes.count) == bytes.count else {
      faults.require(false, "no file to map: errno \(errno)")
      return nil
    }
    return body(descriptor)
  }

  /// Takes `input` as changes: a choice of what is changed, a place and a value each.
  mutating func apply(changes input: ArraySlice<UInt8>) {
    var rest = input
    while let change = FlatFileChange(from: &rest) { apply(change) }
  }

  private mutating func apply(_ change: FlatFileChange) {
    switch change.what {
    case .byte: set(change.value, byteCount: 1, at: change.place % max(bytes.count, 1))
    case .headNumber:
      let fields = shape.arrays + shape.strides.count * 16 - Self.checksum.upperBound
      set(change.value, byteCount: 8, at: Self.checksum.upperBound + change.place % fields)
    case .sectionWord: setInSection(change, byteCount: 4)
    case .sectionNumber: setInSection(change, byteCount: 8)
    case .end: bytes.removeLast(min(bytes.count, change.place))
    }
  }

  private mutating func setInSection(_ change: FlatFileChange, byteCount: Int) {
    guard let range = range(of: change.section % shape.strides.count), !range.isEmpty else {
      return
    }
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
    let offset = number(at: shape.arrays + section * 16)
    let count = number(at: shape.arrays + section * 16 + 8)
    let (size, overflow) = count.multipliedReportingOverflow(by: UInt64(shape.strides[section]))
    guard !overflow, offset <= UInt64(bytes.count), size <= UInt64(bytes.count) - offset else {
      return nil
    }
    return Int(offset)..<Int(offset + size)
  }

  /// Makes the checksum right, as long as the arrays can be found.
  mutating func seal() {
    guard bytes.count >= Self.headByteCount else { return }
    var covered = Array(bytes[Self.checksum.upperBound..<Self.headByteCount])
    for section in 0..<shape.coveredCount {
      guard let range = range(of: section) else { return }
      covered += bytes[range]
    }
    let digest = DigestHasher.digest(of: covered, .sha256)
    bytes.replaceSubrange(Self.checksum, with: digest.bytes)
  }
}

/// One change to such a file.
private struct FlatFileChange {
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
