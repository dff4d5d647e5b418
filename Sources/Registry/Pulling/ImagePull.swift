// The steps of one pull: manifest, configuration, layers side by side, name.
// Source: OCI distribution-spec 1.1, "Pull".

import ImageStore
import OCISpec

/// One image on its way into the cache.
struct ImagePull: Sendable {
  let name: ImageName
  let platform: Platform
  let cache: ImageCache
  let sessions: SourceSessions
  let settings: PullSettings
  let events: @Sendable (PullEvent) -> Void
  let follow: @Sendable (BlobIngest, _ diffID: Digest) -> Void

  /// The documents of the image, all of them in the cache and held there.
  private struct Documents: Sendable {
    let manifest: Descriptor
    let platform: Platform
    let layers: [WantedLayer]
    let held: [BlobFile]
  }

  func run() async throws(RegistryError) -> ResolvedImage {
    if let image = try await unchanged() { return image }
    let top = try await fetch { (documents) throws(PullFault) in
      let found = try await documents.manifest(name)
      return (found, documents.session.source.host)
    }
    events(.resolved(name, digest: top.0.descriptor.digest, from: top.1))
    let documents = try await documents(below: top.0)
    events(.layers(documents.layers.map(\.descriptor)))
    let blobs = try await layers(documents.layers)
    let isIndex = top.0.descriptor.mediaType.kind == .index
    let image = try await record(
      RecordedImage(
        name: name,
        manifest: documents.manifest,
        platform: documents.platform,
        indexDigest: isIndex ? top.0.descriptor.digest : nil
      )
    )
    // Held up to here, so that nobody prunes what has no name yet.
    withExtendedLifetime((documents.held, blobs)) {}
    return image
  }

  /// The image of the cache, where its registry says that the name still means it.
  private func unchanged() async throws(RegistryError) -> ResolvedImage? {
    guard let image = try await cached(name) else { return nil }
    guard let tag = name.tag else { return image }
    let (digest, host) = try await fetch { (documents) throws(PullFault) in
      (try await documents.digest(ofTag: tag), documents.session.source.host)
    }
    guard let digest, try await cached(name.at(digest))?.digest == image.digest else {
      return nil
    }
    let layers = Self.unique(image.manifest.layers)
    events(.resolved(name, digest: digest, from: host))
    events(.layers(layers))
    for layer in layers { events(.present(layer.digest)) }
    return image
  }

  private func cached(_ name: ImageName) async throws(RegistryError) -> ResolvedImage? {
    try await store { [cache, platform] () throws(ImageStoreError) -> ResolvedImage? in
      do throws(ImageStoreError) {
        return try cache.image(name, platform: platform)
      } catch {
        // What is wrong in the cache is fetched again.
        if error.kind == .invalid || error.kind == .notFound { return nil }
        throw error
      }
    }
  }

  // MARK: Documents

  private func documents(below top: FetchedDocument) async throws(RegistryError) -> Documents {
    var selection = ImageSelection(name, platform, limits: settings.documents) {
      (nested) throws(RegistryError) in
      try await fetch { (documents) throws(PullFault) in try await documents.manifest(nested) }
    }
    let selected = try await selection.choose(below: top)
    let descriptor = selected.descriptor
    let (manifestFile, manifestBytes) = try await document(descriptor, selected.bytes) {
      (documents) throws(PullFault) in
      try await documents.manifest(descriptor).bytes
    }
    let manifest = try parsing(descriptor.digest) { () throws(SpecError) in
      try ImageManifest(
        parsing: manifestBytes,
        as: descriptor.mediaType,
        limits: settings.documents
      )
    }
    let (configurationFile, configurationBytes) = try await document(manifest.configuration, nil) {
      (documents) throws(PullFault) in
      try await documents.configuration(manifest.configuration)
    }
    let configuration = try parsing(manifest.configuration.digest) { () throws(SpecError) in
      try ImageConfiguration(
        parsing: configurationBytes,
        layerCount: manifest.layers.count,
        limits: settings.documents
      )
    }
    if selected.mustMatchPlatform,
      Platform.best(for: platform, among: [configuration.platform]) == nil
    {
      throw .noSuchPlatform(name.text, platform, available: [configuration.platform])
    }
    return Documents(
      manifest: descriptor,
      platform: descriptor.platform ?? configuration.platform,
      layers: Self.layers(manifest, configuration, manifestBytes),
      held: [manifestFile, configurationFile]
    )
  }

