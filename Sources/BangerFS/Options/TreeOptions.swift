// Which tree: an image, and what is laid over it before anybody looks. What all commands take that show or
// write an image's files.

import ArgumentParser
import Layers

/// The options of a tree.
///
/// No group of options of its own: debug builds of the argument parser check what is in a group five
/// times for each group around it, at every start.
struct TreeOptions {
  let image: ImageOptions
  let additions: AdditionOptions
  let selection: LayerSelection
}

/// A command about a tree.
protocol TreeCommand: ParsableCommand {
  var image: ImageOptions { get }
  var additions: AdditionOptions { get }
  var selection: LayerSelection { get }
}

extension TreeCommand {
  /// All layers, unless the command has a say in it.
  var selection: LayerSelection { .all }

  var source: TreeOptions {
    TreeOptions(image: image, additions: additions, selection: selection)
  }
}
