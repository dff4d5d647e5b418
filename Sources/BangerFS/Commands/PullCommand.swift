// pull: images into the cache, ready to be mounted.

import ArgumentParser
import ImageStore
import Layers
import OCISpec

struct PullCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pull",
    abstract: "Fetch images from registries into the cache.",
    discussion: """
      Asks the registry what the name means now, fetches the layers that are missing, checks and \
      indexes them, and prints NAME@DIGEST, which is this very image for ever. What an interrupted \
      pull has fetched is kept, and continued by the next one. Of several images the first that fails \
      ends it. Credentials are those of podman, \
      skopeo and docker; mirrors and short names come from registries.conf.
      """
  )

  @Argument(
    help: ArgumentHelp("Images, as NAME[:TAG][@DIGEST].", valueName: "ref")
  )
  var references: [String]

  @OptionGroup var platform: PlatformOptions
  @OptionGroup var limits: LimitOptions
  @OptionGroup var cache: CacheOptions
  @OptionGroup var registry: RegistryOptions
  @OptionGroup var progress: ProgressOptions

  @Flag(name: .shortAndLong, help: "Show no progress.")
  var quiet = false

  @OptionGroup var output: OutputOptions

  func run() async throws {
    // All of them first: a wrong one shall not be found after minutes.
    let references = try references.map(Self.parse)
    let progress = Progress(quiet ? .none : progress.style)
    defer { progress.close() }
    let directory = try Wiring.cache(cache)
    let provider = ImageProvider(
      platform: try platform.parsed(),
      policy: .always,
      registry: registry,
      limits: limits.limits,
      cache: { directory },
      progress: progress,
      tellsResolved: false
    )
    let opener = ImageOpener(
      store: LayerStore.noting(
        cache: directory,
        limits: limits.limits.layers
      )
    )
    var pulled: [Facts.Image] = []
    let outcome = await Result {
      for reference in references {
        let image = try await provider.registered(reference)
        // Also what was there before is ready to be mounted afterwards.
        _ = try Wiring.open(image, in: .cache, with: opener, progress)
        let facts = Facts.Image(image)
        pulled.append(facts)
        if output.format == .text { try Self.show(facts.text, progress) }
      }
    }
    // What has come is told also where the next one fails.
    if output.format == .json, !pulled.isEmpty {
      try Self.show(try JSONDocument(Facts(images: pulled)).text(), progress)
    }
    try outcome.get()
  }

  private static func parse(_ text: String) throws -> RegistryReference {
    guard case .registry(let reference) = try Reference(text) else {
      throw CommandFailure(
        .usage,
        "\(text): not in a registry, so there is nothing to be fetched",
        hint: "layouts and archives are used where they are"
      )
    }
    return reference
  }

  private static func show(_ text: String, _ progress: Progress) throws {
    progress.hide()
    var out = StandardOutput()
    try out.line(text)
    try out.flush()
  }

  private struct Facts: Encodable {
    var images: [Image]

    struct Image: Encodable {
      var name: String
      var digest: String
      var platform: String
      var mediaType: String
      var layers: [Layer]

      struct Layer: Encodable {
        var digest: String
        var compressedBytes: UInt64
      }

      init(_ image: ResolvedImage) {
        name = image.reference
        digest = image.digest.description
        platform = image.platform.description
        mediaType = image.manifestDescriptor.mediaType.description
        layers = image.layers.map {
          Layer(
            digest: $0.descriptor.digest.description,
            compressedBytes: $0.descriptor.byteCount
          )
        }
      }

      var text: String { Self.text(name: name, digest: digest) }

      /// The name without a tag, at the digest.
      private static func text(name: String, digest: String) -> String {
        guard case .success(let reference) = Result(catching: { try Reference(name) }),
          case .registry(let reference) = reference
        else { return "\(name)@\(digest)" }
        return "\(reference.dockerName.repositoryText)@\(digest)"
      }
    }
  }
}
