// inspect: what an image is, from its documents alone. Reads no layer.

import ArgumentParser
import FileTree
import ImageStore
import OCISpec

struct InspectCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show an image's manifest and configuration."
  )

  @OptionGroup var image: ImageOptions

  @Flag(help: "Print a document as it is stored.")
  var raw: RawDocument?

  enum RawDocument: String, EnumerableFlag {
    case rawManifest
    case rawConfig
  }

  @OptionGroup var output: OutputOptions

  func run() async throws {
    let progress = Progress(image.progress.style)
    defer { progress.close() }
    let image = try await Wiring.resolve(image, progress)
    var out = StandardOutput()
    if let raw {
      let bytes = raw == .rawManifest ? image.manifestBytes : image.configurationBytes
      try bytes.withUnsafeBytes { try out.write($0) }
      return
    }
    let facts = ImageFacts(image)
    switch output.format {
    case .text: for line in facts.lines { try out.line(line) }
    case .json: try out.line(try JSONDocument(facts).text())
    }
    try out.flush()
  }
}

/// What the documents of an image say.
struct ImageFacts: Encodable {
  var reference: String
  var digest: String
  var mediaType: String
  var platform: String
  var created: String?
  var author: String?
  var configDigest: String
  var user: String?
  var entrypoint: [String]?
  var command: [String]?
  var workingDirectory: String?
  var environment: [String]?
  var labels: [String: String]?
  var stopSignal: String?
  var layers: [Layer]

  struct Layer: Encodable {
    var digest: String
    var diffID: String
    var mediaType: String
    var compressedBytes: UInt64
  }

  init(_ image: ResolvedImage) {
    let configuration = image.configuration
    reference = image.reference
    digest = image.digest.description
    mediaType = image.manifestDescriptor.mediaType.description
    platform = image.platform.description
    created = configuration.created
    author = configuration.author
    configDigest = image.manifest.configuration.digest.description
    user = configuration.execution.user
    entrypoint = configuration.execution.entrypoint
    command = configuration.execution.command
    workingDirectory = configuration.execution.workingDirectory
    environment = configuration.execution.environment
    labels = configuration.execution.labels
    stopSignal = configuration.execution.stopSignal
    layers = image.layers.map {
      Layer(
        digest: $0.descriptor.digest.description,
        diffID: $0.diffID.description,
        mediaType: $0.descriptor.mediaType.description,
        compressedBytes: $0.descriptor.byteCount
      )
    }
  }

  /// Text is from outside: control bytes are escaped.
  var lines: [String] {
    var lines = [
      "reference: \(reference)", "digest: \(digest)", "media type: \(mediaType)",
      "platform: \(platform)", "config: \(configDigest)",
    ]
    let optional = [
      ("created", created), ("author", author), ("user", user),
      ("working directory", workingDirectory), ("stop signal", stopSignal),
      ("entrypoint", entrypoint.map(Self.words)), ("command", command.map(Self.words)),
    ]
    for case (let title, let value?) in optional where !value.isEmpty {
      lines.append("\(title): \(value)")
    }
    lines += (environment ?? []).map { "environment: \($0)" }
    lines += (labels ?? [:]).sorted { $0.key < $1.key }.map { "label: \($0.key)=\($0.value)" }
    for (number, layer) in layers.enumerated() {
      lines.append(
        "layer \(number): \(layer.digest) \(layer.mediaType) "
          + ByteCount.text(layer.compressedBytes)
      )
    }
    return lines.map { EscapedBytes.string($0.utf8) }
  }

  private static func words(_ words: [String]) -> String {
    words.map { "\"\($0)\"" }.joined(separator: " ")
  }
}
