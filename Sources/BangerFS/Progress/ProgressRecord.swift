// Progress for programs: one JSON object in each line. docs/JSON.md describes them.

import Foundation

/// One line of `--progress json`; fields that do not apply are left out.
struct ProgressRecord: Encodable, Equatable {
  enum Event: String, Encodable {
    case resolved
    case begin
    case steps
    case step
    case retry
    case progress
    case end
  }

  struct Step: Encodable, Equatable {
    var id: String
    var doneBytes: UInt64
    var totalBytes: UInt64
  }

  var schemaVersion = 1
  var event: Event
  var activity: ProgressActivity.Kind?
  var subject: String?
  var name: String?
  var digest: String?
  var id: String?
  var state: String?
  var reason: String?
  var afterSeconds: Double?
  var doneBytes: UInt64?
  var totalBytes: UInt64?
  var bytesPerSecond: Double?
  var secondsLeft: Double?
  var seconds: Double?
  var isComplete: Bool?
  var steps: [Step]?

  init(_ event: Event, of activity: ProgressActivity.Kind? = nil) {
    self.event = event
    self.activity = activity
  }

  static func resolved(_ name: String, digest: String) -> ProgressRecord {
    var record = ProgressRecord(.resolved)
    record.name = name
    record.digest = digest
    return record
  }

  static func begin(_ activity: ProgressActivity) -> ProgressRecord {
    var record = ProgressRecord(.begin, of: activity.kind)
    record.subject = activity.subject
    record.totalBytes = activity.byteCount
    return record
  }

  /// The totals, and the steps that are being done.
  static func progress(_ snapshot: ProgressSnapshot) -> ProgressRecord {
    var record = ProgressRecord(.progress, of: snapshot.activity.kind)
    record.doneBytes = snapshot.doneByteCount
    record.totalBytes = snapshot.byteCount
    record.bytesPerSecond = snapshot.bytesPerSecond.map { $0.rounded() }
    record.secondsLeft = snapshot.secondsLeft.map { ($0 * 10).rounded() / 10 }
    if !snapshot.steps.isEmpty {
      record.steps = snapshot.steps.filter { $0.state == .active }.map(Step.init)
    }
    return record
  }

  static func end(_ snapshot: ProgressSnapshot, isComplete: Bool) -> ProgressRecord {
    var record = ProgressRecord(.end, of: snapshot.activity.kind)
    record.isComplete = isComplete
    record.doneBytes = snapshot.doneByteCount
    record.totalBytes = snapshot.byteCount
    record.seconds = (snapshot.seconds * 1000).rounded() / 1000
    return record
  }

  /// `nil` for bytes, of which `progress` tells from time to time.
  init?(_ event: ProgressEvent, _ snapshot: ProgressSnapshot) {
    let kind = snapshot.activity.kind
    func state(_ id: String, _ state: String) -> ProgressRecord {
      var record = ProgressRecord(.step, of: kind)
      let step = snapshot.steps.first { $0.id == id }
      record.id = id
      record.state = state
      record.doneBytes = step?.doneByteCount
      record.totalBytes = step?.byteCount
      return record
    }
    switch event {
    case .received: return nil
    case .steps:
      self.init(.steps, of: kind)
      steps = snapshot.steps.map(Step.init)
    case .present(let id): self = state(id, "present")
    case .waiting(let id): self = state(id, "waiting")
    case .started(let id, _): self = state(id, "started")
    case .restarted(let id): self = state(id, "restarted")
    case .finished(let id): self = state(id, "finished")
    case .retrying(let id, let reason, let after):
      self.init(.retry, of: kind)
      self.id = id
      self.reason = reason
      afterSeconds = (after * 1000).rounded() / 1000
    }
  }

  /// The record as a line, without its end.
  var line: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    } catch {
      // Numbers that are no numbers are the only thing that cannot be encoded.
      return #"{"event":"\#(event.rawValue)","schemaVersion":1}"#
    }
  }
}

extension ProgressRecord.Step {
  init(_ step: ProgressStep) {
    self.init(id: step.id, doneBytes: step.doneByteCount, totalBytes: step.byteCount)
  }
}
