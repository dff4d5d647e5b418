// Whether a body comes fast enough. Without a floor a server could keep a download alive for years
// with a byte every few seconds. Knows no clock: it is told how long was waited for what.

/// The average speed over one window of waiting after another.
struct SpeedMeter: Sendable {
  private let window: Duration
  private let leastByteCount: Double
  private var waited: Duration = .zero
  private var byteCount = 0.0

  init(_ limits: NetworkLimits) {
    window = limits.rateWindow
    leastByteCount = Double(limits.bytesPerSecond) * (limits.rateWindow / .seconds(1))
  }

  /// Takes note of bytes and of how long they were waited for; false when a window was too slow.
  ///
  /// Time in which nobody waits, because bytes are being written, does not count.
  mutating func accepts(_ count: Int, after wait: Duration) -> Bool {
    byteCount += Double(count)
    waited += wait
    guard waited >= window else { return true }
    guard byteCount >= leastByteCount else { return false }
    waited = .zero
    byteCount = 0
    return true
  }
}
