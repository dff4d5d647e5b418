// What lets a test hold an answer back until something else has happened, instead of until some
// time has passed.

import Synchronization

/// A gate that answers wait at: closed at first, and open for ever once it was opened.
package final class Gate: Sendable {
  private struct State {
    var arrivalsUntilOpen: Int
    var isOpen = false
    var arrivalCount = 0
    var waiting: [@Sendable () -> Void] = []
  }

  private let state: Mutex<State>

  /// A gate that `open()` opens, or that many arrivals do, the last of which then does not wait.
  package init(opensAfterArrivals count: Int = .max) {
    state = Mutex(State(arrivalsUntilOpen: count))
  }

  package func open() {
    let waiting = state.withLock { state in
      state.isOpen = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for pass in waiting { pass() }
  }

  /// How many have come here so far.
  package var arrivalCount: Int { state.withLock { $0.arrivalCount } }

  /// Calls `body` once the gate is open, on the thread that opens it.
  package func pass(_ body: @escaping @Sendable () -> Void) {
    let (isOpen, opens) = state.withLock { state in
      state.arrivalCount += 1
      if state.isOpen { return (true, false) }
      state.waiting.append(body)
      return (false, state.arrivalCount >= state.arrivalsUntilOpen)
    }
    if isOpen { body() }
    if opens { open() }
  }

  /// Returns once the gate is open.
  package func pass() async {
    await withCheckedContinuation { continuation in
      pass { continuation.resume() }
    }
  }
}
