// The feature bits of a superblock: which of them can be read, and which can be written to with
// debugfs and be right afterwards. What they mean for a new file system is Ext4Features's business.
// Source: Linux Documentation/filesystems/ext4/super.rst; e2fsprogs, lib/ext2fs/ext2_fs.h.

/// The three words of features of a file system.
package struct Ext4FeatureBits: Hashable, Sendable {
  /// What a program need not know.
  package var compatible: UInt32
  /// What a program has to know to read.
  package var incompatible: UInt32
  /// What a program has to know to write.
  package var readOnlyCompatible: UInt32

  init(compatible: UInt32, incompatible: UInt32, readOnlyCompatible: UInt32) {
    self.compatible = compatible
    self.incompatible = incompatible
    self.readOnlyCompatible = readOnlyCompatible
  }

  /// Of a superblock's 1024 bytes.
  init(superblock record: [UInt8]) {
    compatible = record.little(UInt32.self, at: 0x5C)
    incompatible = record.little(UInt32.self, at: 0x60)
    readOnlyCompatible = record.little(UInt32.self, at: 0x64)
  }

  static let needsRecovery: UInt32 = 0x4
  static let is64Bit: UInt32 = 0x80
  static let orphanPresent: UInt32 = 0x10000

  /// All that the reader understands.
  ///
  /// Left out are compressed files, devices that are only a journal, group descriptors in other
  /// places (meta_bg), and data in directory entries.
  static let readable = Ext4FeatureBits(
    compatible: .max,
    incompatible: 0x2 | needsRecovery | 0x40 | is64Bit | 0x100 | 0x200 | 0x400 | 0x2000 | 0x4000
      | 0x8000 | 0x10000 | 0x20000,
    readOnlyCompatible: .max
  )

  /// All that debugfs keeps right when it adds and removes files.
  ///
  /// It knows no quotas, leaves attributes that have inodes of their own behind, takes no part in
  /// the protection against several mounts, and writes no encrypted names. Blocks that files share,
  /// clusters and inline data would make other numbers of everything here.
  static let writable = Ext4FeatureBits(
    compatible: 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x200 | 0x400 | 0x800 | 0x1000,
    incompatible: 0x2 | needsRecovery | 0x40 | is64Bit | 0x200 | 0x2000 | 0x4000,
    readOnlyCompatible: 0x1 | 0x2 | 0x8 | 0x10 | 0x20 | 0x40 | 0x400 | 0x2000 | 0x8000
      | orphanPresent
  )

  /// The names of the features that are on and not in `known`, as debugfs calls them.
  func names(outside known: Ext4FeatureBits) -> [String] {
    func names(_ bits: UInt32, _ word: String, _ table: [UInt32: String]) -> [String] {
      (0..<32).map { UInt32(1) << $0 }.filter { bits & $0 != 0 }.map {
        table[$0] ?? "\(word) 0x\(String($0, radix: 16))"
      }
    }
    return names(compatible & ~known.compatible, "FEATURE_C", [:])
      + names(incompatible & ~known.incompatible, "FEATURE_I", Self.incompatibleNames)
      + names(readOnlyCompatible & ~known.readOnlyCompatible, "FEATURE_R", Self.readOnlyNames)
  }

  private static let incompatibleNames: [UInt32: String] = [
    0x1: "compression", 0x8: "journal_dev", 0x10: "meta_bg", 0x100: "mmp", 0x400: "ea_inode",
    0x1000: "dirdata", 0x8000: "inline_data", 0x10000: "encrypt", 0x20000: "casefold",
  ]

  private static let readOnlyNames: [UInt32: String] = [
    0x4: "btree_dir", 0x80: "snapshot", 0x100: "quota", 0x200: "bigalloc", 0x800: "replica",
    0x1000: "read-only", 0x4000: "shared_blocks",
  ]
}