  /// A document from the cache, else as given, else from a registry; then it is in the cache.
  private func document(
    _ descriptor: Descriptor,
    _ given: [UInt8]?,
    _ ask: @Sendable (DocumentFetch) async throws(PullFault) -> [UInt8]
  ) async throws(RegistryError) -> (BlobFile, [UInt8]) {
    let limit = settings.documents.documentByteCount
    if given == nil, descriptor.byteCount <= limit {
      let present = try await store { [cache] () throws(ImageStoreError) -> (BlobFile, [UInt8])? in
        try Self.read(descriptor, in: cache)
      }
      if let present { return present }
    }
    let bytes: [UInt8]
    if let given { bytes = given } else { bytes = try await fetch(ask) }
    let file = try await store { [cache] () throws(ImageStoreError) in
      try cache.store(bytes, as: descriptor)
    }
    return (file, bytes)
  }

  /// A document of the cache, unless its content is not what its name says.
  private static func read(
    _ descriptor: Descriptor,
    in cache: ImageCache
  ) throws(ImageStoreError) -> (BlobFile, [UInt8])? {
    guard let file = try cache.openBlob(descriptor) else { return nil }
    var bytes = [UInt8](repeating: 0, count: Int(descriptor.byteCount))
    try bytes.withUnsafeMutableBytes { buffer in
      Result { () throws(ImageStoreError) in _ = try file.read(at: 0, into: buffer) }
    }.get()
    let actual = DigestHasher.digest(of: bytes, descriptor.digest.algorithm)
    return actual == descriptor.digest ? (file, bytes) : nil
  }

  private static func layers(
    _ manifest: ImageManifest,
    _ configuration: ImageConfiguration,
    _ manifestBytes: [UInt8]
  ) -> [WantedLayer] {
    let foreign = ForeignLayers(manifest: manifestBytes)
    var seen: Set<Digest> = []
    return zip(manifest.layers, configuration.diffIDs).enumerated().compactMap { index, pair in
      guard seen.insert(pair.0.digest).inserted else { return nil }
      let addresses = pair.0.isForeign ? foreign.addresses(ofLayer: index) : []
      return WantedLayer(descriptor: pair.0, diffID: pair.1, addresses: addresses)
    }
  }

  private static func unique(_ layers: [Descriptor]) -> [Descriptor] {
    var seen: Set<Digest> = []
    return layers.filter { seen.insert($0.digest).inserted }
  }

  // MARK: Layers

  /// Fetches all layers, a few at a time.
  ///
  /// The first failure ends the others.
  private func layers(_ wanted: [WantedLayer]) async throws(RegistryError) -> [BlobFile] {
    typealias Outcome = Result<BlobFile, RegistryError>
    let outcome = await withTaskGroup(of: Outcome.self) { group in
      var waiting = wanted[...]
      func startNext() {
        guard let layer = waiting.popFirst() else { return }
        let fetch = LayerFetch(
          layer: layer,
          cache: cache,
          sessions: sessions,
          settings: settings,
          events: events,
          follow: follow
        )
        group.addTask {
          do throws(RegistryError) { return .success(try await fetch.run()) } catch {
            return .failure(error)
          }
        }
      }
      for _ in 0..<max(settings.parallelDownloads, 1) { startNext() }
      var blobs: [BlobFile] = []
      var failure: RegistryError?
      while let outcome = await group.next() {
        switch outcome {
        case .success(let blob): blobs.append(blob)
        case .failure(let error):
          // Those that are ended by another's failure have nothing to say.
          if failure == nil || failure == .cancelled { failure = error }
          group.cancelAll()
        }
        if failure == nil { startNext() }
      }
      return failure.map { Result<[BlobFile], RegistryError>.failure($0) } ?? .success(blobs)
    }
    return try outcome.get()
  }

  // MARK: Errors and threads

  private func record(_ image: RecordedImage) async throws(RegistryError) -> ResolvedImage {
    try await store { [cache] () throws(ImageStoreError) in
      try cache.record(image)
      return try cache.resolve(image)
    }
  }

  private func fetch<Value: Sendable>(
    _ ask: @Sendable (DocumentFetch) async throws(PullFault) -> Value
  ) async throws(RegistryError) -> Value {
    try await sessions.first { (session, hasAlternative) throws(PullFault) in
      let documents = DocumentFetch(
        session: session,
        hasAlternative: hasAlternative,
        limits: settings.documents,
        retries: settings.retries,
        events: events
      )
      return try await ask(documents)
    }
  }

  private func store<Value: Sendable>(
    _ work: @escaping @Sendable () throws(ImageStoreError) -> Value
  ) async throws(RegistryError) -> Value {
    do { return try await BlockingWork.run(work) } catch { throw .store(error) }
  }

  private func parsing<Value>(
    _ digest: Digest,
    _ read: () throws(SpecError) -> Value
  ) throws(RegistryError) -> Value {
    do { return try read() } catch { throw .invalidDocument(name.text, digest, error) }
  }
}
