// From the full name of an image to the image in the cache: which manifest is meant, which of its
// blobs are missing, and the name at the end, when all of them are there and held.

package import ImageStore
package import OCISpec

/// Pulls images into one cache.
///
/// Usable from any task, for several images at once. `shutdown` is to be called in the end.
package final class ImagePuller: Sendable {
  private let settings: PullSettings
  private let cache: ImageCache
  private let transport: HTTPTransport

  package init(_ settings: PullSettings, cache: ImageCache) {
    self.settings = settings
    self.cache = cache
    transport = HTTPTransport(
      limits: settings.limits,
      proxies: settings.proxies,
      userAgent: settings.userAgent
    )
  }

  /// Fetches what is missing of an image, and gives it its name in the cache.
  ///
  /// When the task is cancelled it returns soon; what has been fetched is kept for the next time.
  /// `events` is told what happens, from any thread, and must not block. `follow` is called for each
  /// layer that is downloaded, on a thread of its own, where it may wait for the bytes; all of these
  /// threads have ended when this returns or throws.
  ///
  /// - Throws: the reason; `.cancelled`.
  package func pull(
    _ name: ImageName,
    platform: Platform,
    events: @escaping @Sendable (PullEvent) -> Void,
    follow: @escaping @Sendable (BlobIngest, _ diffID: Digest) -> Void
  ) async throws(RegistryError) -> ResolvedImage {
    let sources = try settings.registries.sources(for: name)
    let sessions = SourceSessions(sources, settings: settings, transport: transport)
    let pull = ImagePull(
      name: name,
      platform: platform,
      cache: cache,
      sessions: sessions,
      settings: settings,
      events: events,
      follow: follow
    )
    return try await pull.run()
  }

  /// Closes all connections.
  ///
  /// Nothing may be pulled afterwards.
  package func shutdown() async {
    await transport.shutdown()
  }
}
