// What stat(2) and statfs(2) say about a tree. Pure.

import FileTree
import FuseServer

enum NodeAttributes {
  /// A directory's size: what an ext4 directory of few names has.
  ///
  /// Nothing may rely on it.
  private static let directoryByteCount: UInt64 = 4096

  static func attributes(of node: Node, id: NodeID, in tree: Tree) -> FuseAttributes {
    var attributes = FuseAttributes(
      inode: InodeNumber(rawValue: id.inodeNumber),
      mode: node.kind.modeBits | UInt32(node.mode),
      linkCount: node.linkCount,
      userID: node.uid,
      groupID: node.gid,
      modified: FuseTime(seconds: node.seconds, nanoseconds: node.nanoseconds)
    )
    switch node.kind {
    case .regular:
      attributes.byteCount = node.size
      attributes.blockCount = blockCount(of: storedByteCount(of: node, in: tree), 512)
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

  /// The bytes of a file that are not holes.
  private static func storedByteCount(of file: Node, in tree: Tree) -> UInt64 {
    guard tree.isSparse(file) else { return file.size }
    return tree.segments(of: file).reduce(0) { $0 + $1.byteCount }
  }

  private static func blockCount(of byteCount: UInt64, _ blockByteCount: UInt64) -> UInt64 {
    let (whole, rest) = byteCount.quotientAndRemainder(dividingBy: blockByteCount)
    return whole + (rest == 0 ? 0 : 1)
  }

  static func statistics(of tree: Tree) -> FuseStatistics {
    var count: UInt64 = 0
    for node in tree.nodes where node.kind == .regular {
      // Sizes are claims: a sparse file, or a damaged index, may make any.
      let (sum, overflow) = count.addingReportingOverflow(blockCount(of: node.size, 4096))
      count = overflow ? .max : sum
    }
    return FuseStatistics(blockCount: count, inodeCount: UInt64(tree.nodeCount))
  }
}
