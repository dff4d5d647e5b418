// Everything one pass over a layer's blob learned: what is in it, where, and how to get there.

package import FileTree
package import FlatArrays
package import OCISpec
import Offsets
package import SeekableCompression

/// The index of one layer.
///
/// Immutable; usable from any thread.
package struct LayerIndex: Sendable {
  package let blobDigest: Digest
  package let diffID: Digest
  package let codec: Codec
  /// Bytes of the blob as stored.
  package let blobByteCount: UInt64
  /// Bytes of the tar stream.
  package let tarByteCount: UInt64
  package let table: LayerTable
  package let points: FlatArray<SeekPoint>
  /// The stored windows of all seek points; see `SeekPoint`.
  package let windows: FlatArray<UInt8>
  /// A CRC-32 of each 64 KiB of the blob.
  package let blockChecksums: FlatArray<UInt32>
  package let warnings: [LayerWarning]
  /// Told when a window turns out to be damaged, which nobody looks at before it is needed; `nil`
  /// where no file holds the index.
  var damage: DamageReport?

  /// Bytes that the index takes on disk.
  package var byteCount: Int { LayerIndexFile.byteCount(of: self) }

  /// The most decoded bytes between a seek point and the next, or the end; 0 for a plain blob.
  package var longestSpan: UInt64 {
    codec == .identity ? 0 : points.longestSpan(decodedByteCount: tarByteCount)
  }
}
