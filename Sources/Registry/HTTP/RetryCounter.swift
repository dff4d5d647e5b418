// The failures of one undertaking, counted against the policy.

/// Counts attempts that gained nothing, and pauses between them.
struct RetryCounter {
  private let policy: RetryPolicy
  /// Whether somebody else can be asked instead.
  private let hasAlternative: Bool
  /// Whether the server was there a moment ago: then it is being restarted rather than misspelt.
  private let wasReached: Bool
  private var failures = 0

  init(_ policy: RetryPolicy, hasAlternative: Bool = false, wasReached: Bool = false) {
    self.policy = policy
    self.hasAlternative = hasAlternative
    self.wasReached = wasReached
  }

  /// Waits for the next attempt.
  ///
  /// `gained` is how many bytes the failed attempt brought; enough of them begin the count anew.
  /// `announce` is told of the pause before it begins.
  ///
  /// - Throws: the failure when there is to be no other attempt; `.cancelled` when the task is.
  mutating func pause(
    after failure: RequestFailure,
    gained: UInt64,
    announce: (Duration) -> Void
  ) async throws(RequestFailure) {
    guard failure.fault.mayPass, !(hasAlternative && isBetterElsewhere(failure.fault)) else {
      throw failure
    }
    failures = gained >= policy.progressByteCount ? 1 : failures + 1
    let isAbsent = failure.fault.isConnecting && !wasReached
    let limit = isAbsent ? policy.connectAttempts : policy.attempts
    let delay = policy.delay(
      afterFailures: failures,
      limit: limit,
      retryAfter: failure.fault.retryAfter
    )
    guard let delay else { throw failure }
    announce(delay)
    do {
      try await policy.sleep(delay)
    } catch {
      throw failure.with(.cancelled)
    }
  }

  /// Whether asking somebody else is quicker than asking again.
  private func isBetterElsewhere(_ fault: RequestFault) -> Bool {
    fault.isConnecting || fault.retryAfter ?? .zero > policy.longestDelay
  }
}

extension RequestFailure {
  /// The same place with another fault.
  func with(_ fault: RequestFault) -> RequestFailure {
    RequestFailure(fault, target: target, host: host, repository: repository, via: via)
  }
}
