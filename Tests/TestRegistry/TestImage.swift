// Small images that a registry can serve, for tests that care for the transfer and not for what is
// in them.

package import TestKit

/// An image in memory, with all that a test compares.
package struct TestImage: Sendable {
  /// A document or a layer, and what its descriptor says.
  package struct Part: Sendable {
    package var digest: String
    package var bytes: GeneratedBytes
    package var mediaType: String

    package init(digest: String, bytes: GeneratedBytes, mediaType: String) {
      self.digest = digest
      self.bytes = bytes
      self.mediaType = mediaType
    }
  }

  package var manifest: Part
  package var configuration: Part
  package var layers: [Part]
  package var diffIDs: [String]

  package static let plainLayer = "application/vnd.oci.image.layer.v1.tar"

  /// An image of layers with one file of noise each, about as long as it is told.
  package init(
    layerByteCounts: [Int] = [40_000, 90_000, 3_000],
    seed: UInt64 = 1,
    isCompressed: Bool = true,
    types: ImageFixture.MediaTypes = .oci,
    platform: String = "linux/amd64"
  ) {
    var layers: [Part] = []
    var diffIDs: [String] = []
    for (index, byteCount) in layerByteCounts.enumerated() {
      let seed = seed &* 1000 &+ UInt64(index)
      let tar = GeneratedBytes.tar(
        byteCount: byteCount,
        path: "file\(index)",
        seed: seed
      )
      diffIDs.append(tar.digest)
      let blob = isCompressed ? GeneratedBytes(CompressedBytes.gzip(tar.all)) : tar
      let type = isCompressed ? types.gzipLayer : Self.plainLayer
      layers.append(Part(digest: blob.digest, bytes: blob, mediaType: type))
    }
    self.init(layers: layers, diffIDs: diffIDs, types: types, platform: platform)
  }

  /// An image of any layers; the documents are written by hand, so that they need no layout.
  package init(
    layers: [Part],
    diffIDs: [String],
    types: ImageFixture.MediaTypes = .oci,
    platform: String = "linux/amd64",
    /// Members added to each layer's descriptor: `,"urls":["http://…"]`.
    layerExtras: String = ""
  ) {
    self.layers = layers
    self.diffIDs = diffIDs
    let parts = platform.split(separator: "/")
    let variant = parts.count > 2 ? #","variant":"\#(parts[2])""# : ""
    let ids = diffIDs.map { "\"\($0)\"" }.joined(separator: ",")
    configuration = Part(
      #"{"architecture":"\#(parts[1])","os":"\#(parts[0])"\#(variant),"#
        + #""rootfs":{"type":"layers","diff_ids":[\#(ids)]}}"#,
      types.configuration
    )
    let descriptors = layers.map { $0.descriptor(layerExtras) }.joined(separator: ",")
    manifest = Part(
      #"{"schemaVersion":2,"mediaType":"\#(types.manifest)","config":"#
        + configuration.descriptor() + #","layers":[\#(descriptors)]}"#,
      types.manifest
    )
  }

  /// Serves it under a name.
  package func push(to contents: RegistryContents, _ repository: String, tag: String? = "latest") {
    for part in layers + [configuration] {
      contents.put(blob: part.bytes, as: part.digest, in: repository)
    }
    contents.put(
      manifest: manifest.bytes.all,
      manifest.mediaType,
      in: repository,
      tag: tag
    )
  }

  /// All blobs that a pull fetches, by digest.
  package var parts: [String: [UInt8]] {
    Dictionary(
      (layers + [configuration, manifest]).map { ($0.digest, $0.bytes.all) },
      uniquingKeysWith: { first, _ in first }
    )
  }

  /// An index over images: their platforms, such as `linux/arm64/v8`, and the images.
  package static func index(
    _ images: [(platform: String, image: TestImage)],
    types: ImageFixture.MediaTypes = .oci
  ) -> Part {
    let entries = images.map { platform, image in
      let parts = platform.split(separator: "/")
      let variant = parts.count > 2 ? #","variant":"\#(parts[2])""# : ""
      return image.manifest.descriptor(
        #","platform":{"os":"\#(parts[0])","architecture":"\#(parts[1])"\#(variant)}"#
      )
    }
    return Part(
      #"{"schemaVersion":2,"mediaType":"\#(types.index)","#
        + #""manifests":[\#(entries.joined(separator: ","))]}"#,
      types.index
    )
  }
}

extension TestImage.Part {
  /// A document.
  package init(_ text: String, _ mediaType: String) {
    let bytes = GeneratedBytes(text)
    self.init(digest: bytes.digest, bytes: bytes, mediaType: mediaType)
  }

  /// What points to it, with members added as they are written.
  package func descriptor(_ extras: String = "") -> String {
    #"{"mediaType":"\#(mediaType)","digest":"\#(digest)","size":\#(bytes.byteCount)\#(extras)}"#
  }
}
