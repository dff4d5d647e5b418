// Progress as lines of a log: what began, what was done, what had to be tried again. Writes nothing.

/// Chooses what is worth a line where nobody looks on.
struct PlainProgress {
  /// Lines of the total are so many seconds apart; what is shorter passes in silence.
  static let interval = 5.0

  /// Whether the activity was named in a line, so that its end should be too.
  private(set) var hasBegun = false

  /// The lines for one event, after which the activity is as in `snapshot`.
  mutating func lines(for event: ProgressEvent, _ snapshot: ProgressSnapshot) -> [String] {
    func step(_ id: String) -> String {
      "layer \(snapshot.steps.first { $0.id == id }?.shortName ?? id)"
    }
    let title = snapshot.activity.fullTitle
    switch event {
    case .steps, .present, .received: return []
    case .waiting(let id): return ["\(step(id)): another process is fetching it"]
    case .started(let id, let from):
      let first = hasBegun ? [] : ["\(title): \(Self.extent(snapshot))"]
      hasBegun = true
      return first + (from > 0 ? ["\(step(id)): continued at \(ByteCount.text(from))"] : [])
    case .restarted(let id): return ["\(step(id)): wrong bytes, fetched again"]
    case .retrying(let id, let reason, let after):
      let subject = id.map(step) ?? title
      return ["\(subject): retrying in \(DurationText.text(after)): \(reason)"]
    case .finished(let id):
      let size = snapshot.steps.first { $0.id == id }?.byteCount ?? 0
      return ["\(step(id)): \(ByteCount.text(size)), done"]
    }
  }

  private static func extent(_ snapshot: ProgressSnapshot) -> String {
    let total = snapshot.steps.reduce(UInt64(0)) { $0.addingSaturated($1.byteCount) }
    return "\(ProgressText.counted(snapshot.steps.count, "layer")), \(ByteCount.text(total))"
  }

  /// The line of the total.
  mutating func totalLine(_ snapshot: ProgressSnapshot) -> String {
    hasBegun = true
    let summary = ProgressText.summary(snapshot)
    return snapshot.activity.fullTitle + (summary.isEmpty ? "" : ": \(summary)")
  }

  /// The line at the end of an activity that was named.
  func endLine(_ snapshot: ProgressSnapshot) -> String? {
    guard hasBegun else { return nil }
    return "\(snapshot.activity.fullTitle): done in \(DurationText.text(snapshot.seconds))"
  }
}
