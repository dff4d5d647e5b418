// A registry that says no: which refusals are tried again and after which pauses, and what the others
// are called.

import Foundation
import OCISpec
import Registry
import TestKit
import TestRegistry
import Testing

// One after another: all at once, suspended half-way, they would hold thousands of files open.
@Suite(.serialized) struct RefusalTests {
  static let image = TestImage(layerByteCounts: [3000])

  /// One step of a pull.
  enum Step: String, CaseIterable, Sendable {
    case ping, token, manifest, configuration, layer

    var pattern: RequestPattern {
      switch self {
      case .ping: .ping
      case .token: .token
      case .manifest: .anyManifest
      case .configuration: .blob(image.configuration.digest)
      case .layer: .blob(image.layers[0].digest)
      }
    }

    func target() throws -> RequestFailure.Target {
      switch self {
      case .ping: .registry
      case .token: .token
      case .manifest: .manifest("latest")
      case .configuration: .configuration(try Digest(image.configuration.digest))
      case .layer: .layer(try Digest(image.layers[0].digest))
      }
    }
  }

  // MARK: What passes

  static let passing: [(String, Answer)] = [
    ("429", .error(429, "TOOMANYREQUESTS")),
    ("500", .status(500, text: "<html>")),
    ("502", .status(502)),
    ("503", .error(503, "UNAVAILABLE")),
    ("504", .status(504)),
    ("dropped before the head", .stopping(at: .head(0), .close)),
    ("dropped in the head", .stopping(at: .head(20), .close)),
    ("reset", .stopping(at: .head(0), .reset)),
    ("no HTTP", .changing { $0.verbatimHead = Array("SSH-2.0-x\r\n".utf8) }),
  ]

  @Test(arguments: Step.allCases, passing.map(\.0))
  func `what passes is tried again, at every step`(_ step: Step, _ name: String) async throws {
    let answer = try #require(Self.passing.first { $0.0 == name }).1
    let issuer = TokenIssuer()
    let registry = try ScriptedRegistry(authentication: .bearer(issuer))
    Self.image.push(to: registry.contents, "app")
    registry.on(step.pattern, .first(2), answer)
    let place = try PullPlace()
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    #expect(outcome.error == nil)
    #expect(try place.blobs() == Self.image.parts)
    #expect(registry.requests(step.pattern).count >= 3)
    // A token that was lost on the way was given out all the same.
    if step != .token { #expect(issuer.issuedCount == 1) }
  }

  // MARK: What stays

  struct Row: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let answer: Answer
    let fault: RequestFault
    let kind: RegistryError.Kind
    var attempts = 1
  }

  static let message = ServerMessage(code: "CODE", message: "said the test")

  static let rows = [
    Row(
      testDescription: "401 without a challenge",
      answer: .error(401, "CODE"),
      fault: .notAuthorised(.anonymous, message),
      kind: .notPermitted
    ),
    Row(
      testDescription: "403",
      answer: .error(403, "CODE"),
      fault: .denied(.anonymous, message),
      kind: .notPermitted
    ),
    Row(
      testDescription: "404",
      answer: .error(404, "CODE"),
      fault: .notFound(message),
      kind: .notFound
    ),
    Row(
      testDescription: "404 with a page for people",
      answer: .status(404, text: "<html>no</html>"),
      fault: .notFound(nil),
      kind: .notFound
    ),
    Row(
      testDescription: "400",
      answer: .error(400, "CODE"),
      fault: .unexpected(status: 400, message),
      kind: .unavailable
    ),
    Row(
      testDescription: "204",
      answer: .status(204),
      fault: .unexpected(status: 204, nil),
      kind: .unavailable
    ),
    Row(
      testDescription: "304",
      answer: .changing {
        $0.status = 304
        $0.body = GeneratedBytes("")
      },
      fault: .unexpected(status: 304, nil),
      kind: .unavailable
    ),
    Row(
      testDescription: "429 for long",
      answer: .error(429, "CODE", [HeaderField("Retry-After", "3600")]),
      fault: .rateLimited(retryAfter: .seconds(3600), message),
      kind: .temporary
    ),
    Row(
      testDescription: "500 for ever",
      answer: .error(500, "CODE"),
      fault: .serverError(status: 500, retryAfter: nil, message),
      kind: .temporary,
      attempts: 6
    ),
    Row(
      testDescription: "429 for ever",
      answer: .error(429, "CODE"),
      fault: .rateLimited(retryAfter: nil, message),
      kind: .temporary,
      attempts: 6
    ),
    Row(
      testDescription: "429 for longer than numbers tell",
      answer: .error(429, "CODE", [HeaderField("Retry-After", "99999999999999999999999")]),
      fault: .rateLimited(retryAfter: .seconds(10 * 365 * 86_400), message),
      kind: .temporary
    ),
  ]

