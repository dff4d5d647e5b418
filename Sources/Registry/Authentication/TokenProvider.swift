// Bearer tokens: kept while they are good, and asked for once however many requests wait for one.
// Knows nothing of how they are asked for: see TokenService.

/// What a token is for.
struct TokenRequest: Sendable, Hashable {
  let realm: WebLocation
  let service: String?
  let scope: String
}

/// A token and how long it is good for.
struct BearerToken: Sendable {
  let value: String
  let expiry: ContinuousClock.Instant
}

/// The tokens of one registry.
actor TokenProvider {
  typealias Outcome = Result<BearerToken, RequestFailure>

  private let fetch: @Sendable (TokenRequest) async -> Outcome
  private var tokens: [TokenRequest: BearerToken] = [:]
  private var fetching: [TokenRequest: Task<Outcome, Never>] = [:]

  init(fetch: @escaping @Sendable (TokenRequest) async -> Outcome) {
    self.fetch = fetch
  }

  /// A token that is good now, as far as we know.
  ///
  /// Requests that come while one is being fetched wait for that one. When the request that began
  /// to fetch is cancelled, the others begin anew.
  func token(for request: TokenRequest) async throws(RequestFailure) -> String {
    while true {
      if let token = tokens[request], token.expiry > .now { return token.value }
      let task = fetching[request] ?? begin(request)
      let outcome = await withTaskCancellationHandler {
        await task.value
      } onCancel: {
        task.cancel()
      }
      switch outcome {
      case .success(let token): return token.value
      case .failure(let failure) where failure.fault == .cancelled && !Task.isCancelled: continue
      case .failure(let failure): throw failure
      }
    }
  }

  /// Forgets a token that a registry did not accept, unless it has been replaced already.
  func reject(_ value: String, for request: TokenRequest) {
    if tokens[request]?.value == value { tokens[request] = nil }
  }

  private func begin(_ request: TokenRequest) -> Task<Outcome, Never> {
    let task = Task { [fetch] in
      let outcome = await fetch(request)
      finish(request, outcome)
      return outcome
    }
    fetching[request] = task
    return task
  }

  private func finish(_ request: TokenRequest, _ outcome: Outcome) {
    fetching[request] = nil
    if case .success(let token) = outcome { tokens[request] = token }
  }
}
