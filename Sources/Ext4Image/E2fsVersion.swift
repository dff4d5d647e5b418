// The version of e2fsprogs: which options it knows, which faults it has.
// Source: e2fsprogs release notes, doc/RelNotes.

package struct E2fsVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
  package var major: Int
  package var minor: Int
  package var patch: Int

  package init(_ major: Int, _ minor: Int, _ patch: Int) {
    self.major = major
    self.minor = minor
    self.patch = patch
  }

  /// The first version that finds hard links by 64-bit inode numbers.
  package static let oldest = E2fsVersion(1, 46, 0)

  /// From the line that every tool begins with: `mke2fs 1.47.0 (5-Feb-2023)`.
  ///
  /// - Returns: `nil` for any other text.
  package init?(banner: some StringProtocol) {
    let words = banner.split(separator: " ")
    guard words.count >= 2 else { return nil }
    // "1.47.1-rc1": what follows the numbers does not matter
    let digits = words[1].prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let numbers = digits.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
    guard (2...3).contains(numbers.count), let major = numbers[0], let minor = numbers[1],
      let patch = numbers.count == 3 ? numbers[2] : 0
    else { return nil }
    self.init(major, minor, patch)
  }

  package static func < (left: E2fsVersion, right: E2fsVersion) -> Bool {
    (left.major, left.minor, left.patch) < (right.major, right.minor, right.patch)
  }

  package var description: String { "\(major).\(minor).\(patch)" }

  /// 1.47.3 stops at a file of 2 GiB or more with "Ext2 file too big".
  package var largestFile: UInt64? {
    self == E2fsVersion(1, 47, 3) ? (1 << 31) - 1 : nil
  }

  /// - Throws: `.toolLacksFeature`.
  package func check(_ features: Ext4Features) throws(Ext4Error) {
    if features.contains(.orphanFile), !knowsOptionsOf147 {
      throw .toolLacksFeature(version: self, feature: Ext4Feature.orphanFile.rawValue)
    }
  }

  /// Blocks of the file of orphans on a file system of 8 GiB and more: 2 MiB, but two blocks in 1.47.4,
  /// where the constant lacks its parentheses.
  var largestOrphanFile: UInt64 { self == E2fsVersion(1, 47, 4) ? 2 : 512 }

  /// Whether an entry goes into the last block of its directory, and not into the first one with
  /// room for it; entries of symbolic links always do the latter.
  package var appendsEntries: Bool { self >= E2fsVersion(1, 47, 3) }

  /// `assume_storage_prezeroed`, and the feature `orphan_file`.
  package var knowsOptionsOf147: Bool { self >= E2fsVersion(1, 47, 0) }
}
