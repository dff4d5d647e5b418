// What images are called in the cache's index.json, and what else we write there about them.
// Source: OCI image-spec 1.1, annotations.md "org.opencontainers.image.ref.name".

package import OCISpec

/// The annotations that we write to `index.json`.
package enum CacheAnnotation {
  /// The name under which every tool finds an image of a layout.
  package static let referenceName = "org.opencontainers.image.ref.name"
  /// The name of an image that has another form for other tools.
  package static let imageName = "dev.banger.image.name"
  /// The digest of the index that the name led to.
  package static let indexDigest = "dev.banger.index.digest"
  /// The digest of the manifest that this one says again in OCI's words.
  package static let convertedFrom = "dev.banger.converted.from"
}

/// What is to be known of an image that has just been fetched.
package struct RecordedImage: Sendable {
  package let name: ImageName
  /// The platform's manifest, as it was fetched.
  package let manifest: Descriptor
  package let platform: Platform
  /// The index that led to the manifest, if one did.
  package let indexDigest: Digest?

  package init(
    name: ImageName,
    manifest: Descriptor,
    platform: Platform,
    indexDigest: Digest? = nil
  ) {
    self.name = name
    self.manifest = manifest
    self.platform = platform
    self.indexDigest = indexDigest
  }
}

/// An image that the cache has, or should have.
package struct CachedImage: Sendable, Equatable {
  /// As it stands in `index.json`; `nil` where it has no name.
  package let name: String?
  /// The manifest's.
  package let digest: Digest
  package let indexDigest: Digest?
  /// `nil` where neither the index nor the configuration says it.
  package let platform: Platform?
  package let layerCount: Int
  /// Manifest, configuration and layers, as they are stored.
  package let byteCount: UInt64
  /// When it was last used, in seconds since 1970; 0 where that is not known.
  package let lastUse: Int64
  /// Whether all of it is there.
  package let isComplete: Bool
}

extension Descriptor {
  /// Every name that this entry has.
  var names: [String] {
    [annotations[CacheAnnotation.imageName], containerdName, referenceName].compactMap { $0 }
  }

  func isNamed(_ name: String) -> Bool {
    // Bytes, because `String` equates different spellings of one character.
    names.contains { $0.utf8.elementsEqual(name.utf8) }
  }

  var indexDigest: Digest? { digest(in: CacheAnnotation.indexDigest) }
  var convertedFrom: Digest? { digest(in: CacheAnnotation.convertedFrom) }

  private func digest(in annotation: String) -> Digest? {
    guard let text = annotations[annotation],
      case .success(let digest) = Result(catching: { () throws(SpecError) in try Digest(text) })
    else { return nil }
    return digest
  }

  /// The same content under other annotations.
  func entry(platform: Platform, annotations: [String: String]) -> Descriptor {
    Descriptor(
      mediaType: mediaType,
      digest: digest,
      byteCount: byteCount,
      annotations: annotations,
      platform: platform
    )
  }
}
