// When something is tried again, after how long, and when no more; and what is too slow.

import OCISpec
import Synchronization
import Testing

@testable import Registry

struct RetryTests {
  private static func policy() -> RetryPolicy {
    var policy = RetryPolicy()
    policy.jitter = { 1 }
    return policy
  }

  @Test func `pauses double up to a limit and then end`() {
    var policy = Self.policy()
    policy.attempts = 10
    let delays = (1...10).map {
      policy.delay(afterFailures: $0, limit: policy.attempts, retryAfter: nil)
    }
    let expected: [Duration?] =
      [0.5, 1, 2, 4, 8, 16, 30, 30, 30].map { .milliseconds(Int($0 * 1000)) } + [nil]
    #expect(delays == expected)
  }

  @Test func `jitter stretches and shortens`() {
    var policy = RetryPolicy()
    policy.jitter = { 0.5 }
    #expect(policy.delay(afterFailures: 1, limit: 2, retryAfter: nil) == .milliseconds(250))
    policy.jitter = { 1.5 }
    #expect(policy.delay(afterFailures: 1, limit: 2, retryAfter: nil) == .milliseconds(750))
  }

  @Test func `a server's wish to wait is obeyed within reason`() {
    let policy = Self.policy()
    func delay(_ wait: Duration) -> Duration? {
      policy.delay(afterFailures: 1, limit: 6, retryAfter: wait)
    }
    #expect(delay(.zero) == .milliseconds(500))
    #expect(delay(.seconds(7)) == .seconds(7))
    #expect(delay(.seconds(120)) == .seconds(120))
    #expect(delay(.seconds(121)) == nil)
  }

  private static func failure(_ fault: RequestFault) -> RequestFailure {
    RequestFailure(fault, target: .registry, host: "r.example", repository: "a/b")
  }

  /// How many attempts a counter allows when all of them fail in one way.
  private static func attempts(
    _ fault: RequestFault,
    gained: UInt64 = 0,
    hasAlternative: Bool = false,
    wasReached: Bool = false
  ) async -> Int {
    var policy = policy()
    policy.sleep = { _ in }
    var counter = RetryCounter(policy, hasAlternative: hasAlternative, wasReached: wasReached)
    var count = 1
    while count < 100 {
      do throws(RequestFailure) {
        try await counter.pause(after: failure(fault), gained: gained) { _ in }
        count += 1
      } catch {
        #expect(error == failure(fault))
        break
      }
    }
    return count
  }

  @Test(
    arguments: [
      (.dropped("x"), 6), (.stalled, 6), (.noAnswer, 6), (.rateLimited(retryAfter: nil, nil), 6),
      (.serverError(status: 503, retryAfter: nil, nil), 6), (.locationRefused(status: 403), 6),
      (.rateLimited(retryAfter: .seconds(3600), nil), 1),
      (.connectTimedOut, 3), (.unreachable([]), 3), (.unresolved(name: "x"), 3),
      (.certificate("x"), 1), (.tls("x"), 1), (.notFound(nil), 1), (.denied(.anonymous, nil), 1),
      (.notAuthorised(.anonymous, nil), 1), (.unexpected(status: 400, nil), 1),
      (.tooLarge(limit: 1), 1), (.wrongLength(expected: 1, actual: 2), 1),
    ] as [(RequestFault, Int)]
  )
  func `only what may pass is tried again`(fault: RequestFault, expected: Int) async {
    #expect(await Self.attempts(fault) == expected)
  }

  @Test func `progress begins the count anew, a trickle does not`() async {
    #expect(await Self.attempts(.dropped("x"), gained: 256 << 10) == 100)
    #expect(await Self.attempts(.dropped("x"), gained: (256 << 10) - 1) == 6)
  }

  @Test func `a server that was there is given the time to come back`() async {
    #expect(await Self.attempts(.unreachable([]), wasReached: true) == 6)
    #expect(await Self.attempts(.connectTimedOut, wasReached: true) == 6)
    #expect(await Self.attempts(.certificate("x"), wasReached: true) == 1)
  }

  @Test func `another registry is asked before a dead one again`() async {
    #expect(await Self.attempts(.unreachable([]), hasAlternative: true) == 1)
    #expect(await Self.attempts(.dropped("x"), hasAlternative: true) == 6)
    let long = RequestFault.rateLimited(retryAfter: .seconds(31), nil)
    #expect(await Self.attempts(long, hasAlternative: true) == 1)
    #expect(await Self.attempts(long) == 6)
  }

  @Test func `a cancelled pause ends the attempts`() async {
    var policy = RetryPolicy()
    policy.sleep = { _ in throw CancellationError() }
    var counter = RetryCounter(policy)
    await #expect(throws: Self.failure(.cancelled)) {
      try await counter.pause(after: Self.failure(.stalled), gained: 0) { _ in }
    }
  }

  @Test func `a body is too slow when a whole window of waiting brought too little`() {
    var limits = NetworkLimits()
    limits.bytesPerSecond = 100
    limits.rateWindow = .seconds(10)
    var meter = SpeedMeter(limits)
    let pieces: [(Int, Duration)] = [
      (1, .seconds(9)), (999, .seconds(1)),
      // The next window begins with nothing.
      (998, .seconds(9)), (1, .seconds(2)),
    ]
    let accepted = pieces.map { meter.accepts($0.0, after: $0.1) }
    #expect(accepted == [true, true, true, false])
  }
}
