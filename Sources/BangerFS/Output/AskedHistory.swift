// The history of a path as somebody asks for it, who may not know which links lead there.

import FileTree
import Layers

extension OpenedImage {
  /// The history of the place that the path leads to; of the path as it is written where that place has
  /// none: a symbolic link may stand now where a directory was.
  func history(ofAsked path: String, followingLast: Bool) throws -> PathHistory {
    let bytes = Array(path.utf8)
    if bytes.isEmpty { throw CommandFailure(.usage, "the path is empty") }
    let place = files.tree.canonicalPath(of: bytes, followingLast: followingLast)
    let history = try history(of: place)
    let written = Tree.normal(bytes)
    if !history.events.isEmpty || written == place { return history }
    let other = try self.history(of: written)
    return other.events.isEmpty ? history : other
  }
}
