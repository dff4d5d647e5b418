// Everything that can be wrong with a reference or a document, as facts. Knows nothing of files:
// who read the document says which one it was.

/// A reference or document that we do not accept.
///
/// Texts from outside are shortened and have their control characters escaped before they are
/// stored here, so every case is safe to print.
package enum SpecError: Error, Sendable, Equatable {
  // References, digests and platforms.
  case emptyReference
  case unsupportedTransport(String)
  case badImageName(String, ImageNameFault)
  case emptyDirectory
  case emptyArchivePath
  case nulInPath
  case badTag(String)
  case badDigest(String)
  case unsupportedDigestAlgorithm(String)
  case badPlatform(String)

  // Any document.
  case documentTooLarge(byteCount: UInt64, limit: UInt64)
  case badJSON(JSONFault, at: Int)
  case badField(String, reason: String)
  case missingField(String)
  case negativeSize(field: String, size: Int64)
  case unsupportedSchemaVersion(Int64)
  case unsupportedLayoutVersion(String)
  case schema1Manifest
  case layersAndManifests
  case mediaTypeMismatch(expected: String, actual: String)

  // Manifests and configurations.
  case artifact(type: String)
  case encryptedLayer(index: Int, mediaType: String)
  case unsupportedLayer(index: Int, mediaType: String)
  case tooManyLayers(count: Int, limit: Int)
  case unsupportedRootFSType(String)
  case diffIDCountMismatch(layers: Int, diffIDs: Int)
}

/// What the structural scan of a JSON text refuses.
package enum JSONFault: Sendable, Equatable {
  case notUTF8
  case notAnObject
  case notAnArray
  case unexpectedByte(UInt8)
  case unbalanced
  case unterminated
  case trailingBytes
  case tooDeep(limit: Int)
  case duplicateKey(String)
}

extension SpecError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .emptyReference: "empty image reference: expected \(Reference.grammar)"
    case .unsupportedTransport(let name):
      "transport \(name) is not supported: expected \(Reference.grammar)"
    case .badImageName(let text, let fault): "\"\(text)\" is not the name of an image: \(fault)"
    case .emptyDirectory:
      "no layout directory in the reference: expected \(LayoutReference.grammar)"
    case .emptyArchivePath: "no archive in the reference: expected \(Reference.grammar)"
    case .nulInPath: "the path in the reference contains a NUL byte"
    case .badTag(let text): "\"\(text)\" is not an image name"
    case .badDigest(let text): "\"\(text)\" is not a digest"
    case .unsupportedDigestAlgorithm(let name): "digest algorithm \(name) is not supported"
    case .badPlatform(let text): "\"\(text)\" is not a platform: expected OS/ARCHITECTURE[/VARIANT]"
    case .documentTooLarge(let count, let limit): "\(count) bytes, more than \(limit)"
    case .badJSON(let fault, let position): "\(fault) at byte \(position)"
    case .badField(let field, let reason): "\(field): \(reason)"
    case .missingField(let field): "\(field) is missing"
    case .negativeSize(let field, let size): "\(field) is negative (\(size))"
    case .unsupportedSchemaVersion(let version): "schemaVersion is \(version), not 2"
    case .unsupportedLayoutVersion(let version): "layout version \"\(version)\" is not 1.x"
    case .schema1Manifest: "Docker schema 1 manifests are not supported"
    case .layersAndManifests: "both layers and manifests are present"
    case .mediaTypeMismatch(let expected, let actual): "media type \(actual), expected \(expected)"
    case .artifact(let type): "not a file system image but an artifact of type \(type)"
    case .encryptedLayer(let index, let type): "layers[\(index)] is encrypted (\(type))"
    case .unsupportedLayer(let index, let type): "layers[\(index)] is not a tar layer (\(type))"
    case .tooManyLayers(let count, let limit): "\(count) layers, more than \(limit)"
    case .unsupportedRootFSType(let type): "rootfs.type is \"\(type)\", not \"layers\""
    case .diffIDCountMismatch(let layers, let diffIDs): "\(layers) layers but \(diffIDs) diff_ids"
    }
  }
}

extension JSONFault: CustomStringConvertible {
  package var description: String {
    switch self {
    case .notUTF8: "invalid UTF-8"
    case .notAnObject: "not a JSON object"
    case .notAnArray: "not a JSON array"
    case .unexpectedByte(let byte): "unexpected byte 0x\(hexadecimal([byte]))"
    case .unbalanced: "unbalanced bracket"
    case .unterminated: "unterminated JSON text"
    case .trailingBytes: "bytes after the end of the JSON text"
    case .tooDeep(let limit): "nesting deeper than \(limit)"
    case .duplicateKey(let key): "duplicate key \"\(key)\""
    }
  }
}
