// How the entries of one directory fill its blocks. Pure.
// Sources: Linux Documentation/filesystems/ext4/directory.rst; e2fsprogs, lib/ext2fs/link.c.

/// The room that is left in the blocks of a directory.
struct PackedDirectory {
  /// Free bytes at the end of each block.
  private var room: [Int]
  /// By size of an entry, a quarter of its bytes: all blocks before this one have not enough room.
  private var firstFit: [Int] = []
  private let capacity: Int

  /// An entry has 8 bytes and its name of at most 255, padded to 4.
  private static let largestEntry = 8 + 256

  var blockCount: Int { room.count }

  /// A directory with `.` and `..` of 12 bytes each, and in the root lost+found.
  ///
  /// With checksums each block ends with one, of 12 bytes.
  init(isRoot: Bool, blockCount: UInt64 = 1, hasChecksum: Bool) {
    capacity = 4096 - (hasChecksum ? 12 : 0)
    room = [capacity - 12 - 12 - (isRoot ? (8 + 10 + 3) & ~3 : 0)]
    while room.count < blockCount { room.append(capacity) }
  }

  /// Puts an entry into the first block that has room for it; `appending`: into the last one.
  ///
  /// - Returns: `false` when there is no such block.
  mutating func add(_ entry: Int, appending: Bool) -> Bool {
    let block = appending ? room.count - 1 : firstFit(for: entry)
    guard block < room.count, room[block] >= entry else { return false }
    room[block] -= entry
    return true
  }

  /// Adds a block with one entry in it.
  mutating func expand(for entry: Int) {
    room.append(capacity - entry)
  }

  private mutating func firstFit(for entry: Int) -> Int {
    if room.count == 1 { return 0 }
    if firstFit.isEmpty { firstFit = Array(repeating: 0, count: Self.largestEntry / 4 + 1) }
    // room only ever shrinks, so that no block has to be looked at twice
    var block = firstFit[entry / 4]
    while block < room.count, room[block] < entry { block += 1 }
    firstFit[entry / 4] = block
    return block
  }
}
