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

  /// A server that is well answers within microseconds.
  private static let patience = DispatchTimeInterval.seconds(2)

  /// The states of all mounts, asked for side by side, so that one that is silent does not hide the
  /// others.
  static func all(of mounts: [MountTable.Mount]) -> [MountState] {
    let states = Mutex([MountState](repeating: .silent, count: mounts.count))
    let isAnswered = DispatchGroup()
    for (index, mount) in mounts.enumerated() {
      isAnswered.enter()
      // A thread of its own for each: those that wait are left behind when the program ends.
      Thread.detachNewThread {
        let state: MountState = mount.isDead ? .dead : .alive
        states.withLock { $0[index] = state }
        isAnswered.leave()
      }
    }
    _ = isAnswered.wait(timeout: .now() + patience)
    return states.withLock { $0 }
  }

  /// The state of one mount.
  static func of(_ mount: MountTable.Mount) -> MountState { all(of: [mount]).first ?? .silent }
}
