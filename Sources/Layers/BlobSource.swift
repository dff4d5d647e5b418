// The adapter between two modules that do not know each other: an open blob as a source of bytes.

import ImageStore
import Offsets
import SeekableCompression
import SystemPackage

struct BlobSource: ByteSource {
  let blob: BlobFile

  var byteCount: UInt64 { blob.byteCount }

  func read(
    at offset: BlobOffset,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(ByteSourceError) -> Int {
    do throws(ImageStoreError) {
      return try blob.read(at: offset.bytes, into: buffer)
    } catch {
      if case .blobUnreadable(_, _, let cause) = error {
        throw .unreadable(at: offset, errno: cause.rawValue)
      }
      // The file became shorter.
      throw .changed(at: offset)
    }
  }
}
