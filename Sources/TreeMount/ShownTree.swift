// One tree of a mount of layers, made when somebody looks into it for the first time: a mount shows two
// for each layer, and people look at few of them. docs/decisions/0016 says why.

import FuseServer
import Layers
import Threading

/// A tree that may not have been made yet.
///
/// Usable from any thread.
final class ShownTree: Sendable {
  typealias Outcome = Result<TreeFileSystem, LayersError>

  let selection: LayerSelection
  let place: TreePlace
  /// `nil` until it is made; held for a look only.
  private let outcome: Mutex<Outcome?>
  /// Held by who makes it.
  private let making = Mutex(())

  init(_ shown: LayersSkeleton.Shown, made: TreeFileSystem? = nil) {
    selection = shown.selection
    place = shown.place
    outcome = Mutex(made.map { .success($0) })
  }

  /// What came of making it, if that was done.
  var made: Outcome? { outcome.withLock { $0 } }

  /// The tree; made by `make` where it was not made before, which may take long.
  func made(by make: (ShownTree) -> Outcome) -> Outcome {
    making.withLock { _ in
      if let made { return made }
      let new = make(self)
      outcome.withLock { $0 = new }
      return new
    }
  }
}
