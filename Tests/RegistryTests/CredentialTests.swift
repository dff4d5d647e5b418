// Where credentials go and where they do not: told by the logs of both servers, whole.

import Foundation
import OCISpec
import Registry
import TestKit
import TestRegistry
import Testing

// One after another: all at once, suspended half-way, they would hold thousands of files open.
@Suite(.serialized) struct CredentialTests {
  static let image = TestImage(layerByteCounts: [3000])
  static let layer = image.layers[0]
  static let basic = BasicCredentials.encode("anna", "secret")

  /// Another place than the registry's: another port, another host, another scheme.
  enum Elsewhere: String, CaseIterable, Sendable {
    case otherPort, otherHost, otherScheme

    func server(_ contents: RegistryContents) throws -> ScriptedRegistry {
      switch self {
      case .otherPort: try ScriptedRegistry(contents: contents)
      case .otherHost: try ScriptedRegistry(contents: contents, address: "127.0.0.2")
      case .otherScheme:
        try ScriptedRegistry(
          contents: contents,
          tls: ServerIdentity(try TestAuthority.sharedServer)
        )
      }
    }
  }

  enum Kind: String, CaseIterable, Sendable {
    case basic, bearer

    var authentication: ScriptedRegistry.Authentication {
      switch self {
      case .basic: .basic(["anna": "secret"])
      case .bearer:
        .bearer(
          TokenIssuer(
            .init {
              $0.accounts = ["anna": "secret"]
              $0.allowsAnonymous = false
            }
          )
        )
      }
    }
  }

