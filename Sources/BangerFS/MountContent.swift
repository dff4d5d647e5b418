// What a mount serves, the tree of an image or each of its layers, and what it tells about that.

import FileTree
import FuseServer
import ImageStore
import Layers
import OCISpec
import TreeMount

/// The content of a mount.
struct MountContent {
  /// What people choose about it.
  struct Choice {
    var showsLayers: Bool
    var allowsOtherUsers: Bool
    /// For all trees of a mount of layers together.
    var nodeLimit: Int
  }

  let fileSystem: any FuseFileSystem
  let options: FuseOptions
  let pump: Pump?

  /// `makePump` makes a pump for a tree that is all that the mount shows.
  init(
    _ image: ResolvedImage,
    _ opened: OpenedImage,
    _ choice: Choice,
    log: MountLog,
    makePump: (ImageFiles) -> Pump?
  ) {
    let origins = FileOrigins(image, opened)
    let failures = FailedReadRecord()
    let facts = MountFacts(
      provenance: { origins.value(of: $0, $1) },
      failures: { failures.attribute(for: $0) }
    )
    let report: @Sendable (ReadFailure) -> Void = { failure in
      failures.note(failure, failure.node.map(origins.origin(of:)))
      log.note(failure)
    }
    let purpose: MountPurpose =
      choice.showsLayers
      ? .layers(allowsOtherUsers: choice.allowsOtherUsers)
      : .use(allowsOtherUsers: choice.allowsOtherUsers)
    options = FuseOptions(
      for: purpose,
      of: opened.files,
      sourceName: Array(image.reference.utf8)
    )
    if choice.showsLayers {
      pump = nil
      fileSystem = LayersFileSystem(
        opened,
        nodeLimit: choice.nodeLimit,
        facts: facts,
        reportFailure: report
      )
    } else {
      let pump = makePump(opened.files)
      self.pump = pump
      fileSystem = TreeFileSystem(
        files: opened.files,
        pump: pump,
        facts: facts,
        reportFailure: report
      )
    }
  }
}

/// Where the files of an open image come from, as a mount tells it.
struct FileOrigins: Sendable {
  private let image: ResolvedImage
  private let opened: OpenedImage
  private let history: [ImageConfiguration.HistoryEntry]?

  init(_ image: ResolvedImage, _ opened: OpenedImage) {
    self.image = image
    self.opened = opened
    history = image.configuration.historyByLayer()
  }

  func origin(of node: Node) -> Origin { Origin(of: node, in: image, opened) }

  /// The value of an attribute; `nil` where a file has none of that kind.
  func value(of attribute: ProvenanceAttribute, _ node: Node) -> [UInt8]? {
    let origin = origin(of: node)
    let text: String? =
      switch attribute {
      case .layer: origin.layer.map { "\($0)" }
      case .digest: origin.layerDigest
      case .offset: origin.memberOffset.map { "\($0)" }
      case .history: origin.layer.flatMap(createdBy)
      case .option: origin.addedBy
      }
    return text.map { Array($0.utf8) }
  }

  private func createdBy(_ layer: Int) -> String? {
    history.flatMap { $0.indices.contains(layer) ? $0[layer].createdBy : nil }
  }
}