  @Test(arguments: rows, [Step.manifest, .configuration, .layer])
  func `what stays is said`(_ row: Row, _ step: Step) async throws {
    let registry = try ScriptedRegistry()
    Self.image.push(to: registry.contents, "app")
    registry.on(step.pattern, row.answer)
    let place = try PullPlace()
    let outcome = try await place.pull("\(registry.domain)/app:latest")
    let failure = RequestFailure(
      row.fault,
      target: try step.target(),
      host: registry.domain,
      repository: "app"
    )
    #expect(outcome.error == .failed(failure, mirrors: []))
    #expect(outcome.error?.kind == row.kind)
    #expect(
      registry.requests(step.pattern && RequestPattern { $0.method == "GET" }).count == row.attempts
    )
    #expect(try place.names() == [])
  }

  @Test func `X29: a message of a server is cut and escaped`() async throws {
    let registry = try ScriptedRegistry()
    let text = "a\\u001b[31m" + String(repeating: "x", count: 20_000)
    registry.on(
      .anyManifest,
      .status(403, text: #"{"errors":[{"code":"DENIED","message":"\#(text)"}]}"#)
    )
    let outcome = try await PullPlace().pull("\(registry.domain)/app:latest")
    let description = try #require(outcome.error).description
    #expect(!description.utf8.contains(0x1b))
    #expect(description.utf8.count < 2000)
  }

  // MARK: Pauses

  @Test func `pauses double`() async throws {
    let registry = try ScriptedRegistry()
    Self.image.push(to: registry.contents, "app")
    registry.on(Step.layer.pattern, .first(4), .status(503))
    let outcome = try await PullPlace().pull("\(registry.domain)/app:latest")
    #expect(outcome.error == nil)
    #expect(outcome.pauses == [.milliseconds(500), .seconds(1), .seconds(2), .seconds(4)])
  }

  @Test(arguments: [429, 503])
  func `a pause that the server asks for is kept`(_ status: Int) async throws {
    let registry = try ScriptedRegistry()
    Self.image.push(to: registry.contents, "app")
    let wait = HeaderField("Retry-After", "7")
    registry.on(Step.layer.pattern, .first(2), .status(status, [wait]))
    let outcome = try await PullPlace().pull("\(registry.domain)/app:latest")
    #expect(outcome.error == nil)
    #expect(outcome.pauses == [.seconds(7), .seconds(7)])
  }

  @Test func `a pause that ends at a date is kept`() async throws {
    let registry = try ScriptedRegistry()
    Self.image.push(to: registry.contents, "app")
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(identifier: "GMT")
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    let date = formatter.string(from: Date().addingTimeInterval(100))
    registry.on(Step.layer.pattern, .nth(1), .status(429, [HeaderField("Retry-After", date)]))
    let outcome = try await PullPlace().pull("\(registry.domain)/app:latest") {
      $0.retries.longestRetryAfter = .seconds(1000)
    }
    #expect(outcome.error == nil)
    // Nothing is said about how long the request took.
    #expect(outcome.pauses.count == 1)
    #expect(outcome.pauses.allSatisfy { $0 > .milliseconds(500) && $0 <= .seconds(101) })
  }

  @Test(arguments: ["", "soon", "-5", "1e3"])
  func `a pause that is none is not kept`(_ text: String) async throws {
    let registry = try ScriptedRegistry()
    Self.image.push(to: registry.contents, "app")
    registry.on(Step.layer.pattern, .nth(1), .status(503, [HeaderField("Retry-After", text)]))
    let outcome = try await PullPlace().pull("\(registry.domain)/app:latest")
    #expect(outcome.error == nil)
    #expect(outcome.pauses == [.milliseconds(500)])
  }
}
