// layers: what the layers of an image are, and what was odd about them; or what they do to one path.

import ArgumentParser
import FileTree
import ImageStore
import Layers
import OCISpec
import Offsets

struct LayersCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "layers",
    abstract: "Show the layers of an image, base first.",
    discussion: """
      With a path: what each layer does to it, and to directories above it where that matters. Also \
      of a path that is gone.
      """
  )

  @OptionGroup var image: ImageOptions

  @Argument(help: ArgumentHelp("A path that layers put, replace or hide.", valueName: "path"))
  var path: String?

  @Flag(help: "What was tolerated in each layer, and where.")
  var warnings = false

  @OptionGroup var sizes: ByteCountOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if warnings, path != nil { throw ValidationError("--warnings tells of layers, not of a path") }
  }

  func run() async throws {
    let (resolved, opened) = try await Wiring.open(image)
    if let path {
      try showChanges(of: path, in: resolved, opened)
    } else {
      try showLayers(of: resolved, opened)
    }
  }

  private func showChanges(
    of path: String,
    in resolved: ResolvedImage,
    _ opened: OpenedImage
  ) throws {
    let history = try opened.history(ofAsked: path, followingLast: false)
    if history.events.isEmpty {
      throw CommandFailure(
        .notFound,
        "\(EscapedBytes.string(path.utf8)): no layer has anything to do with it"
      )
    }
    var out = StandardOutput()
    switch output.format {
    case .text:
      for line in ChangesTable(history, in: resolved, opened).lines { try out.line(line) }
    case .json:
      try out.line(try JSONDocument(HistoryFacts(history, in: resolved, opened)).text())
    }
    try out.flush()
  }

  private func showLayers(of resolved: ResolvedImage, _ opened: OpenedImage) throws {
    let history = resolved.configuration.historyByLayer()
    let facts = opened.indexes.indices.map { number in
      LayerFacts(
        resolved.layers[number],
        opened.indexes[number],
        createdBy: history.flatMap { $0.indices.contains(number) ? $0[number].createdBy : nil },
        warnings: opened.warnings(of: resolved.layers[number], in: resolved)
      )
    }
    var out = StandardOutput()
    switch output.format {
    case .text:
      for line in warnings ? warningLines(facts) : table(facts) { try out.line(line) }
    case .json:
      try out.line(try JSONDocument(Facts(layers: facts)).text())
    }
    try out.flush()
  }

  private struct Facts: Encodable {
    var layers: [LayerFacts]
  }

  private func table(_ facts: [LayerFacts]) -> [String] {
    var table = Table([
      ("LAYER", .right), ("DIGEST", .left), ("COMPRESSED", .right), ("SIZE", .right),
      ("ENTRIES", .right), ("WHITEOUTS", .right), ("POINTS", .right), ("WARNINGS", .right),
      ("CREATED BY", .left),
    ])
    for layer in facts {
      table.add([
        "\(layer.layer)", layer.shortDigest,
        sizes.text(layer.compressedBytes), sizes.text(layer.tarBytes),
        "\(layer.entries)", "\(layer.whiteouts)", "\(layer.seekPoints)",
        "\(layer.warnings.reduce(0) { $0 + $1.count })",
        EscapedBytes.string((layer.createdBy ?? "-").utf8.prefix(60)),
      ])
    }
    return table.lines(fitting: OutputTerminal.width)
  }

  private func warningLines(_ facts: [LayerFacts]) -> [String] {
    facts.flatMap { layer in
      layer.warnings.map { warning in
        let times = warning.count == 1 ? "" : " (\(warning.count) times)"
        let path = warning.member.map { ", /" + EscapedBytes.string($0) } ?? ""
        return
          "layer \(layer.layer) \(layer.shortDigest): \(warning.code): \(warning.text)\(times), "
          + "first at \(warning.stream) byte \(warning.offset)\(path)"
      }
    }
  }
}

/// What is known of one layer, for text and JSON.
struct LayerFacts: Encodable {
  var layer: Int
  var digest: String
  var diffID: String
  var mediaType: String
  var codec: String
  var compressedBytes: UInt64
  var tarBytes: UInt64
  var entries: Int
  /// Whiteouts and opaque marks.
  var whiteouts: Int
  var seekPoints: Int
  var indexBytes: Int
  var createdBy: String?
  var warnings: [Warning]

  struct Warning: Encodable {
    var code: String
    var text: String
    var count: UInt64
    /// `blob` or `tar`: the stream that `offset` counts in.
    var stream: String
    var offset: UInt64
    /// Of the member there, if it is about one.
    var path: String?
    var pathBase64: String?
    /// The path, for people.
    var member: [UInt8]?

    private enum CodingKeys: CodingKey { case code, text, count, stream, offset, path, pathBase64 }
  }

  /// For people: the algorithm and, of SHA-256, 12 digits.
  var shortDigest: String { String(digest.prefix(19)) }

  init(
    _ resolved: ResolvedLayer,
    _ index: LayerIndex,
    createdBy: String?,
    warnings: [LayerWarning]
  ) {
    layer = resolved.index
    digest = resolved.descriptor.digest.description
    diffID = resolved.diffID.description
    mediaType = resolved.descriptor.mediaType.description
    codec = "\(index.codec)"
    compressedBytes = index.blobByteCount
    tarBytes = index.tarByteCount
    entries = index.table.entries.count
    whiteouts = index.table.entries.count { $0.kind == .whiteout || $0.kind == .opaque }
    seekPoints = index.points.count
    indexBytes = index.byteCount
    self.createdBy = createdBy
    self.warnings = warnings.map { Warning($0, in: index.table) }
  }
}

extension LayerFacts.Warning {
  init(_ warning: LayerWarning, in table: LayerTable) {
    code = warning.kind.code
    text = warning.kind.text
    count = warning.count
    switch warning.first {
    case .blob(let position):
      stream = "blob"
      offset = position.bytes
    case .tar(let position):
      stream = "tar"
      offset = position.bytes
    }
    member = warning.member.flatMap { table.memberPath(at: $0) }
    let bytes = member.map(JSONBytes.init)
    path = bytes?.text
    pathBase64 = bytes?.base64
  }
}