  @Test(arguments: Elsewhere.allCases, Kind.allCases)
  func `X16: no credentials follow to another place`(
    _ elsewhere: Elsewhere,
    _ kind: Kind
  ) async throws {
    let registry = try ScriptedRegistry(authentication: kind.authentication)
    Self.image.push(to: registry.contents, "app")
    let other = try elsewhere.server(registry.contents)
    registry.on(
      .blob(Self.layer.digest),
      .authorized { _ in .redirect(to: other.fileURL(Self.layer.digest, query: "?signature=xyzzy"))
      }
    )
    let place = try PullPlace()
    // As bad as can be: there are credentials for the other place too.
    try place.logIn(registry.domain, other.domain)
    if elsewhere == .otherScheme { try place.trust(try TestAuthority.shared, for: registry.domain) }
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.error == nil)
    #expect(try place.blobs() == Self.image.parts)
    #expect(other.requests.map(\.line) == ["GET /files/\(Self.layer.digest)?signature=xyzzy"])
    for request in other.requests {
      #expect(request.authorization == nil)
      #expect(request["Cookie"] == nil)
      #expect(!request.headers.contains { $0.value.contains("token-") })
    }
    let asked = registry.requests(.blob(Self.layer.digest)).compactMap(\.authorization)
    #expect(asked.count == 1)
    #expect(asked.allSatisfy { $0 == Self.basic || $0.hasPrefix("Bearer token-") })
  }

  @Test func `credentials stay on the way at the same place`() async throws {
    let registry = try ScriptedRegistry(authentication: .basic(["anna": "secret"]))
    Self.image.push(to: registry.contents, "app")
    registry.on(
      .blob(Self.layer.digest),
      .authorized { _ in .redirect(to: "/files/\(Self.layer.digest)") }
    )
    let place = try PullPlace()
    try place.logIn(registry.domain)
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.error == nil)
    #expect(registry.requests(.prefix("/files/")).map(\.authorization) == [Self.basic])
  }

  @Test func `credentials do not come back on the way back`() async throws {
    let registry = try ScriptedRegistry(authentication: .basic(["anna": "secret"]))
    let other = try ScriptedRegistry()
    Self.image.push(to: registry.contents, "app")
    registry.on(.blob(Self.layer.digest), .authorized { _ in .redirect(to: "\(other.url)/back") })
    other.on(.path("/back"), .redirect(to: registry.fileURL(Self.layer.digest)))
    let place = try PullPlace()
    try place.logIn(registry.domain, other.domain)
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.error == nil)
    #expect(other.requests.map(\.authorization) == [nil])
    #expect(registry.requests(.prefix("/files/")).map(\.authorization) == [nil])
  }

  @Test(arguments: [301, 302, 303, 307, 308])
  func `every redirect is followed`(_ status: Int) async throws {
    let registry = try ScriptedRegistry()
    let other = try ScriptedRegistry(contents: registry.contents)
    Self.image.push(to: registry.contents, "app")
    registry.on(.anyBlob, .redirect(to: "\(other.url)/here", status))
    other.on(
      .path("/here"),
      .nth(1),
      .redirect(to: "files/\(Self.image.configuration.digest)", status)
    )
    other.on(.path("/here"), .nth(2), .redirect(to: "files/\(Self.layer.digest)", status))
    let place = try PullPlace()
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.error == nil)
    #expect(try place.blobs() == Self.image.parts)
  }

  @Test func `a range follows a redirect`() async throws {
    let registry = try ScriptedRegistry()
    let other = try ScriptedRegistry(contents: registry.contents)
    let image = TestImage(layerByteCounts: [300_000], isCompressed: false)
    image.push(to: registry.contents, "app")
    let layer = image.layers[0].digest
    registry.on(.blob(layer), .redirect(to: other.fileURL(layer)))
    other.on(.any, .nth(1), .ending(after: 100_000))
    let place = try PullPlace()
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.error == nil)
    #expect(registry.ranges(layer) == ["all", "bytes=100000-"])
    #expect(other.requests.map { $0.range ?? "all" } == ["all", "bytes=100000-"])
  }

  @Test(arguments: [401, 403])
  func `a place that lets nobody in is asked anew, by way of the registry`(
    _ status: Int
  ) async throws {
    let registry = try ScriptedRegistry(authentication: .basic(["anna": "secret"]))
    let other = try ScriptedRegistry(contents: registry.contents)
    Self.image.push(to: registry.contents, "app")
    registry.on(
      .blob(Self.layer.digest),
      .authorized { _ in .redirect(to: other.fileURL(Self.layer.digest)) }
    )
    // As signed addresses that have expired do.
    let challenge = HeaderField("WWW-Authenticate", "Basic realm=\"x\"")
    other.on(.any, .nth(1), .status(status, [challenge]))
    let place = try PullPlace()
    try place.logIn(registry.domain, other.domain)
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.error == nil)
    #expect(registry.requests(.blob(Self.layer.digest)).count == 2)
    #expect(other.requests.map(\.authorization) == [nil, nil])
  }

  @Test func `a greeting that leads elsewhere says nothing about credentials`() async throws {
    let issuer = TokenIssuer(.init { $0.accounts = ["anna": "secret"] })
    let registry = try ScriptedRegistry(authentication: .basic(["anna": "secret"]))
    let other = try ScriptedRegistry(authentication: .bearer(issuer))
    Self.image.push(to: registry.contents, "app")
    registry.on(.ping, .redirect(to: "\(other.url)/v2/"))
    let place = try PullPlace()
    try place.logIn(registry.domain, other.domain)
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.error == nil)
    #expect(other.requests.map(\.line) == ["GET /v2/"])
    #expect(other.requests.map(\.authorization) == [nil])
  }

  // MARK: Where not to go

  /// A `Location` and why nobody goes there; `PORT` is another server's port.
  struct Row: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let location: String
    let fault: RefusedLocation
  }

  static let rows = [
    Row(testDescription: "a file", location: "file:///etc/passwd", fault: .malformed),
    Row(testDescription: "ftp", location: "ftp://127.0.0.1:PORT/a", fault: .malformed),
    Row(testDescription: "no host", location: "http:///a", fault: .malformed),
    Row(
      testDescription: "somebody's credentials",
      location: "http://anna:secret@127.0.0.1:PORT/a",
      fault: .malformed
    ),
    Row(
      testDescription: "the network of a cloud's own services",
      location: "http://169.254.169.254/latest/meta-data",
      fault: .privateAddress("http://169.254.169.254/latest/meta-data")
    ),
    Row(
      testDescription: "no address",
      location: "http://0.0.0.0:PORT/a?b=c",
      fault: .privateAddress("http://0.0.0.0:PORT/a?…")
    ),
    Row(
      testDescription: "no address, in other clothes",
      location: "http://[::ffff:0.0.0.0]:PORT/a",
      fault: .privateAddress("http://[::ffff:0.0.0.0]:PORT/a")
    ),
  ]

  @Test(arguments: rows)
  func `nobody goes to places like that`(_ row: Row) async throws {
    let registry = try ScriptedRegistry()
    let other = try ScriptedRegistry(contents: registry.contents)
    Self.image.push(to: registry.contents, "app")
    let location = row.location.replacing("PORT", with: "\(other.port)")
    registry.on(.blob(Self.layer.digest), .redirect(to: location))
    let outcome = try await PullPlace().pull("\(registry.domain)/app:latest")
    let fault: RefusedLocation =
      if case .privateAddress(let text) = row.fault {
        .privateAddress(text.replacing("PORT", with: "\(other.port)"))
      } else {
        row.fault
      }
    #expect(outcome.fault == .refusedLocation(fault))
    #expect(other.connectionCount == 0)
  }

  @Test(arguments: ["to itself", "to and fro", "on and on"])
  func `redirects without end are followed ten times`(_ way: String) async throws {
    let registry = try ScriptedRegistry()
    let other = try ScriptedRegistry()
    Self.image.push(to: registry.contents, "app")
    let blob = "/v2/app/blobs/\(Self.layer.digest)"
    switch way {
    case "to itself": registry.on(.path(blob), .redirect(to: blob))
    case "to and fro":
      registry.on(.path(blob), .redirect(to: other.url + blob))
      other.on(.path(blob), .redirect(to: registry.url + blob))
    default:
      registry.on(
        .prefix(blob),
        Answer { request, _ in .redirect(to: request.path + "x") }
      )
    }
    let outcome = try await PullPlace().pull("\(registry.domain)/app:latest")
    #expect(outcome.fault == .refusedLocation(.tooMany(limit: 10)))
    #expect((registry.requests + other.requests).count { $0.path.hasPrefix(blob) } == 11)
  }

  @Test func `nobody goes from a protected place to a plain one`() async throws {
    let registry = try ScriptedRegistry(tls: ServerIdentity(try TestAuthority.sharedServer))
    let other = try ScriptedRegistry(contents: registry.contents)
    Self.image.push(to: registry.contents, "app")
    registry.on(.blob(Self.layer.digest), .redirect(to: other.fileURL(Self.layer.digest)))
    let place = try PullPlace()
    try place.trust(try TestAuthority.shared, for: registry.domain)
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(
      outcome.fault
        == .refusedLocation(.plainText("\(other.url)/files/\(Self.layer.digest)"))
    )
    #expect(other.connectionCount == 0)
  }

  // MARK: Secrets in words

  @Test func `X20: no error and no event holds a secret`() async throws {
    let issuer = TokenIssuer(.init { $0.accounts = ["anna": "pa55word"] })
    let registry = try ScriptedRegistry(authentication: .bearer(issuer))
    let other = try ScriptedRegistry()
    Self.image.push(to: registry.contents, "app")
    var words = ""
    let answers: [Answer] = [
      .redirect(to: "\(other.url)/gone?X-Amz-Signature=51gnature"),
      .redirect(to: "http://0.0.0.0/gone?X-Amz-Signature=51gnature"),
      .authorized { _ in .error(403, "DENIED") },
      .authorized { _ in .error(401, "UNAUTHORIZED") },
      .authorized { _ in .error(503, "UNAVAILABLE") },
      .stopping(at: .body(10), .close),
    ]
    for answer in answers {
      registry.removeRules()
      registry.on(.blob(Self.layer.digest), answer)
      let place = try PullPlace()
      try place.logIn(registry.domain, password: "pa55word")
      let outcome = try await place.pull("\(registry.domain)/app:latest")
      let error = try #require(outcome.error)
      words += "\(error) \(String(reflecting: error)) \(outcome.events)"
      dump(error, to: &words)
    }
    for secret in ["pa55word", "51gnature", "token-", Self.basic, "Bearer "] {
      #expect(!words.contains(secret))
    }
    #expect(words.contains("~/.docker/config.json"))
  }
}

extension Answer {
  /// Answers so only who is let in; the others get the truth.
  static func authorized(
    _ make: @escaping @Sendable (RegistryRequest) -> Reply
  ) -> Answer {
    Answer { request, truth in
      let reply = truth(request)
      return reply.status == 401 ? reply : make(request)
    }
  }
}

extension RequestFault {
  var isCertificate: Bool {
    if case .certificate = self { true } else { false }
  }
}
