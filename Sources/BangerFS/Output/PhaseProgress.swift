// The progress lines of a build: one for each of its phases.

import Ext4Image
import Synchronization

/// Shows how far a build is.
///
/// Called from any thread.
final class PhaseProgress: Sendable {
  private struct State {
    var phase: Ext4Phase?
    var line: ProgressLine?
  }

  private let state = Mutex(State())

  var show: @Sendable (Ext4Progress) -> Void {
    { progress in
      self.state.withLock { state in
        if state.phase != progress.phase {
          state.line?.finish()
          state.phase = progress.phase
          state.line = ProgressLine(progress.phase.title, total: progress.contentBytes)
        }
        state.line?.set(progress.allocatedBytes)
      }
    }
  }

  func finish() {
    state.withLock { state in
      state.line?.finish()
      state.line = nil
    }
  }
}

extension Ext4Phase {
  fileprivate var title: String {
    switch self {
    case .copying: "copying files"
    case .correcting: "setting owners, times and attributes"
    case .checking: "checking"
    case .finishing: "finishing"
    }
  }
}
