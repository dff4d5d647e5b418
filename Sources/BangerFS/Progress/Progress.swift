// Shows how far long steps are, on standard error: in place on a terminal, as lines of a log, or as
// records for programs. One for each command; its activities come one after another.

import Foundation
import Glibc
import Threading

/// The progress of one command.
///
/// May be told from any thread, and often: telling never waits for the terminal.
final class Progress: Sendable {
  /// How progress is shown.
  enum Style: Sendable {
    case none
    case terminal
    case plain
    case json
  }

  private struct State {
    var model: ProgressModel?
    var hasChanged = false
    var isOver = false
  }

  /// What was written; held while something is being written.
  private struct Display {
    var isVisible = false
    var plain = PlainProgress()
    var firstBegin: Double?
    var lastReport = 0.0
  }

  private let style: Style
  private let state = Mutex(State())
  private let display = Mutex(Display())
  private let clock: @Sendable () -> Double

  /// Steps shorter than this show nothing on a terminal.
  private static let patience = 0.4
  private static let terminalInterval = 0.1
  private static let recordInterval = 0.5

  init(_ style: Style) {
    self.style = style
    let start = ContinuousClock.now
    clock = { (ContinuousClock.now - start) / .seconds(1) }
    guard style != .none else { return }
    if style == .terminal { Suspension.restoreTerminalFirst() }
    startTicking()
  }

  deinit {
    close()
  }

  // MARK: Telling

  /// Begins an activity; one that was not ended is left as it is.
  func begin(_ activity: ProgressActivity) {
    guard style != .none else { return }
    display.withLock { display in
      let now = clock()
      state.withLock { $0.model = ProgressModel(activity, at: now) }
      display.firstBegin = display.firstBegin ?? now
      display.lastReport = now
      display.plain = PlainProgress()
      if style == .json { Self.write(.begin(activity)) }
    }
  }

  func tell(_ event: ProgressEvent) {
    guard style != .none else { return }
    if case .received = event {
      return state.withLock { state in
        state.model?.apply(event)
        state.hasChanged = true
      }
    }
    display.withLock { display in
      let told = state.withLock { state in
        state.model?.apply(event)
        state.hasChanged = true
        return state.model?.snapshot(at: clock())
      }
      guard let snapshot = told else { return }
      switch style {
      case .json: if let record = ProgressRecord(event, snapshot) { Self.write(record) }
      case .plain: Self.write(display.plain.lines(for: event, snapshot))
      case .terminal, .none: break
      }
    }
  }

  /// Bytes that were done, of an activity without steps.
  func advance(by count: UInt64) {
    tell(.received(nil, count))
  }

  /// The bytes that are done, of an activity without steps, and maybe of how many.
  func set(_ count: UInt64, of total: UInt64? = nil) {
    state.withLock { state in
      state.model?.set(count, of: total)
      state.hasChanged = true
    }
  }

  /// Ends the activity.
  func end(isComplete: Bool = true) {
    display.withLock { display in
      let now = clock()
      let ended = state.withLock { state in
        defer { state.model = nil }
        return state.model?.snapshot(at: now)
      }
      guard let snapshot = ended else { return }
      switch style {
      case .json: Self.write(.end(snapshot, isComplete: isComplete))
      case .plain:
        if isComplete, let line = display.plain.endLine(snapshot) { Self.write([line]) }
      case .terminal, .none: break
      }
    }
  }

  /// Tells programs what a registry said that a name means.
  func record(_ name: String, is digest: String) {
    guard style == .json else { return }
    display.withLock { _ in Self.write(.resolved(name, digest: digest)) }
  }

  /// Tells people which image was taken.
  func say(_ name: String, is digest: String) {
    switch style {
    case .none, .json: break
    case .terminal, .plain: StandardError.write("\(name) is \(digest)\n")
    }
  }

  /// Takes what is drawn off the terminal, where a result is to be printed; it comes back by itself.
  func hide() {
    display.withLock { display in
      if display.isVisible { StandardError.eraseBlock() }
      display.isVisible = false
    }
  }

  /// Ends whatever is going on, and takes everything off the terminal.
  func close() {
    end(isComplete: false)
    state.withLock { $0.isOver = true }
    hide()
  }

  private static func write(_ record: ProgressRecord) {
    StandardError.write(record.line + "\n")
  }

  private static func write(_ lines: [String]) {
    for line in lines { StandardError.write("\(ProgressText.cut(line, to: 200))\n") }
  }

  // MARK: Showing

  /// A thread of its own shows progress also where all others are busy or wait.
  private func startTicking() {
    let seconds = style == .terminal ? Self.terminalInterval : Self.recordInterval
    let thread = Thread { [weak self] in
      if self?.style == .terminal { Suspension.takeSignal() }
      repeat { usleep(UInt32(seconds * 1e6)) } while self?.tick() == true
    }
    thread.stackSize = 512 << 10
    thread.start()
  }

  /// - Returns: Whether there may be more to show.
  private func tick() -> Bool {
    display.withLock { display in
      let now = clock()
      let (snapshot, isOver) = state.withLock { state -> (ProgressSnapshot?, Bool) in
        state.model?.sample(at: now)
        return (state.model?.snapshot(at: now), state.isOver)
      }
      if isOver { return false }
      guard let snapshot, let firstBegin = display.firstBegin else { return true }
      switch style {
      case .terminal:
        if now - firstBegin >= Self.patience { draw(snapshot, &display) }
      case .plain where now - display.lastReport >= PlainProgress.interval:
        display.lastReport = now
        Self.write([display.plain.totalLine(snapshot)])
      case .json:
        let hasChanged = state.withLock { state in
          defer { state.hasChanged = false }
          return state.hasChanged
        }
        if hasChanged { Self.write(.progress(snapshot)) }
      case .plain, .none: break
      }
      return true
    }
  }

  private func draw(_ snapshot: ProgressSnapshot, _ display: inout Display) {
    guard TerminalSize.isForeground else { return }
    let size = TerminalSize.current
    let lines = TerminalProgress(width: size.width, height: size.height).lines(snapshot)
    StandardError.drawBlock(lines, width: size.width)
    display.isVisible = true
  }
}
