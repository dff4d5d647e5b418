// The image configuration: platform, the uncompressed digests of the layers, history, and what a
// container would run. Keeps what identifies and describes an image; runs nothing.
// Source: OCI image-spec 1.1, config.md.

/// What an image says about itself.
package struct ImageConfiguration: Hashable, Sendable {
  package let platform: Platform
  /// When the image was made, as written (RFC 3339).
  package let created: String?
  package let author: String?
  package let execution: Execution
  /// The digest of each layer's tar stream, base first.
  package let diffIDs: [Digest]
  package let history: [HistoryEntry]

  /// The defaults for running a container: the field `config`, its texts as written.
  package struct Execution: Hashable, Sendable, Decodable {
    package let user: String?
    package let environment: [String]?
    package let entrypoint: [String]?
    package let command: [String]?
    package let workingDirectory: String?
    package let labels: [String: String]?
    package let stopSignal: String?

    private enum CodingKeys: String, CodingKey {
      case user = "User"
      case environment = "Env"
      case entrypoint = "Entrypoint"
      case command = "Cmd"
      case workingDirectory = "WorkingDir"
      case labels = "Labels"
      case stopSignal = "StopSignal"
    }

    fileprivate static let none = Execution(
      user: nil,
      environment: nil,
      entrypoint: nil,
      command: nil,
      workingDirectory: nil,
      labels: nil,
      stopSignal: nil
    )

    package init(
      user: String?,
      environment: [String]?,
      entrypoint: [String]?,
      command: [String]?,
      workingDirectory: String?,
      labels: [String: String]?,
      stopSignal: String?
    ) {
      self.user = user
      self.environment = environment
      self.entrypoint = entrypoint
      self.command = command
      self.workingDirectory = workingDirectory
      self.labels = labels
      self.stopSignal = stopSignal
    }
  }

  /// One step of the build.
  package struct HistoryEntry: Hashable, Sendable {
    package let created: String?
    package let createdBy: String?
    package let comment: String?
    /// Whether the step made no layer.
    package let isEmptyLayer: Bool

    package init(created: String?, createdBy: String?, comment: String?, isEmptyLayer: Bool) {
      self.created = created
      self.createdBy = createdBy
      self.comment = comment
      self.isEmptyLayer = isEmptyLayer
    }
  }

  /// Reads a configuration.
  package init(parsing bytes: [UInt8], limits: SpecLimits = SpecLimits()) throws(SpecError) {
    let wire = try DocumentDecoder.decode(Wire.self, from: bytes, limits: limits)
    guard let architecture = wire.architecture, !architecture.isEmpty else {
      throw .missingField("architecture")
    }
    guard let os = wire.os, !os.isEmpty else { throw .missingField("os") }
    guard let rootfs = wire.rootfs else { throw .missingField("rootfs") }
    guard let type = rootfs.type else { throw .missingField("rootfs.type") }
    guard type == "layers" else { throw .unsupportedRootFSType(printable(type)) }
    platform = Platform(os: os, architecture: architecture, variant: wire.variant)
    created = wire.created
    author = wire.author
    execution = wire.config ?? .none
    diffIDs = try Self.digests(rootfs.diffIDs ?? [], limits)
    history = (wire.history ?? []).map(\.entry)
  }

  /// Reads the configuration of an image with `layerCount` layers, each of which needs a diffID.
  package init(
    parsing bytes: [UInt8],
    layerCount: Int,
    limits: SpecLimits = SpecLimits()
  ) throws(SpecError) {
    try self.init(parsing: bytes, limits: limits)
    guard diffIDs.count == layerCount else {
      throw .diffIDCountMismatch(layers: layerCount, diffIDs: diffIDs.count)
    }
  }

  /// The build step of each layer, base first, or `nil` where history does not account for exactly
  /// the layers there are; it is optional and some builders write it badly.
  package func historyByLayer() -> [HistoryEntry]? {
    let steps = history.filter { !$0.isEmptyLayer }
    return steps.count == diffIDs.count ? steps : nil
  }

  private static func digests(
    _ texts: [String],
    _ limits: SpecLimits
  ) throws(SpecError) -> [Digest] {
    guard texts.count <= limits.layerCount else {
      throw .tooManyLayers(count: texts.count, limit: limits.layerCount)
    }
    var digests: [Digest] = []
    for (index, text) in texts.enumerated() {
      digests.append(try Digest(text, field: "rootfs.diff_ids[\(index)]"))
    }
    return digests
  }

  private struct Wire: Decodable {
    let architecture: String?
    let os: String?
    let variant: String?
    let created: String?
    let author: String?
    let config: Execution?
    let rootfs: WireRootFS?
    let history: [WireHistory]?
  }

  private struct WireRootFS: Decodable {
    let type: String?
    let diffIDs: [String]?

    private enum CodingKeys: String, CodingKey {
      case type
      case diffIDs = "diff_ids"
    }
  }

  private struct WireHistory: Decodable {
    let created: String?
    let createdBy: String?
    let comment: String?
    let emptyLayer: Bool?

    private enum CodingKeys: String, CodingKey {
      case created
      case createdBy = "created_by"
      case comment
      case emptyLayer = "empty_layer"
    }

    var entry: HistoryEntry {
      HistoryEntry(
        created: created,
        createdBy: createdBy,
        comment: comment,
        isEmptyLayer: emptyLayer ?? false
      )
    }
  }
}
