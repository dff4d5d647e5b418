// The signals that ask the program to end, delivered as calls instead of killing it.

import Dispatch
import Glibc

/// Calls a closure for each SIGINT, SIGTERM or SIGHUP while it lives.
///
/// Writing to a closed pipe does not kill the process either: there may be a mount to take down. One
/// in the life of a process: Dispatch takes the signals over and does not give them back.
final class SignalWatcher {
  private let sources: [any DispatchSourceSignal]

  init(_ handler: @escaping @Sendable (Int32) -> Void) {
    signal(SIGPIPE, SIG_IGN)
    // A queue of its own gets a thread also when all processors are busy.
    let queue = DispatchQueue(label: "signals")
    sources = watchedSignals().map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler { handler(number) }
      source.resume()
      return source
    }
  }

  deinit {
    for source in sources { source.cancel() }
  }
}

/// SIGHUP is left alone where somebody has decided, as nohup(1) does, that it shall not matter.
private func watchedSignals() -> [Int32] {
  var action = sigaction()
  sigaction(SIGHUP, nil, &action)
  let handler = unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
  let isIgnored = handler == unsafeBitCast(SIG_IGN, to: Int.self)
  return isIgnored ? [SIGINT, SIGTERM] : [SIGINT, SIGTERM, SIGHUP]
}

/// Runs `body`, which leaves nothing to clear up: the signals end the program at once.
///
/// For what goes on before there is a `SignalWatcher`.
func endingOnSignals<Success>(_ body: () throws -> Success) rethrows -> Success {
  let numbers = watchedSignals()
  for number in numbers {
    signal(number) { _ in
      // Only what signal-safety(7) allows.
      let message: StaticString = "banger-fs: interrupted\n"
      _ = write(STDERR_FILENO, message.utf8Start, message.utf8CodeUnitCount)
      _exit(ExitStatus.interrupted.rawValue)
    }
  }
  defer { for number in numbers { signal(number, SIG_DFL) } }
  return try body()
}

/// Runs `body` as a task that SIGINT, SIGTERM and SIGHUP cancel.
func cancellingOnSignals<Success: Sendable>(
  _ body: @escaping @Sendable () async throws -> Success
) async throws -> Success {
  let task = Task { try await body() }
  let watcher = SignalWatcher { _ in task.cancel() }
  defer { withExtendedLifetime(watcher) {} }
  return try await task.value
}
