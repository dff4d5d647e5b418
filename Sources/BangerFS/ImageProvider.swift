// From a reference of any kind to an image whose documents are there: read where it is, found in the
// cache, or pulled into it.

import Foundation
import Glibc
import ImageStore
import Layers
import OCISpec
import Registry
import SystemPackage

/// Finds images wherever they are.
struct ImageProvider {
  var platform: Platform
  var policy: PullPolicy
  var registry: RegistryOptions
  var limits: Limits
  /// Opened once it is needed: a layout on disk needs none.
  var cache: @Sendable () throws -> CacheDirectory
  var progress: Progress
  /// Whether people want to know what a name turned out to mean.
  var tellsResolved = true

  func image(_ reference: Reference) async throws -> ResolvedImage {
    switch reference {
    case .layout(let reference):
      return try ImageResolver(platform: platform, limits: limits.documents).resolve(reference)
    case .archive(let reference): return try archived(reference)
    case .registry(let reference): return try await registered(reference)
    }
  }

  // MARK: Archives

  private func archived(_ reference: ArchiveReference) throws -> ResolvedImage {
    let cache = try ImageCache(cache())
    progress.begin(
      ProgressActivity(
        kind: .readArchive,
        title: "reading",
        subject: String(decoding: reference.file, as: UTF8.self)
      )
    )
    defer { progress.end() }
    return try endingOnSignals {
      let source = try ImageArchive.open(
        reference,
        cache: cache,
        limits: limits.documents
      ) { count, total in
        progress.set(count, of: total)
      }
      // A Docker archive's source has only the image that was chosen.
      return try ImageResolver(platform: platform).resolve(
        reference.text,
        name: reference.format == .oci ? reference.name : nil,
        digest: reference.digest,
        in: source
      )
    }
  }

  // MARK: Registries

  /// The image that a name means: by the cache, or by a registry.
  func registered(_ reference: RegistryReference) async throws -> ResolvedImage {
    let names = try Self.names(for: reference)
    let directory = try cache()
    let cache = try ImageCache(directory)
    if policy != .always {
      for name in names {
        if let image = try cache.image(name, platform: platform) { return image }
      }
    }
    if policy == .never { throw try absence(of: names, in: cache) }
    let pulled = try await pull(
      names,
      into: cache,
      LayerStore.noting(cache: directory, limits: limits.layers)
    )
    if tellsResolved {
      progress.say(pulled.name.text, is: pulled.image.digest.description)
    }
    return pulled.image
  }

  /// The full names that a name may stand for, the one to be tried first at the beginning.
  ///
  /// Only short names depend on the configuration.
  static func names(for reference: RegistryReference) throws -> [ImageName] {
    if reference.domain != nil { return [reference.dockerName] }
    return try RegistriesConfiguration.load(places).names(for: reference)
  }

  private static var places: ConfigurationPlaces {
    ConfigurationPlaces(environment: ProcessInfo.processInfo.environment, userID: geteuid())
  }

  private func absence(
    of names: [ImageName],
    in cache: ImageCache
  ) throws(ImageStoreError) -> CommandFailure {
    let texts = Set(names.map(\.text))
    let platforms = try cache.images().compactMap { image -> String? in
      guard let name = image.name, texts.contains(name), image.isComplete else { return nil }
      return image.platform?.description
    }
    for name in names {
      guard let fault = try cache.absence(in: name, platform: platform) else { continue }
      return CommandFailure(
        .notFound,
        "\(name.text): not whole in the cache: \(fault)",
        hint: "fetch the rest with banger-fs pull, or leave --offline and --pull never out"
      )
    }
    let subject = names.map(\.text).joined(separator: ", ")
    guard platforms.isEmpty else {
      return CommandFailure(
        .notFound,
        "\(subject): not in the cache for \(platform); there is "
          + platforms.joined(separator: ", "),
        hint: "choose one with --platform, or leave --offline and --pull never out"
      )
    }
    return CommandFailure(
      .notFound,
      "\(subject): not in the cache, and no registry may be asked",
      hint: "fetch it first with banger-fs pull, or leave --offline and --pull never out"
    )
  }

