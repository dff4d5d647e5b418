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
  let path: () -> [UInt8]

  /// What has to be set for the inode to be the node; nothing where it is.
  ///
  /// - Parameter linkCount: Names of a file; `nil` where the image decides, as for directories.
  /// - Returns: Settings in an order in which debugfs can take them.
  /// - Throws: `.unsafeAttributeName`, `.malformedAccessControlList`, `.malformedImage`, `.systemCall`.
  func settings(linkCount: UInt64?) throws(Ext4Error) -> [InodeSetting] {
    var settings = metadata
    if let linkCount, UInt64(inode.linkCount) != linkCount {
      settings.append(.linkCount(UInt16(clamping: linkCount)))
    }
    return settings + (try attributes())
  }

  /// What no command can mend.
  ///
  /// - Throws: `.inodeDiffers`; `.malformedImage`, `.systemCall`.
  func checkFixed() throws(Ext4Error) {
    if UInt32(inode.type) != node.kind.modeBits {
      throw differs("type", octal(UInt16(clamping: node.kind.modeBits)), octal(inode.type))
    }
    switch node.kind {
    case .regular, .symbolicLink:
      if inode.size != node.size { throw differs("size", "\(node.size)", "\(inode.size)") }
      if node.kind == .symbolicLink { try checkTarget() }
    case .characterDevice, .blockDevice:
      let (major, minor) = inode.device
      if (major, minor) != (node.deviceMajor, node.deviceMinor) {
        throw differs("device", "\(node.deviceMajor):\(node.deviceMinor)", "\(major):\(minor)")
      }
    case .directory, .fifo:
      break
    }
  }

  private func checkTarget() throws(Ext4Error) {
    let (expected, actual) = (tree.target(of: node).array, try reader.target(of: inode))
    if actual == expected { return }
    throw differs("target", EscapedBytes.string(expected), EscapedBytes.string(actual))
  }

  func differs(_ field: String, _ expected: String, _ actual: String) -> Ext4Error {
    .inodeDiffers(path: path(), inode: number, field: field, expected: expected, actual: actual)
  }

  private func octal(_ number: UInt16) -> String { "0" + String(number, radix: 8) }

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
    if present.isEmpty, node.extendedAttributes.count == 0 { return [] }
    let wanted = try tree.storedAttributes(of: node, path: path)
    var settings: [InodeSetting] = []
    for attribute in present
    where !wanted.contains(where: {
      $0.stored.prefix == attribute.prefix && $0.stored.suffix == attribute.suffix
    }) {
      guard attribute.name.allSatisfy(DebugfsBatch.isSafe) else {
        throw .unsafeAttributeName(path: path(), name: attribute.name)
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
