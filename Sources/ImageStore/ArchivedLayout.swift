// An image layout inside an archive. The same documents as in a directory, found by the same names.
// Source: OCI image-spec 1.1, image-layout.md; containers-transports(5), "oci-archive".

import OCISpec
import SystemPackage

/// The layout in an open archive.
final class ArchivedLayout: ImageSource {
  let index: ImageIndex
  private let contents: ArchiveContents

  var path: FilePath { contents.file.path }
  var limits: SpecLimits { contents.limits }

  /// - Throws: `.notALayout` for archives of anything else; else what is wrong with the documents.
  init(_ contents: ArchiveContents) throws(ImageStoreError) {
    let place = contents.file.path
    let marker = ImageStoreError.Document.layoutMarker(place.appending("oci-layout"))
    let version = try Self.document("oci-layout", in: contents)
    _ = try parsing(marker) { () throws(SpecError) in try LayoutVersion(parsing: version) }
    let text = try Self.document("index.json", in: contents)
    index = try parsing(.layoutIndex(place.appending("index.json"))) { () throws(SpecError) in
      try ImageIndex(parsingLayoutIndex: text, limits: contents.limits)
    }
    self.contents = contents
  }

  func openBlob(_ blob: Descriptor) throws(ImageStoreError) -> BlobFile {
    let name = Self.name(of: blob.digest)
    guard let member = try contents.member(name) else { throw .blobMissing(blob.digest) }
    guard member.byteCount == blob.byteCount else {
      throw .blobSizeMismatch(blob.digest, expected: blob.byteCount, actual: member.byteCount)
    }
    return try contents.open(member, called: name, as: blob.digest)
  }

  func place(of digest: Digest) -> FilePath {
    path.appending("blobs").appending(digest.algorithm.rawValue).appending(digest.hex)
  }

  /// The name of a blob in the archive.
  static func name(of digest: Digest) -> [UInt8] {
    Array("blobs/\(digest.algorithm.rawValue)/\(digest.hex)".utf8)
  }

  private static func document(
    _ name: String,
    in contents: ArchiveContents
  ) throws(ImageStoreError) -> [UInt8] {
    guard let bytes = try contents.document(Array(name.utf8)) else {
      throw .notALayout(contents.file.path, missing: name)
    }
    return bytes
  }
}
