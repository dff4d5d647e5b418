// The arguments of mkfs.ext4, whole.

import Ext4Image
import SystemPackage
import Testing

@Suite(.inTurns) struct `The call of mkfs.ext4` {
  private static let features =
    "none,64bit,dir_index,dir_nlink,ext_attr,extent,extra_isize,filetype,flex_bg,has_journal,"
    + "huge_file,large_file,metadata_csum,resize_inode,sparse_super"

  @Test func `passes the shared options, no size, and the paths as they are`() throws {
    let invocation = MkfsInvocation(
      options: Ext4Options(size: .exact(1 << 30), label: try VolumeLabel("root")),
      version: E2fsVersion(1, 47, 0),
      inodeCount: 5000,
      source: "/mnt/a b",
      image: "image"
    )
    #expect(
      text(invocation.arguments) == [
        "-F", "-q", "-b", "4096", "-I", "256", "-m", "0", "-E",
        "lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0,no_copy_xattrs,"
          + "assume_storage_prezeroed=1",
        "-O", Self.features, "-N", "5000", "-L", "root", "-d", "/mnt/a b",
        "image",
      ]
    )
    #expect(invocation.environment == ["MKE2FS_CONFIG": "/proc/self/no-mke2fs.conf"])
  }

  @Test func `leaves out what an older version does not know, and -d where nothing is copied`() {
    let invocation = MkfsInvocation(
      options: Ext4Options(),
      version: E2fsVersion(1, 46, 6),
      inodeCount: 16,
      source: nil,
      image: "i"
    )
    #expect(
      text(invocation.arguments) == [
        "-F", "-q", "-b", "4096", "-I", "256", "-m", "0", "-E",
        "lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0,no_copy_xattrs", "-O", Self.features,
        "-N",
        "16", "-L", "banger-rootfs", "i",
      ]
    )
  }

  @Test func `passes the journal, the features and the identity that were chosen`() throws {
    let invocation = MkfsInvocation(
      options: Ext4Options(
        journal: .byteCount(8 << 20),
        features: try Ext4Features(["orphan_file,^64bit", "^resize_inode"]),
        identity: .derived(from: Array(0..<32), time: 1_700_000_000)
      ),
      version: E2fsVersion(1, 47, 0),
      inodeCount: 16,
      source: nil,
      image: "i"
    )
    #expect(
      text(invocation.arguments) == [
        "-F", "-q", "-b", "4096", "-I", "256", "-m", "0", "-E",
        "lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0,no_copy_xattrs,"
          + "assume_storage_prezeroed=1,"
          + "hash_seed=10111213-1415-8617-9819-1a1b1c1d1e1f", "-O",
        "none,dir_index,dir_nlink,ext_attr,extent,extra_isize,filetype,flex_bg,has_journal,"
          + "huge_file,large_file,metadata_csum,orphan_file,sparse_super",
        "-J", "size=8", "-U", "00010203-0405-8607-8809-0a0b0c0d0e0f", "-N", "16", "-L",
        "banger-rootfs", "i",
      ]
    )
    #expect(
      invocation.environment == [
        "MKE2FS_CONFIG": "/proc/self/no-mke2fs.conf", "E2FSPROGS_FAKE_TIME": "1700000000",
      ]
    )
  }

  private func text(_ arguments: [[UInt8]]) -> [String] {
    arguments.map { String(decoding: $0, as: UTF8.self) }
  }

  @Test(arguments: [
    ("mke2fs 1.47.0 (5-Feb-2023)", E2fsVersion(1, 47, 0)),
    ("mke2fs 1.46.6-rc1 (12-Sep-2022); \tUsing EXT2FS", E2fsVersion(1, 46, 6)),
    ("mke2fs 1.48 (1-Jan-2027)", E2fsVersion(1, 48, 0)),
    ("debugfs 2.0.10", E2fsVersion(2, 0, 10)),
  ])
  func `versions are read from the banner`(banner: String, version: E2fsVersion) {
    #expect(E2fsVersion(banner: banner) == version)
  }

  @Test(arguments: ["", "mke2fs", "mke2fs one.two", "mke2fs 1", "mke2fs 1.2.3.4", "mke2fs 1..2"])
  func `other text is no version`(banner: String) {
    #expect(E2fsVersion(banner: banner) == nil)
  }

  @Test(arguments: ["seventeen bytes!!", "line\nbreak", "\u{7F}", "ächzääääää"])
  func `labels that do not fit are refused`(label: String) {
    #expect(throws: Ext4Error.unusableLabel(label)) { try VolumeLabel(label) }
  }

  @Test(arguments: ["", "a", "sixteen bytes ok", "äöü"])
  func `labels that fit are kept`(label: String) throws {
    #expect(try VolumeLabel(label).text == label)
  }
}
