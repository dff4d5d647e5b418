// What must never leave for where it does not belong, and what must not be said in the open.

import OCISpec
import TestKit
import TestRegistry
import Testing

@testable import Registry

struct SecurityTests {
  private static let image = TestImage(layerByteCounts: [5_000])
  private static let anna = ["anna": "secret"]

  // MARK: In the open

  @Test(arguments: [
    "localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.9.8.7", "127.1", "0x7f.1",
    "2130706433", "::1", "0:0::1", "::ffff:127.0.0.1",
  ])
  func `what stays on this machine may be said openly, and to no proxy`(host: String) throws {
    #expect(HostAddress.isThisMachine(host))
    let proxies = try ProxySettings(environment: ["ALL_PROXY": "http://p.example"])
    #expect(proxies.proxy(for: host, isSecure: false) == nil)
  }

  /// Places that nobody may send us to, as if they were this machine, but that others may answer for.
  @Test(arguments: [
    "x.localhost", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "localhost.example", "::",
    "0.0.0.0", "10.0.0.1", "::2", "fe80::1%lo",
  ])
  func `what may leave this machine is protected`(host: String) throws {
    #expect(!HostAddress.isThisMachine(host))
    let proxies = try ProxySettings(environment: ["ALL_PROXY": "http://p.example"])
    #expect(proxies.proxy(for: host, isSecure: false) != nil)
  }

  @Test func `a name below localhost is no reason to speak openly`() throws {
    func isLoopback(_ name: String) throws -> Bool {
      PullSource(name: try imageName(name), isInsecure: false, isMirror: false).isLoopback
    }
    #expect(try !isLoopback("registry.localhost:5000/app"))
    #expect(try isLoopback("localhost:5000/app"))
  }

  @Test func `no password goes openly from this machine to a token service elsewhere`() async throws
  {
    let issuer = TokenIssuer(.init { $0.accounts = Self.anna })
    let realm = "http://192.0.2.1/token"
    let registry = try ScriptedRegistry(authentication: .bearer(issuer, realm: realm))
    Self.image.push(to: registry.contents, "app")
    let place = try PullPlace()
    try place.logIn(registry.domain)
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.fault == .refusedRealm(.plainText(realm)))
  }

  // MARK: Elsewhere

  @Test(arguments: ["https://127.0.0.1/x", "https://localhost:8443/x", "https://[::1]/x"])
  func `X17: a registry on a private network sends nobody to this machine`(location: String) throws
  {
    let origin = try #require(WebLocation("https://10.0.0.1/"))
    #expect(throws: RefusedLocation.privateAddress(location)) {
      try RedirectRules(origin: origin).next(location, from: origin)
    }
  }

  @Test func `a challenge of another server is not this registry's`() async throws {
    let issuer = TokenIssuer(.init { $0.accounts = Self.anna })
    let other = try ScriptedRegistry(authentication: .bearer(issuer))
    let registry = try ScriptedRegistry()
    Self.image.push(to: registry.contents, "app")
    registry.on(.ping, .redirect(to: "\(other.url)/v2/"))
    let place = try PullPlace()
    try place.logIn(registry.domain)
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.error == nil)
    #expect(other.requests.map(\.line) == ["GET /v2/"])
    #expect((registry.requests + other.requests).allSatisfy { $0.authorization == nil })
  }

  @Test func `a refusal of a token service is about the registry that it serves`() async throws {
    let issuer = TokenIssuer(.init { $0.accounts = Self.anna })
    let service = try ScriptedRegistry(authentication: .bearer(issuer))
    let registry = try ScriptedRegistry(
      authentication: .bearer(issuer, realm: "\(service.url)/token")
    )
    let place = try PullPlace()
    try place.logIn(registry.domain, password: "wrong")
    let failure = try #require(try await place.pull("\(registry.domain)/app:latest").failure)
    #expect(failure.fault.kind == .notPermitted)
    // Whoever logs in again does so there.
    #expect((failure.target, failure.host) == (.token, registry.domain))
    #expect(failure.via == service.domain)
  }

  @Test func `a token that a registry says back is not shown`() async throws {
    let issuer = TokenIssuer(.init { $0.accounts = Self.anna })
    let registry = try ScriptedRegistry(authentication: .bearer(issuer))
    registry.on(
      .anyManifest,
      .authorized { .error(403, "DENIED", "no access with \($0.authorization ?? "nothing")") }
    )
    let place = try PullPlace()
    try place.logIn(registry.domain)
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.fault == .denied(.from("~/.docker/config.json"), nil))
  }

  // MARK: Proxies

  @Test func `a proxy that cannot be reached is told from the registry`() async throws {
    // A port that was free a moment ago.
    let port = try ScriptedRegistry().port
    let proxy = "http://anna:s3cret@127.0.0.1:\(port)"
    let outcome = try await PullPlace().pull(
      "registry.test/app:latest",
      environment: ["HTTPS_PROXY": proxy]
    )
    guard case .proxy(let reason) = outcome.fault else {
      Issue.record("\(String(describing: outcome.error))")
      return
    }
    #expect(reason.hasPrefix("cannot connect to http://127.0.0.1:\(port): "))
    #expect(!"\(outcome.events) \(String(reflecting: outcome.error))".contains("s3cret"))
  }
}
