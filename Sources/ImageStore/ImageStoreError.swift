// Everything that can go wrong between a reference and an open blob, and of which kind it is.

package import OCISpec
package import SystemPackage

/// Why an image, a blob or the cache cannot be used.
package enum ImageStoreError: Error, Sendable, Equatable {
  // There is no such thing.
  case noLayout(FilePath)
  case noArchive(FilePath)
  case noImages(FilePath)
  case noSuchName(String, available: [String])
  case noSuchDigest(Digest)
  case noSuchPlatform(Platform, available: [Platform])
  /// More than one image fits; `names` are what tells them apart.
  case severalImages(names: [String])

  // It is there, and wrong.
  case notALayout(FilePath, missing: String)
  case notAPlainFile(FilePath)
  case badArchive(FilePath, ArchiveFault)
  case invalidDocument(Document, SpecError)
  case indexTooDeep(Digest, limit: Int)
  case blobMissing(Digest)
  case blobNotAPlainFile(Digest)
  case blobSizeMismatch(Digest, expected: UInt64, actual: UInt64)
  case digestMismatch(expected: Digest, actual: Digest)

  // This machine.
  case failed(operation: String, FilePath, Errno)
  case blobUnreadable(Digest, at: UInt64, Errno)
  /// A download was begun anew, given up or found wrong, so it cannot be read any further.
  case ingestEnded(Digest)

  // Permissions, ours and other people's.
  case notPermitted(operation: String, FilePath, Errno)
  case cacheOwnedByAnother(FilePath, owner: UInt32)
  case cacheWritableByOthers(FilePath, mode: UInt32)

  /// Which document of a layout is meant.
  package enum Document: Sendable, Equatable {
    case layoutMarker
    case layoutIndex
    case blob(Digest)
  }

  /// What an exit code is chosen by.
  package enum Kind: Sendable, Equatable {
    case notFound
    case invalid
    case localIO
    /// The disk is full, or the user's share of it.
    case noSpace
    case notPermitted
  }

  package var kind: Kind {
    switch self {
    case .noLayout, .noArchive, .noImages, .noSuchName, .noSuchDigest, .noSuchPlatform,
      .severalImages:
      .notFound
    case .notALayout, .notAPlainFile, .badArchive, .invalidDocument, .indexTooDeep, .blobMissing,
      .blobNotAPlainFile, .blobSizeMismatch, .digestMismatch:
      .invalid
    case .failed(_, _, .noSpace), .failed(_, _, .diskQuotaExceeded): .noSpace
    case .failed, .blobUnreadable, .ingestEnded: .localIO
    case .notPermitted, .cacheOwnedByAnother, .cacheWritableByOthers: .notPermitted
    }
  }

  /// A failed system call on a path: refusals by permission are told from everything else.
  static func system(_ operation: String, _ path: FilePath, _ errno: Errno) -> Self {
    switch errno {
    case .permissionDenied, .notPermitted, .readOnlyFileSystem:
      .notPermitted(operation: operation, path, errno)
    default:
      .failed(operation: operation, path, errno)
    }
  }
}

extension ImageStoreError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .noLayout(let path): "\(path): no such image layout"
    case .noArchive(let path): "\(path): no such archive"
    case .noImages(let path): "\(path): the layout lists no image"
    case .noSuchName(let name, let available):
      "no image named \(name); there is \(Self.list(available))"
    case .noSuchDigest(let digest): "no image with digest \(digest)"
    case .noSuchPlatform(let platform, let available):
      "no image for \(platform); there is \(Self.list(available.map(\.description)))"
    case .severalImages(let names): "several images, choose one of \(Self.list(names))"
    case .notALayout(let path, let missing): "\(path): not an image layout: no \(missing)"
    case .notAPlainFile(let path): "\(path): not a plain file (symbolic links are refused)"
    case .badArchive(let path, let fault): "\(path): \(fault)"
    case .invalidDocument(let document, let cause): "\(document): \(cause)"
    case .indexTooDeep(let digest, let limit): "index \(digest): nested deeper than \(limit)"
    case .blobMissing(let digest): "blob \(digest): not in the layout"
    case .blobNotAPlainFile(let digest):
      "blob \(digest): not a plain file (symbolic links are refused)"
    case .blobSizeMismatch(let digest, let expected, let actual):
      "blob \(digest): \(actual) bytes, expected \(expected)"
    case .digestMismatch(let expected, let actual): "blob \(expected): content is \(actual)"
    case .failed(let operation, let path, let errno): "\(path): cannot \(operation): \(errno)"
    case .blobUnreadable(let digest, let offset, let errno):
      "blob \(digest): cannot read at byte \(offset): \(errno)"
    case .ingestEnded(let digest): "blob \(digest): its download was given up or begun anew"
    case .notPermitted(let operation, let path, let errno):
      "\(path): not permitted to \(operation): \(errno)"
    case .cacheOwnedByAnother(let path, let owner):
      "\(path): cache belongs to another user (uid \(owner))"
    case .cacheWritableByOthers(let path, let mode):
      "\(path): cache is writable by other users (mode 0\(String(mode, radix: 8)))"
    }
  }

  /// At most 16 of the names: a hostile index can list tens of thousands.
  private static func list(_ names: [String]) -> String {
    guard !names.isEmpty else { return "none" }
    let shown = names.prefix(16).joined(separator: ", ")
    return names.count > 16 ? "\(shown) and \(names.count - 16) more" : shown
  }
}

extension ImageStoreError.Document: CustomStringConvertible {
  package var description: String {
    switch self {
    case .layoutMarker: "oci-layout"
    case .layoutIndex: "index.json"
    case .blob(let digest): "blob \(digest)"
    }
  }
}
