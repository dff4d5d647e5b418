// The thread that takes the fixture's signals. Not in main.swift, whose functions belong to the
// main thread.

import FuseServer
import Glibc

/// Waits for the signals that every other thread has blocked.
final class SignalThread: Sendable {
  private let session: FuseSession
  private let fileSystem: FixtureFileSystem
  private let signals: sigset_t

  init(_ session: FuseSession, _ fileSystem: FixtureFileSystem, _ signals: sigset_t) {
    self.session = session
    self.fileSystem = fileSystem
    self.signals = signals
  }

  func start() {
    var thread = pthread_t()
    pthread_create(
      &thread,
      nil,
      runSignalThread,
      Unmanaged.passRetained(self).toOpaque()
    )
  }

  fileprivate func run() {
    var signals = signals
    var signal: Int32 = 0
    while sigwait(&signals, &signal) == 0 {
      switch signal {
      case SIGUSR1: sayCounts(of: session)
      case SIGUSR2:
        fileSystem.heal()
        say("HEALED")
      default: session.stop()
      }
    }
  }
}

private func runSignalThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument else { return nil }
  Unmanaged<SignalThread>.fromOpaque(argument).takeRetainedValue().run()
  return nil
}

/// Prints the counts as JSON in one line; the names need no escapes.
func sayCounts(of session: FuseSession) {
  let members = session.requestCounts.sorted { $0.key < $1.key }
    .map { "\"\($0.key)\":\($0.value)" }
  say("COUNTS {\(members.joined(separator: ","))}")
}
