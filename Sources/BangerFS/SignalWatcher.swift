// The signals that ask the program to end, delivered as calls instead of killing it.

import Dispatch
import Glibc
import Threading

/// Calls a closure for each SIGINT, SIGTERM or SIGHUP while it lives.
///
/// Of several, the one made last is called. Once there was one, a signal that none takes still ends
/// the program, by way of `exitInterrupted`.
final class SignalWatcher: Sendable {
  private let number: UInt64

  init(_ handler: @escaping @Sendable (Int32) -> Void) {
    number = SignalCenter.shared.add(handler)
  }

  deinit {
    SignalCenter.shared.remove(number)
  }
}

/// The one taker of the process's signals: Dispatch takes them over and does not give them back.
private final class SignalCenter: Sendable {
  static let shared = SignalCenter()

  private struct State {
    var handlers: [(number: UInt64, call: @Sendable (Int32) -> Void)] = []
    var lastNumber: UInt64 = 0
  }

  private let state = Mutex(State())
  // Dispatch sources may be used from any thread; their protocols do not say so.
  nonisolated(unsafe) private let sources: [any DispatchSourceSignal]

  private init() {
    // A queue of its own gets a thread also when all processors are busy.
    let queue = DispatchQueue(label: "signals")
    let registered = DispatchSemaphore(value: 0)
    let numbers = Self.watchedSignals
    sources = numbers.map { number in
      let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
      source.setRegistrationHandler { registered.signal() }
      return source
    }
    for (source, number) in zip(sources, numbers) {
      source.setEventHandler { [self] in deliver(number) }
      source.resume()
    }
    // Until then a signal still kills, and afterwards none is lost.
    for _ in numbers { registered.wait() }
  }

  func add(_ handler: @escaping @Sendable (Int32) -> Void) -> UInt64 {
    state.withLock { state in
      state.lastNumber += 1
      state.handlers.append((state.lastNumber, handler))
      return state.lastNumber
    }
  }

  func remove(_ number: UInt64) {
    state.withLock { state in state.handlers.removeAll { $0.number == number } }
  }

  private func deliver(_ signal: Int32) {
    let handler = state.withLock { $0.handlers.last?.call }
    guard let handler else { exitInterrupted() }
    handler(signal)
  }

  /// SIGHUP is left alone where somebody has decided, as nohup(1) does, that it shall not matter.
  private static var watchedSignals: [Int32] {
    var action = sigaction()
    sigaction(SIGHUP, nil, &action)
    let handler = unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
    let isIgnored = handler == unsafeBitCast(SIG_IGN, to: Int.self)
    return isIgnored ? [SIGINT, SIGTERM] : [SIGINT, SIGTERM, SIGHUP]
  }
}

/// Ends the program at once, whatever its threads are doing.
func exitInterrupted() -> Never {
  StandardError.eraseBlockFromSignalHandler()
  let message: StaticString = "banger-fs: interrupted\n"
  _ = write(STDERR_FILENO, message.utf8Start, message.utf8CodeUnitCount)
  _exit(ExitStatus.interrupted.rawValue)
}

/// Runs `body`, which leaves nothing to clear up: the signals end the program at once.
func endingOnSignals<Success>(_ body: () throws -> Success) rethrows -> Success {
  let watcher = SignalWatcher { _ in exitInterrupted() }
  defer { withExtendedLifetime(watcher) {} }
  return try body()
}

/// Lets the signals come too late from now on: what they could have stopped is done.
func outliveSignals() {
  _ = SignalCenter.shared.add { _ in }
}

/// Has writing to a closed pipe be an error instead of the end of the process, from now on.
///
/// For what has something to take down first.
func outliveClosedPipes() {
  signal(SIGPIPE, SIG_IGN)
}

/// The wish to end, which may come before there is anything to be ended.
final class Interruption: Sendable {
  private struct State {
    var isRequested = false
    var end: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())

  /// - Returns: Whether it is the first time.
  @discardableResult
  func request() -> Bool {
    let (isFirst, end) = state.withLock { state in
      defer { state.isRequested = true }
      return (!state.isRequested, state.end)
    }
    end?()
    return isFirst
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
///
/// With `endsOnSecond` the second of them does not wait for the task to end.
func cancellingOnSignals<Success: Sendable>(
  endsOnSecond: Bool = false,
  _ body: @escaping @Sendable () async throws -> Success
) async throws -> Success {
  let interruption = Interruption()
  let watcher = SignalWatcher { _ in
    if !interruption.request(), endsOnSecond { exitInterrupted() }
  }
  defer { withExtendedLifetime(watcher) {} }
  let task = Task { try await body() }
  interruption.whenRequested { task.cancel() }
  return try await task.value
}
