// An image manifest: one configuration and its layers, base first. Knows what makes a manifest an
// image rather than some other artifact in the same clothes.
// Source: OCI image-spec 1.1, manifest.md; Docker distribution, manifest-v2-2.md.

/// A manifest whose layers are all tar layers that we can read.
package struct ImageManifest: Hashable, Sendable {
  package let configuration: Descriptor
  /// Base layer first; at most `SpecLimits.layerCount`, possibly none.
  package let layers: [Descriptor]
  package let annotations: [String: String]
  package let artifactType: String?

  /// Reads a manifest that a descriptor of type `expected` led to.
  ///
  /// - Throws: `.artifact`, `.encryptedLayer` or `.unsupportedLayer` for well-formed manifests that
  ///   are no file system image; else what is wrong with the document.
  package init(
    parsing bytes: [UInt8],
    as expected: MediaType,
    limits: SpecLimits = SpecLimits()
  ) throws(SpecError) {
    let wire = try DocumentDecoder.decode(Wire.self, from: bytes, limits: limits)
    try wire.header.check(as: expected)
    guard let configuration = wire.config else { throw .missingField("config") }
    guard wire.header.hasLayers else { throw .missingField("layers") }
    self.configuration = try configuration.checked(at: "config")
    annotations = wire.annotations ?? [:]
    artifactType = wire.artifactType.flatMap { $0.isEmpty ? nil : $0 }
    guard self.configuration.mediaType.kind == .configuration else {
      throw .artifact(type: printable(artifactType ?? self.configuration.mediaType.rawValue))
    }
    let layers = wire.layers ?? []
    guard layers.count <= limits.layerCount else {
      throw .tooManyLayers(count: layers.count, limit: limits.layerCount)
    }
    self.layers = try WireDescriptor.checked(layers, at: "layers")
    try Self.checkKinds(self.layers, artifactType: artifactType)
  }

  private static func checkKinds(
    _ layers: [Descriptor],
    artifactType: String?
  ) throws(SpecError) {
    for (index, layer) in layers.enumerated() {
      let type = layer.mediaType
      switch type.kind {
      case .layer: continue
      case .encryptedLayer: throw .encryptedLayer(index: index, mediaType: type.description)
      default:
        if let artifactType { throw .artifact(type: printable(artifactType)) }
        throw .unsupportedLayer(index: index, mediaType: type.description)
      }
    }
  }

  private struct Wire: Decodable {
    let header: WireHeader
    let config: WireDescriptor?
    let layers: [WireDescriptor]?
    let annotations: [String: String]?
    let artifactType: String?

    private enum Key: String, CodingKey { case config, layers, annotations, artifactType }

    init(from decoder: any Decoder) throws {
      header = try WireHeader(from: decoder)
      let fields = try decoder.container(keyedBy: Key.self)
      // In an index these fields mean nothing, and the header check is about to say so.
      guard !header.hasManifests else {
        (config, layers, annotations, artifactType) = (nil, nil, nil, nil)
        return
      }
      config = try fields.decodeIfPresent(WireDescriptor.self, forKey: .config)
      layers = try fields.decodeIfPresent([WireDescriptor].self, forKey: .layers)
      annotations = try fields.decodeIfPresent([String: String].self, forKey: .annotations)
      artifactType = try fields.decodeIfPresent(String.self, forKey: .artifactType)
    }
  }
}
