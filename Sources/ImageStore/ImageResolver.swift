// From a reference to one image: which entry of the layout is meant, which of its platforms, and
// are its documents what they claim to be. Opens no layer.
// Source: OCI image-spec 1.1, image-index.md (first match wins; unknown media types are ignored),
// annotations.md (org.opencontainers.image.ref.name).

package import OCISpec
import SystemPackage

/// Finds the image that a reference means on one platform.
package struct ImageResolver: Sendable {
  package let platform: Platform

  package init(platform: Platform = .linuxAMD64) {
    self.platform = platform
  }

  /// Reads the layout and the documents of one image.
  ///
  /// A digest in the reference decides alone. Else the name does, or the only image there is. Among
  /// several images under one name, and in nested indexes, the platform decides.
  ///
  /// - Throws: the reason, of any kind.
  package func resolve(_ reference: Reference) throws(ImageStoreError) -> ResolvedImage {
    let path = reference.directory.map { CChar(bitPattern: $0) } + [0]
    let layout = try ImageLayout(opening: FilePath(platformString: path))
    let choice = try choose(reference, in: layout)
    return try read(choice, of: reference, in: layout)
  }

  /// A manifest, and whether its own configuration has yet to show that the platform is right.
  private struct Choice {
    let manifest: Descriptor
    let mustMatchPlatform: Bool
  }

  private func choose(
    _ reference: Reference,
    in layout: ImageLayout
  ) throws(ImageStoreError) -> Choice {
    var walk = IndexWalk(layout)
    if let digest = reference.digest {
      let found = try walk.find(digest)
      // The digest of a manifest names one image, whatever its platform.
      guard found.mediaType.kind == .index else {
        return Choice(manifest: found, mustMatchPlatform: false)
      }
      return try choosePlatform(among: try walk.images(below: [found]), in: layout)
    }
    let entries = try ImageNames(layout).entries(named: reference.tag)
    return try choosePlatform(among: try walk.images(below: entries), in: layout)
  }

  private func choosePlatform(
    among images: [Descriptor],
    in layout: ImageLayout
  ) throws(ImageStoreError) -> Choice {
    guard let first = images.first else { throw .noImages(layout.path) }
    if images.count == 1, first.platform == nil {
      return Choice(manifest: first, mustMatchPlatform: true)
    }
    let candidates = images.filter { $0.platform != nil }
    guard !candidates.isEmpty else {
      throw .severalImages(names: images.map { ImageNames.label(of: $0) })
    }
    let platforms = candidates.compactMap(\.platform)
    guard let best = Platform.best(for: platform, among: platforms) else {
      throw .noSuchPlatform(platform, available: platforms)
    }
    return Choice(manifest: candidates[best], mustMatchPlatform: false)
  }

  private func read(
    _ choice: Choice,
    of reference: Reference,
    in layout: ImageLayout
  ) throws(ImageStoreError) -> ResolvedImage {
    let manifestBytes = try layout.document(choice.manifest)
    let manifest = try parsing(.blob(choice.manifest.digest)) { () throws(SpecError) in
      try ImageManifest(parsing: manifestBytes, as: choice.manifest.mediaType)
    }
    let configurationBytes = try layout.document(manifest.configuration)
    let configuration = try parsing(.blob(manifest.configuration.digest)) {
      () throws(SpecError) in
      let configuration = try ImageConfiguration(parsing: configurationBytes)
      guard configuration.diffIDs.count == manifest.layers.count else {
        throw .diffIDCountMismatch(
          layers: manifest.layers.count,
          diffIDs: configuration.diffIDs.count
        )
      }
      return configuration
    }
    if choice.mustMatchPlatform, configuration.platform.distance(to: platform) == nil {
      throw .noSuchPlatform(platform, available: [configuration.platform])
    }
    return ResolvedImage(
      reference: reference,
      layout: layout,
      manifestDescriptor: choice.manifest,
      manifest: manifest,
      configuration: configuration,
      manifestBytes: manifestBytes,
      configurationBytes: configurationBytes,
      platform: choice.manifest.platform ?? configuration.platform,
      layers: Self.layers(of: manifest, configuration, in: layout)
    )
  }

  private static func layers(
    of manifest: ImageManifest,
    _ configuration: ImageConfiguration,
    in layout: ImageLayout
  ) -> [ResolvedLayer] {
    zip(manifest.layers, configuration.diffIDs).enumerated().map { index, pair in
      ResolvedLayer(
        index: index,
        descriptor: pair.0,
        diffID: pair.1,
        path: layout.path(of: pair.0.digest)
      )
    }
  }
}
