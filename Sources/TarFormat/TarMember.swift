// One member of a tar stream with everything its headers say about it. Names are the archive's
// bytes: nothing is normalised, resolved or judged here.

package import Offsets

/// What a member is.
package enum TarMemberKind: Sendable {
  case regular
  case directory
  case symbolicLink
  case hardLink
  case characterDevice
  case blockDevice
  case fifo
}

/// A run of a sparse file's bytes that the archive stores; what lies between runs reads as zeros.
package struct SparseSegment: Equatable, Sendable {
  /// Where the run begins in the file, in bytes.
  package var fileOffset: UInt64
  package var byteCount: UInt64
  /// Where the run begins in the tar stream.
  package var data: TarOffset

  package init(fileOffset: UInt64, byteCount: UInt64, data: TarOffset) {
    self.fileOffset = fileOffset
    self.byteCount = byteCount
    self.data = data
  }
}

/// Where an extended attribute's name and value lie in `TarMember.attributeBytes`.
package struct TarAttribute: Equatable, Sendable {
  package var name: Range<Int>
  package var value: Range<Int>

  package init(name: Range<Int>, value: Range<Int>) {
    self.name = name
    self.value = value
  }
}

/// One member of a tar stream, after all extension headers were applied.
///
/// A scanner fills the same storage again for later members: take what must last.
package struct TarMember: Equatable, Sendable {
  /// The path's bytes as archived, a trailing slash included; may be empty, holds no NUL.
  package internal(set) var path: [UInt8] = []
  package internal(set) var kind = TarMemberKind.regular
  /// Permissions, setuid, setgid and sticky: 0...07777.
  package internal(set) var mode: UInt16 = 0
  /// 0...4294967294; the largest 32-bit number means "leave alone" to chown(2) and is refused.
  package internal(set) var userID: UInt32 = 0
  package internal(set) var groupID: UInt32 = 0
  /// Seconds since 1970, rounded down: -1.5 s is -2 s and 500,000,000 ns.
  package internal(set) var modificationSeconds: Int64 = 0
  package internal(set) var modificationNanoseconds: UInt32 = 0
  /// The target of a hard or symbolic link, never empty for those; empty for everything else.
  package internal(set) var linkTarget: [UInt8] = []
  /// The file's size in bytes, holes included; zero for everything but regular files.
  package internal(set) var size: UInt64 = 0
  /// Of a character or block device: 0...4095, else zero.
  package internal(set) var deviceMajor: UInt32 = 0
  /// Of a character or block device: 0...1048575, else zero.
  package internal(set) var deviceMinor: UInt32 = 0
  /// Extended attributes, by ascending name bytes, no name twice.
  package internal(set) var attributes: [TarAttribute] = []
  /// What the ranges of `attributes` index.
  package internal(set) var attributeBytes: [UInt8] = []
  /// The member's first header block: that of its extension headers where it has some.
  package internal(set) var header = TarOffset.zero
  /// The first stored data byte; of a sparse file, behind its maps.
  package internal(set) var data = TarOffset.zero
  /// Data bytes in the archive from `data`, padding not counted; equals `size` unless sparse.
  package internal(set) var storedByteCount: UInt64 = 0
  /// What of a sparse file is stored, ascending and disjoint; empty for any other file.
  ///
  /// A sparse file that is one hole has a single segment of no bytes at its end.
  package internal(set) var segments: [SparseSegment] = []

  package init() {}

  /// Whether `segments` says where the file's bytes are; else they are one run at `data`.
  package var isSparse: Bool { !segments.isEmpty }

  /// Back to an empty regular file; arrays keep their capacity.
  mutating func reset() {
    path.removeAll(keepingCapacity: true)
    kind = .regular
    linkTarget.removeAll(keepingCapacity: true)
    size = 0
    deviceMajor = 0
    deviceMinor = 0
    attributes.removeAll(keepingCapacity: true)
    attributeBytes.removeAll(keepingCapacity: true)
    storedByteCount = 0
    segments.removeAll(keepingCapacity: true)
  }
}
