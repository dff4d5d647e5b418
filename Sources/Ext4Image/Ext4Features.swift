// The features of ext4 that a caller may turn on or off: those whose blocks are known exactly, and that
// the code here can read. Source: ext4(5), "File system features".

/// A feature by mke2fs's name for it.
package enum Ext4Feature: String, Hashable, Sendable, CaseIterable {
  case sixtyFourBit = "64bit"
  case directoryIndex = "dir_index"
  case directoryLinks = "dir_nlink"
  case fastCommit = "fast_commit"
  case flexibleGroups = "flex_bg"
  case hugeFile = "huge_file"
  case largeDirectory = "large_dir"
  case metadataChecksum = "metadata_csum"
  case checksumSeed = "metadata_csum_seed"
  case orphanFile = "orphan_file"
  case resizeInode = "resize_inode"
  case uninitializedGroups = "uninit_bg"
  case verity = "verity"
}

/// The features of a file system, beside those that every one has.
package struct Ext4Features: Hashable, Sendable {
  private var enabled: Set<Ext4Feature>

  /// What Linux has known since 4.1 at the latest, and e2fsprogs turns on by default.
  ///
  /// Not `metadata_csum_seed` (Linux 4.4) and `orphan_file` (Linux 5.15), which older kernels refuse to
  /// mount.
  package static let standard = Ext4Features(enabled: [
    .sixtyFourBit, .directoryIndex, .directoryLinks, .flexibleGroups, .hugeFile, .metadataChecksum,
    .resizeInode,
  ])

  /// What every file system has: the code here relies on extents, on the types of directory entries
  /// and on nanoseconds in inodes, and counts backups as sparse_super places them.
  private static let fixed = [
    "ext_attr", "extent", "extra_isize", "filetype", "large_file", "sparse_super",
  ]

  private init(enabled: Set<Ext4Feature>) {
    self.enabled = enabled
  }

  /// The standard features and changes to them, in order: `name` turns one on, `^name` off; several
  /// may stand in one text, separated by commas.
  ///
  /// - Throws: `.unknownFeature`; `.featureNeedsAnother`, `.featuresExclude` for what cannot be
  ///   together.
  package init(_ changes: [String]) throws(Ext4Error) {
    self = .standard
    for change in changes.flatMap({ $0.split(separator: ",", omittingEmptySubsequences: false) }) {
      let isRemoved = change.hasPrefix("^")
      guard let feature = Ext4Feature(rawValue: String(isRemoved ? change.dropFirst() : change))
      else { throw .unknownFeature(String(change)) }
      if isRemoved { enabled.remove(feature) } else { enabled.insert(feature) }
    }
    if contains(.checksumSeed), !contains(.metadataChecksum) {
      throw .featureNeedsAnother(
        Ext4Feature.checksumSeed.rawValue,
        needed: Ext4Feature.metadataChecksum.rawValue
      )
    }
    if contains(.uninitializedGroups), contains(.metadataChecksum) {
      throw .featuresExclude(
        Ext4Feature.uninitializedGroups.rawValue,
        Ext4Feature.metadataChecksum.rawValue
      )
    }
  }

  package func contains(_ feature: Ext4Feature) -> Bool { enabled.contains(feature) }

  /// The whole list for mke2fs's `-O`.
  ///
  /// It begins with `none`, so that nothing depends on the machine's mke2fs.conf.
  func list(withJournal: Bool) -> String {
    let chosen = enabled.map(\.rawValue) + Self.fixed + (withJournal ? ["has_journal"] : [])
    return (["none"] + chosen.sorted()).joined(separator: ",")
  }
}
