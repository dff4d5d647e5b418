// How progress is shown, for all commands that may take long.

import ArgumentParser
import Glibc

/// What `--progress` takes.
enum ProgressArgument: String, ExpressibleByArgument, CaseIterable {
  case auto
  case tty
  case plain
  case json
  case none
}

struct ProgressOptions: ParsableArguments {
  @Option(
    name: .customLong("progress"),
    help: ArgumentHelp(
      """
      How progress is shown on standard error: tty, plain (lines), json (a record in each line), \
      none, or auto: tty on a terminal, else plain.
      """,
      valueName: "style"
    )
  )
  var argument = ProgressArgument.auto

  var style: Progress.Style {
    switch argument {
    case .auto: isDrawable ? .terminal : .plain
    case .tty: .terminal
    case .plain: .plain
    case .json: .json
    case .none: .none
    }
  }

  private var isDrawable: Bool {
    StandardError.isTerminal && getenv("TERM").map { String(cString: $0) } != "dumb"
  }
}
