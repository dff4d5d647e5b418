// The registries that can have an image, mirrors first, and the order in which they are asked. A
// registry is greeted, and credentials for it are looked up, only when its turn comes.

import ImageStore
import OCISpec

/// The sessions of one pull.
actor SourceSessions {
  nonisolated let sources: [PullSource]
  private nonisolated let settings: PullSettings
  private nonisolated let transport: HTTPTransport
  private var sessions: [Int: RegistrySession] = [:]
  /// The source that gave something last: it is asked first from then on.
  private var preferred = 0

  init(_ sources: [PullSource], settings: PullSettings, transport: HTTPTransport) {
    self.sources = sources
    self.settings = settings
    self.transport = transport
  }

  /// Asks one source after another until one gives.
  ///
  /// A failure of this machine ends the search; so does cancelling. `ask` is told whether there is
  /// another source left.
  nonisolated func first<Value: Sendable>(
    _ ask: @Sendable (RegistrySession, _ hasAlternative: Bool) async throws(PullFault) -> Value
  ) async throws(RegistryError) -> Value {
    var failures: [RequestFailure] = []
    let order = await order
    for (position, index) in order.enumerated() {
      let session = try await session(index)
      do throws(PullFault) {
        let value = try await ask(session, position + 1 < order.count)
        await prefer(index)
        return value
      } catch {
        failures.append(try Self.survivable(error))
      }
      if Task.isCancelled { throw .cancelled }
    }
    guard let last = failures.popLast() else { throw .noSource }
    throw .failed(last, mirrors: failures)
  }

  /// The failure of a source, where another one may do better.
  static func survivable(_ fault: PullFault) throws(RegistryError) -> RequestFailure {
    switch fault {
    case .cancelled: throw .cancelled
    case .store(let error): throw .store(error)
    case .request(let failure):
      guard failure.fault != .cancelled else { throw .cancelled }
      return failure
    }
  }

  /// The source that gave something last.
  func current() async throws(RegistryError) -> RegistrySession { try await session(preferred) }

  private var order: [Int] {
    [preferred] + sources.indices.filter { $0 != preferred }
  }

  private func prefer(_ index: Int) { preferred = index }

  private func session(_ index: Int) async throws(RegistryError) -> RegistrySession {
    guard sources.indices.contains(index) else { throw .noSource }
    if let session = sessions[index] { return session }
    let source = sources[index]
    let trust = try HostTrust(
      source,
      certificates: settings.certificates,
      authorities: settings.authorities
    )
    let credentials = try await settings.credentials.credentials(for: source)
    // Somebody else may have begun a session in the meantime.
    if let session = sessions[index] { return session }
    let session = RegistrySession(
      source,
      client: WebClient(transport: transport, trust: trust, limits: settings.limits),
      credentials: credentials
    )
    sessions[index] = session
    return session
  }
}
