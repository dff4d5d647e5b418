// A line on standard error that says how far a long step has come. Silent where nobody would see it.

import Dispatch
import Synchronization

/// Progress of one step, counted in bytes.
///
/// May be advanced from any thread.
final class ProgressLine: Sendable {
  private let title: String
  private let total: UInt64
  private let done = Atomic<UInt64>(0)
  private let hasPrinted = Mutex(false)
  // Dispatch sources may be used from any thread; their protocols do not say so.
  nonisolated(unsafe) private let timer: (any DispatchSourceTimer)?

  /// Steps shorter than this show nothing.
  private static let delay = DispatchTimeInterval.milliseconds(400)
  private static let interval = DispatchTimeInterval.milliseconds(200)

  init(_ title: String, total: UInt64) {
    self.title = title
    self.total = total
    guard StandardError.isTerminal else {
      timer = nil
      return
    }
    let timer = DispatchSource.makeTimerSource()
    self.timer = timer
    timer.schedule(deadline: .now() + Self.delay, repeating: Self.interval)
    timer.setEventHandler { [weak self] in self?.show() }
    timer.resume()
  }

  func advance(by count: UInt64) {
    done.wrappingAdd(count, ordering: .relaxed)
  }

  func set(_ count: UInt64) {
    done.store(count, ordering: .relaxed)
  }

  /// Ends the step and clears the line.
  func finish() {
    timer?.cancel()
    hasPrinted.withLock { hasPrinted in
      if hasPrinted { StandardError.write("\r\u{1B}[K") }
      hasPrinted = false
    }
  }

  private func show() {
    let count = done.load(ordering: .relaxed)
    let share = total > 0 ? " \(min(count * 100 / total, 100)) %" : ""
    hasPrinted.withLock { hasPrinted in
      guard timer?.isCancelled == false else { return }
      hasPrinted = true
      StandardError.write("\r\u{1B}[K\(title):\(share) (\(ByteCount.text(count)))")
    }
  }
}

/// Sizes for people.
enum ByteCount {
  private static let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]

  /// Three significant digits: "512 B", "1.25 GiB", "17.3 MiB", "340 KiB".
  static func text(_ count: UInt64) -> String {
    var value = Double(count)
    var unit = 0
    while value >= 999.5, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    if unit == 0 { return "\(count) B" }
    let decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0
    let scale = [1.0, 10, 100][decimals]
    let rounded = (value * scale).rounded() / scale
    return "\(decimals == 0 ? "\(Int(rounded))" : fixed(rounded, decimals)) \(units[unit])"
  }

  private static func fixed(_ value: Double, _ decimals: Int) -> String {
    let scale = decimals == 1 ? 10.0 : 100.0
    let scaled = Int((value * scale).rounded())
    let fraction = String(scaled % Int(scale))
    let padding = String(repeating: "0", count: decimals - fraction.count)
    return "\(scaled / Int(scale)).\(padding)\(fraction)"
  }
}
