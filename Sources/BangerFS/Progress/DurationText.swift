// Spans of time for people.

enum DurationText {
  /// Two units at most: `0.3 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
  static func text(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0 else { return "?" }
    if seconds < 0.95 { return "0.\(Int((seconds * 10).rounded())) s" }
    let whole = UInt64(min(seconds.rounded(), 1e15))
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    if whole < 86_400 { return "\(whole / 3600) h \(whole / 60 % 60) min" }
    return "\(whole / 86_400) d \(whole / 3600 % 24) h"
  }
}
