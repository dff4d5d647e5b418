// A request as a server of ours took it: what the log holds and what rules look at.

/// One header field, as it came or as it goes.
package struct HeaderField: Equatable, Sendable {
  package var name: String
  package var value: String

  package init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// One request.
package struct RegistryRequest: Equatable, Sendable {
  package var method: String
  /// The target without its query, as it was sent.
  package var path: String
  /// What follows the `?`, as it was sent; `nil` where there is none.
  package var query: String?
  package var headers: [HeaderField]
  package var body: [UInt8] = []
  /// The local port that it came in at.
  package var port: Int
  /// The subject of the client's certificate, where there was one.
  package var clientCertificate: String?

  /// The first value of a header.
  package subscript(header: String) -> String? {
    headers.first { $0.name.lowercased() == header.lowercased() }?.value
  }

  /// Method and target: `GET /v2/app/manifests/latest`.
  package var line: String { "\(method) \(target)" }

  package var target: String { query.map { "\(path)?\($0)" } ?? path }

  package var range: String? { self["Range"] }
  package var authorization: String? { self["Authorization"] }

  /// The fields of the query, decoded; a name that is there twice is twice in the result.
  package var queryFields: [HeaderField] { FormFields.decode(query ?? "") }

  /// The same request without some headers.
  package func without(_ names: String...) -> RegistryRequest {
    var copy = self
    copy.headers.removeAll { field in
      names.contains { $0.lowercased() == field.name.lowercased() }
    }
    return copy
  }
}

/// `application/x-www-form-urlencoded`.
///
/// Source: URL standard, section 5.1.
package enum FormFields {
  package static func decode(_ text: String) -> [HeaderField] {
    text.split(separator: "&").map { field in
      let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      return HeaderField(unescaped(parts[0]), parts.count > 1 ? unescaped(parts[1]) : "")
    }
  }

  private static func unescaped(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "+") {
        bytes.append(UInt8(ascii: " "))
      } else if byte == UInt8(ascii: "%"),
        let decoded = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      {
        bytes.append(decoded)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
