// How often and after which pause something is tried again. Decides nothing about which failures
// are worth it: those say so themselves.
// Source: RFC 9110, section 10.2.3 (Retry-After); exponential backoff with full jitter.

/// Pauses between attempts, with the clock handed in.
package struct RetryPolicy: Sendable {
  /// Attempts in a row that gain nothing before giving up: 6.
  ///
  /// With the pauses below they span 0.5 + 1 + 2 + 4 + 8 s = 15.5 s on average, long enough for a
  /// restart of a server behind a load balancer.
  package var attempts = 6
  /// Attempts to reach a server that has not been reached before: 3.
  package var connectAttempts = 3
  /// Pause before the second attempt; it doubles from one attempt to the next.
  package var firstDelay: Duration = .milliseconds(500)
  package var longestDelay: Duration = .seconds(30)
  /// Longest wait that a server may ask for; with a longer one the attempt is the last: 2 minutes.
  package var longestRetryAfter: Duration = .seconds(120)
  /// Bytes that count as progress: 256 KiB.
  ///
  /// An attempt that gained them begins the count anew, so a blob of n bytes is asked for at most
  /// n / 256 KiB × `attempts` times.
  package var progressByteCount: UInt64 = 256 << 10
  /// A factor for each pause, by default between 0.5 and 1.5.
  package var jitter: @Sendable () -> Double = { Double.random(in: 0.5...1.5) }
  /// Waits, and throws only when the task is cancelled.
  package var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }

  package init() {}

  /// The pause before another attempt, or `nil` when it is time to give up.
  ///
  /// `failures` attempts have failed in a row, at least 1, and `limit` may; `retryAfter` is how long
  /// the server asks to wait.
  package func delay(afterFailures failures: Int, limit: Int, retryAfter: Duration?) -> Duration? {
    guard failures < limit else { return nil }
    var delay = firstDelay
    for _ in 1..<max(failures, 1) where delay < longestDelay { delay = delay * 2 }
    delay = min(delay, longestDelay) * jitter()
    guard let retryAfter else { return delay }
    return retryAfter <= longestRetryAfter ? max(delay, retryAfter) : nil
  }
}
