// The phases of a build as activities.

import Ext4Image
import Threading

/// Tells how far the making of an ext4 file is.
///
/// Called from any thread.
final class BuildProgress: Sendable {
  private let progress: Progress
  private let phase = Mutex<Ext4Phase?>(nil)

  init(_ progress: Progress) {
    self.progress = progress
  }

  var show: @Sendable (Ext4Progress) -> Void {
    { now in
      let isNew = self.phase.withLock { phase in
        defer { phase = now.phase }
        return phase != now.phase
      }
      if isNew {
        self.progress.end()
        self.progress.begin(now.phase.activity(byteCount: now.contentBytes))
      }
      // What the file takes on the disk is also inodes and tables.
      self.progress.set(min(now.allocatedBytes, now.contentBytes))
    }
  }
}

extension Ext4Phase {
  /// Only copying has an end that is known in bytes; what comes after it goes over the same bytes.
  fileprivate func activity(byteCount: UInt64) -> ProgressActivity {
    switch self {
    case .copying:
      ProgressActivity(kind: .copyFiles, title: "copying files", byteCount: byteCount)
    case .correcting:
      ProgressActivity(kind: .correctFiles, title: "setting owners, times and attributes")
    case .checking: ProgressActivity(kind: .checkFiles, title: "checking")
    case .finishing: ProgressActivity(kind: .finishFiles, title: "finishing")
    }
  }
}
