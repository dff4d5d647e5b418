// How fast bytes come, as an average that forgets: what was seconds ago counts less and less.

import Glibc

/// A moving average of bytes per second.
struct RateEstimate: Sendable {
  /// After so many seconds a measure counts 1/e of a new one.
  private static let memory = 4.0
  /// No rate is told before that many seconds: the first bytes come out of buffers.
  private static let warmUp = 1.0

  private var pendingByteCount: UInt64 = 0
  private var lastTime = 0.0
  private var average = 0.0
  /// How much of the average is measured: it begins at nothing, not at a rate of 0.
  private var weight = 0.0

  mutating func add(_ byteCount: UInt64) {
    pendingByteCount = pendingByteCount.addingSaturated(byteCount)
  }

  /// Takes what came since the last time, at `time` seconds from the beginning.
  mutating func sample(at time: Double) {
    let seconds = time - lastTime
    guard seconds > 0 else { return }
    let kept = exp(-seconds / Self.memory)
    average = average * kept + Double(pendingByteCount) / seconds * (1 - kept)
    weight = weight * kept + (1 - kept)
    pendingByteCount = 0
    lastTime = time
  }

  var bytesPerSecond: Double? {
    lastTime >= Self.warmUp && weight > 0 ? average / weight : nil
  }
}
