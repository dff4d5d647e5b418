// Whether somebody still serves a mount. A mount is never asked without a bound in time: its server may
// be there and not answer.

import Dispatch
import Foundation
import FuseServer
import Threading

/// How a mount's server is.
enum MountState: String, Encodable {
  case alive
  /// Gone.
  case dead
  /// There, but without an answer: stopped, or busy for too long.
  case silent

  /// The states of all mounts.
  static func all(of mounts: [MountTable.Mount]) -> [MountState] {
    MountQuestion.ask(mounts) { $0.isDead ? .dead : .alive }.map { $0 ?? .silent }
  }

  /// The state of one mount.
  static func of(_ mount: MountTable.Mount) -> MountState { all(of: [mount]).first ?? .silent }
}

enum MountQuestion {
  /// A server that is well answers within microseconds.
  private static let patience = DispatchTimeInterval.seconds(2)

  /// Asks all mounts side by side, so that one that is silent does not hide the others; `nil` for those
  /// that did not answer.
  static func ask<Answer: Sendable>(
    _ mounts: [MountTable.Mount],
    _ question: @escaping @Sendable (MountTable.Mount) -> Answer
  ) -> [Answer?] {
    let answers = Mutex([Answer?](repeating: nil, count: mounts.count))
    let isAnswered = DispatchGroup()
    for (index, mount) in mounts.enumerated() {
      isAnswered.enter()
      // A thread of its own for each: those that wait are left behind when the program ends.
      Thread.detachNewThread {
        let answer = question(mount)
        answers.withLock { $0[index] = answer }
        isAnswered.leave()
      }
    }
    _ = isAnswered.wait(timeout: .now() + patience)
    return answers.withLock { $0 }
  }
}
