// Media types of OCI and Docker schema 2 documents and layers, and what each of them means to us.
// Does not decide how a layer is decoded: its first bytes do, this is only what its author claims.
// Source: OCI image-spec 1.1, media-types.md; Docker distribution, manifest-v2-2.md; the encrypted
// types: OCI image-spec proposal 775, as used by ocicrypt.

/// A media type as written, with what it stands for.
package struct MediaType: Hashable, Sendable {
  /// What a media type announces.
  package enum Kind: Hashable, Sendable {
    case index
    case manifest
    /// Docker's signed or unsigned schema 1, which carries no configuration or sizes.
    case schema1Manifest
    case configuration
    /// A tar stream. `isDistributable` is false for layers that registries do not hand on.
    case layer(Compression, isDistributable: Bool)
    case encryptedLayer
    /// The two-byte `{}` that artifacts use in place of a configuration.
    case empty
    case other
  }

  /// How a layer type says its tar stream is packed.
  package enum Compression: Hashable, Sendable {
    case none
    case gzip
    case zstd
  }

  package let rawValue: String
  package let kind: Kind

  package init(_ rawValue: String) {
    self.rawValue = rawValue
    kind = Self.kinds[rawValue] ?? Self.encryptedKind(rawValue) ?? .other
  }

  private static func encryptedKind(_ rawValue: String) -> Kind? {
    let isLayer = rawValue.hasPrefix(layer) || rawValue.hasPrefix(nondistributable)
    return isLayer && rawValue.hasSuffix("+encrypted") ? .encryptedLayer : nil
  }

  private static let layer = "application/vnd.oci.image.layer.v1.tar"
  private static let nondistributable = "application/vnd.oci.image.layer.nondistributable.v1.tar"
  private static let dockerLayer = "application/vnd.docker.image.rootfs.diff.tar"
  private static let dockerForeign = "application/vnd.docker.image.rootfs.foreign.diff.tar"

  private static let kinds: [String: Kind] = [
    "application/vnd.oci.image.index.v1+json": .index,
    "application/vnd.docker.distribution.manifest.list.v2+json": .index,
    "application/vnd.oci.image.manifest.v1+json": .manifest,
    "application/vnd.docker.distribution.manifest.v2+json": .manifest,
    "application/vnd.docker.distribution.manifest.v1+json": .schema1Manifest,
    "application/vnd.docker.distribution.manifest.v1+prettyjws": .schema1Manifest,
    "application/vnd.oci.image.config.v1+json": .configuration,
    "application/vnd.docker.container.image.v1+json": .configuration,
    "application/vnd.oci.empty.v1+json": .empty,
    layer: .layer(.none, isDistributable: true),
    layer + "+gzip": .layer(.gzip, isDistributable: true),
    layer + "+zstd": .layer(.zstd, isDistributable: true),
    nondistributable: .layer(.none, isDistributable: false),
    nondistributable + "+gzip": .layer(.gzip, isDistributable: false),
    nondistributable + "+zstd": .layer(.zstd, isDistributable: false),
    dockerLayer: .layer(.none, isDistributable: true),
    dockerLayer + ".gzip": .layer(.gzip, isDistributable: true),
    dockerLayer + ".zstd": .layer(.zstd, isDistributable: true),
    dockerForeign: .layer(.none, isDistributable: false),
    dockerForeign + ".gzip": .layer(.gzip, isDistributable: false),
    dockerForeign + ".zstd": .layer(.zstd, isDistributable: false),
  ]
}

extension MediaType: CustomStringConvertible {
  /// The type, fit to be printed whatever a document wrote there.
  package var description: String { printable(rawValue) }
}
