// What an ext4 file system with 4 KiB blocks cannot hold, checked before anything is written.
// Source: Linux Documentation/filesystems/ext4; e2fsprogs, lib/ext2fs.

import FileTree
import FlatArrays
import Offsets

package enum Ext4Limits {
  /// EXT4_LINK_MAX: names of a file, subdirectories + 2 of a directory.
  package static let linkCount: UInt64 = 65_000
  /// A target must leave room for its end mark in one block: 4096 − 1.
  package static let linkTargetByteCount: UInt64 = 4096 - 1
  /// 2³² blocks of 4 KiB: 16 TiB.
  package static let fileByteCount: UInt64 = 1 << 44
  /// 2³² − 1 blocks: more would need 64-bit block numbers in places where not all tools know them.
  package static let imageByteCount: UInt64 = ((1 << 32) - 1) << 12

  /// - Throws: `.tooManyLinks`.
  static func checkRoot(of tree: Tree) throws(Ext4Error) {
    let root = tree[.root]
    // mkfs.ext4 adds a directory
    let isComplete = tree.children(of: root).contains { tree.name(of: $0) == "lost+found" }
    let links = UInt64(root.linkCount) + (isComplete ? 0 : 1)
    if links > linkCount { throw .tooManyLinks(path: [], count: links) }
  }

  /// - Throws: the limit that `node` breaks, with its path.
  static func check(
    _ node: Node,
    isLostAndFound: Bool,
    path: () -> [UInt8]
  ) throws(Ext4Error) {
    if UInt64(node.linkCount) > linkCount {
      throw .tooManyLinks(path: path(), count: UInt64(node.linkCount))
    }
    if node.kind == .symbolicLink, node.size > linkTargetByteCount {
      throw .symbolicLinkTooLong(path: path(), byteCount: node.size)
    }
    if node.kind == .regular, node.size > fileByteCount {
      throw .fileTooLarge(path: path(), byteCount: node.size)
    }
    if isLostAndFound, node.kind != .directory {
      throw .lostAndFoundIsNotADirectory
    }
  }
}
