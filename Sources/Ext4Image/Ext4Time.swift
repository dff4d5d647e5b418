// Times as an inode stores them: 32 bits of seconds, and a second word with 2 more bits of seconds and
// the nanoseconds. Source: Linux Documentation/filesystems/ext4/inodes.rst, "Inode Timestamps".

/// One timestamp of an inode, as its two stored words.
package struct Ext4Time: Hashable, Sendable {
  /// The low 32 bits of the seconds since 1970.
  package var low: UInt32
  /// Nanoseconds × 4 + the epoch: how often 2³² seconds are added to `low` read as signed.
  package var extra: UInt32

  package init(low: UInt32, extra: UInt32) {
    self.low = low
    self.extra = extra
  }

  /// 1901-12-13: the smallest signed 32-bit number of seconds.
  package static let earliest = -(Int64(1) << 31)
  /// 2310-04-04: epoch 2 and the largest signed number.
  ///
  /// Epoch 3 would reach to 2446, but e2fsck takes
  /// its first half for dates before 1970 that an old kernel wrote wrong.
  package static let latest = (Int64(2) << 32) + (Int64(1) << 31) - 1

  /// The nearest time that can be stored.
  ///
  /// At either limit the fraction is dropped, as Linux does.
  package init(seconds: Int64, nanoseconds: UInt32) {
    let stored = min(max(seconds, Self.earliest), Self.latest)
    low = UInt32(truncatingIfNeeded: stored)
    let epoch = UInt32(truncatingIfNeeded: (stored - Int64(Int32(bitPattern: low))) >> 32) & 3
    let fraction = stored == seconds ? min(nanoseconds, 999_999_999) : 0
    extra = fraction << 2 | epoch
  }

  package var seconds: Int64 { Int64(Int32(bitPattern: low)) + Int64(extra & 3) << 32 }

  package var nanoseconds: UInt32 { extra >> 2 }
}
