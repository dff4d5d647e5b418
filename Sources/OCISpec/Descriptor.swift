// A descriptor: the typed, sized and digested pointer that every OCI document is made of.
// Source: OCI image-spec 1.1, descriptor.md; annotations.md.

import FoundationEssentials

/// A pointer to content: what it is, how long it is, and its digest.
package struct Descriptor: Hashable, Sendable {
  package let mediaType: MediaType
  package let digest: Digest
  /// The content's length in bytes, as the descriptor says; the field `size`.
  package let byteCount: UInt64
  package let annotations: [String: String]
  package let platform: Platform?
  package let artifactType: String?
  /// The content itself where the document embeds it; not yet compared with the digest.
  package let data: [UInt8]?

  package init(
    mediaType: MediaType,
    digest: Digest,
    byteCount: UInt64,
    annotations: [String: String] = [:],
    platform: Platform? = nil,
    artifactType: String? = nil,
    data: [UInt8]? = nil
  ) {
    self.mediaType = mediaType
    self.digest = digest
    self.byteCount = byteCount
    self.annotations = annotations
    self.platform = platform
    self.artifactType = artifactType
    self.data = data
  }

  /// The name an index gives to this entry: a tag, or with some writers a whole image name.
  package var referenceName: String? { annotations["org.opencontainers.image.ref.name"] }

  /// The whole image name that containerd and Docker write beside a bare tag.
  package var containerdName: String? { annotations["io.containerd.image.name"] }

  /// Whether this is a build attestation that rides along in an index and is no image.
  ///
  /// Source: BuildKit, docs/attestations/attestation-storage.md.
  package var isAttestation: Bool {
    annotations["vnd.docker.reference.type"] != nil || platform?.isUnknown == true
  }
}

/// A descriptor as it stands in a document.
struct WireDescriptor: Decodable {
  let mediaType: String?
  let digest: String?
  let size: WireInteger?
  let annotations: [String: String]?
  let platform: WirePlatform?
  let artifactType: String?
  let data: String?

  /// The descriptor, or what is wrong with it; `field` is where it stands in its document.
  func checked(at field: String) throws(SpecError) -> Descriptor {
    guard let mediaType, !mediaType.isEmpty else { throw .missingField("\(field).mediaType") }
    guard let digest else { throw .missingField("\(field).digest") }
    guard let size = size?.value else { throw .missingField("\(field).size") }
    guard let byteCount = UInt64(exactly: size) else {
      throw .negativeSize(field: "\(field).size", size: size)
    }
    return Descriptor(
      mediaType: MediaType(mediaType),
      digest: try Digest(digest, field: "\(field).digest"),
      byteCount: byteCount,
      annotations: annotations ?? [:],
      platform: platform?.checked,
      artifactType: artifactType.flatMap { $0.isEmpty ? nil : $0 },
      data: try embedded(at: field)
    )
  }

  private func embedded(at field: String) throws(SpecError) -> [UInt8]? {
    guard let data, !data.isEmpty else { return nil }
    guard let bytes = Data(base64Encoded: data) else {
      throw .badField("\(field).data", reason: "not base64")
    }
    return Array(bytes)
  }

  /// Checks a list of descriptors, naming the one at fault.
  static func checked(
    _ list: [WireDescriptor],
    at field: String
  ) throws(SpecError) -> [Descriptor] {
    var descriptors: [Descriptor] = []
    descriptors.reserveCapacity(list.count)
    for (index, wire) in list.enumerated() {
      descriptors.append(try wire.checked(at: "\(field)[\(index)]"))
    }
    return descriptors
  }
}

/// The `platform` of an index entry.
struct WirePlatform: Decodable {
  let os: String?
  let architecture: String?
  let variant: String?

  /// `nil` where a writer left the platform empty, which says nothing.
  var checked: Platform? {
    guard let os, let architecture, !os.isEmpty, !architecture.isEmpty else { return nil }
    return Platform(os: os, architecture: architecture, variant: variant)
  }
}
