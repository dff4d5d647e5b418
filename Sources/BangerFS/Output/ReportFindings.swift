// What a report tells of an image, with the bounds that keep its page small: docs/SEMANTICS.md, "Report".

import FileTree
import ImageStore
import Layers
import OCISpec

/// Everything that a page about one image shows.
struct ReportFindings {
  var image: ResolvedImage
  var sizes: PathSizes
  var use: SpaceUse
  var map: SizeMap
  /// Of the root: itself and what is directly below, for readers without the map.
  var directories: [SizedPath]
  var largest: [LargeFile]
  var layers: [Layer]

  struct LargeFile {
    var path: [UInt8]
    var byteCount: UInt64
    var layer: Int
  }

  struct Layer {
    var digest: Digest
    var compressedByteCount: UInt64
    var entryCount: Int
    var space: LayerSpace
    var createdBy: String?
  }

  /// Rows of a table of files.
  static let fileLimit = 200
  /// Parts of the map have at least a two-thousandth of all bytes.
  static let smallestShare: UInt64 = 2000
  static let partLimit = 4000

  init(of image: ResolvedImage, _ opened: OpenedImage) throws {
    let tree = opened.files.tree
    let sizes = PathSizes(of: tree)
    let use = try opened.spaceUse(at: [], sizes, wastedLimit: Self.fileLimit)
    self.image = image
    self.sizes = sizes
    self.use = use
    map = SizeMap(
      of: tree,
      sizes,
      smallest: sizes.byteCount / Self.smallestShare,
      limit: Self.partLimit
    )
    directories = Array(sizes.paths(in: tree, path: [], depth: 1).prefix(Self.fileLimit))
    let nodes = tree.largestFiles(limit: Self.fileLimit)
    let paths = tree.firstPaths(of: Set(nodes), from: WalkStep(path: [], node: .root))
    largest = nodes.map { node in
      LargeFile(
        path: paths[node] ?? [],
        byteCount: tree[node].size,
        layer: Int(tree[node].layer)
      )
    }
    layers = zip(SpaceFindings.Layer.all(of: image), zip(opened.indexes, use.layers)).map {
      Layer(
        digest: $0.digest,
        compressedByteCount: $1.0.blobByteCount,
        entryCount: $1.0.table.entries.count,
        space: $1.1,
        createdBy: $0.createdBy
      )
    }
  }
}
