// How credentials stand in a request.
// Source: RFC 7617 (Basic), RFC 6750 (Bearer).

import FoundationEssentials

extension Credentials {
  /// The field `Authorization` for user and password; `nil` for tokens, which are no password.
  var basicAuthorization: String? {
    guard case .basic(let user, let password) = self else { return nil }
    return "Basic \(Data("\(user):\(password)".utf8).base64EncodedString())"
  }

  /// The field `Authorization` for a token that the registry takes as it is.
  var registryAuthorization: String? {
    guard case .registryToken(let token) = self else { return nil }
    return "Bearer \(token)"
  }
}

extension FoundCredentials? {
  /// What refusals are said to be about.
  var use: CredentialUse { map { .from($0.origin) } ?? .anonymous }
}
