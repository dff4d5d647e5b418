// One tar stream in every form in which a layer is stored.

/// The ways to store a tar stream as a layer's blob, ordinary and odd.
package enum LayerEncoding: String, CaseIterable, Sendable {
  case plain
  case gzip
  /// Members of a megabyte and a bit.
  case gzipMembers
  /// Zeros behind the last member.
  case gzipPadded
  /// Stored blocks, as `gzip -0` would make.
  case gzipStored
  case zstd
  /// Frames of 300,000 bytes.
  case zstdFrames
  /// The same with skippable frames between.
  case zstdSkippable

  /// `tar` as a blob.
  package func blob(of tar: [UInt8]) -> [UInt8] {
    switch self {
    case .plain: tar
    case .gzip: CompressedBytes.gzip(tar)
    case .gzipMembers: CompressedBytes.gzip(tar, .init { $0.memberByteCount = 1_200_007 })
    case .gzipPadded:
      CompressedBytes.gzip(tar, .init { $0.tail = [UInt8](repeating: 0, count: 700) })
    case .gzipStored: CompressedBytes.gzip(tar, .init { $0.level = 0 })
    case .zstd: CompressedBytes.zstd(tar)
    case .zstdFrames: CompressedBytes.zstd(tar, .init { $0.frameByteCount = 300_000 })
    case .zstdSkippable:
      CompressedBytes.zstd(
        tar,
        .init {
          $0.frameByteCount = 300_000
          $0.skippable = [1, 2, 3]
        }
      )
    }
  }

  /// The warnings that reading it gives, besides the tar stream's own.
  package var isPadded: Bool { self == .gzipPadded }
}
