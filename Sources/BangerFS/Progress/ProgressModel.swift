// How far a long step is: a value that events change, and what is known of it at one instant. Knows
// neither a clock nor a terminal: whoever calls says what time it is, in seconds.

/// What is being done, as it is begun.
struct ProgressActivity: Equatable, Sendable {
  /// The activities, by the names that programs get to see.
  enum Kind: String, Encodable, Sendable {
    case pull
    case readArchive = "read-archive"
    case readLayers = "read-layers"
    case copyFiles = "copy-files"
    case correctFiles = "correct-files"
    case checkFiles = "check-files"
    case finishFiles = "finish-files"
    case writeDevice = "write-device"
    case verifyCache = "verify-cache"
    case compareFiles = "compare-files"
  }

  var kind: Kind
  /// For people: `reading layers`.
  var title: String
  /// What it is done to, where the title alone does not say: an image's name.
  var subject: String?
  /// In bytes; `nil` where that is not known, or not known yet.
  var byteCount: UInt64?

  var fullTitle: String { subject.map { "\(title) \($0)" } ?? title }
}

/// A part of an activity that is shown on its own: a layer.
struct ProgressStep: Equatable, Sendable {
  enum State: String, Sendable {
    case pending
    /// Nothing had to be done.
    case present
    /// Somebody else does it.
    case waiting
    case active
    case finished
  }

  /// A digest, as text.
  var id: String
  var doneByteCount: UInt64 = 0
  var byteCount: UInt64
  var state = State.pending
  /// What keeps it from going on.
  var note: String?

  /// Enough of a digest to tell layers apart: 12 digits.
  var shortName: String {
    String((id.split(separator: ":").last ?? "").prefix(12))
  }
}

/// What happens in an activity.
enum ProgressEvent: Equatable, Sendable {
  /// The steps are known now: a name and a number of bytes for each.
  case steps([ProgressStep])
  case present(String)
  case waiting(String)
  /// `from` bytes are there from an earlier run.
  case started(String, from: UInt64)
  /// Bytes of one step, or of the activity where it has no steps.
  case received(String?, UInt64)
  /// What was received was wrong, and is fetched again.
  case restarted(String)
  case retrying(String?, reason: String, after: Double)
  case finished(String)
}

/// All that is known at one instant.
struct ProgressSnapshot: Equatable, Sendable {
  var activity: ProgressActivity
  var steps: [ProgressStep]
  var doneByteCount: UInt64
  var byteCount: UInt64?
  var bytesPerSecond: Double?
  var secondsLeft: Double?
  /// Since the activity began.
  var seconds: Double
  var note: String?

  /// From 0 to 100; `nil` where the end is not known.
  var percent: Int? { byteCount.flatMap { Self.percent(doneByteCount, of: $0) } }

  static func percent(_ done: UInt64, of total: UInt64) -> Int? {
    total > 0 ? Int(Double(min(done, total)) / Double(total) * 100) : nil
  }
}

struct ProgressModel: Sendable {
  private(set) var activity: ProgressActivity
  private(set) var steps: [ProgressStep] = []
  private var positions: [String: Int] = [:]
  private var doneByteCount: UInt64 = 0
  private var note: String?
  private var rate = RateEstimate()
  private let begin: Double

  init(_ activity: ProgressActivity, at time: Double) {
    self.activity = activity
    begin = time
  }

  /// How far it is, of an activity without steps, and maybe what there is in all.
  mutating func set(_ count: UInt64, of total: UInt64?) {
    if count > doneByteCount { rate.add(count - doneByteCount) }
    doneByteCount = count
    if let total { activity.byteCount = total }
  }

  mutating func apply(_ event: ProgressEvent) {
    switch event {
    case .steps(let steps): setSteps(steps)
    case .present(let id): change(id) { $0.state = .present }
    case .waiting(let id):
      change(id) {
        $0.state = .waiting
        $0.note = "another process is fetching it"
      }
    case .started(let id, let from):
      change(id) {
        $0.state = .active
        $0.doneByteCount = from
        $0.note = nil
      }
    case .received(let id, let count): receive(id, count)
    case .restarted(let id): change(id) { $0.doneByteCount = 0 }
    case .retrying(let id, let reason, let after):
      let text = "retrying in \(DurationText.text(after)): \(reason)"
      if let id { change(id) { $0.note = text } } else { note = text }
    case .finished(let id):
      change(id) {
        $0.state = .finished
        $0.doneByteCount = $0.byteCount
        $0.note = nil
      }
    }
  }

  private mutating func setSteps(_ list: [ProgressStep]) {
    note = nil
    // An image may have the same layer twice; it is fetched once.
    for step in list where positions[step.id] == nil {
      positions[step.id] = steps.count
      steps.append(step)
    }
  }

  private mutating func receive(_ id: String?, _ count: UInt64) {
    rate.add(count)
    guard let id else {
      doneByteCount = doneByteCount.addingSaturated(count)
      return
    }
    change(id) {
      $0.doneByteCount = min($0.doneByteCount.addingSaturated(count), $0.byteCount)
      $0.note = nil
    }
  }

  private mutating func change(_ id: String, _ body: (inout ProgressStep) -> Void) {
    if let position = positions[id] { body(&steps[position]) }
  }

  /// Takes the measure for the rate; called a few times a second.
  mutating func sample(at time: Double) {
    rate.sample(at: time - begin)
  }

  func step(_ id: String) -> ProgressStep? { positions[id].map { steps[$0] } }

  func snapshot(at time: Double) -> ProgressSnapshot {
    // Layers that were there need no time: they do not count.
    let counted = steps.filter { $0.state != .present }
    let done = counted.reduce(doneByteCount) { $0.addingSaturated($1.doneByteCount) }
    let total =
      steps.isEmpty
      ? activity.byteCount : counted.reduce(0) { $0.addingSaturated($1.byteCount) }
    let bytesPerSecond = rate.bytesPerSecond
    let left = total.flatMap { total -> Double? in
      guard let bytesPerSecond, bytesPerSecond >= 1, total > done else { return nil }
      return Double(total - done) / bytesPerSecond
    }
    return ProgressSnapshot(
      activity: activity,
      steps: steps,
      doneByteCount: done,
      byteCount: total,
      bytesPerSecond: bytesPerSecond,
      secondsLeft: left,
      seconds: time - begin,
      note: note
    )
  }
}

extension UInt64 {
  /// Sizes are a document's claims: their sum may be beyond any number.
  func addingSaturated(_ other: UInt64) -> UInt64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}
