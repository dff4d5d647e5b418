// Bearer tokens between a registry and its token service: asked for once, replaced when they end, and
// whatever a token service may do wrong.

import OCISpec
import Registry
import TestKit
import TestRegistry
import Testing

// One after another: all at once, suspended half-way, they would hold thousands of files open.
@Suite(.serialized) struct TokenTests {
  static let image = TestImage(layerByteCounts: [3000])
  static let wideImage = TestImage(layerByteCounts: Array(repeating: 2000, count: 8), seed: 4)

  static func scope(_ repository: String) -> HeaderField {
    HeaderField("scope", "repository:\(repository):pull")
  }

  @Test func `one token is enough for all layers`() async throws {
    let issuer = TokenIssuer()
    let registry = try ScriptedRegistry(authentication: .bearer(issuer))
    Self.wideImage.push(to: registry.contents, "team/app")
    let place = try PullPlace()
    let outcome = try await place.pull("\(registry.domain)/team/app:latest") {
      $0.parallelDownloads = 8
    }
    #expect(outcome.error == nil)
    #expect(issuer.issuedCount == 1)
    let asked = registry.requests(.token)
    #expect(asked.map(\.method) == ["GET"])
    #expect(asked.map(\.authorization) == [nil])
    #expect(
      asked.map(\.queryFields)
        == [[HeaderField("service", "registry.test"), Self.scope("team/app")]]
    )
    // One question each and one without a token, to learn how it is done.
    #expect(registry.requests.count { $0.authorization == nil } == 2)
    #expect(registry.requests(.anyBlob).count == 9)
  }

  @Test func `layers that find their token ended wait for one new one`() async throws {
    let issuer = TokenIssuer()
    let registry = try ScriptedRegistry(authentication: .bearer(issuer))
    Self.wideImage.push(to: registry.contents, "app")
    let layers = Set(Self.wideImage.layers.map(\.digest))
    // All of them are refused before any of them may ask for a new token.
    let gate = Gate(opensAfterArrivals: 8)
    let isLayer = RequestPattern { request in layers.contains { request.path.hasSuffix($0) } }
    registry.on(
      isLayer,
      .first(8),
      .afterRunning { issuer.revokeAll() }
        .changing { $0.stop = Reply.Stop(at: .head(0), .wait(gate)) }
    )
    let place = try PullPlace()
    let outcome = try await place.pull("\(registry.domain)/app:latest") {
      $0.parallelDownloads = 8
    }
    #expect(outcome.error == nil)
    #expect(try place.blobs() == Self.wideImage.parts)
    #expect(issuer.issuedCount == 2)
    #expect(registry.requests(.token).count == 2)
    #expect(registry.requests(isLayer).count == 16)
  }

  @Test(arguments: [1, 2, 3, 5])
  func `tokens that are good for a few requests are replaced`(_ uses: Int) async throws {
    let issuer = TokenIssuer(.init { $0.usesPerToken = uses })
    let registry = try ScriptedRegistry(authentication: .bearer(issuer))
    Self.wideImage.push(to: registry.contents, "app")
    let place = try PullPlace()
    let outcome = try await place.pull("\(registry.domain)/app:latest") {
      // Side by side, a new token may be used up before its turn comes.
      $0.parallelDownloads = 1
    }
    #expect(outcome.error == nil)
    #expect(try place.blobs() == Self.wideImage.parts)
    // Manifest, configuration, eight layers.
    #expect(issuer.issuedCount == (10 + uses - 1) / uses)
  }

  @Test func `a token that ends between two parts of a layer is replaced`() async throws {
    let issuer = TokenIssuer()
    let registry = try ScriptedRegistry(authentication: .bearer(issuer))
    let image = TestImage(layerByteCounts: [300_000], isCompressed: false)
    image.push(to: registry.contents, "app")
    let layer = image.layers[0].digest
    registry.on(.blob(layer), .nth(1), .ending(after: 100_000))
    registry.on(.blob(layer), .nth(2), .afterRunning { issuer.revokeAll() })
    let place = try PullPlace()
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.error == nil)
    #expect(registry.ranges(layer) == ["all", "bytes=100000-", "bytes=100000-"])
    #expect(issuer.issuedCount == 2)
  }

  @Test func `a token that is never good is asked for twice`() async throws {
    let issuer = TokenIssuer(.init { $0.usesPerToken = 0 })
    let registry = try ScriptedRegistry(authentication: .bearer(issuer))
    Self.image.push(to: registry.contents, "app")
    let outcome = try await PullPlace().pull("\(registry.domain)/app:latest")
    #expect(
      outcome.fault
        == .notAuthorised(
          .anonymous,
          ServerMessage(code: "UNAUTHORIZED", message: "authentication required")
        )
    )
    #expect(outcome.error?.kind == .notPermitted)
    #expect(issuer.issuedCount == 2)
  }

  @Test(arguments: [["token"], ["access_token"], ["token", "access_token"]])
  func `a token has one of two names`(_ names: [String]) async throws {
    let issuer = TokenIssuer(
      .init {
        $0.tokenFields = names
        $0.expiresInSeconds = nil
      }
    )
    let registry = try ScriptedRegistry(authentication: .bearer(issuer))
    Self.image.push(to: registry.contents, "app")
    let outcome = try await PullPlace().pull("\(registry.domain)/app:latest")
    #expect(outcome.error == nil)
  }

  // MARK: Credentials

  @Test func `passwords go to the token service and tokens to the registry`() async throws {
    let issuer = TokenIssuer(
      .init {
        $0.accounts = ["anna": "secret"]
        $0.privateRepositories = ["app"]
      }
    )
    // As with Docker's own: another host, over which this machine has no say.
    let service = try ScriptedRegistry(authentication: .bearer(issuer), address: "127.0.0.2")
    let registry = try ScriptedRegistry(
      authentication: .bearer(issuer, realm: "\(service.url)/token")
    )
    Self.image.push(to: registry.contents, "app")
    let place = try PullPlace()
    try place.logIn(registry.domain)
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.error == nil)
    #expect(service.requests.map(\.path) == ["/token"])
    #expect(service.requests.map(\.authorization) == [BasicCredentials.encode("anna", "secret")])
    let sent = Set(registry.requests.compactMap(\.authorization))
    #expect(sent.count == 1 && sent.allSatisfy { $0.hasPrefix("Bearer token-1-") })
  }

  @Test func `a private repository needs credentials`() async throws {
    let issuer = TokenIssuer(.init { $0.privateRepositories = ["app"] })
    let registry = try ScriptedRegistry(authentication: .bearer(issuer))
    Self.image.push(to: registry.contents, "app")
    let outcome = try await PullPlace().pull("\(registry.domain)/app:latest")
    #expect(
      outcome.fault
        == .notAuthorised(
          .anonymous,
          ServerMessage(code: "UNAUTHORIZED", message: "authentication required")
        )
    )
  }

  @Test func `a wrong password is a wrong password`() async throws {
    let issuer = TokenIssuer(.init { $0.accounts = ["anna": "secret"] })
    let registry = try ScriptedRegistry(authentication: .bearer(issuer))
    Self.image.push(to: registry.contents, "app")
    let place = try PullPlace()
    try place.logIn(registry.domain, password: "wrong")
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.failure?.target == .token)
    #expect(
      outcome.fault
        == .notAuthorised(
          .from("~/.docker/config.json"),
          ServerMessage(code: "UNAUTHORIZED", message: "incorrect username or password")
        )
    )
    #expect(registry.requests(.token).count == 1)
  }

  @Test func `an identity token is changed for a token`() async throws {
    let issuer = TokenIssuer(
      .init {
        $0.identityTokens = ["1dent1ty": "anna"]
        $0.privateRepositories = ["app"]
      }
    )
    let registry = try ScriptedRegistry(authentication: .bearer(issuer))
    Self.image.push(to: registry.contents, "app")
    let place = try PullPlace()
    try place.write(
      "home/.docker/config.json",
      #"{"auths":{"\#(registry.domain)":{"auth":"PHRva2VuPjo=","identitytoken":"1dent1ty"}}}"#
    )
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.error == nil)
    let asked = registry.requests(.token)
    #expect(asked.map(\.method) == ["POST"])
    #expect(asked.map(\.authorization) == [nil])
    #expect(asked.map(\.query) == [nil])
    let fields = FormFields.decode(String(decoding: asked[0].body, as: UTF8.self))
    #expect(
      fields == [
        HeaderField("grant_type", "refresh_token"), HeaderField("service", "registry.test"),
        HeaderField("client_id", "banger-fs"), Self.scope("app"),
        HeaderField("refresh_token", "1dent1ty"),
      ]
    )
  }

  @Test func `a token service sends nobody's password on`() async throws {
    let issuer = TokenIssuer(.init { $0.accounts = ["anna": "secret"] })
    let other = try ScriptedRegistry(authentication: .bearer(issuer), address: "127.0.0.2")
    let registry = try ScriptedRegistry(authentication: .bearer(issuer))
    Self.image.push(to: registry.contents, "app")
    registry.on(.token, Answer { request, _ in .redirect(to: "\(other.url)\(request.target)") })
    let place = try PullPlace()
    try place.logIn(registry.domain, other.domain)
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.error == nil)
    #expect(registry.requests(.token).map(\.authorization) == [CredentialTests.basic])
    #expect(other.requests.map(\.authorization) == [nil])
  }

  // MARK: Bad token services

  struct Row: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let answer: Answer
    let fault: RequestFault
    var attempts = 1
  }

  private static func none(_ domain: String) -> RequestFault {
    .token("the answer of http://\(domain)/token has none")
  }

  static let rows = [
    Row(testDescription: "no JSON", answer: .status(200, text: "<html>"), fault: none("HOST")),
    Row(testDescription: "no token", answer: .status(200, text: "{}"), fault: none("HOST")),
    Row(
      testDescription: "an empty token",
      answer: .status(200, text: #"{"token":""}"#),
      fault: none("HOST")
    ),
    Row(
      testDescription: "a token with a line's end",
      answer: .status(200, text: #"{"token":"a\r\nX-Evil: b"}"#),
      fault: none("HOST")
    ),
    Row(
      testDescription: "a token that is a number",
      answer: .status(200, text: #"{"token":5}"#),
      fault: none("HOST")
    ),
    Row(
      testDescription: "two megabytes",
      answer: .changing { $0.body = .noise(byteCount: 2 << 20) },
      fault: .tooLarge(limit: 1 << 20)
    ),
    Row(
      testDescription: "a terabyte",
      answer: .chunked.changing { $0.body = .noise(byteCount: 1 << 40) },
      fault: .tooLarge(limit: 1 << 20)
    ),
    Row(
      testDescription: "a refusal",
      answer: .error(403, "DENIED"),
      fault: .denied(.anonymous, ServerMessage(code: "DENIED", message: "said the test"))
    ),
    Row(
      testDescription: "no such page",
      answer: .status(404),
      fault: .notFound(nil)
    ),
    Row(
      testDescription: "drops for ever",
      answer: .stopping(at: .head(0), .close),
      fault: .dropped("connection closed"),
      attempts: 6
    ),
  ]

  @Test(arguments: rows)
  func `a bad token service is told from a bad registry`(_ row: Row) async throws {
    let registry = try ScriptedRegistry(authentication: .bearer(TokenIssuer()))
    Self.image.push(to: registry.contents, "app")
    registry.on(.token, row.answer)
    let outcome = try await PullPlace().pull("\(registry.domain)/app:latest")
    let fault: RequestFault =
      if case .token(let text) = row.fault {
        .token(text.replacing("HOST", with: registry.domain))
      } else {
        row.fault
      }
    #expect(outcome.fault == fault)
    #expect(outcome.failure?.target == .token)
    #expect(registry.requests(.token).count == row.attempts)
    // Nothing else is asked without a token.
    #expect(registry.requests(.prefix("/v2/app")).isEmpty)
  }

  @Test func `a token service that never answers is given up`() async throws {
    let registry = try ScriptedRegistry(authentication: .bearer(TokenIssuer()))
    registry.on(.token, .stopping(at: .head(0), .stall))
    let outcome = try await PullPlace().pull("\(registry.domain)/app:latest") {
      $0.limits.idle = .seconds(3)
      $0.retries.attempts = 2
    }
    #expect(outcome.fault == .noAnswer)
    #expect(outcome.failure?.target == .token)
    #expect(registry.requests(.token).count == 2)
  }

  /// What `WWW-Authenticate` says, and what comes of it.
  struct ChallengeRow: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let fault: RequestFault

    init(_ challenge: String, _ fault: RequestFault) {
      testDescription = challenge
      self.fault = fault
    }
  }

  static let challengeRows = [
    ChallengeRow("Negotiate", .unknownScheme(["negotiate"])),
    ChallengeRow(
      #"Bearer realm="file:///etc/passwd""#,
      .refusedRealm(.malformed)
    ),
    ChallengeRow(
      #"Bearer realm="https://169.254.169.254/token",service="x""#,
      .refusedRealm(.privateAddress("https://169.254.169.254/token"))
    ),
    ChallengeRow(
      #"Bearer realm="http://192.0.2.1/token",service="x""#,
      .refusedRealm(.plainText("http://192.0.2.1/token"))
    ),
    ChallengeRow(
      #"Bearer realm="http://anna:secret@127.0.0.1/token""#,
      .refusedRealm(.malformed)
    ),
  ]

  @Test(arguments: challengeRows)
  func `X17: nobody goes to a realm like that`(_ row: ChallengeRow) async throws {
    let registry = try ScriptedRegistry()
    let challenge = HeaderField("WWW-Authenticate", row.testDescription)
    registry.on(.any, .status(401, [challenge]))
    let place = try PullPlace()
    try place.logIn(registry.domain)
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.fault == row.fault)
    #expect(registry.requests.allSatisfy { $0.authorization == nil })
  }

  @Test func `a protected registry has no plain token service`() async throws {
    let service = try ScriptedRegistry(authentication: .bearer(TokenIssuer()))
    let registry = try ScriptedRegistry(
      authentication: .bearer(TokenIssuer(), realm: "\(service.url)/token"),
      tls: ServerIdentity(try TestAuthority.sharedServer)
    )
    let place = try PullPlace()
    try place.trust(try TestAuthority.shared, for: registry.domain)
    try place.logIn(registry.domain)
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.fault == .refusedRealm(.plainText("\(service.url)/token")))
    #expect(service.connectionCount == 0)
  }
}
