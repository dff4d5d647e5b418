// Two trees to compare: of two images, or of one image before and after one of its layers. Knows where
// each comes from, and what helps where a file of it cannot be read.

import FileTree
import ImageStore
import Layers

/// Two opened trees and the walk through what they differ in.
struct ImageComparison {
  let old: OpenedImage
  let new: OpenedImage
  /// Where both images lie, if that is one kind of place.
  private let place: ImagePlace?
  private var differences: TreeDifferences<LayersError>

  /// Compares what `path` leads to in two images, and all below it.
  ///
  /// - Throws: what resolving and opening throw; `.notFound` where neither has the path.
  static func of(
    _ old: ImageOptions,
    _ new: ImageOptions,
    at path: String,
    ignoringTimes: Bool
  ) async throws -> ImageComparison {
    let progress = Progress(old.progress.style)
    defer { progress.close() }
    let images = (try await Wiring.resolve(old, progress), try await Wiring.resolve(new, progress))
    Wiring.allowOpenFiles(for: images.0.layers.count + images.1.layers.count)
    let opener = try Wiring.opener(old)
    return try ImageComparison(
      try Wiring.open(images.0, in: old.place, with: opener, progress),
      try Wiring.open(images.1, in: new.place, with: opener, progress),
      in: old.place == new.place ? old.place : nil,
      at: path,
      ignoringTimes: ignoringTimes
    )
  }

  /// Compares the tree as of the layer before `layer` with that as of `layer`; before the first one
  /// nothing is there, the root neither.
  static func of(
    _ options: ImageOptions,
    layer: Int,
    at path: String,
    ignoringTimes: Bool
  ) async throws -> ImageComparison {
    let progress = Progress(options.progress.style)
    defer { progress.close() }
    let image = try await Wiring.resolve(options, progress)
    try image.checkLayer(layer)
    let new = try Wiring.open(
      image,
      .upTo(layer),
      in: options.place,
      with: Wiring.opener(options),
      progress
    )
    return try ImageComparison(
      layer == 0 ? nil : try new.showing(.upTo(layer - 1)),
      new,
      in: options.place,
      at: path,
      ignoringTimes: ignoringTimes
    )
  }

  private init(
    _ old: OpenedImage?,
    _ new: OpenedImage,
    in place: ImagePlace?,
    at path: String,
    ignoringTimes: Bool
  ) throws(CommandFailure) {
    let bytes = Array(path.utf8)
    if bytes.isEmpty { throw CommandFailure(.usage, "the path is empty") }
    let start = NodePair(
      old: old?.files.tree.node(leadingTo: bytes),
      new: new.files.tree.node(leadingTo: bytes)
    )
    if start.old == nil, start.new == nil {
      let name = EscapedBytes.string(bytes)
      throw CommandFailure(.notFound, "\(name): no such file or directory in either tree")
    }
    self.old = old ?? new
    self.new = new
    self.place = place
    let contents = ContentComparison(self.old, new)
    differences = TreeDifferences(
      from: self.old.files.tree,
      to: new.files.tree,
      start: start,
      path: Tree.normal(bytes),
      ignoringTimes: ignoringTimes
    ) { old, new throws(LayersError) in try contents.isSame(old, new) }
  }

  /// The next difference.
  ///
  /// - Throws: `CommandFailure` that names the path whose contents cannot be compared.
  mutating func next() throws -> TreeDifference? {
    do throws(LayersError) {
      return try differences.next()
    } catch {
      throw failure(error, at: differences.path)
    }
  }

  /// What is said of a file that cannot be read.
  func failure(_ error: LayersError, at path: [UInt8]) -> CommandFailure {
    let failure = place.flatMap { CommandFailure($0.remedied(error)) } ?? CommandFailure(error)
    return failure.of("/" + EscapedBytes.path(path))
  }
}

extension Tree {
  /// The node at a path, a link at its end followed unless it leads nowhere.
  fileprivate func node(leadingTo path: [UInt8]) -> NodeID? {
    for followsLast in [true, false] {
      do throws(LookupFailure) {
        return try lookUp(path, followingLast: followsLast)
      } catch {
        continue
      }
    }
    return nil
  }
}
