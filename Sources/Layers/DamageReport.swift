// Files of the cache that turn out to be damaged while they are in use: they are put out of the way, so that
// the next one who needs them makes them again. Whoever found out goes on without.

import ImageStore
import OCISpec
import Synchronization

/// An action that is done once, on whichever thread is first.
final class DamageReport: Sendable {
  private let isReported = Atomic(false)
  private let action: @Sendable () -> Void

  init(action: @escaping @Sendable () -> Void) {
    self.action = action
  }

  func report() {
    if !isReported.exchange(true, ordering: .relaxed) { action() }
  }
}

extension LayerStore {
  /// Puts an empty file, which is none of its kind, in the place of one that is damaged.
  func discard(_ kind: CacheKind, of layer: Digest) {
    do throws(ImageStoreError) {
      try cache.create(kind, of: layer).publish()
    } catch {
      note(error)
    }
  }
}
