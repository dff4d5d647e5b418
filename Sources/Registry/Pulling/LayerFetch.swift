// One layer on its way into the cache: found there, waited for, or fetched, from the registries or,
// with the user's leave, from where its manifest says.

import ImageStore
import OCISpec

/// A layer of an image, each digest once.
struct WantedLayer: Sendable {
  let descriptor: Descriptor
  let diffID: Digest
  /// Addresses outside of the registry.
  let addresses: [String]
}

/// Brings one layer into the cache.
struct LayerFetch: Sendable {
  let layer: WantedLayer
  let cache: ImageCache
  let sessions: SourceSessions
  let settings: PullSettings
  let events: @Sendable (PullEvent) -> Void
  let follow: @Sendable (BlobIngest, _ diffID: Digest) -> Void

  private var descriptor: Descriptor { layer.descriptor }
  private var digest: Digest { layer.descriptor.digest }

  /// How often another process's download is looked at: 5 times a second.
  private static let pollInterval = Duration.milliseconds(200)

  private enum Start: Sendable {
    case present(BlobFile)
    case ingest(BlobIngest)
  }

  /// Returns the layer's blob, held.
  func run() async throws(RegistryError) -> BlobFile {
    switch try await start() {
    case .present(let blob):
      events(.present(digest))
      return blob
    case .ingest(let ingest):
      events(.started(digest, from: ingest.byteCount))
      let follower = FollowerThread("banger-fs.follow") { [follow, layer] in
        follow(ingest, layer.diffID)
      }
      let outcome: Result<BlobFile, RegistryError>
      do throws(RegistryError) {
        outcome = .success(try await download(ingest))
      } catch {
        outcome = .failure(error)
        // What is there stays for the next run, and whoever follows is told.
        await BlockingWork.run { ingest.abandon() }
      }
      await follower.join()
      let blob = try outcome.get()
      events(.finished(digest))
      return blob
    }
  }

  /// The blob where it is, else the right to download it, as soon as nobody else has it.
  private func start() async throws(RegistryError) -> Start {
    var hasWaited = false
    while true {
      if Task.isCancelled { throw .cancelled }
      if let start = try await look() { return start }
      if !hasWaited { events(.waiting(digest)) }
      hasWaited = true
      do { try await Task.sleep(for: Self.pollInterval) } catch { throw .cancelled }
    }
  }

  private func look() async throws(RegistryError) -> Start? {
    do {
      return try await BlockingWork.run {
        [cache, descriptor] () throws(ImageStoreError) -> Start? in
        if let blob = try cache.openBlob(descriptor) { return .present(blob) }
        guard let ingest = try cache.tryIngest(descriptor) else { return nil }
        // Whoever had it before may just have finished.
        if let blob = try cache.openBlob(descriptor) {
          ingest.abandon()
          return .present(blob)
        }
        return .ingest(ingest)
      }
    } catch {
      throw .store(error)
    }
  }

  private func download(_ ingest: BlobIngest) async throws(RegistryError) -> BlobFile {
    do {
      return try await sessions.first { (session, hasAlternative) throws(PullFault) in
        try await download(ingest, .registry(session), hasAlternative: hasAlternative)
      }
    } catch .failed(let failure, let mirrors) where descriptor.isForeign {
      guard settings.allowsForeignLayers else {
        if layer.addresses.isEmpty { throw .failed(failure, mirrors: mirrors) }
        throw .foreignLayer(digest, failure)
      }
      return try await downloadElsewhere(ingest, after: failure, mirrors)
    }
  }

  private func downloadElsewhere(
    _ ingest: BlobIngest,
    after failure: RequestFailure,
    _ mirrors: [RequestFailure]
  ) async throws(RegistryError) -> BlobFile {
    var failures = mirrors + [failure]
    let session = try await sessions.current()
    for (position, address) in layer.addresses.enumerated() {
      do throws(PullFault) {
        let rules = try await rules(of: session)
        let place: WebLocation
        do {
          place = try rules.foreignLayer(address)
        } catch {
          throw .request(session.failure(.refusedLocation(error), .layer(digest)))
        }
        let hasAlternative = position + 1 < layer.addresses.count
        return try await download(
          ingest,
          .elsewhere(place, session),
          hasAlternative: hasAlternative
        )
      } catch {
        failures.append(try SourceSessions.survivable(error))
      }
    }
    guard let last = failures.popLast() else { throw .noSource }
    throw .failed(last, mirrors: failures)
  }

  private func rules(of session: RegistrySession) async throws(PullFault) -> RedirectRules {
    do { return try await session.rules() } catch { throw .request(error) }
  }

  private func download(
    _ ingest: BlobIngest,
    _ origin: BlobOrigin,
    hasAlternative: Bool
  ) async throws(PullFault) -> BlobFile {
    let download = BlobDownload(
      ingest: ingest,
      origin: origin,
      retries: settings.retries,
      hasAlternative: hasAlternative,
      events: events
    )
    return try await download.run()
  }
}
