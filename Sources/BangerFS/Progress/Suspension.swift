// Ctrl-Z while something is drawn on the terminal: it goes first, and comes back with us.

import Glibc

enum Suspension {
  /// Has the terminal cleared before the process is stopped, from now on.
  static func restoreTerminalFirst() {
    var action = sigaction()
    sigaction(SIGTSTP, nil, &action)
    let handler = unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
    // Whoever started us wants no suspension.
    if handler == unsafeBitCast(SIG_IGN, to: Int.self) { return }
    signal(SIGTSTP) { _ in
      StandardError.eraseBlockFromSignalHandler()
      // Stops every thread; the next line runs when we are continued.
      raise(SIGSTOP)
    }
  }

  /// Lets this thread take the signal: others may block it.
  static func takeSignal() {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGTSTP)
    pthread_sigmask(SIG_UNBLOCK, &set, nil)
  }
}
