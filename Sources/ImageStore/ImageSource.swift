// What the rest of the program needs of a place that holds images: an index of them, and blobs by
// digest. A layout directory is one, an archive is another.

package import OCISpec
package import SystemPackage

/// A place that holds the documents and blobs of images.
///
/// Usable from any thread; methods may block.
package protocol ImageSource: AnyObject, Sendable {
  /// The directory or the archive, as it was opened.
  var path: FilePath { get }
  /// The images of this place.
  var index: ImageIndex { get }

  /// Opens a blob and checks its type and size, not its content.
  ///
  /// - Throws: `.blobMissing`, `.blobNotAPlainFile`, `.blobSizeMismatch`, or the system's refusal.
  func openBlob(_ blob: Descriptor) throws(ImageStoreError) -> BlobFile

  /// Where a blob is, for messages; use `openBlob` to read it.
  func place(of digest: Digest) -> FilePath

  /// What documents of this place may ask for.
  var limits: SpecLimits { get }

  /// Whether media types are what somebody wrote, and not made up by whoever reads the place.
  var statesMediaTypes: Bool { get }
}

extension ImageSource {
  package var statesMediaTypes: Bool { true }

  /// The bytes of a document, with size and digest checked.
  ///
  /// Taken from the descriptor where it embeds them, else from the blob.
  package func document(_ descriptor: Descriptor) throws(ImageStoreError) -> [UInt8] {
    let digest = descriptor.digest
    guard descriptor.byteCount <= limits.documentByteCount else {
      throw .invalidDocument(
        .blob(digest),
        .documentTooLarge(
          byteCount: descriptor.byteCount,
          limit: limits.documentByteCount
        )
      )
    }
    if let data = descriptor.data {
      do throws(ImageStoreError) {
        try descriptor.check(data)
      } catch {
        throw .embeddedMismatch(digest)
      }
      return data
    }
    let bytes = try openBlob(descriptor).readAll()
    try descriptor.check(bytes)
    return bytes
  }
}

extension Descriptor {
  /// Whether `bytes` are what this describes, by size and digest.
  ///
  /// - Throws: `.blobSizeMismatch` or `.digestMismatch`.
  func check(_ bytes: [UInt8]) throws(ImageStoreError) {
    let count = UInt64(bytes.count)
    guard count == byteCount else {
      throw .blobSizeMismatch(digest, expected: byteCount, actual: count)
    }
    let actual = DigestHasher.digest(of: bytes, digest.algorithm)
    guard actual == digest else { throw .digestMismatch(expected: digest, actual: actual) }
  }
}

/// Reads a document and says which one was at fault.
func parsing<Value>(
  _ document: ImageStoreError.Document,
  _ read: () throws(SpecError) -> Value
) throws(ImageStoreError) -> Value {
  do {
    return try read()
  } catch {
    throw .invalidDocument(document, error)
  }
}
