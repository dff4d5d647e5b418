// Which kind of document some bytes are, before they are parsed as that kind. Neither the sender's
// word nor the document's alone decides: where both speak, they must agree.
// Source: OCI distribution-spec 1.1, "Pulling manifests"; CVE-2021-41190.

import FoundationEssentials
import OCISpec

/// The fields of a document that tell its kind.
struct DocumentPeek: Sendable {
  private let wire: Wire

  private struct Wire: Decodable, Sendable {
    let schemaVersion: Int?
    let mediaType: String?
    let hasManifests: Bool

    private enum Key: String, CodingKey { case schemaVersion, mediaType, manifests }

    init(from decoder: any Decoder) throws {
      let fields = try decoder.container(keyedBy: Key.self)
      schemaVersion = try fields.decodeIfPresent(Int.self, forKey: .schemaVersion)
      mediaType = try fields.decodeIfPresent(String.self, forKey: .mediaType)
      hasManifests = fields.contains(.manifests)
    }
  }

  init(_ bytes: [UInt8]) throws(RequestFault) {
    do {
      wire = try JSONDecoder().decode(Wire.self, from: Data(bytes))
    } catch {
      throw .malformed("not a manifest")
    }
  }

  /// The type to parse the document as.
  ///
  /// `contentType` is what the sender says; anything but the types of manifests and indexes
  /// (`application/json`, nothing) says nothing.
  func mediaType(sentAs contentType: String?) throws(RequestFault) -> MediaType {
    let stated = contentType.map { text in
      let type = text.split(separator: ";", omittingEmptySubsequences: false)[0]
      return MediaType(type.trimmingPrefix(" ").lowercased().filter { $0 != " " })
    }
    let sent = stated.flatMap { Self.isManifest($0) ? $0 : nil }
    if sent?.kind == .schema1Manifest || wire.schemaVersion == 1 {
      throw .document(.schema1Manifest)
    }
    guard let text = wire.mediaType, !text.isEmpty else {
      return sent ?? MediaType(wire.hasManifests ? Self.index : Self.manifest)
    }
    let own = MediaType(text)
    if let sent, sent != own {
      throw .contentType(sent.description, document: own.description)
    }
    return own
  }

  private static let index = "application/vnd.oci.image.index.v1+json"
  private static let manifest = "application/vnd.oci.image.manifest.v1+json"

  private static func isManifest(_ type: MediaType) -> Bool {
    [.index, .manifest, .schema1Manifest].contains(type.kind)
  }
}
