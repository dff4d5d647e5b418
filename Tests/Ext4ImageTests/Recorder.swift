// Collects what a callback is told, from any thread.

import Ext4Image
import Synchronization

final class Recorder: Sendable {
  private let storage = Mutex<[Ext4Phase]>([])

  func add(_ phase: Ext4Phase) {
    storage.withLock { if $0.last != phase { $0.append(phase) } }
  }

  var phases: [Ext4Phase] { storage.withLock { $0 } }
}
