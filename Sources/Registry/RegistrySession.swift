// The distribution protocol with one registry: how it is reached, how it wants to be shown
// credentials, and requests for paths of one repository in it.
// Source: OCI distribution-spec 1.1, "Endpoints", "Determining Support" (end-1); RFC 9110, section
// 11.6.

import OCISpec

/// One registry, asked for images of one repository.
///
/// Usable from any task. It is greeted once; all requests share its tokens.
actor RegistrySession {
  nonisolated let source: PullSource
  private nonisolated let client: WebClient
  private nonisolated let credentials: FoundCredentials?
  private nonisolated let tokens: TokenProvider
  private var opening: Task<Result<WebLocation, RequestFailure>, Never>?
  private var scheme = Scheme.open

  /// How requests are authorised.
  private enum Scheme: Equatable {
    /// They need not be, as far as we know.
    case open
    case basic
    case bearer(TokenRequest)
    case unsupported([String])
  }

  init(
    _ source: PullSource,
    client: WebClient,
    credentials: FoundCredentials?
  ) {
    self.source = source
    self.client = client
    self.credentials = credentials
    let service = TokenService(
      client: client,
      source: source,
      credentials: credentials,
      limits: client.limits
    )
    tokens = TokenProvider { await service.fetch($0) }
  }

  /// Which credentials refusals are about.
  nonisolated var credentialUse: CredentialUse { credentials.use }

  /// Sends a request below `/v2/REPOSITORY/`, authorised as the registry wants it.
  ///
  /// A refused token is replaced once; the second refusal is the answer.
  ///
  /// - Throws: any failure; answers of every status but 401 are returned.
  nonisolated func send(
    _ method: HTTPRequest.Method = .get,
    _ path: String,
    target: RequestFailure.Target,
    fields: [(name: String, value: String)] = []
  ) async throws(RequestFailure) -> WebAnswer {
    let root = try await location()
    let place = root.at("/v2/\(source.repository)/\(path)")
    var refusals = 0
    while true {
      let authorization = try await authorization(target)
      let answer: WebAnswer
      do {
        answer = try await client.fetch(method, place, authorization: authorization, fields: fields)
      } catch {
        throw failure(error, target)
      }
      guard answer.http.status == 401, !answer.wasSentOn else { return answer }
      let challenges = AuthenticationChallenge.parse(answer.http.fields("WWW-Authenticate"))
      let fault = await answer.refusal(credentialUse)
      if authorization != nil { refusals += 1 }
      guard refusals < 2, try await mayTryAgain(challenges, refused: authorization, target) else {
        throw failure(fault, target)
      }
    }
  }

  /// The rules for what this registry's documents name.
  nonisolated func rules() async throws(RequestFailure) -> RedirectRules {
    RedirectRules(origin: try await location())
  }

  /// Sends a request to another server, with no credentials at all.
  nonisolated func sendElsewhere(
    _ place: WebLocation,
    target: RequestFailure.Target,
    fields: [(name: String, value: String)]
  ) async throws(RequestFailure) -> WebAnswer {
    do {
      return try await client.fetch(.get, place, authorization: nil, fields: fields)
    } catch {
      throw failure(error, target, via: place)
    }
  }

  /// A fault as one of this registry; `via` where another server was at fault.
  nonisolated func failure(
    _ fault: RequestFault,
    _ target: RequestFailure.Target,
    via: WebLocation? = nil
  ) -> RequestFailure {
    RequestFailure(
      fault,
      target: target,
      host: source.host,
      repository: source.repository,
      via: via?.authority
    )
  }

  /// What an answer that was not hoped for means.
  nonisolated func refusal(
    _ answer: WebAnswer,
    _ target: RequestFailure.Target
  ) async -> RequestFailure {
    let fault = await answer.refusal(credentialUse)
    return failure(fault, target, via: answer.wasSentOn ? answer.place : nil)
  }

  // MARK: Reaching it

  /// Where the registry is, found out once.
  private func location() async throws(RequestFailure) -> WebLocation {
    while true {
      let task = opening ?? greet()
      let outcome = await withTaskCancellationHandler {
        await task.value
      } onCancel: {
        task.cancel()
      }
      switch outcome {
      case .success(let location): return location
      case .failure(let failure) where failure.fault == .cancelled && !Task.isCancelled: continue
      case .failure(let failure): throw failure
      }
    }
  }

  private func greet() -> Task<Result<WebLocation, RequestFailure>, Never> {
    let task = Task {
      let outcome: Result<WebLocation, RequestFailure>
      do throws(RequestFault) {
        outcome = .success(try await ping())
      } catch {
        outcome = .failure(failure(error, .registry))
        // Whoever asks again may have more luck.
        opening = nil
      }
      return outcome
    }
    opening = task
    return task
  }

  private func ping() async throws(RequestFault) -> WebLocation {
    let roots = Self.roots(of: source)
    var first: RequestFault?
    for root in roots {
      do throws(RequestFault) {
        return try await ping(root)
      } catch {
        guard root.isSecure, roots.count > 1, mayTryPlain(after: error) else {
          throw first ?? error
        }
        first = error == RequestFault(TransportError.notTLS) ? nil : error
      }
    }
    throw first ?? .unresolved(name: printable(source.host))
  }

  private func ping(_ root: WebLocation) async throws(RequestFault) -> WebLocation {
    let answer = try await client.fetch(.get, root.at("/v2/"), authorization: nil)
    switch answer.http.status {
    // What another server wants to see is no business of this one's credentials.
    case 401 where !answer.wasSentOn:
      let challenges = AuthenticationChallenge.parse(answer.http.fields("WWW-Authenticate"))
      _ = await answer.http.refusal()
      scheme = try scheme(for: challenges, root)
    // Some registries have no such page: the request proper will tell.
    case 408, 425, 429, 500...599: throw await answer.refusal(.anonymous)
    // What servers that want TLS say to those who come without.
    case 400 where !root.isSecure: throw await answer.refusal(.anonymous)
    default: _ = await answer.http.refusal()
    }
    return root
  }

  /// Where the registry may be: protected, and where that is not demanded, plain.
  private static func roots(of source: PullSource) -> [WebLocation] {
    guard let secure = WebLocation(authority: source.host, isSecure: true) else { return [] }
    guard source.isInsecure || source.isLoopback,
      let plain = WebLocation(authority: source.host, isSecure: false)
    else { return [secure] }
    return [secure, plain]
  }

  /// Whether a fault is a reason to speak openly where that is allowed.
  ///
  /// A server on this machine is asked plainly where it does not speak TLS, hangs up on it, or where
  /// nobody listens at the port of https; one that was declared insecure, whatever is wrong. A bad
  /// certificate alone is none.
  private func mayTryPlain(after fault: RequestFault) -> Bool {
    switch fault {
    case .cancelled: false
    case .unreachable, .dropped: true
    default: source.isInsecure || fault == RequestFault(TransportError.notTLS)
    }
  }

  // MARK: Authorisation

  private func authorization(
    _ target: RequestFailure.Target
  ) async throws(RequestFailure) -> String? {
    switch scheme {
    case .open: return nil
    case .basic: return credentials?.credentials.basicAuthorization
    case .bearer(let request):
      if let own = credentials?.credentials.registryAuthorization { return own }
      return "Bearer \(try await tokens.token(for: request))"
    case .unsupported(let schemes): throw failure(.unknownScheme(schemes), target)
    }
  }

  /// Learns from a refusal; whether another attempt would differ from the refused one.
  private func mayTryAgain(
    _ challenges: [AuthenticationChallenge],
    refused: String?,
    _ target: RequestFailure.Target
  ) async throws(RequestFailure) -> Bool {
    guard !challenges.isEmpty else { return false }
    let root = try await location()
    let learned: Scheme
    do { learned = try scheme(for: challenges, root) } catch { throw failure(error, target) }
    guard let refused else {
      scheme = learned
      return switch learned {
      case .open: false
      case .basic: credentials?.credentials.basicAuthorization != nil
      case .bearer, .unsupported: true
      }
    }
    guard case .bearer(let request) = scheme, credentials?.credentials.registryAuthorization == nil
    else {
      return false
    }
    await tokens.reject(String(refused.dropFirst("Bearer ".count)), for: request)
    if case .bearer = learned { scheme = learned }
    return true
  }

  private func scheme(
    for challenges: [AuthenticationChallenge],
    _ root: WebLocation
  ) throws(RequestFault) -> Scheme {
    for challenge in challenges where challenge.scheme == "bearer" {
      guard let realm = challenge.parameters["realm"] else { continue }
      let place: WebLocation
      do {
        place = try RedirectRules(origin: root).realm(realm, isInsecure: source.isInsecure)
      } catch {
        throw .refusedRealm(error)
      }
      let service = challenge.parameters["service"]
      return .bearer(TokenRequest(realm: place, service: service, scope: scope(challenge)))
    }
    if challenges.contains(where: { $0.scheme == "basic" }) { return .basic }
    return .unsupported(challenges.map { printable($0.scheme) })
  }

  /// What the token has to be good for, which is never more than reading.
  ///
  /// The registry's own words count only where they ask for no more.
  private func scope(_ challenge: AuthenticationChallenge) -> String {
    let own = "repository:\(source.repository):pull"
    guard let stated = challenge.parameters["scope"], stated.hasPrefix("repository:"),
      stated.hasSuffix(":pull"), !stated.utf8.contains(UInt8(ascii: " ")), stated.utf8.count <= 1024
    else { return own }
    return stated
  }
}
