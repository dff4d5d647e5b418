// From the bytes of a document to the values it holds: size, structure, grammar, then Foundation's
// decoder.
// The only file that turns a decoding failure into words. Wire types mirror the JSON field for
// field with everything optional; the document types check them and say which field is at fault.

import FoundationEssentials

enum DocumentDecoder {
  /// Decodes one document of at most `SpecLimits.documentByteCount` bytes.
  static func decode<Wire: Decodable>(
    _ type: Wire.Type,
    from bytes: [UInt8],
    root: DocumentScan.Root = .object,
    limits: SpecLimits
  ) throws(SpecError) -> Wire {
    guard UInt64(bytes.count) <= limits.documentByteCount else {
      throw .documentTooLarge(
        byteCount: UInt64(bytes.count),
        limit: limits.documentByteCount
      )
    }
    try DocumentScan.check(bytes, root: root)
    // The decoder skips what it is not asked for without a look, and others read it.
    var reader = JSONReader(bytes)
    if let field = try reader.document().misspelledInteger {
      throw .badField(String(field.drop { $0 == "." }), reason: "not written as an integer")
    }
    do {
      return try JSONDecoder().decode(type, from: Data(bytes))
    } catch let error as DecodingError {
      throw describe(error)
    } catch {
      throw .badField("document", reason: printable(String(describing: error)))
    }
  }

  private static func describe(_ error: DecodingError) -> SpecError {
    switch error {
    case .keyNotFound(let key, let context):
      .missingField(field(context.codingPath + [key]))
    case .valueNotFound(_, let context), .typeMismatch(_, let context),
      .dataCorrupted(let context):
      .badField(field(context.codingPath), reason: printable(context.debugDescription))
    @unknown default:
      .badField("document", reason: printable(String(describing: error)))
    }
  }

  /// A coding path as one writes it: `layers[3].digest`.
  private static func field(_ path: [any CodingKey]) -> String {
    var text = ""
    for key in path {
      if let index = key.intValue {
        text += "[\(index)]"
      } else {
        text += (text.isEmpty ? "" : ".") + printable(key.stringValue)
      }
    }
    return text.isEmpty ? "document" : text
  }
}

/// An integer, read so that a failure keeps its place.
///
/// The decoder alone reports a number that does not fit as malformed JSON at no place at all.
struct WireInteger: Decodable {
  let value: Int64

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    do {
      value = try container.decode(Int64.self)
    } catch {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "not a 64-bit integer")
      )
    }
  }
}

/// The fields by which any document says what it is.
struct WireHeader: Decodable {
  let schemaVersion: Int64?
  let mediaType: String?
  let hasLayers: Bool
  let hasManifests: Bool

  private enum Key: String, CodingKey {
    case schemaVersion, mediaType, layers, manifests
  }

  init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: Key.self)
    schemaVersion = try fields.decodeIfPresent(WireInteger.self, forKey: .schemaVersion)?.value
    mediaType = try fields.decodeIfPresent(String.self, forKey: .mediaType)
    hasLayers = fields.contains(.layers)
    hasManifests = fields.contains(.manifests)
  }

  /// Checks what manifests and indexes have in common.
  ///
  /// A body may leave its media type out, but may not contradict the descriptor that led to it.
  func check(as expected: MediaType) throws(SpecError) {
    if expected.kind == .schema1Manifest { throw .schema1Manifest }
    if let mediaType, MediaType(mediaType).kind == .schema1Manifest { throw .schema1Manifest }
    guard !hasLayers || !hasManifests else { throw .layersAndManifests }
    guard let schemaVersion else { throw .missingField("schemaVersion") }
    guard schemaVersion != 1 else { throw .schema1Manifest }
    guard schemaVersion == 2 else { throw .unsupportedSchemaVersion(schemaVersion) }
    guard let mediaType, !mediaType.isEmpty, mediaType != expected.rawValue else { return }
    throw .mediaTypeMismatch(
      expected: expected.description,
      actual: MediaType(mediaType).description
    )
  }
}

extension JSONValue {
  /// Names of members that are integers wherever they stand in a document of ours.
  private static let integers = ["size", "schemaVersion"]

  /// The first such member that is written with a fraction or an exponent, which some decoders read and
  /// some refuse: its place below this value, like `.layers[3].size`.
  fileprivate var misspelledInteger: String? {
    switch self {
    case .scalar, .string: return nil
    case .array(let elements):
      for (index, element) in elements.enumerated() {
        if let field = element.misspelledInteger { return "[\(index)]" + field }
      }
    case .object(let members):
      for member in members {
        let name = member.name
        if Self.integers.contains(name), member.value.isFraction { return "." + name }
        if let field = member.value.misspelledInteger { return "." + printable(name) + field }
      }
    }
    return nil
  }

  private var isFraction: Bool {
    guard case .scalar(let spelling) = self, let first = spelling.first else { return false }
    // `true`, `false` and `null` have letters, too.
    return !isLowercase(first) && spelling.contains { ".eE".utf8.contains($0) }
  }
}
