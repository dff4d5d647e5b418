// From the document that a name means to the manifest for one platform, through nested indexes where
// there are some. Within bounds: no index is asked for twice, none deeper than the limit, and no more
// than a few dozen in all.
// Source: OCI image-spec 1.1, image-index.md (first match wins; unknown media types are ignored).

import OCISpec

/// The manifest that was chosen.
struct SelectedManifest: Sendable {
  let descriptor: Descriptor
  /// Its bytes, where they came with the name.
  let bytes: [UInt8]?
  /// Whether the configuration has yet to show that the platform is right.
  let mustMatchPlatform: Bool
}

/// Chooses the manifest for a platform.
struct ImageSelection {
  private let name: ImageName
  private let platform: Platform
  private let limits: SpecLimits
  private let fetch: (Descriptor) async throws(RegistryError) -> FetchedDocument
  private var visited: Set<Digest> = []

  /// Most indexes of one image: 32, where 1 or 2 are usual.
  private static let indexCount = 32

  /// `fetch` gets nested indexes.
  init(
    _ name: ImageName,
    _ platform: Platform,
    limits: SpecLimits,
    fetch: @escaping (Descriptor) async throws(RegistryError) -> FetchedDocument
  ) {
    self.name = name
    self.platform = platform
    self.limits = limits
    self.fetch = fetch
  }

  /// Chooses below the document `top`.
  mutating func choose(below top: FetchedDocument) async throws(RegistryError) -> SelectedManifest {
    guard top.descriptor.mediaType.kind == .index else {
      return SelectedManifest(
        descriptor: top.descriptor,
        bytes: top.bytes,
        // The digest of a manifest names one image, whatever its platform.
        mustMatchPlatform: name.digest == nil
      )
    }
    var images: [Descriptor] = []
    try await collect(top, depth: 0, into: &images)
    guard let first = images.first else { throw .noImages(name.text) }
    if images.count == 1, first.platform == nil {
      return SelectedManifest(descriptor: first, bytes: nil, mustMatchPlatform: true)
    }
    let candidates = images.filter { $0.platform != nil }
    let platforms = candidates.compactMap(\.platform)
    guard let best = Platform.best(for: platform, among: platforms) else {
      throw .noSuchPlatform(name.text, platform, available: platforms)
    }
    return SelectedManifest(descriptor: candidates[best], bytes: nil, mustMatchPlatform: false)
  }

  private mutating func collect(
    _ document: FetchedDocument,
    depth: Int,
    into images: inout [Descriptor]
  ) async throws(RegistryError) {
    guard depth < SpecLimits.indexDepth, visited.count < Self.indexCount else {
      throw .tooManyIndexes(name.text)
    }
    visited.insert(document.descriptor.digest)
    let entries: [Descriptor]
    do {
      entries = try ImageIndex(
        parsing: document.bytes,
        as: document.descriptor.mediaType,
        limits: limits
      ).manifests
    } catch {
      throw .invalidDocument(name.text, document.descriptor.digest, error)
    }
    for entry in entries where Self.isImage(entry) {
      if entry.mediaType.kind != .index {
        images.append(entry)
      } else if !visited.contains(entry.digest) {
        try await collect(try await fetch(entry), depth: depth + 1, into: &images)
      }
    }
  }

  /// Whether an entry may lead to an image: unknown media types and attestations do not.
  private static func isImage(_ entry: Descriptor) -> Bool {
    guard !entry.isAttestation else { return false }
    return [.index, .manifest, .schema1Manifest].contains(entry.mediaType.kind)
  }
}
