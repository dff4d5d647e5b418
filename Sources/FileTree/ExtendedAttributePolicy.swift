// Which extended attributes of a layer become part of the tree. What a mount lists, it must be able
// to give: mkfs.ext4 -d stops at the first listed attribute that cannot be read, and the kernel
// refuses to hand out a malformed capability or ACL.
// Sources: xattr(7); capabilities(7), "File capability versioning"; acl(5).

/// Why an attribute of a layer is left out of the tree.
///
/// Raw values are the codes that programs know the reasons by; they never change.
package enum ExtendedAttributeRefusal: String, Sendable, CaseIterable {
  /// A label of the machine that built the image, or a mark of an overlay file system.
  case notPartOfTheImage = "label-or-overlay-mark"
  /// Not in the namespaces `user.`, `trusted.`, `security.`, or a POSIX ACL.
  case unknownNamespace = "attribute-namespace"
  /// `user.` on something that is neither a regular file nor a directory, an ACL on a symbolic link,
  /// a default ACL on anything but a directory: Linux has no such thing.
  case notAllowedOnThisType = "attribute-on-this-type"
  /// A capability or an ACL that the kernel would not read.
  case malformed = "malformed-attribute"
}

extension ExtendedAttributeRefusal {
  /// The refusal as people read it.
  package var text: String {
    switch self {
    case .notPartOfTheImage: "label or overlay mark left out"
    case .unknownNamespace: "extended attribute of an unknown namespace left out"
    case .notAllowedOnThisType: "extended attribute that this type of file cannot have left out"
    case .malformed: "malformed capability or ACL left out"
    }
  }
}

extension ExtendedAttribute {
  /// `nil` when the tree keeps this attribute on a file of this kind, or why it does not.
  ///
  /// Not about sizes: archives' attributes were measured when they were read, and no file of this
  /// machine has one that the kernel cannot give.
  package func refusal(on kind: EntryKind) -> ExtendedAttributeRefusal? {
    if isAbout("security.selinux") || isIn("user.overlay.") || isIn("trusted.overlay.") {
      return .notPartOfTheImage
    }
    if isIn("user.") {
      return kind == .regular || kind == .directory ? nil : .notAllowedOnThisType
    }
    if isAbout("security.capability") { return isCapability ? nil : .malformed }
    if isAbout("system.posix_acl_access") || isAbout("system.posix_acl_default") {
      let isDefault = isAbout("system.posix_acl_default")
      if kind == .symbolicLink || (isDefault && kind != .directory) { return .notAllowedOnThisType }
      return isAccessControlList ? nil : .malformed
    }
    return isIn("trusted.") || isIn("security.") ? nil : .unknownNamespace
  }

  private func isAbout(_ known: String) -> Bool { name.elementsEqual(known.utf8) }

  private func isIn(_ namespace: String) -> Bool {
    name.starts(with: namespace.utf8) && name.count > namespace.utf8.count
  }

  /// `vfs_cap_data`: a little-endian word with the revision in its top byte and no flag but
  /// VFS_CAP_FLAGS_EFFECTIVE (1); 20 bytes in all for revision 2, 24 for revision 3.
  private var isCapability: Bool {
    guard value.count >= 4, value[0] <= 1, value[1] == 0, value[2] == 0 else { return false }
    return (value[3] == 2 && value.count == 20) || (value[3] == 3 && value.count == 24)
  }

  /// `posix_acl_xattr_header`, version 2, then entries of 8 bytes (tag, permissions, id).
  ///
  /// The kernel reads a list without entries as no ACL at all: listed, but not to be had. Order and
  /// permissions of the entries matter to it only when a list is set, where it refuses what it would
  /// read from a disk: so they are as they are.
  private var isAccessControlList: Bool {
    guard value.count > 4, (value.count - 4) % 8 == 0 else { return false }
    return value[0] == 2 && value[1...3].allSatisfy { $0 == 0 } && hasKnownTags
  }

  private var hasKnownTags: Bool {
    // ACL_USER_OBJ, ACL_USER, ACL_GROUP_OBJ, ACL_GROUP, ACL_MASK, ACL_OTHER
    let tags: Set<Int> = [0x01, 0x02, 0x04, 0x08, 0x10, 0x20]
    return stride(from: 4, to: value.count, by: 8).allSatisfy { start in
      let tag = Int(value[start]) | Int(value[start + 1]) << 8
      // ACL_USER and ACL_GROUP name an id, and all ones is none.
      let namesNobody = tag == 0x02 || tag == 0x08 ? value[(start + 4)..<(start + 8)] : []
      return tags.contains(tag) && (namesNobody.isEmpty || namesNobody.contains { $0 != 0xFF })
    }
  }
}
