// Docker's schema 2 manifest said in OCI's words: the same configuration and layers under the media
// types that OCI's tools know. Configuration and layers themselves are the same in both.
// Source: OCI image-spec 1.1, media-types.md "Compatibility Matrix"; Docker distribution,
// manifest-v2-2.md.

package enum ManifestConversion {
  /// The media type of what `convert` returns.
  package static let mediaType = MediaType("application/vnd.oci.image.manifest.v1+json")

  /// Whether manifests of this type are converted for others to read.
  package static func isNeeded(for type: MediaType) -> Bool {
    type.kind == .manifest && type != mediaType
  }

  /// The OCI manifest for a schema 2 manifest; the same for the same bytes, always.
  package static func convert(_ manifest: [UInt8]) throws(SpecError) -> [UInt8] {
    var document = try JSONValue(parsing: manifest)
    document["mediaType"] = JSONValue(mediaType.rawValue)
    if let configuration = document["config"] {
      document["config"] = converted(configuration)
    }
    if let layers = document["layers"]?.elements {
      document["layers"] = .array(layers.map(converted))
    }
    return document.bytes
  }

  private static func converted(_ descriptor: JSONValue) -> JSONValue {
    guard let type = descriptor["mediaType"]?.text.map({ MediaType($0) }),
      let other = equivalent(of: type.kind)
    else { return descriptor }
    var changed = descriptor
    changed["mediaType"] = JSONValue(other)
    return changed
  }

  private static func equivalent(of kind: MediaType.Kind) -> String? {
    guard case .layer(let compression, let isDistributable) = kind else {
      return kind == .configuration ? "application/vnd.oci.image.config.v1+json" : nil
    }
    let layer =
      "application/vnd.oci.image.layer.\(isDistributable ? "" : "nondistributable.")v1.tar"
    return switch compression {
    case .none: layer
    case .gzip: layer + "+gzip"
    case .zstd: layer + "+zstd"
    }
  }
}
