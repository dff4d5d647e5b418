// What a registry says about an error, in the form of the specification. A text from outside: bounded
// and escaped, shown to the user, and never acted upon beyond its code.
// Source: OCI distribution-spec 1.1, "Error Codes"; RFC 6749, section 5.2, for token services.

import FoundationEssentials
import OCISpec

/// The first error of a registry's answer.
package struct ServerMessage: Sendable, Equatable {
  /// `MANIFEST_UNKNOWN`, `DENIED`, `TOOMANYREQUESTS`; empty where the server gave none.
  package let code: String
  package let message: String

  package init(code: String, message: String) {
    self.code = code
    self.message = message
  }

  /// Reads the body of an error; `nil` for anything of another form, a page for people for instance.
  init?(parsing body: [UInt8]) {
    guard let wire = Self.decode(body) else { return nil }
    let first = wire.errors?.first
    code = printable(first?.code ?? "")
    // Some token services have a form of their own.
    message = printable(
      first?.message ?? wire.details ?? wire.message ?? wire.errorDescription ?? ""
    )
    if code.isEmpty, message.isEmpty { return nil }
  }

  private static func decode(_ body: [UInt8]) -> Wire? {
    do {
      return try JSONDecoder().decode(Wire.self, from: Data(body))
    } catch {
      return nil
    }
  }

  private struct Wire: Decodable {
    let errors: [WireError]?
    let details: String?
    let message: String?
    let errorDescription: String?

    private enum CodingKeys: String, CodingKey {
      case errors, details, message
      case errorDescription = "error_description"
    }
  }

  private struct WireError: Decodable {
    let code: String?
    let message: String?
  }
}

extension ServerMessage: CustomStringConvertible {
  package var description: String {
    switch (code.isEmpty, message.isEmpty) {
    case (false, false): "\(message) (\(code))"
    case (false, true): code
    default: message
    }
  }
}
