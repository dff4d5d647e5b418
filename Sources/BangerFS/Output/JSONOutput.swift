// Facts for programs: one JSON document, with a version of its schema. Fields are added, never given
// another meaning; docs/JSON.md describes them.

import FileTree
import Foundation

/// A document as it is printed: what it holds, and the version of its form.
struct JSONDocument<Content: Encodable>: Encodable {
  var schemaVersion = 1
  var content: Content

  init(_ content: Content) {
    self.content = content
  }

  private enum Keys: String, CodingKey {
    case schemaVersion
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Keys.self)
    try container.encode(schemaVersion, forKey: .schemaVersion)
    try content.encode(to: encoder)
  }

  func text() throws -> String {
    try JSONEncoder.ofDocuments().text(self)
  }
}

extension JSONEncoder {
  static func ofDocuments() -> JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return encoder
  }

  func text(_ content: some Encodable) throws -> String {
    TerminalText.json(String(decoding: try encode(content), as: UTF8.self))
  }
}

/// A name or path in JSON: as text where it is UTF-8, and as base64 too where it is not.
struct JSONBytes: Encodable {
  var text: String
  var base64: String?

  init(_ bytes: [UInt8]) {
    if let text = String(validating: bytes, as: UTF8.self) {
      self.text = text
    } else {
      text = EscapedBytes.string(bytes)
      base64 = Data(bytes).base64EncodedString()
    }
  }
}
