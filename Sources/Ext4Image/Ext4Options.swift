// What the caller may choose about the file system. Knows nothing of any tool.

/// How large the file system becomes.
package enum Ext4Size: Hashable, Sendable {
  /// Exactly so many bytes.
  case exact(UInt64)
  /// The content and so many free bytes, rounded up to MiB; `nil`: the larger of 256 MiB and 20 % of
  /// the content.
  case automatic(free: UInt64?)
}

/// A volume label: at most 16 bytes without control bytes.
///
/// Source: ext4(5), `s_volume_name`.
package struct VolumeLabel: Hashable, Sendable {
  package static let byteLimit = 16
  package static let standard = VolumeLabel(checked: "banger-rootfs")

  package let text: String

  private init(checked text: String) {
    self.text = text
  }

  /// - Throws: `.unusableLabel`.
  package init(_ text: String) throws(Ext4Error) {
    if text.utf8.count > Self.byteLimit || text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
      throw .unusableLabel(text)
    }
    self.text = text
  }
}

/// Whether there is a journal, and how large it is.
package enum Ext4Journal: Hashable, Sendable {
  /// As large as mke2fs chooses for the size of the file system: 16 MiB below 1 GiB, 64 MiB from 2 GiB,
  /// 1 GiB at most.
  case standard
  case none
  /// So many bytes: whole MiB, from 4 MiB to 40,000 MiB, and less than half of the file system.
  case byteCount(UInt64)
}

package struct Ext4Options: Hashable, Sendable {
  package var size: Ext4Size
  package var label: VolumeLabel
  package var journal: Ext4Journal
  package var features: Ext4Features
  package var identity: Ext4Identity

  package init(
    size: Ext4Size = .automatic(free: nil),
    label: VolumeLabel = .standard,
    journal: Ext4Journal = .standard,
    features: Ext4Features = .standard,
    identity: Ext4Identity = .random
  ) {
    self.size = size
    self.label = label
    self.journal = journal
    self.features = features
    self.identity = identity
  }

  /// - Throws: `.unusableJournalSize`; `.featureNeedsAnother` for a feature that works through the
  ///   journal where there is none.
  package func check() throws(Ext4Error) {
    if case .byteCount(let bytes) = journal {
      // mke2fs takes whole MiB, at least 1024 blocks and at most 10,240,000: 40,000 MiB
      let mebibyte: UInt64 = 1 << 20
      guard bytes % mebibyte == 0, (4 * mebibyte...40_000 * mebibyte).contains(bytes) else {
        throw .unusableJournalSize(bytes)
      }
    }
    if journal == .none {
      for feature in [Ext4Feature.orphanFile, .fastCommit] where features.contains(feature) {
        throw .featureNeedsAnother(feature.rawValue, needed: "has_journal")
      }
    }
  }
}
