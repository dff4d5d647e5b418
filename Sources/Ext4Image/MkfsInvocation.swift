// The arguments of mkfs.ext4, for every file system that this program makes. Starts nothing.
// Source: mke2fs(8).

package import SystemPackage

/// A call of mkfs.ext4 on a file that has been given its size already.
///
/// No size is passed: a bare number there is in KiB or in blocks, depending on other options.
package struct MkfsInvocation: Hashable, Sendable {
  package var version: E2fsVersion
  package var inodeCount: UInt64
  package var label: VolumeLabel
  /// The directory to copy, or `nil` for an empty file system.
  package var source: FilePath?
  package var image: FilePath

  package init(
    version: E2fsVersion,
    inodeCount: UInt64,
    label: VolumeLabel,
    source: FilePath?,
    image: FilePath
  ) {
    self.version = version
    self.inodeCount = inodeCount
    self.label = label
    self.source = source
    self.image = image
  }

  /// The options that every file system of this program is made with: the only list of them.
  ///
  /// 4 KiB blocks and 256-byte inodes whatever the size; no blocks kept for root; tables and journal
  /// left to the holes of the new file, and marked as zeroed, so that the guest need not zero them
  /// either; no feature that guest kernels before 5.15 refuse.
  package static func extraOptions(version: E2fsVersion) -> [String] {
    var extended = ["lazy_itable_init=1", "lazy_journal_init=1", "root_owner=0:0"]
    if version.knowsOptionsOf147 { extended.append("assume_storage_prezeroed=1") }
    let features =
      version.knowsOptionsOf147
      ? "^metadata_csum_seed,^orphan_file" : "^metadata_csum_seed"
    return [
      "-F", "-q", "-b", "4096", "-I", "256", "-m", "0", "-E", extended.joined(separator: ","),
      "-O", features,
    ]
  }

  /// Everything after the name of the program.
  ///
  /// Paths are passed as the bytes that they are.
  package var arguments: [[UInt8]] {
    let options =
      Self.extraOptions(version: version) + ["-N", String(inodeCount), "-L", label.text]
    let copied = source.map { [Array("-d".utf8), $0.rawBytes] } ?? []
    return options.map { Array($0.utf8) } + copied + [image.rawBytes]
  }
}
