// TLS with registries: who is trusted, who is shown a certificate of ours, and when a plain connection
// will do.

import OCISpec
import Registry
import TestKit
import TestRegistry
import Testing

// One after another: all at once, suspended half-way, they would hold thousands of files open.
@Suite(.serialized) struct TrustTests {
  static let image = TestImage(layerByteCounts: [3000])

  private func registry(
    _ identity: ServerIdentity?,
    _ authentication: ScriptedRegistry.Authentication = .none
  ) throws -> ScriptedRegistry {
    let registry = try ScriptedRegistry(authentication: authentication, tls: identity)
    Self.image.push(to: registry.contents, "app")
    return registry
  }

  private func sharedIdentity() throws -> ServerIdentity {
    ServerIdentity(try TestAuthority.sharedServer)
  }

  @Test func `a certificate of nobody we trust is refused`() async throws {
    let registry = try registry(try sharedIdentity())
    let place = try PullPlace()
    try place.logIn(registry.domain)
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(
      outcome.fault == .certificate("it was issued by nobody we trust, or is not valid now")
    )
    #expect(outcome.error?.kind == .unavailable)
    // Not a word was said, plainly or not.
    #expect(registry.requests == [])
  }

  @Test(arguments: [
    "root/etc/containers/certs.d", "root/etc/docker/certs.d", "home/.config/containers/certs.d",
  ])
  func `an authority of the user's is trusted, for that registry`(
    _ directory: String
  ) async throws {
    let registry = try registry(try sharedIdentity())
    let other = try self.registry(try sharedIdentity())
    let place = try PullPlace()
    try place.copy(
      try TestAuthority.shared.certificateFile,
      to: "\(directory)/\(registry.domain)/ours.crt"
    )
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.error == nil)
    #expect(try place.blobs() == Self.image.parts)
    let refused = try await place.pull("\(other.domain)/app:latest")
    #expect(refused.fault?.isCertificate == true)
    #expect(other.requests == [])
  }

  @Test func `an authority of the environment's is trusted`() async throws {
    let registry = try registry(try sharedIdentity())
    let place = try PullPlace()
    let variable = ["SSL_CERT_FILE": try TestAuthority.shared.certificateFile]
    let outcome = try await place.pull("\(registry.domain)/app:latest") {
      $0.authorities = TrustedAuthorities(environment: variable)
    }
    #expect(outcome.error == nil)
  }

  @Test func `a certificate for another name is refused`() async throws {
    let authority = try TestAuthority()
    let identity = try authority.server("elsewhere", names: ["DNS:elsewhere.test"])
    let registry = try registry(ServerIdentity(identity))
    let place = try PullPlace()
    try place.trust(authority, for: registry.domain)
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.fault == .certificate("it was made out for another name"))
    #expect(registry.requests == [])
  }

  @Test func `an insecure registry may be anybody`() async throws {
    let registry = try registry(try sharedIdentity())
    let place = try PullPlace()
    try place.write(
      "root/etc/containers/registries.conf",
      "[[registry]]\nlocation = \"\(registry.domain)\"\ninsecure = true\n"
    )
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.error == nil)
    #expect(registry.requests(.anyBlob).count == 2)
  }

  // MARK: Certificates of ours

  @Test func `a registry that wants a certificate gets ours`() async throws {
    let authority = try TestAuthority.shared
    let registry = try registry(
      ServerIdentity(try TestAuthority.sharedServer, clients: authority)
    )
    let place = try PullPlace()
    try place.trust(authority, for: registry.domain)
    let without = try await place.pull("\(registry.domain)/app:latest")
    guard case .clientCertificate? = without.fault else {
      Issue.record("\(String(describing: without.error))")
      return
    }
    #expect(registry.requests == [])
    let ours = try authority.client("anna")
    let directory = "root/etc/containers/certs.d/\(registry.domain)"
    try place.copy(ours.certificateFile, to: "\(directory)/client.cert")
    try place.copy(ours.keyFile, to: "\(directory)/client.key")
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.error == nil)
    #expect(Set(registry.requests.map(\.clientCertificate)) == ["anna"])
  }

  @Test func `a registry does not take anybody's certificate`() async throws {
    let authority = try TestAuthority.shared
    let registry = try registry(
      ServerIdentity(try TestAuthority.sharedServer, clients: authority)
    )
    let ours = try TestAuthority().client("eve")
    let place = try PullPlace()
    try place.trust(authority, for: registry.domain)
    let directory = "root/etc/containers/certs.d/\(registry.domain)"
    try place.copy(ours.certificateFile, to: "\(directory)/client.cert")
    try place.copy(ours.keyFile, to: "\(directory)/client.key")
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    guard case .clientCertificate? = outcome.fault else {
      Issue.record("\(String(describing: outcome.error))")
      return
    }
    #expect(registry.requests == [])
  }

  @Test func `no other place is shown our certificate`() async throws {
    let authority = try TestAuthority.shared
    let wanting = ServerIdentity(try TestAuthority.sharedServer, clients: authority)
    let registry = try registry(wanting)
    let other = try ScriptedRegistry(contents: registry.contents, tls: wanting)
    let layer = Self.image.layers[0].digest
    registry.on(.blob(layer), .redirect(to: other.fileURL(layer)))
    let ours = try authority.client("anna")
    let place = try PullPlace()
    for domain in [registry.domain, other.domain] {
      let directory = "root/etc/containers/certs.d/\(domain)"
      try place.trust(authority, for: domain)
      try place.copy(ours.certificateFile, to: "\(directory)/client.cert")
      try place.copy(ours.keyFile, to: "\(directory)/client.key")
    }
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    guard case .clientCertificate? = outcome.fault else {
      Issue.record("\(String(describing: outcome.error))")
      return
    }
    #expect(other.requests == [])
  }

  // MARK: Plain connections

  @Test func `a plain registry on this machine is found`() async throws {
    let registry = try registry(nil, .basic(["anna": "secret"]))
    let place = try PullPlace()
    try place.logIn(registry.domain)
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.error == nil)
  }

  @Test func `a registry with a bad certificate is not asked plainly`() async throws {
    let registry = try registry(try sharedIdentity())
    let outcome = try await PullPlace().pull("\(registry.domain)/app:latest")
    #expect(outcome.fault?.isCertificate == true)
    // Once for the greeting, and no second try without protection.
    #expect(registry.connectionCount == 1)
  }

  @Test func `nobody at home`() async throws {
    let domain: String
    do {
      let registry = try registry(nil)
      domain = registry.domain
      _ = try await PullPlace().pull("\(domain)/app:latest")
    }
    // Its port is free from here on, and given to others only when all free ones were given.
    let outcome = try await PullPlace().pull("\(domain)/app:latest")
    guard case .unreachable? = outcome.fault else {
      Issue.record("\(String(describing: outcome.error))")
      return
    }
    #expect(outcome.error?.kind == .unavailable)
  }
}
