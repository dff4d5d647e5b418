// What may be chosen about a file system, and what is refused.

import Ext4Image
import Testing

@Suite(.inTurns) struct `The options of a file system` {
  @Test(arguments: [
    ([], Ext4Features.standard.contains(.metadataChecksum), [Ext4Feature.metadataChecksum]),
    (["orphan_file"], true, [.orphanFile, .metadataChecksum, .resizeInode]),
    (["^64bit,^resize_inode", "^flex_bg"], false, [.sixtyFourBit, .resizeInode, .flexibleGroups]),
    (["^metadata_csum", "uninit_bg"], true, [.uninitializedGroups]),
    // the last word on a feature holds
    (["^verity", "verity"], true, [.verity]), (["verity", "^verity"], false, [.verity]),
  ])
  func `features are turned on and off`(
    changes: [String],
    isOn: Bool,
    features: [Ext4Feature]
  ) throws {
    let chosen = try Ext4Features(changes)
    #expect(features.allSatisfy { chosen.contains($0) == isOn })
  }

  @Test func `no feature that older kernels refuse is on unless asked for`() {
    for feature in [Ext4Feature.orphanFile, .checksumSeed, .largeDirectory, .fastCommit, .verity] {
      #expect(!Ext4Features.standard.contains(feature))
    }
  }

  @Test(arguments: [
    (["bigalloc"], Ext4Error.unknownFeature("bigalloc")),
    (["^extent"], .unknownFeature("^extent")),
    (["verity,"], .unknownFeature("")), ([""], .unknownFeature("")), (["^"], .unknownFeature("^")),
    (["none"], .unknownFeature("none")), (["verity verity"], .unknownFeature("verity verity")),
    (
      ["^metadata_csum", "metadata_csum_seed"],
      .featureNeedsAnother("metadata_csum_seed", needed: "metadata_csum")
    ),
    (["uninit_bg"], .featuresExclude("uninit_bg", "metadata_csum")),
  ])
  func `other features are refused`(changes: [String], error: Ext4Error) {
    #expect(throws: error) { try Ext4Features(changes) }
  }

  @Test(arguments: [4, 5, 1024, 40_000] as [UInt64])
  func `journals of whole MiB are accepted`(mebibytes: UInt64) throws {
    try Ext4Options(journal: .byteCount(mebibytes << 20)).check()
  }

  @Test(arguments: [0, 1, 3 << 20, (4 << 20) + 1, 40_001 << 20, .max] as [UInt64])
  func `other sizes of a journal are refused`(bytes: UInt64) {
    #expect(throws: Ext4Error.unusableJournalSize(bytes)) {
      try Ext4Options(journal: .byteCount(bytes)).check()
    }
  }

  @Test(arguments: ["orphan_file", "fast_commit"])
  func `what works through the journal needs one`(feature: String) throws {
    let features = try Ext4Features([feature])
    try Ext4Options(features: features).check()
    #expect(throws: Ext4Error.featureNeedsAnother(feature, needed: "has_journal")) {
      try Ext4Options(journal: .none, features: features).check()
    }
  }

  @Test func `orphan files need version 1.47`() throws {
    let features = try Ext4Features(["orphan_file"])
    let old = E2fsVersion(1, 46, 6)
    try E2fsVersion(1, 47, 0).check(features)
    try old.check(.standard)
    #expect(throws: Ext4Error.toolLacksFeature(version: old, feature: "orphan_file")) {
      try old.check(features)
    }
  }

  @Test func `an identity is the same for the same key, and another for another`() {
    let key = [UInt8](repeating: 0xFF, count: 32)
    let other = [UInt8](repeating: 0xFF, count: 31) + [0]
    // RFC 9562: version 8 in the first half of byte 6, variant 10 in the first bits of byte 8
    let identifier: [UInt8] = [
      255, 255, 255, 255, 255, 255, 0x8F, 255, 0xBF, 255, 255, 255, 255, 255, 255, 255,
    ]
    #expect(
      Ext4Identity.derived(from: key, time: 7)
        == .fixed(uuid: identifier, hashSeed: identifier, time: 7)
    )
    #expect(Ext4Identity.derived(from: key, time: 7) != .derived(from: other, time: 7))
    #expect(Ext4Identity.derived(from: key, time: 7) != .derived(from: key, time: 8))
  }

  @Test(
    arguments: [
      (-5, 1), (0, 1), (1, 1), (0x7FFF_FFFF, 0x7FFF_FFFF), (0x8000_0000, 0x7FFF_FFFF),
    ] as [(Int64, Int64)]
  )
  func `times that not every version writes alike are brought into range`(
    time: Int64,
    expected: Int64
  ) {
    let identity = Ext4Identity.derived(from: [UInt8](repeating: 1, count: 32), time: time)
    #expect(identity.environment == ["E2FSPROGS_FAKE_TIME": "\(expected)"])
    #expect(Ext4Identity.random.environment == [:])
  }
}
