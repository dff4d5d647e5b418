// Requests on behalf of one registry: redirects followed by the rules, credentials dropped on the
// way, private authorities trusted where the user said so.
// Source: RFC 9110, section 15.4 (redirection), 9.2.1 (safe methods).

import NIOSSL
import OCISpec

/// An answer and where it came from.
struct WebAnswer: Sendable {
  let http: HTTPAnswer
  let place: WebLocation
  /// Whether another server answered than was asked.
  let wasSentOn: Bool
  /// What the request was authorised with: a secret.
  fileprivate let authorization: String?
}

/// Sends requests for one registry.
struct WebClient: Sendable {
  let transport: HTTPTransport
  let trust: HostTrust
  let limits: NetworkLimits

  /// Sends a request and follows where its answers lead, up to one that is no redirect.
  ///
  /// `authorization` goes only to the very origin of `location`: once another scheme, host or port
  /// was asked, it stays dropped, also when the way leads back. Only `get` and `head` are sent on.
  func fetch(
    _ method: HTTPRequest.Method = .get,
    _ location: WebLocation,
    authorization: String?,
    fields: [(name: String, value: String)] = []
  ) async throws(RequestFault) -> WebAnswer {
    let rules = RedirectRules(origin: location)
    var current = location
    let given = authorization
    var authorization = authorization
    for _ in 0...limits.redirects {
      let answer = try await send(method, current, authorization, fields)
      guard Self.redirects.contains(answer.status), let target = answer.field("Location"),
        !method.isPost
      else {
        let wasSentOn = !current.hasSameOrigin(as: location)
        return WebAnswer(
          http: answer,
          place: current,
          wasSentOn: wasSentOn,
          authorization: given
        )
      }
      // Read, so that the connection can be used again.
      _ = await answer.refusal()
      let next: WebLocation
      do { next = try rules.next(target, from: current) } catch { throw .refusedLocation(error) }
      if !next.hasSameOrigin(as: current) { authorization = nil }
      current = next
    }
    throw .refusedLocation(.tooMany(limit: limits.redirects))
  }

  private static let redirects: Set = [301, 302, 303, 307, 308]

  private func send(
    _ method: HTTPRequest.Method,
    _ location: WebLocation,
    _ authorization: String?,
    _ fields: [(name: String, value: String)]
  ) async throws(RequestFault) -> HTTPAnswer {
    var fields = fields
    if let authorization { fields.append(("Authorization", authorization)) }
    let request = HTTPRequest(
      method: method,
      location: location,
      fields: fields,
      tls: trust.configuration(for: location)
    )
    do {
      return try await transport.send(request)
    } catch {
      throw RequestFault(error)
    }
  }
}

extension HTTPRequest.Method {
  fileprivate var isPost: Bool {
    if case .post = self { true } else { false }
  }
}

extension WebAnswer {
  /// What an answer other than the one hoped for means.
  ///
  /// Reads the body for the server's own words.
  func refusal(_ use: CredentialUse) async -> RequestFault {
    let status = http.status
    if wasSentOn, status == 401 || status == 403 { return .locationRefused(status: status) }
    let body = await http.refusal()
    let message = repeatsSecret(body) ? nil : ServerMessage(parsing: body)
    let wait = http.field("Retry-After").flatMap {
      HTTPDate.retryAfter($0, now: WallClock.secondsSince1970())
    }
    switch status {
    case 429: return .rateLimited(retryAfter: wait, message)
    case _ where message?.code == "TOOMANYREQUESTS":
      return .rateLimited(retryAfter: wait, message)
    case 401: return .notAuthorised(use, message)
    case 403: return .denied(use, message)
    case 404, 410: return .notFound(message)
    case 408, 425, 500...599: return .serverError(status: status, retryAfter: wait, message)
    default: return .unexpected(status: status, message)
    }
  }

  /// Whether a server says back what it was shown, which is not to be seen in an error.
  private func repeatsSecret(_ body: [UInt8]) -> Bool {
    guard let secret = authorization?.split(separator: " ").last else { return false }
    return String(decoding: body, as: UTF8.self).contains(secret)
  }
}
