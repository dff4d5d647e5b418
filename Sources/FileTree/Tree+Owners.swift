// A tree with other owners: of the files, in their access control lists, and of the namespace that their
// capabilities hold in. Sources: Linux include/uapi/linux/{posix_acl_xattr,capability}.h; acl(5);
// capabilities(7), "Namespaced file capabilities".

import FlatArrays

extension Tree {
  /// The same tree with each owner as `map` says.
  ///
  /// - Throws: `.ownerNotMapped` for the first file, in the order of the walk, with an id that no
  ///   range has; `.treeTooLarge`.
  package func mappingOwners(_ map: OwnerMap) throws(TreeError) -> Tree {
    var mapping = OwnerMapping(map: map, bytes: bytes.byteSlice.array)
    var mapped = Array(nodes)
    for index in mapped.indices {
      do throws(UnmappedID) {
        try mapping.setOwners(of: &mapped[index])
        try mapping.setAttributes(of: &mapped[index], extendedAttributes(of: mapped[index]))
      } catch {
        let path = walk().first { Int($0.node.index) == index }?.path ?? []
        throw .ownerNotMapped(error.kind, id: error.id, path: path)
      }
      guard UInt32(exactly: mapping.bytes.count) != nil else { throw .treeTooLarge }
    }
    return Tree(
      nodes: FlatArray(mapped),
      childTable: childTable,
      segments: segments,
      bytes: FlatArray(mapping.bytes)
    )
  }
}

/// An id that no range has.
private struct UnmappedID: Error {
  var kind: OwnerKind
  var id: UInt32
}

private struct OwnerMapping {
  let map: OwnerMap
  /// The tree's bytes, and behind them the attributes that have changed.
  var bytes: [UInt8]

  func setOwners(of node: inout Node) throws(UnmappedID) {
    node.uid = try mapped(node.uid, .user)
    node.gid = try mapped(node.gid, .group)
  }

  mutating func setAttributes(
    of node: inout Node,
    _ old: ExtendedAttributes
  ) throws(UnmappedID) {
    if old.isEmpty { return }
    var attributes: [ExtendedAttribute] = []
    var hasChanged = false
    for (name, value) in old {
      var attribute = ExtendedAttribute(name: name.array, value: value.array)
      if name == "system.posix_acl_access" || name == "system.posix_acl_default" {
        try mapAccessControlList(&attribute.value)
      } else if name == "security.capability" {
        try mapCapability(&attribute.value)
      }
      hasChanged = hasChanged || !value.array.elementsEqual(attribute.value)
      attributes.append(attribute)
    }
    guard hasChanged else { return }
    let start = bytes.count
    ExtendedAttributes.pack(attributes, into: &bytes)
    // The caller looks whether the bytes still fit in 32 bits.
    node.extendedAttributes = PoolRange(
      start: UInt32(truncatingIfNeeded: start),
      count: UInt32(truncatingIfNeeded: bytes.count - start)
    )
  }

  private func mapped(_ id: UInt32, _ kind: OwnerKind) throws(UnmappedID) -> UInt32 {
    guard let mapped = map.map(id, kind) else { throw UnmappedID(kind: kind, id: id) }
    return mapped
  }

  /// Behind a header of 4 bytes, entries of tag (2), permissions (2) and id (4); only ACL_USER and
  /// ACL_GROUP have an id.
  private func mapAccessControlList(_ list: inout [UInt8]) throws(UnmappedID) {
    for start in stride(from: 4, through: list.count - 8, by: 8) where list[start + 1] == 0 {
      switch list[start] {
      case 0x02: try map(&list, at: start + 4, .user)
      case 0x08: try map(&list, at: start + 4, .group)
      default: break
      }
    }
  }

  /// Revision 3 is revision 2 with the root of the namespace in which the capability holds: in
  /// revision 2 that is user 0 of whoever mounts the file system.
  private func mapCapability(_ capability: inout [UInt8]) throws(UnmappedID) {
    let (revisionByte, revision2, revision3) = (3, UInt8(2), UInt8(3))
    if capability.count == 20, capability[revisionByte] == revision2 {
      let root = try mapped(0, .user)
      // Where root stays root the older revision says the same, to older kernels too.
      if root == 0 { return }
      capability[revisionByte] = revision3
      capability += Self.littleEndian(root)
    } else if capability.count == 24, capability[revisionByte] == revision3 {
      try map(&capability, at: 20, .user)
    }
  }

  /// Maps the id of 4 bytes at `start`.
  private func map(_ bytes: inout [UInt8], at start: Int, _ kind: OwnerKind) throws(UnmappedID) {
    let id = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + $1]) << UInt32(8 * $1) }
    bytes.replaceSubrange(start..<(start + 4), with: Self.littleEndian(try mapped(id, kind)))
  }

  private static func littleEndian(_ id: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: id >> UInt32(8 * $0)) }
  }
}
