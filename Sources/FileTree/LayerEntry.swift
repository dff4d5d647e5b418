// What one layer says about one path, as a fixed-width record. Knows no tar: a producer fills the
// records (see LayerTableBuilder), the merge reads them. Source: OCI image-spec, layer.md.

package import Offsets

/// What an entry puts at its path, or takes away there.
package enum EntryKind: UInt8, Sendable {
  case directory = 1
  case regular
  case symbolicLink
  case hardLink
  case characterDevice
  case blockDevice
  case fifo
  /// Hides the path of lower layers. Source: image-spec layer.md, "Whiteouts".
  case whiteout
  /// Hides all that lower layers have in the directory. Source: "Opaque Whiteout".
  case opaque
}

/// A run of elements in one of a table's pools; `count` 0 means none.
package struct PoolRange: BitwiseCopyable, Hashable, Sendable {
  package var start: UInt32
  package var count: UInt32

  package init(start: UInt32, count: UInt32) {
    self.start = start
    self.count = count
  }

  package static var none: PoolRange { PoolRange(start: 0, count: 0) }
}

/// A stored run of a sparse file.
///
/// `byteCount` bytes of the file from `file`, kept in the tar stream from `tar`. Between runs the
/// file reads as zeros.
package struct DataSegment: BitwiseCopyable, Hashable, Sendable {
  package var file: FileOffset
  package var byteCount: UInt64
  package var tar: TarOffset

  package init(file: FileOffset, byteCount: UInt64, tar: TarOffset) {
    self.file = file
    self.byteCount = byteCount
    self.tar = tar
  }
}

/// One entry of a layer: 88 bytes, the same in memory and in an index file.
///
/// 4 × 8 (positions, size, seconds) + 3 × 4 (nanoseconds, ids) + 4 × 8 (pool ranges)
/// + 2 × 4 (data blocks and runs) + 2 (mode) + 1 (kind) + 1 (reserved) = 88.
package struct LayerEntry: BitwiseCopyable, Hashable, Sendable {
  /// The member's first header block, for messages and for provenance.
  package var header: TarOffset
  /// A regular file's first stored byte.
  package var data: TarOffset
  /// A regular file's size in bytes; a device's major number × 2³² + minor number; else 0.
  package var size: UInt64
  /// Modification time, seconds since 1970.
  package var seconds: Int64
  package var nanoseconds: UInt32
  package var uid: UInt32
  package var gid: UInt32
  /// The path of the directory that holds the entry, relative to the root, without a slash at
  /// either end.
  ///
  /// Empty: the root.
  package var directory: PoolRange
  /// The last component.
  ///
  /// Empty: the entry is about the directory itself (the root, or an opaque mark).
  package var name: PoolRange
  /// A symbolic link's target; a hard link's path from the root; a sparse file's segments.
  package var payload: PoolRange
  package var extendedAttributes: PoolRange
  /// A regular file's blocks of 4 KiB that are not all zero; else 0.
  ///
  /// Blocks of the file as it reads, not of the tar stream; the last one may be short.
  package var dataBlocks: UInt32
  /// The runs of such blocks without another between them; 0 only where there are none.
  package var dataRuns: UInt32
  /// Permission, setuid, setgid and sticky bits: 07777.
  package var mode: UInt16
  package var kindCode: UInt8
  package var reserved: UInt8

  package var kind: EntryKind? { EntryKind(rawValue: kindCode) }

  package var attributes: EntryAttributes {
    EntryAttributes(mode: mode, uid: uid, gid: gid, seconds: seconds, nanoseconds: nanoseconds)
  }
}

/// Owner, permissions and modification time of an entry.
package struct EntryAttributes: Hashable, Sendable {
  /// 07777.
  package var mode: UInt16
  package var uid: UInt32
  package var gid: UInt32
  /// Seconds since 1970.
  package var seconds: Int64
  package var nanoseconds: UInt32

  package init(
    mode: UInt16,
    uid: UInt32 = 0,
    gid: UInt32 = 0,
    seconds: Int64 = 0,
    nanoseconds: UInt32 = 0
  ) {
    self.mode = mode
    self.uid = uid
    self.gid = gid
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  /// A directory that no layer describes: 0755, root's, from 1970.
  package static var implicitDirectory: EntryAttributes { EntryAttributes(mode: 0o755) }
}
