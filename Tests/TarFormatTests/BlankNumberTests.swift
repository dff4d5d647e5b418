// Header fields that nobody filled in: which are a warning, and which are how tars are written.

import Offsets
import TarFormat
import TestKit
import Testing

struct BlankNumberTests {
  /// A numeric field of a header, and an entry in which it counts.
  struct Field: CustomTestStringConvertible {
    var testDescription: String
    var range: Range<Int>
    var entry: TarEntry

    init(_ name: String, _ range: Range<Int>, of entry: TarEntry) {
      (testDescription, self.range, self.entry) = ("T4: \(name)", range, entry)
    }
  }

  private static let file = TarEntry.file("a").dialect(.ustar)
  private static let device = TarEntry.characterDevice("a", major: 1, minor: 3)
  private static let hole = TarEntry.sparse("a", size: 9, segments: [], format: .oldGNU)

  static let counting = [
    Field("mode", 100..<108, of: file), Field("uid", 108..<116, of: file),
    Field("gid", 116..<124, of: file), Field("size", 124..<136, of: file),
    Field("mtime", 136..<148, of: file), Field("major", 329..<337, of: device),
    Field("minor", 337..<345, of: device), Field("real size", 483..<495, of: hole),
    Field("an extension header's size", 124..<136, of: .member("L", "@").dialect(.gnu)),
  ]

  @Test(arguments: counting, [0, UInt8(ascii: " ")])
  func `a blank number that counts is zero, with a warning`(field: Field, blank: UInt8) {
    let edited = field.entry.editingHeader(
      put(TarText([UInt8](repeating: blank, count: field.range.count)), at: field.range.lowerBound)
    )
    let scan = Scan(TarBytes.archive([edited, .file("b")]))
    #expect(scan.error == nil)
    #expect(scan.members.last?.path == Array("b".utf8))
    #expect(
      scan.warnings.map(\.line)
        == ["warning: blank number taken for zero, 1 from \(field.range.lowerBound)"]
    )
  }

  /// What real writers leave out: GNU tar's labels have no numbers but a time, and its formats and
  /// Python have no device numbers but for devices; old ones have no sizes of what has no data.
  @Test(
    arguments: [
      Field("a label", 100..<136, of: .member("V", "a").dialect(.gnu)),
      Field("a file's device numbers", 329..<345, of: file),
      Field("a directory's size", 124..<136, of: .directory("a")),
      Field("a directory's device numbers", 329..<345, of: .directory("a")),
      Field("a symbolic link's size", 124..<136, of: .symlink("a", to: "b")),
      Field("a hard link's size", 124..<136, of: .hardLink("a", to: "b")),
      Field("a fifo's size", 124..<136, of: .fifo("a")),
      Field("a device's size", 124..<136, of: device),
      Field("a size that a record gives", 124..<136, of: .file("a").pax("size", "0")),
      Field("an owner that a record gives", 108..<116, of: .file("a").pax("uid", "0")),
    ]
  )
  func `a blank number that does not count is no warning`(field: Field) {
    let zeros = TarText([UInt8](repeating: 0, count: field.range.count))
    let edited = field.entry.editingHeader(put(zeros, at: field.range.lowerBound))
    let scan = Scan(TarBytes.archive([edited, .file("b")]))
    #expect(scan.error == nil)
    #expect(scan.members.last?.path == Array("b".utf8))
    #expect(scan.warnings.allSatisfy { $0.kind != .blankNumber })
  }
}
