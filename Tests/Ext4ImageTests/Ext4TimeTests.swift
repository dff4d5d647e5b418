// Times as an inode stores them.

import Ext4Image
import Testing

@Suite(.inTurns) struct `Times of an inode` {
  struct Row: Sendable, CustomTestStringConvertible {
    var seconds: Int64
    var nanoseconds: UInt32
    var low: UInt32
    var extra: UInt32
    var testDescription: String { "\(seconds).\(nanoseconds)" }
  }

  // Linux Documentation/filesystems/ext4/inodes.rst, "Inode Timestamps": the table of epochs
  @Test(arguments: [
    Row(seconds: 0, nanoseconds: 0, low: 0, extra: 0),
    Row(seconds: 1, nanoseconds: 999_999_999, low: 1, extra: 3_999_999_996),
    Row(seconds: -1, nanoseconds: 1, low: 0xFFFF_FFFF, extra: 4),
    Row(seconds: -0x8000_0000, nanoseconds: 2, low: 0x8000_0000, extra: 8),
    Row(seconds: 0x7FFF_FFFF, nanoseconds: 0, low: 0x7FFF_FFFF, extra: 0),
    Row(seconds: 0x8000_0000, nanoseconds: 0, low: 0x8000_0000, extra: 1),
    Row(seconds: 0x1_7FFF_FFFF, nanoseconds: 3, low: 0x7FFF_FFFF, extra: 13),
    Row(seconds: 0x1_8000_0000, nanoseconds: 0, low: 0x8000_0000, extra: 2),
    Row(seconds: 0x2_7FFF_FFFF, nanoseconds: 1, low: 0x7FFF_FFFF, extra: 6),
  ])
  func `are stored as two words and read back`(row: Row) {
    let time = Ext4Time(seconds: row.seconds, nanoseconds: row.nanoseconds)
    #expect(time == Ext4Time(low: row.low, extra: row.extra))
    #expect(time.seconds == row.seconds)
    #expect(time.nanoseconds == row.nanoseconds)
  }

  @Test(arguments: [
    Row(seconds: 0x2_8000_0000, nanoseconds: 5, low: 0x7FFF_FFFF, extra: 2),
    Row(seconds: .max, nanoseconds: 5, low: 0x7FFF_FFFF, extra: 2),
    Row(seconds: -0x8000_0001, nanoseconds: 5, low: 0x8000_0000, extra: 0),
    Row(seconds: .min, nanoseconds: 5, low: 0x8000_0000, extra: 0),
  ])
  func `beyond the limits become the limits`(row: Row) {
    let time = Ext4Time(seconds: row.seconds, nanoseconds: row.nanoseconds)
    #expect(time == Ext4Time(low: row.low, extra: row.extra))
  }
}
