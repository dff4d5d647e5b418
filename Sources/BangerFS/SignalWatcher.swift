// The signals that ask the program to end, delivered as calls instead of killing it.

import Dispatch
import Glibc

/// Calls a closure for each SIGINT, SIGTERM or SIGHUP while it lives.
///
/// Writing to a closed pipe does not kill the process either: there may be a mount to take down.
final class SignalWatcher {
  private let sources: [any DispatchSourceSignal]

  init(_ handler: @escaping @Sendable (Int32) -> Void) {
    signal(SIGPIPE, SIG_IGN)
    sources = [SIGINT, SIGTERM, SIGHUP].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { handler(number) }
      source.resume()
      return source
    }
  }

  deinit {
    for source in sources { source.cancel() }
  }
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
