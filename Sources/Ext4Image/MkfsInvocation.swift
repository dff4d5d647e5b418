// The arguments of mkfs.ext4, for every file system that this program makes. Starts nothing.
// Source: mke2fs(8).

package import SystemPackage

/// A call of mkfs.ext4 on a file that has been given its size already.
///
/// No size is passed: a bare number there is in KiB or in blocks, depending on other options.
package struct MkfsInvocation: Hashable, Sendable {
  /// Its size is the image's already, and not looked at.
  package var options: Ext4Options
  package var version: E2fsVersion
  package var inodeCount: UInt64
  /// The directory to copy, or `nil` for an empty file system.
  package var source: FilePath?
  package var image: FilePath

  package init(
    options: Ext4Options,
    version: E2fsVersion,
    inodeCount: UInt64,
    source: FilePath?,
    image: FilePath
  ) {
    self.options = options
    self.version = version
    self.inodeCount = inodeCount
    self.source = source
    self.image = image
  }

  /// Everything after the name of the program.
  ///
  /// The only list of options of this program: 4 KiB blocks and 256-byte inodes whatever the size; no
  /// blocks kept for root; tables and journal left to the holes of the new file, and marked as zeroed,
  /// so that the guest need not zero them either; no extended attributes copied, since the tree's are
  /// set afterwards, and hosts with SELinux would add their own. Paths are passed as the bytes that
  /// they are.
  package var arguments: [[UInt8]] {
    let fixed = [
      "-F", "-q", "-b", "4096", "-I", "256", "-m", "0", "-E", extended, "-O",
      options.features.list(withJournal: options.journal != .none),
    ]
    let chosen = fixed + journal + identity + ["-N", String(inodeCount), "-L", options.label.text]
    let copied = source.map { [Array("-d".utf8), $0.rawBytes] } ?? []
    return chosen.map { Array($0.utf8) } + copied + [image.rawBytes]
  }

  /// To be set beside the arguments.
  ///
  /// The configuration file is one that nobody can make, so that mkfs.ext4 takes its built-in defaults
  /// and not the machine's.
  package var environment: [String: String] {
    options.identity.environment.merging(["MKE2FS_CONFIG": "/proc/self/no-mke2fs.conf"]) { $1 }
  }

  private var extended: String {
    var extended = [
      "lazy_itable_init=1", "lazy_journal_init=1", "root_owner=0:0", "no_copy_xattrs",
    ]
    if version.knowsOptionsOf147 { extended.append("assume_storage_prezeroed=1") }
    if case .fixed(_, let hashSeed, _) = options.identity {
      extended.append("hash_seed=" + Ext4Identity.text(hashSeed))
    }
    return extended.joined(separator: ",")
  }

  private var journal: [String] {
    guard case .byteCount(let bytes) = options.journal else { return [] }
    return ["-J", "size=\(bytes >> 20)"]
  }

  private var identity: [String] {
    guard case .fixed(let uuid, _, _) = options.identity else { return [] }
    return ["-U", Ext4Identity.text(uuid)]
  }
}
