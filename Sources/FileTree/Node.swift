// The records a Tree is made of. Fixed-width, so that a whole tree can be stored and mapped as it is.

package import Offsets

/// A node's index in the tree.
///
/// 0 is the root. The inode number is one more.
package struct NodeID: Hashable, Comparable, Sendable, BitwiseCopyable {
  package var index: UInt32

  package init(_ index: UInt32) {
    self.index = index
  }

  package static var root: NodeID { NodeID(0) }

  package var inodeNumber: UInt64 { UInt64(index) + 1 }

  package static func < (left: NodeID, right: NodeID) -> Bool { left.index < right.index }
}

/// The types of file a tree holds.
package enum NodeKind: UInt8, Sendable {
  case directory = 1
  case regular
  case symbolicLink
  case characterDevice
  case blockDevice
  case fifo

  /// The type bits of `st_mode`.
  ///
  /// Source: inode(7).
  package var modeBits: UInt32 {
    switch self {
    case .directory: 0o040000
    case .regular: 0o100000
    case .symbolicLink: 0o120000
    case .characterDevice: 0o020000
    case .blockDevice: 0o060000
    case .fifo: 0o010000
    }
  }
}

/// One inode: 88 bytes.
///
/// 3 × 8 (size, seconds, data) + 6 × 4 (nanoseconds, ids, links, parent, entry) + 3 × 8 (ranges)
/// + 2 × 4 (data blocks and runs) + 2 × 2 (layer, mode) + 1 (kind) + 3 (reserved) = 88.
package struct Node: BitwiseCopyable, Hashable, Sendable {
  /// A regular file's bytes; a symbolic link's target length; a device's major × 2³² + minor.
  package var size: UInt64
  /// Modification time, seconds since 1970.
  package var seconds: Int64
  /// Where a regular file's bytes begin in its layer's tar stream, unless it is sparse.
  package var data: TarOffset
  package var nanoseconds: UInt32
  package var uid: UInt32
  package var gid: UInt32
  /// Names of a file; 2 + subdirectories of a directory.
  package var linkCount: UInt32
  /// The directory that holds a directory; the root holds itself.
  ///
  /// 0 for files, which may have several.
  package var parent: NodeID
  /// The entry in its layer's table that made the node; `UInt32.max` for an implicit directory.
  package var entry: UInt32
  /// Children of a directory, in the tree's child table.
  package var children: PoolRange
  /// A symbolic link's target, or a sparse file's segments.
  package var payload: PoolRange
  package var extendedAttributes: PoolRange
  /// A regular file's blocks of 4 KiB that are not all zero, and the runs of them; else 0.
  ///
  /// See `LayerEntry`.
  package var dataBlocks: UInt32
  package var dataRuns: UInt32
  /// The layer that made the node, counted from the base.
  package var layer: UInt16
  /// Permission, setuid, setgid and sticky bits: 07777.
  package var mode: UInt16
  package var kindCode: UInt8
  /// 0, as `reservedWord`: without padding the bytes in a file are the same each time.
  package var reserved: UInt8 = 0
  package var reservedWord: UInt16 = 0

  /// The node's type.
  ///
  /// A table that was checked when it was loaded holds no other codes.
  package var kind: NodeKind { NodeKind(rawValue: kindCode) ?? .fifo }

  package var deviceMajor: UInt32 { UInt32(truncatingIfNeeded: size >> 32) }
  package var deviceMinor: UInt32 { UInt32(truncatingIfNeeded: size) }

  package var attributes: EntryAttributes {
    EntryAttributes(mode: mode, uid: uid, gid: gid, seconds: seconds, nanoseconds: nanoseconds)
  }

  /// A node that no entry describes.
  package static let implicitEntry = UInt32.max
}

/// A name in a directory: 12 bytes.
package struct Child: BitwiseCopyable, Hashable, Sendable {
  package var name: PoolRange
  package var node: NodeID
}
