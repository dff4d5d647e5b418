// From a reference to one image: which entry of a layout or an archive is meant, which of its
// platforms, and are its documents what they claim to be. Opens no layer.
// Source: OCI image-spec 1.1, image-index.md (first match wins; unknown media types are ignored),
// annotations.md (org.opencontainers.image.ref.name).

package import OCISpec
import SystemPackage

/// Finds the image that a reference means on one platform.
package struct ImageResolver: Sendable {
  package let platform: Platform

  /// What documents of layouts may ask for.
  private let limits: SpecLimits

  package init(platform: Platform = .linuxAMD64, limits: SpecLimits = SpecLimits()) {
    self.platform = platform
    self.limits = limits
  }

  /// Reads the layout that a reference names and the documents of one image in it.
  package func resolve(_ reference: LayoutReference) throws(ImageStoreError) -> ResolvedImage {
    let path = reference.directory.map { CChar(bitPattern: $0) } + [0]
    let layout = try ImageLayout(opening: FilePath(platformString: path), limits: limits)
    return try resolve(
      reference.text,
      name: reference.name,
      digest: reference.digest,
      in: layout
    )
  }

  /// Reads the documents of one image in `source`; `reference` is what the user calls it.
  ///
  /// A digest decides alone. Else the name does, or the only image there is. Among several images
  /// under one name, and in nested indexes, the platform decides.
  ///
  /// - Throws: the reason, of any kind.
  package func resolve(
    _ reference: String,
    name: String?,
    digest: Digest?,
    in source: any ImageSource
  ) throws(ImageStoreError) -> ResolvedImage {
    let choice = try choose(name: name, digest: digest, in: source)
    return try read(choice, of: reference, in: source)
  }

  /// Reads the documents of the image that `manifest` describes, whatever its platform.
  package func read(
    _ manifest: Descriptor,
    of reference: String,
    in source: any ImageSource
  ) throws(ImageStoreError) -> ResolvedImage {
    let choice = Choice(manifest: manifest, mustMatchPlatform: false)
    return try read(choice, of: reference, in: source)
  }

  /// A manifest, and whether its own configuration has yet to show that the platform is right.
  private struct Choice {
    let manifest: Descriptor
    let mustMatchPlatform: Bool
  }

  private func choose(
    name: String?,
    digest: Digest?,
    in source: any ImageSource
  ) throws(ImageStoreError) -> Choice {
    var walk = IndexWalk(source)
    if let digest {
      let found = try walk.find(digest)
      // The digest of a manifest names one image, whatever its platform.
      guard found.mediaType.kind == .index else {
        return Choice(manifest: found, mustMatchPlatform: false)
      }
      return try choosePlatform(among: try walk.images(below: [found]), in: source)
    }
    let entries = try ImageNames(source).entries(named: name)
    return try choosePlatform(among: try walk.images(below: entries), in: source)
  }

  private func choosePlatform(
    among images: [Descriptor],
    in source: any ImageSource
  ) throws(ImageStoreError) -> Choice {
    guard let first = images.first else { throw .noImages(source.path) }
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
    of reference: String,
    in source: any ImageSource
  ) throws(ImageStoreError) -> ResolvedImage {
    let manifestBytes = try source.document(choice.manifest)
    let manifest = try parsing(.blob(choice.manifest.digest)) { () throws(SpecError) in
      try ImageManifest(
        parsing: manifestBytes,
        as: choice.manifest.mediaType,
        limits: source.limits
      )
    }
    let configurationBytes = try source.document(manifest.configuration)
    let configuration = try parsing(.blob(manifest.configuration.digest)) {
      () throws(SpecError) in
      try ImageConfiguration(
        parsing: configurationBytes,
        layerCount: manifest.layers.count,
        limits: source.limits
      )
    }
    if choice.mustMatchPlatform, configuration.platform.distance(to: platform) == nil {
      throw .noSuchPlatform(platform, available: [configuration.platform])
    }
    return ResolvedImage(
      reference: reference,
      source: source,
      manifestDescriptor: choice.manifest,
      manifest: manifest,
      configuration: configuration,
      manifestBytes: manifestBytes,
      configurationBytes: configurationBytes,
      platform: choice.manifest.platform ?? configuration.platform,
      layers: Self.layers(of: manifest, configuration, in: source)
    )
  }

  private static func layers(
    of manifest: ImageManifest,
    _ configuration: ImageConfiguration,
    in source: any ImageSource
  ) -> [ResolvedLayer] {
    zip(manifest.layers, configuration.diffIDs).enumerated().map { index, pair in
      ResolvedLayer(
        index: index,
        descriptor: pair.0,
        diffID: pair.1,
        path: source.place(of: pair.0.digest)
      )
    }
  }
}
