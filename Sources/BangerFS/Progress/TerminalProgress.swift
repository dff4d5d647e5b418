// Progress as lines for a terminal: a function from a snapshot and a size to text. Writes nothing.

/// One line of the block that is redrawn; never as wide as the terminal, so that it does not wrap.
struct TerminalLine: Equatable, Sendable {
  enum Style: Sendable {
    case plain
    case title
    case finished
    case warning
  }

  var text: String
  var style = Style.plain

  /// Source: ECMA-48, "SGR": bold, faint, yellow.
  func escaped(withColor usesColor: Bool) -> String {
    guard usesColor else { return text }
    return switch style {
    case .plain: text
    case .title: "\u{1B}[1m\(text)\u{1B}[0m"
    case .finished: "\u{1B}[2m\(text)\u{1B}[0m"
    case .warning: "\u{1B}[33m\(text)\u{1B}[0m"
    }
  }
}

/// Draws snapshots for a terminal of one size, in characters.
struct TerminalProgress {
  var width: Int
  var height: Int

  /// The widest bar, and the narrowest that says anything.
  private static let barWidths = 10...30
  /// So many steps are shown beside each other at most, however high the terminal is.
  private static let stepLimit = 16

  func lines(_ snapshot: ProgressSnapshot) -> [TerminalLine] {
    let summary = ProgressText.summary(snapshot)
    guard !snapshot.steps.isEmpty else {
      return [line(snapshot.activity.fullTitle + (summary.isEmpty ? "" : ": \(summary)"))]
    }
    let steps = shownSteps(snapshot.steps)
    let title = line(snapshot.activity.fullTitle, .title)
    let total = line("  \(ProgressText.stepCount(snapshot)), \(summary)")
    return Array(([title] + steps.map(stepLine) + [total]).suffix(max(1, height - 1)))
  }

  /// All steps where there is room; else those that something can be said about.
  private func shownSteps(_ steps: [ProgressStep]) -> [ProgressStep] {
    let room = min(max(0, height - 3), Self.stepLimit)
    if steps.count <= room { return steps }
    return Array(steps.filter { $0.state == .active || $0.note != nil }.prefix(room))
  }

  private func stepLine(_ step: ProgressStep) -> TerminalLine {
    let start = "  \(step.shortName)  "
    let size = ByteCount.text(step.byteCount)
    if let note = step.note { return line(start + note, .warning) }
    switch step.state {
    case .pending, .waiting: return line("\(start)\(size)")
    case .present: return line("\(start)\(size), there already", .finished)
    case .finished: return line("\(start)\(size), done", .finished)
    case .active:
      let percent = ProgressSnapshot.percent(step.doneByteCount, of: step.byteCount) ?? 100
      let number = Table.pad("\(percent)", to: 3, .right)
      // As wide as the widest, so that the bar keeps its length.
      let done = Table.pad(ByteCount.text(step.doneByteCount), to: 8, .right)
      let end = "\(number) %  \(done) of \(size)"
      return line(start + bar(percent, room: width - 1 - start.count - end.count - 1) + end)
    }
  }

  private func bar(_ percent: Int, room: Int) -> String {
    let inner = min(room - 2, Self.barWidths.upperBound)
    guard inner >= Self.barWidths.lowerBound else { return "" }
    let filled = inner * percent / 100
    return "["
      + String(repeating: "#", count: filled) + String(repeating: "-", count: inner - filled) + "] "
  }

  private func line(_ text: String, _ style: TerminalLine.Style = .plain) -> TerminalLine {
    TerminalLine(text: ProgressText.cut(text, to: max(1, width - 1)), style: style)
  }
}

/// Words that all renderers share.
enum ProgressText {
  /// `45 %, 23.4 MiB of 52.3 MiB, 12.3 MiB/s, 10 s left`; what is not known is left out.
  static func summary(_ snapshot: ProgressSnapshot) -> String {
    var parts: [String] = []
    if let note = snapshot.note { parts.append(note) }
    if let percent = snapshot.percent { parts.append("\(percent) %") }
    let done = ByteCount.text(snapshot.doneByteCount)
    if let total = snapshot.byteCount, total > 0 {
      parts.append("\(done) of \(ByteCount.text(total))")
    } else if snapshot.doneByteCount > 0 {
      parts.append(done)
    }
    if let rate = snapshot.bytesPerSecond, rate >= 1 {
      parts.append("\(ByteCount.text(UInt64(min(rate, 1e18))))/s")
    }
    if let left = snapshot.secondsLeft { parts.append("\(DurationText.text(left)) left") }
    return parts.joined(separator: ", ")
  }

  static func stepCount(_ snapshot: ProgressSnapshot) -> String {
    let done = snapshot.steps.count { $0.state == .finished || $0.state == .present }
    return "\(done) of \(counted(snapshot.steps.count, "layer"))"
  }

  static func counted(_ count: Int, _ noun: String) -> String {
    "\(count) \(noun)\(count == 1 ? "" : "s")"
  }

  /// The text without anything that could move the cursor, and no longer than `width` characters.
  static func cut(_ text: String, to width: Int) -> String {
    let visible = String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) ? "?" : $0 }
      )
    )
    if visible.count <= width { return visible }
    return width > 3 ? "\(visible.prefix(width - 3))..." : String(visible.prefix(width))
  }
}
