// Asking a token service for a token, in the two ways there are. Decides neither when nor how often.
// Source: distribution, "Token Authentication Specification" (GET), "OAuth2 Token Authentication"
// (POST with an identity token).

import OCISpec

/// The token services that one registry names.
struct TokenService: Sendable {
  let client: WebClient
  let source: PullSource
  let credentials: FoundCredentials?
  let limits: NetworkLimits

  /// Fetches a token, once.
  func fetch(_ request: TokenRequest) async -> TokenProvider.Outcome {
    do {
      return .success(try await attempt(request))
    } catch {
      let failure = RequestFailure(
        error,
        target: .token,
        host: source.host,
        repository: source.repository,
        via: request.realm.authority == source.host ? nil : request.realm.authority
      )
      return .failure(failure)
    }
  }

  private func attempt(_ request: TokenRequest) async throws(RequestFault) -> BearerToken {
    let answer = try await exchange(request)
    guard answer.http.status == 200 else { throw await refusal(answer) }
    let body: [UInt8]
    do {
      body = try await answer.http.bytes(upTo: limits.tokenByteCount)
    } catch {
      throw RequestFault(error)
    }
    guard let token = TokenAnswer(parsing: body, now: WallClock.secondsSince1970()) else {
      throw .token("the answer of \(request.realm.redacted) has none")
    }
    return BearerToken(value: token.token, expiry: .now + .seconds(token.lifetime))
  }

  private func refusal(_ answer: WebAnswer) async -> RequestFault {
    let fault = await answer.refusal(credentials.use)
    // OAuth says so to a token that is no good. Source: RFC 6749, section 5.2.
    guard case .unexpected(400, let message) = fault,
      case .identityToken? = credentials?.credentials
    else { return fault }
    return .notAuthorised(credentials.use, message)
  }

  private func exchange(_ request: TokenRequest) async throws(RequestFault) -> WebAnswer {
    if case .identityToken(let token) = credentials?.credentials {
      return try await client.fetch(
        .post(form: Self.form(request, token)),
        request.realm,
        authorization: nil
      )
    }
    var target = request.realm.target
    for (name, value) in [("service", request.service), ("scope", request.scope)] {
      guard let value else { continue }
      let separator = target.utf8.contains(UInt8(ascii: "?")) ? "&" : "?"
      target += "\(separator)\(name)=\(FormText.encode(value))"
    }
    return try await client.fetch(
      .get,
      request.realm.at(target),
      authorization: credentials?.credentials.basicAuthorization
    )
  }

  private static func form(_ request: TokenRequest, _ token: String) -> String {
    let fields = [
      ("grant_type", "refresh_token"), ("service", request.service ?? ""),
      ("client_id", "banger-fs"), ("scope", request.scope), ("refresh_token", token),
    ]
    return fields.map { "\($0.0)=\(FormText.encode($0.1))" }.joined(separator: "&")
  }
}

/// Texts in queries and forms.
enum FormText {
  /// Everything but unreserved characters escaped.
  ///
  /// Source: RFC 3986, section 2.3.
  static func encode(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var encoded: [UInt8] = []
    for byte in text.utf8 {
      let isPlain =
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
        || (0x61...0x7A).contains(byte) || "-._~".utf8.contains(byte)
      if isPlain {
        encoded.append(byte)
      } else {
        encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 0xF)]]
      }
    }
    return String(decoding: encoded, as: UTF8.self)
  }
}
