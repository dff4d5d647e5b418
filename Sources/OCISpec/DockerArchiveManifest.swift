// The `manifest.json` of a Docker archive: which images there are, and which members of the archive
// are their configurations and layers. Knows nothing of the archive itself.
// Source: Docker image specification 1.2, "Combined Image JSON + Filesystem Changeset Format";
// Docker distribution, manifest-v2-2.md for what stands in for the manifest that such an archive
// lacks.

/// The images of a Docker archive, in the archive's order; their positions count from 0.
package struct DockerArchiveManifest: Hashable, Sendable {
  package let images: [Image]

  /// One image: names of members, as bytes, and names that users know it by.
  package struct Image: Hashable, Sendable {
    package let configuration: [UInt8]
    /// Base layer first; at most `SpecLimits.layerCount`.
    package let layers: [[UInt8]]
    /// Each completed as Docker does; tags that are no names, such as `<none>:<none>`, are left
    /// out.
    package let names: [String]

    package init(configuration: [UInt8], layers: [[UInt8]], names: [String]) {
      self.configuration = configuration
      self.layers = layers
      self.names = names
    }
  }

  /// Reads the content of `manifest.json`.
  package init(parsing bytes: [UInt8], limits: SpecLimits = SpecLimits()) throws(SpecError) {
    let wire = try DocumentDecoder.decode([Wire].self, from: bytes, root: .array, limits: limits)
    var images: [Image] = []
    for (position, image) in wire.enumerated() {
      images.append(try image.checked(at: "[\(position)]", limits))
    }
    self.images = images
  }

  private struct Wire: Decodable {
    let config: String?
    let repoTags: [String]?
    let layers: [String]?

    private enum CodingKeys: String, CodingKey {
      case config = "Config"
      case repoTags = "RepoTags"
      case layers = "Layers"
    }

    func checked(at field: String, _ limits: SpecLimits) throws(SpecError) -> Image {
      guard let config, !config.isEmpty else { throw .missingField("\(field).Config") }
      // An image without layers has `null` there, as one without tags has for them.
      let layers = layers ?? []
      guard layers.count <= limits.layerCount else {
        throw .tooManyLayers(count: layers.count, limit: limits.layerCount)
      }
      return Image(
        configuration: Array(config.utf8),
        layers: layers.map { Array($0.utf8) },
        names: (repoTags ?? []).compactMap(Self.name)
      )
    }

    private static func name(_ tag: String) -> String? {
      do throws(SpecError) {
        return try RegistryReference(tag, name: Array(tag.utf8)[...]).dockerName.text
      } catch {
        return nil
      }
    }
  }

  /// The manifest of an image in such an archive: Docker's schema 2.
  ///
  /// Byte for byte what skopeo makes of the same parts, so that both give an image the same digest.
  /// The media types and digests must be of this module's making: nothing is escaped.
  package static func schema2(configuration: Descriptor, layers: [Descriptor]) -> [UInt8] {
    let list = layers.map(json).joined(separator: ",")
    let text =
      #"{"schemaVersion":2,"mediaType":"\#(mediaType.rawValue)","#
      + #""config":\#(json(configuration)),"layers":[\#(list)]}"#
    return Array(text.utf8)
  }

  private static func json(_ descriptor: Descriptor) -> String {
    #"{"mediaType":"\#(descriptor.mediaType.rawValue)","size":\#(descriptor.byteCount),"#
      + #""digest":"\#(descriptor.digest)"}"#
  }
}

extension DockerArchiveManifest {
  package static let mediaType = MediaType("application/vnd.docker.distribution.manifest.v2+json")
  package static let configurationType = MediaType(
    "application/vnd.docker.container.image.v1+json"
  )

  /// The type of a layer that is packed so.
  ///
  /// Docker has one for plain layers too, which no tool ever wrote.
  package static func layerType(_ compression: MediaType.Compression) -> MediaType {
    switch compression {
    case .none, .gzip: MediaType("application/vnd.docker.image.rootfs.diff.tar.gzip")
    case .zstd: MediaType("application/vnd.docker.image.rootfs.diff.tar.zstd")
    }
  }
}
