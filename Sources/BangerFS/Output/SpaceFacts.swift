// What takes the room in an image: as it was found out, and as facts for programs.

import FileTree
import ImageStore
import Layers
import OCISpec

/// What was found out about the room that files take, at one path and below.
struct SpaceFindings {
  /// Where it was looked: a path without symbolic links.
  var start: WalkStep
  var sizes: PathSizes
  /// The start and directories below, the largest first.
  var paths: [SizedPath]
  var use: SpaceUse
  /// One for each layer of the image, base first.
  var layers: [Layer]
  /// `nil` where nobody asked.
  var duplicates: Duplicates?

  struct Layer {
    var digest: Digest
    var createdBy: String?

    static func all(of image: ResolvedImage) -> [Layer] {
      let history = image.configuration.historyByLayer()
      return image.layers.indices.map { number in
        Layer(
          digest: image.layers[number].descriptor.digest,
          createdBy: history.flatMap { $0.indices.contains(number) ? $0[number].createdBy : nil }
        )
      }
    }
  }

  struct Duplicates {
    /// How many contents there are more than once.
    var contentCount: Int
    var savedByteCount: UInt64
    /// Those that would save most, first.
    var largest: [Content]

    struct Content {
      var byteCount: UInt64
      var savedByteCount: UInt64
      /// Of each file the first path.
      var paths: [[UInt8]]
    }

    init(_ found: DuplicateContents, below start: WalkStep, in tree: Tree, limit: Int) {
      contentCount = found.groups.count
      savedByteCount = found.savedByteCount
      let groups = found.groups.prefix(limit)
      let paths = tree.firstPaths(of: Set(groups.flatMap(\.nodes)), from: start)
      largest = groups.map { group in
        Content(
          byteCount: group.byteCount,
          savedByteCount: group.savedByteCount,
          paths: group.nodes.compactMap { paths[$0] }
        )
      }
    }
  }
}

/// The same for programs.
struct SpaceFacts: Encodable {
  var path: String
  var pathBase64: String?
  var bytes: UInt64
  var files: Int
  var paths: [Place]
  var layers: [Layer]
  var putBytes: UInt64
  var shadowedBytes: UInt64
  var overtakenBytes: UInt64
  var efficiency: Double
  var wastedPaths: Int
  var wasted: [Waste]
  var duplicates: Duplicates?

  struct Place: Encodable {
    var path: String
    var pathBase64: String?
    var bytes: UInt64
  }

  struct Layer: Encodable {
    var layer: Int
    var digest: String
    var createdBy: String?
    var putBytes: UInt64
    var visibleBytes: UInt64
    var shadowedBytes: UInt64
    var overtakenBytes: UInt64
  }

  struct Waste: Encodable {
    var path: String
    var pathBase64: String?
    var bytes: UInt64
    var layers: Int
  }

  struct Duplicates: Encodable {
    var contents: Int
    var savedBytes: UInt64
    var largest: [Content]
  }

  struct Content: Encodable {
    var bytes: UInt64
    var savedBytes: UInt64
    var files: [Name]
  }

  struct Name: Encodable {
    var path: String
    var pathBase64: String?
  }
}

extension SpaceFacts {
  init(_ findings: SpaceFindings) {
    let start = JSONBytes(findings.start.path)
    path = start.text
    pathBase64 = start.base64
    bytes = findings.sizes.byteCount
    files = findings.sizes.fileCount
    paths = findings.paths.map(Place.init)
    layers = zip(findings.layers, findings.use.layers).enumerated().map {
      Layer($0, $1.0, $1.1)
    }
    putBytes = findings.use.putByteCount
    shadowedBytes = findings.use.shadowedByteCount
    overtakenBytes = findings.use.overtakenByteCount
    efficiency = findings.use.efficiency
    wastedPaths = findings.use.wastedPathCount
    wasted = findings.use.wasted.map(Waste.init)
    duplicates = findings.duplicates.map(Duplicates.init)
  }
}

extension SpaceFacts.Place {
  init(_ place: SizedPath) {
    let name = JSONBytes(place.path)
    path = name.text
    pathBase64 = name.base64
    bytes = place.byteCount
  }
}

extension SpaceFacts.Layer {
  init(_ number: Int, _ layer: SpaceFindings.Layer, _ space: LayerSpace) {
    self.layer = number
    digest = layer.digest.description
    createdBy = layer.createdBy
    putBytes = space.put
    visibleBytes = space.visible
    shadowedBytes = space.shadowed
    overtakenBytes = space.overtaken
  }
}

extension SpaceFacts.Waste {
  init(_ waste: WastedPath) {
    let name = JSONBytes(waste.path)
    path = name.text
    pathBase64 = name.base64
    bytes = waste.byteCount
    layers = waste.layerCount
  }
}

extension SpaceFacts.Duplicates {
  init(_ duplicates: SpaceFindings.Duplicates) {
    contents = duplicates.contentCount
    savedBytes = duplicates.savedByteCount
    largest = duplicates.largest.map { content in
      SpaceFacts.Content(
        bytes: content.byteCount,
        savedBytes: content.savedByteCount,
        files: content.paths.map(SpaceFacts.Name.init)
      )
    }
  }
}

extension SpaceFacts.Name {
  init(_ bytes: [UInt8]) {
    let name = JSONBytes(bytes)
    path = name.text
    pathBase64 = name.base64
  }
}
