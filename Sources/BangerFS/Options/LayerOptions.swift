// Which layers of an image are looked at: what commands take that show files.

import ArgumentParser
import ImageStore
import Layers

struct LayerOptions: ParsableArguments {
  @Option(
    name: .customLong("layer"),
    help: ArgumentHelp(
      "Look at this layer alone, counted from 0, with its whiteouts as the files that they are.",
      valueName: "n"
    )
  )
  var alone: Int?

  @Option(
    name: .customLong("upto"),
    help: ArgumentHelp("Look at the tree as of this layer, counted from 0.", valueName: "n")
  )
  var last: Int?

  func validate() throws {
    if alone != nil, last != nil { throw ValidationError("--layer contradicts --upto") }
  }

  var selection: LayerSelection {
    if let alone { return .alone(alone) }
    return last.map { .upTo($0) } ?? .all
  }
}

/// A command about a tree that can be asked for single layers of it.
protocol LayeredCommand: TreeCommand {
  var layers: LayerOptions { get }
}

extension LayeredCommand {
  var selection: LayerSelection { layers.selection }
}

extension ResolvedImage {
  /// Refuses a layer's number that the image does not have.
  func checkLayer(_ number: Int) throws(CommandFailure) {
    if layers.indices.contains(number) { return }
    let range =
      switch layers.count {
      case 0: "no layers"
      case 1: "only layer 0"
      default: "layers 0 to \(layers.count - 1)"
      }
    throw CommandFailure(.usage, "layer \(number): the image has \(range)")
  }

  /// Refuses what takes layers that the image does not have.
  func check(_ selection: LayerSelection) throws(CommandFailure) {
    switch selection {
    case .all: break
    case .upTo(let number), .alone(let number): try checkLayer(number)
    }
  }
}
