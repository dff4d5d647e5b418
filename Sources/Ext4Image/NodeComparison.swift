// Compares one inode of an image with one node of a tree. What debugfs can change is returned as
// settings, everything else is an error. Does not compare content, nor who links to whom.

import FileTree
import FlatArrays

/// An inode of an image beside what it is to be.
struct NodeComparison {
  let tree: Tree
  let node: Node
  let reader: Ext4ImageReader
  let number: UInt32
  let inode: Ext4Inode
  /// For messages.
  let path: [UInt8]

  /// What has to be set for the inode to be the node; nothing where it is.
  ///
  /// - Parameter linkCount: Names of a file; `nil` where the image decides, as for directories.
  /// - Returns: Settings in an order in which debugfs can take them.
  /// - Throws: `.inodeDiffers` for what cannot be changed; `.unsafeAttributeName`,
  ///   `.malformedAccessControlList`, `.malformedImage`, `.systemCall`.
  func settings(linkCount: UInt64?) throws(Ext4Error) -> [InodeSetting] {
    try checkType()
    var settings = metadata
    if let linkCount, UInt64(inode.linkCount) != linkCount {
      settings.append(.linkCount(UInt16(clamping: linkCount)))
    }
    return settings + (try attributes())
  }

  private func checkType() throws(Ext4Error) {
    try expect("type", "\(node.kind.modeBits)", "\(inode.type)")
    switch node.kind {
    case .regular:
      try expect("size", "\(node.size)", "\(inode.size)")
    case .symbolicLink:
      try expect(
        "target",
        EscapedBytes.string(tree.target(of: node).array),
        EscapedBytes.string(try reader.target(of: inode))
      )
    case .characterDevice, .blockDevice:
      let device = inode.device
      try expect(
        "device",
        "\(node.deviceMajor):\(node.deviceMinor)",
        "\(device.major):\(device.minor)"
      )
    case .directory, .fifo:
      break
    }
  }

  private func expect(
    _ field: String,
    _ expected: String,
    _ actual: String
  ) throws(Ext4Error) {
    if expected == actual { return }
    throw .inodeDiffers(
      path: path,
      inode: number,
      field: field,
      expected: expected,
      actual: actual
    )
  }

  private var metadata: [InodeSetting] {
    var settings: [InodeSetting] = []
    let mode = UInt16(truncatingIfNeeded: node.kind.modeBits) | node.mode
    if inode.mode != mode { settings.append(.mode(mode)) }
    if inode.uid != node.uid { settings.append(.uid(node.uid)) }
    if inode.gid != node.gid { settings.append(.gid(node.gid)) }
    let time =
      inode.hasExtraTimes
      ? Ext4Time(seconds: node.seconds, nanoseconds: node.nanoseconds)
      : Ext4Time(wholeSeconds: node.seconds)
    let present = [
      (InodeTimeField.accessed, inode.accessed), (.changed, inode.changed),
      (.modified, inode.modified),
    ]
    for (field, stored) in present where stored != time {
      if stored.low != time.low { settings.append(.seconds(field, time.low)) }
      if inode.hasExtraTimes { settings.append(.extra(field, time.extra)) }
    }
    return settings
  }

  private func attributes() throws(Ext4Error) -> [InodeSetting] {
    let present = try reader.attributes(of: inode)
    let wanted = try tree.storedAttributes(of: node) { path }
    var settings: [InodeSetting] = []
    for attribute in present
    where !wanted.contains(where: {
      $0.stored.prefix == attribute.prefix && $0.stored.suffix == attribute.suffix
    }) {
      guard attribute.name.allSatisfy(DebugfsBatch.isSafe) else {
        throw .unsafeAttributeName(path: path, name: attribute.name)
      }
      settings.append(.removeAttribute(name: attribute.name))
    }
    for (stored, plain) in wanted where !present.contains(stored) {
      settings.append(.setAttribute(plain))
    }
    return settings
  }
}

extension Ext4Time {
  /// The nearest time that an inode of 128 bytes can store: 1901 to 2038, without a fraction.
  init(wholeSeconds seconds: Int64) {
    self.init(low: UInt32(bitPattern: Int32(clamping: seconds)), extra: 0)
  }
}
