// This target's idea of a file: bytes that can be read at any position. Knows nothing of what the
// bytes mean or where they are kept.

package import Offsets

/// The stored bytes of one blob, readable at any position.
///
/// Methods are called from any thread, concurrently, and may block.
package protocol ByteSource: Sendable {
  /// The size of the blob in bytes; it never changes.
  var byteCount: UInt64 { get }

  /// Fills `buffer` with the bytes from `offset` on, and returns how many there were.
  ///
  /// The count is the buffer's, or less only because the blob ends; never short otherwise.
  func read(
    at offset: BlobOffset,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(ByteSourceError) -> Int
}

/// Why a blob's bytes could not be read.
package enum ByteSourceError: Error, Equatable, Sendable {
  /// The system refused a read; `errno` says why.
  case unreadable(at: BlobOffset, errno: Int32)
  /// The bytes of a block are no longer what they were when the blob was verified.
  case changed(at: BlobOffset)
}

extension ByteSourceError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unreadable(let offset, let errno): "cannot read blob byte \(offset): errno \(errno)"
    case .changed(let offset): "changed since it was verified, at or after blob byte \(offset)"
    }
  }
}
