// From a copy of a seed to a file system of another size, label and UUID: which tools in which order,
// and what is refused before any of them runs.
// Sources: resize2fs(8), tune2fs(8), e2fsck(8); docs/decisions/0006-growing-seeds.md.

import FileTree
import Glibc
import SystemPackage

/// What is to become of a copy.
struct SeedGrowth: Sendable {
  private let seed: Seed
  private let byteCount: UInt64
  private let label: VolumeLabel?
  private let uuid: [UInt8]
  private let environment: [String: String]

  /// - Throws: `.seedTooLarge`, `.sizeTooLarge`.
  init(
    of seed: Seed,
    to byteCount: UInt64?,
    label: VolumeLabel?,
    identity: Ext4Identity
  ) throws(Ext4Error) {
    self.seed = seed
    self.byteCount = byteCount ?? seed.byteCount
    self.label = label
    uuid = identity.ownUUID
    environment = Self.environment(identity, seed.superblock)
    if self.byteCount < seed.superblock.byteCount {
      throw .seedTooLarge(
        seed.file.path,
        requested: self.byteCount,
        smallest: seed.superblock.byteCount
      )
    }
    let limit = Self.largestByteCount(for: seed.superblock)
    if self.byteCount > limit { throw .sizeTooLarge(requested: self.byteCount, limit: limit) }
  }

  /// e2fsck has a variable of its own, and what it writes must not be before the last mount: else
  /// tune2fs asks for another check.
  private static func environment(
    _ identity: Ext4Identity,
    _ superblock: Ext4Superblock
  ) -> [String: String] {
    var environment = identity.environment
    // new inode tables stay holes, whether or not the host's kernel has ext4
    environment["RESIZE2FS_FORCE_LAZY_ITABLE_INIT"] = "1"
    if case .fixed(_, _, let time) = identity {
      environment["E2FSCK_TIME"] = String(max(time, Int64(superblock.lastMounted)))
    }
    return environment
  }

  /// Blocks have numbers of 32 bits, or of as many as inodes can point to; inodes of 32 bits, and each
  /// group adds some.
  private static func largestByteCount(for superblock: Ext4Superblock) -> UInt64 {
    let has64Bits = superblock.features.incompatible & Ext4FeatureBits.is64Bit != 0
    // extents have 48 bits
    let blocks: UInt64 = has64Bits ? 1 << 48 - 1 : UInt64(UInt32.max)
    let groups = UInt64(UInt32.max) / UInt64(superblock.inodesPerGroup)
    let inGroups = groups * UInt64(superblock.blocksPerGroup) + UInt64(superblock.firstBlock)
    let (bytes, overflow) = min(blocks, inGroups)
      .multipliedReportingOverflow(by: UInt64(superblock.blockByteCount))
    // what a file can have
    return overflow ? UInt64(Int64.max) : min(bytes, UInt64(Int64.max))
  }

  /// - Throws: `.fileSystemNotClean` about the seed; `.fileSystemCheckFailed` about what was made of it;
  ///   `.diskFull`, `.toolFailed`, `.malformedImage`, `.systemCall`, and as `ToolRunner.run`.
  func perform(on image: UnfinishedImage) async throws(Ext4Error) {
    try await checkCopy(image)
    let makesRoom = needsMoreDescriptors
    if makesRoom || seed.superblock.lastChecked < seed.superblock.lastMounted {
      try await repair(image)
    }
    try await tune(image, ["-U", Ext4Identity.text(uuid)] + (label.map { ["-L", $0.text] } ?? []))
    if makesRoom {
      // resize2fs 1.47 ruins a file system whose reserved descriptors do not suffice; where none are
      // reserved it moves what is in the way
      try await tune(image, ["-O", "^resize_inode"])
      try await repair(image)
    }
    try await resize(image)
    // its checksums have the UUID in them, and tune2fs 1.47 leaves them as they were
    if seed.superblock.hasOrphanFile { try await repair(image) }
    try await image.check()
    try checkOutcome(image)
  }

  private func checkCopy(_ image: UnfinishedImage) async throws(Ext4Error) {
    do {
      try await image.check()
    } catch .fileSystemCheckFailed(let report) {
      throw .fileSystemNotClean(seed.file.path, what: "e2fsck finds errors: \(report)")
    }
  }

  /// Whether the descriptors of all groups take more blocks than there are for them.
  private var needsMoreDescriptors: Bool {
    let superblock = seed.superblock
    // resize_inode
    guard superblock.features.compatible & 0x10 != 0 else { return false }
    let perBlock = UInt64(superblock.blockByteCount / superblock.descriptorByteCount)
    let present = Ext4Layout.dividedUp(superblock.groupCount, by: perBlock)
    let groups = Ext4Layout.dividedUp(
      byteCount >> superblock.blockShift,
      by: UInt64(superblock.blocksPerGroup)
    )
    return groups > (present + UInt64(superblock.reservedDescriptorBlocks)) * perBlock
  }

  /// Writes the time of the check, and frees what a removed feature leaves behind.
  private func repair(_ image: UnfinishedImage) async throws(Ext4Error) {
    let output = try await image.run(image.tools.e2fsck, ["-f", "-y"], environment: environment)
    // 1: errors were corrected. Source: e2fsck(8).
    if output.status == .exited(0) || output.status == .exited(1) { return }
    throw image.failure(of: image.tools.e2fsck, output)
  }

  private func tune(_ image: UnfinishedImage, _ arguments: [String]) async throws(Ext4Error) {
    try await image.runToSuccess(image.tools.tune2fs, arguments, environment: environment)
  }

  private func resize(_ image: UnfinishedImage) async throws(Ext4Error) {
    try image.file.truncate(to: byteCount)
    guard byteCount >> seed.superblock.blockShift > seed.superblock.blockCount else { return }
    // checked above; without -f it wants to see that on the disk
    try await image.runToSuccess(image.tools.resize2fs, ["-f"], environment: environment)
    let marks = try InodeTableMarks.commands(for: image.file)
    if !marks.isEmpty { try await image.runDebugfs(marks, environment: environment) }
  }

  private func checkOutcome(_ image: UnfinishedImage) throws(Ext4Error) {
    let superblock = try image.superblock()
    if superblock.uuid != uuid {
      throw .malformedImage(what: "not the UUID that was set", byte: Ext4Superblock.offset + 0x68)
    }
    if let label, superblock.label != Array(label.text.utf8) {
      throw .malformedImage(what: "not the label that was set", byte: Ext4Superblock.offset + 0x78)
    }
    // a last group too small for its own tables is left out
    let group = UInt64(superblock.blocksPerGroup)
    if superblock.blockCount + group < byteCount >> superblock.blockShift {
      throw .malformedImage(what: "did not grow", byte: Ext4Superblock.offset + 0x4)
    }
  }
}

extension Ext4Identity {
  /// The UUID that it says, or a random one.
  fileprivate var ownUUID: [UInt8] {
    if case .fixed(let uuid, _, _) = self { return uuid }
    var uuid = (0..<16).map { _ in UInt8.random(in: 0...UInt8.max) }
    // version 4, variant 2. Source: RFC 9562 §5.4.
    uuid[6] = 0x40 | uuid[6] & 0x0F
    uuid[8] = 0x80 | uuid[8] & 0x3F
    return uuid
  }
}
