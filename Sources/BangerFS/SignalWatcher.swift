// The signals that ask the program to end, delivered as calls instead of killing it.

import Dispatch
import Glibc
import Synchronization

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
    let registered = DispatchSemaphore(value: 0)
    sources = watchedSignals().map { number in
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setEventHandler { handler(number) }
      source.setRegistrationHandler { registered.signal() }
      source.resume()
      return source
    }
    // Until then a signal still kills, and afterwards none is lost.
    for _ in sources { registered.wait() }
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
  unblock(numbers)
  return try body()
}

/// Lets this thread take the signals: Swift's own threads block them, and so may whoever started us.
private func unblock(_ numbers: [Int32]) {
  var set = sigset_t()
  sigemptyset(&set)
  for number in numbers { sigaddset(&set, number) }
  pthread_sigmask(SIG_UNBLOCK, &set, nil)
}

/// The wish to end, which may come before there is anything to be ended.
final class Interruption: Sendable {
  private struct State {
    var isRequested = false
    var end: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())

  func request() {
    let end = state.withLock { state in
      state.isRequested = true
      return state.end
    }
    end?()
  }

  /// Calls `end` when the wish comes, or at once if it came before.
  func whenRequested(_ end: @escaping @Sendable () -> Void) {
    let isRequested = state.withLock { state in
      state.end = end
      return state.isRequested
    }
    if isRequested { end() }
  }
}

/// Runs `body` as a task that SIGINT, SIGTERM and SIGHUP cancel.
func cancellingOnSignals<Success: Sendable>(
  _ body: @escaping @Sendable () async throws -> Success
) async throws -> Success {
  let interruption = Interruption()
  let watcher = SignalWatcher { _ in interruption.request() }
  defer { withExtendedLifetime(watcher) {} }
  let task = Task { try await body() }
  interruption.whenRequested { task.cancel() }
  return try await task.value
}
