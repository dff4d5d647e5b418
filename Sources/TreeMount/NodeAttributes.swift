// What stat(2) and statfs(2) say about a tree. Pure.

import FileTree
import FuseServer

enum NodeAttributes {
  /// A directory's size: what an ext4 directory of few names has.
  ///
  /// Nothing may rely on it.
  static let directoryByteCount: UInt64 = 4096
  /// `st_blocks` counts units of 512 bytes, and a tree blocks of 4096: what ext4 stores of a file,
  /// which leaves blocks of zeros out.
  private static let unitsOfBlock: UInt64 = 4096 / 512

  static func attributes(of node: Node, inode: InodeNumber) -> FuseAttributes {
    var attributes = FuseAttributes(
      inode: inode,
      mode: node.kind.modeBits | UInt32(node.mode),
      linkCount: node.linkCount,
      userID: node.uid,
      groupID: node.gid,
      modified: FuseTime(seconds: node.seconds, nanoseconds: node.nanoseconds)
    )
    switch node.kind {
    case .regular:
      attributes.byteCount = node.size
      attributes.blockCount = UInt64(node.dataBlocks) * unitsOfBlock
    case .symbolicLink:
      attributes.byteCount = node.size
    case .directory:
      attributes.byteCount = directoryByteCount
    case .characterDevice, .blockDevice:
      attributes.device = device(major: node.deviceMajor, minor: node.deviceMinor)
    case .fifo:
      break
    }
    return attributes
  }

  /// A device number as `st_rdev` has it.
  ///
  /// The corresponding C macro is `makedev`.
  private static func device(major: UInt32, minor: UInt32) -> UInt64 {
    let (major, minor) = (UInt64(major), UInt64(minor))
    return (major & ~0xFFF) << 32 | (major & 0xFFF) << 8 | (minor & ~0xFF) << 12 | minor & 0xFF
  }

  static func statistics(of tree: Tree) -> FuseStatistics {
    FuseStatistics(blockCount: tree.totals.blockCount, inodeCount: UInt64(tree.nodeCount))
  }
}
