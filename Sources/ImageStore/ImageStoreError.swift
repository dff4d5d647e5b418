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
  case notAPlainFile(FilePath, isLink: Bool)
  case badArchive(FilePath, ArchiveFault)
  case invalidDocument(Document, SpecError)
  case indexTooDeep(Digest, limit: Int)
  case blobMissing(Digest)
  case blobNotAPlainFile(Digest, isLink: Bool)
  case blobSizeMismatch(Digest, expected: UInt64, actual: UInt64)
  case digestMismatch(expected: Digest, actual: Digest)
  /// The content that a descriptor embeds has another size or another digest than it says.
  case embeddedMismatch(Digest)

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
    /// The `oci-layout` here.
    case layoutMarker(FilePath)
    /// The `index.json` here, which somebody else has written.
    case layoutIndex(FilePath)
    /// The `index.json` of a cache.
    case cacheIndex(FilePath)
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
      .blobNotAPlainFile, .blobSizeMismatch, .digestMismatch, .embeddedMismatch:
      .invalid
    case .failed(_, _, .noSpace), .failed(_, _, .diskQuotaExceeded): .noSpace
    case .failed, .blobUnreadable, .ingestEnded: .localIO
    case .notPermitted, .cacheOwnedByAnother, .cacheWritableByOthers: .notPermitted
    }
  }

  /// Whether a blob is not there, or is not what its descriptor says.
  package var isBlobFault: Bool {
    switch self {
    case .blobMissing, .blobSizeMismatch, .digestMismatch, .blobNotAPlainFile: true
    default: false
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
    case .notAPlainFile(let path, let isLink): "\(path): \(Self.notPlain(isLink: isLink))"
    case .badArchive(let path, let fault): "\(path): \(fault)"
    case .invalidDocument(let document, let cause): "\(document): \(cause)"
    case .indexTooDeep(let digest, let limit): "index \(digest): nested deeper than \(limit)"
    case .blobMissing(let digest), .blobNotAPlainFile(let digest, _),
      .blobSizeMismatch(let digest, _, _), .digestMismatch(let digest, _),
      .blobUnreadable(let digest, _, _), .ingestEnded(let digest):
      "blob \(digest): \(blobProblem)"
    case .embeddedMismatch(let digest):
      "blob \(digest): the data in its descriptor is something else"
    case .failed(let operation, let path, let errno): "\(path): cannot \(operation): \(errno)"
    case .notPermitted(let operation, let path, let errno):
      "\(path): not permitted to \(operation): \(errno)"
    case .cacheOwnedByAnother(let path, let owner):
      "\(path): cache belongs to another user (uid \(owner))"
    case .cacheWritableByOthers(let path, let mode):
      "\(path): cache is writable by other users (mode 0\(String(mode, radix: 8)))"
    }
  }

  /// The error for whoever has said already that it is about the blob `digest`.
  package func said(of digest: Digest) -> String {
    let (full, start) = (description, "blob \(digest): ")
    return full.hasPrefix(start) ? String(full.dropFirst(start.count)) : full
  }

  /// What is wrong with a blob that is named elsewhere.
  private var blobProblem: String {
    switch self {
    case .blobMissing: "missing"
    case .blobNotAPlainFile(_, let isLink): Self.notPlain(isLink: isLink)
    case .blobSizeMismatch(_, let expected, let actual): "\(actual) bytes, expected \(expected)"
    case .digestMismatch(_, let actual): "content is \(actual)"
    case .blobUnreadable(_, let offset, let errno): "cannot read at byte \(offset): \(errno)"
    case .ingestEnded: "its download was given up or begun anew"
    default: "unusable"
    }
  }

  private static func notPlain(isLink: Bool) -> String {
    isLink ? "not a plain file (symbolic links are refused)" : "not a plain file"
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
    case .layoutMarker(let path), .layoutIndex(let path), .cacheIndex(let path): "\(path)"
    case .blob(let digest): "blob \(digest)"
    }
  }
}
