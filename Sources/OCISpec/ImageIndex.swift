// An image index (or Docker manifest list): a list of manifests and further indexes.
// Source: OCI image-spec 1.1, image-index.md; Docker distribution, manifest-v2-2.md.

/// The entries of one index, in document order; unknown media types are kept for the reader to skip.
package struct ImageIndex: Hashable, Sendable {
  package let manifests: [Descriptor]

  package init(manifests: [Descriptor]) {
    self.manifests = manifests
  }

  /// Reads an index that a descriptor of type `expected` led to.
  package init(
    parsing bytes: [UInt8],
    as expected: MediaType,
    limits: SpecLimits = SpecLimits()
  ) throws(SpecError) {
    let wire = try DocumentDecoder.decode(Wire.self, from: bytes, limits: limits)
    try self.init(wire, as: expected)
  }

  /// Reads the `index.json` of a layout, which no descriptor leads to: its own media type, where
  /// it has one, must be that of an index.
  package init(
    parsingLayoutIndex bytes: [UInt8],
    limits: SpecLimits = SpecLimits()
  ) throws(SpecError) {
    let wire = try DocumentDecoder.decode(Wire.self, from: bytes, limits: limits)
    let own = MediaType(wire.header.mediaType ?? "")
    let plain = MediaType("application/vnd.oci.image.index.v1+json")
    try self.init(wire, as: own.kind == .index ? own : plain)
  }

  private init(_ wire: Wire, as expected: MediaType) throws(SpecError) {
    try wire.header.check(as: expected)
    guard wire.header.hasManifests else { throw .missingField("manifests") }
    manifests = try WireDescriptor.checked(wire.manifests ?? [], at: "manifests")
  }

  private struct Wire: Decodable {
    let header: WireHeader
    let manifests: [WireDescriptor]?

    private enum Key: String, CodingKey { case manifests }

    init(from decoder: any Decoder) throws {
      header = try WireHeader(from: decoder)
      manifests = try decoder.container(keyedBy: Key.self)
        .decodeIfPresent([WireDescriptor].self, forKey: .manifests)
    }
  }
}
