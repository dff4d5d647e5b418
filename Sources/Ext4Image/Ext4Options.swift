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

package struct Ext4Options: Hashable, Sendable {
  package var size: Ext4Size
  package var label: VolumeLabel

  package init(size: Ext4Size = .automatic(free: nil), label: VolumeLabel = .standard) {
    self.size = size
    self.label = label
  }
}
