// Extended attributes as ext4 stores them: a numbered prefix, the rest of the name, and ACLs in a
// shorter form than the system calls use. Knows where e2fsprogs puts which attribute.
// Sources: Linux Documentation/filesystems/ext4/attributes.rst; Linux fs/ext4/acl.h.

import FlatArrays
package import FileTree

/// One extended attribute in the form that is stored.
package struct DiskAttribute: Hashable, Sendable {
  /// The number that stands for the name's prefix.
  package var prefix: UInt8
  /// The name without its prefix.
  package var suffix: [UInt8]
  package var value: [UInt8]

  package init(prefix: UInt8, suffix: [UInt8], value: [UInt8]) {
    self.prefix = prefix
    self.suffix = suffix
    self.value = value
  }

  /// The stored form of `attribute`, or `nil` for an ACL without entries, which says nothing and
  /// which libext2fs refuses.
  ///
  /// - Throws: `.malformedAccessControlList`.
  package init?(_ attribute: ExtendedAttribute, path: () -> [UInt8]) throws(Ext4Error) {
    guard let known = Self.prefixes.first(where: { attribute.name.starts(with: $0.text.utf8) })
    else { throw .unsafeAttributeName(path: path(), name: attribute.name) }
    prefix = known.number
    suffix = Array(attribute.name.dropFirst(known.text.utf8.count))
    value = attribute.value
    guard known.isAccessControlList else { return }
    guard let stored = Self.storedAccessControlList(attribute.value) else {
      throw .malformedAccessControlList(path: path(), name: attribute.name)
    }
    if stored.count == Self.headerByteCount { return nil }
    value = stored
  }

  /// The name that the system calls use.
  package var name: [UInt8] {
    let known = Self.prefixes.first { $0.number == prefix }
    return Array((known?.text ?? "").utf8) + suffix
  }

  private struct Prefix {
    var number: UInt8
    var text: String
    var isAccessControlList = false
  }

  /// Longest first, where one begins another.
  private static let prefixes = [
    Prefix(number: 2, text: "system.posix_acl_access", isAccessControlList: true),
    Prefix(number: 3, text: "system.posix_acl_default", isAccessControlList: true),
    Prefix(number: 1, text: "user."), Prefix(number: 4, text: "trusted."),
    Prefix(number: 6, text: "security."), Prefix(number: 7, text: "system."),
  ]

  /// `e_version`, both in the system calls' form and in the stored one.
  private static let headerByteCount = 4

  /// Drops the id of the entries that have none: of all but ACL_USER and ACL_GROUP.
  private static func storedAccessControlList(_ value: [UInt8]) -> [UInt8]? {
    // version 2 (4 bytes), then entries of tag (2), permissions (2), id (4)
    guard value.count >= headerByteCount, (value.count - headerByteCount) % 8 == 0,
      value.little(UInt32.self, at: 0) == 2
    else { return nil }
    var stored: [UInt8] = [1, 0, 0, 0]
    for start in stride(from: headerByteCount, to: value.count, by: 8) {
      switch value.little(UInt16.self, at: start) {
      case 0x01, 0x04, 0x10, 0x20: stored += value[start..<(start + 4)]
      case 0x02, 0x08: stored += value[start..<(start + 8)]
      default: return nil
      }
    }
    return stored
  }
}

extension DiskAttribute {
  /// Entry header of 16 bytes and the name, then the value, each padded to 4 bytes.
  var storedByteCount: Int { (16 + suffix.count + 3) & ~3 + (value.count + 3) & ~3 }

  /// Where the attributes of one file go.
  enum Placement {
    case inode, inodeAndBlock, nowhere
  }

  /// In the inode: 256 bytes, less the 128 of the old inode and 32 of newer fields, less 4 for the
  /// magic number and 4 for the end mark.
  private static let inodeCapacity = 256 - 128 - 32 - 4 - 4
  /// In the block: 4096 bytes, less 32 for its header and 4 for the end mark.
  private static let blockCapacity = 4096 - 32 - 4

  /// The same for inodes and blocks of other sizes.
  static func placement(
    of attributes: [DiskAttribute],
    in superblock: Ext4Superblock
  ) -> Placement {
    placement(
      of: attributes,
      inodeCapacity: inodeCapacity + superblock.inodeByteCount - 256,
      blockCapacity: blockCapacity + superblock.blockByteCount - 4096
    )
  }

  /// Follows e2fsprogs: in the order given, each into the inode if it still fits there, else into the
  /// block.
  static func placement(
    of attributes: [DiskAttribute],
    inodeCapacity: Int = inodeCapacity,
    blockCapacity: Int = blockCapacity
  ) -> Placement {
    var inodeRoom = inodeCapacity
    var blockRoom = blockCapacity
    for attribute in attributes {
      let needed = attribute.storedByteCount
      if needed <= inodeRoom {
        inodeRoom -= needed
      } else if needed <= blockRoom {
        blockRoom -= needed
      } else {
        return .nowhere
      }
    }
    return blockRoom == blockCapacity ? .inode : .inodeAndBlock
  }

  /// The attributes stored in `bytes`; `nil` when an entry points outside.
  ///
  /// The entries begin at `start`, and the values' offsets count from `origin`.
  static func parse(_ bytes: [UInt8], entriesAt start: Int, valuesFrom origin: Int)
    -> [DiskAttribute]?
  {
    var attributes: [DiskAttribute] = []
    var position = start
    while position + 4 <= bytes.count, bytes.little(UInt32.self, at: position) != 0 {
      guard position + 16 <= bytes.count else { return nil }
      let nameEnd = position + 16 + Int(bytes[position])
      let valueStart = origin + Int(bytes.little(UInt16.self, at: position + 2))
      let valueEnd = valueStart + Int(bytes.little(UInt32.self, at: position + 8))
      let valueInode = bytes.little(UInt32.self, at: position + 4)
      guard nameEnd <= bytes.count, valueEnd <= bytes.count, valueInode == 0 else { return nil }
      attributes.append(
        DiskAttribute(
          prefix: bytes[position + 1],
          suffix: Array(bytes[(position + 16)..<nameEnd]),
          value: Array(bytes[valueStart..<valueEnd])
        )
      )
      position = (nameEnd + 3) & ~3
    }
    return attributes
  }
}

extension Tree {
  /// A node's extended attributes in the form that ext4 stores, in the order of their names, beside
  /// the form that the system calls use.
  func storedAttributes(
    of node: Node,
    path: () -> [UInt8]
  ) throws(Ext4Error) -> [(stored: DiskAttribute, plain: ExtendedAttribute)] {
    var all: [(stored: DiskAttribute, plain: ExtendedAttribute)] = []
    for (name, value) in extendedAttributes(of: node) {
      let plain = ExtendedAttribute(name: name.array, value: value.array)
      guard plain.name.allSatisfy(DebugfsBatch.isSafe) else {
        throw .unsafeAttributeName(path: path(), name: plain.name)
      }
      if let stored = try DiskAttribute(plain, path: path) { all.append((stored, plain)) }
    }
    return all
  }
}