  // MARK: Pulling

  private func pull(
    _ names: [ImageName],
    into cache: ImageCache,
    _ layers: LayerStore
  ) async throws -> (name: ImageName, image: ResolvedImage) {
    let settings = try settings()
    // The network library ignores it, and the results of this command may go into a pipe.
    let pipeSignal = signal(SIGPIPE, SIG_IGN)
    let puller = ImagePuller(settings, cache: cache)
    let result = await Result { [self] in
      try await cancellingOnSignals(endsOnSecond: true) {
        try await first(of: names, puller, layers)
      }
    }
    await puller.shutdown()
    signal(SIGPIPE, pipeSignal)
    return try result.get()
  }

  /// The first of the names that a registry has; else the failure that says most.
  private func first(
    of names: [ImageName],
    _ puller: ImagePuller,
    _ layers: LayerStore
  ) async throws -> (name: ImageName, image: ResolvedImage) {
    var failure: RegistryError?
    for name in names {
      do throws(RegistryError) {
        return (name, try await pull(name, puller, layers))
      } catch {
        progress.end(isComplete: false)
        if error == .cancelled { throw error }
        if failure == nil || failure?.kind == .notFound { failure = error }
      }
    }
    throw failure ?? .noSource
  }

  private func pull(
    _ name: ImageName,
    _ puller: ImagePuller,
    _ layers: LayerStore
  ) async throws(RegistryError) -> ResolvedImage {
    let progress = progress
    progress.begin(ProgressActivity(kind: .pull, title: "pulling", subject: name.text))
    let image = try await puller.pull(
      name,
      platform: platform,
      events: { event in
        if let event = ProgressEvent(event) { progress.tell(event) }
        if case .resolved(let name, let digest, _) = event {
          progress.record(name.text, is: digest.description)
        }
      },
      follow: { layers.follow($0, diffID: $1) }
    )
    progress.end()
    return image
  }

  private func settings() throws -> PullSettings {
    let places = Self.places
    let environment = places.environment
    let registries = try RegistriesConfiguration.load(places)
    var settings = PullSettings(
      registries: registries,
      credentials: CredentialStore(
        places,
        authFile: registry.authFile.map { FilePath($0) },
        helpers: registries.credentialHelpers
      ),
      certificates: CertificateDirectories(
        places,
        directory: registry.certificateDirectory.map { FilePath($0) }
      ),
      proxies: try ProxySettings(environment: environment),
      authorities: TrustedAuthorities(environment: environment)
    )
    settings.allowsForeignLayers = registry.allowsForeignLayers
    settings.parallelDownloads = registry.jobs
    settings.documents = limits.documents
    settings.userAgent = "banger-fs/\(version)"
    return settings
  }
}

extension ProgressEvent {
  /// `nil` for what is told in another way.
  init?(_ event: PullEvent) {
    switch event {
    case .resolved: return nil
    case .layers(let layers):
      self = .steps(
        layers.map { ProgressStep(id: $0.digest.description, byteCount: $0.byteCount) }
      )
    case .present(let digest): self = .present(digest.description)
    case .waiting(let digest): self = .waiting(digest.description)
    case .started(let digest, let from): self = .started(digest.description, from: from)
    case .received(let digest, let count):
      self = .received(digest.description, UInt64(clamping: count))
    case .restarted(let digest): self = .restarted(digest.description)
    case .retrying(let digest, let reason, let after):
      self = .retrying(digest?.description, reason: reason, after: after / .seconds(1))
    case .finished(let digest): self = .finished(digest.description)
    }
  }
}

extension Result where Failure == any Error {
  init(_ body: () async throws -> Success) async {
    do { self = .success(try await body()) } catch { self = .failure(error) }
  }
}
