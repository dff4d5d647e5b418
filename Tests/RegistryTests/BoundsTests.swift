// Servers and programs that would go on for ever: every one comes to an end, after a number of requests
// that can be counted.

import Foundation
import OCISpec
import SystemPackage
import TestKit
import TestRegistry
import Testing

@testable import Registry

@Suite(.serialized, .timeLimit(.minutes(15))) struct BoundsTests {
  private static let image = TestImage(layerByteCounts: [5_000])

  private func pull(
    _ registry: ScriptedRegistry,
    _ change: (inout PullSettings) -> Void = { _ in }
  ) async throws -> PullOutcome {
    let place = try PullPlace()
    try place.logIn(registry.domain)
    return try await place.pull("\(registry.domain)/app:latest", change)
  }

  // MARK: Heads

  @Test func `a head without end is no head`() async throws {
    let registry = try ScriptedRegistry()
    Self.image.push(to: registry.contents, "app")
    let lines = String(
      repeating: "X-Filler: \(String(repeating: "x", count: 1_000))\r\n",
      count: 4_000
    )
    registry.on(
      .anyManifest,
      .changing { $0.verbatimHead = Array("HTTP/1.1 200 OK\r\n\(lines)\r\n".utf8) }
    )
    let outcome = try await pull(registry) { $0.retries.attempts = 2 }
    #expect(outcome.fault == .malformed("its head is too long"))
  }

  @Test func `many answers before the answer are passed over`() async throws {
    let registry = try ScriptedRegistry()
    Self.image.push(to: registry.contents, "app")
    let early = String(repeating: "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n", count: 5_000)
    registry.on(
      .anyManifest,
      .nth(1),
      .changing { reply in
        reply["Connection"] = "close"
        let length = "Content-Length: \(reply.body.byteCount)\r\n"
        let fields = reply.headers.map { "\($0.name): \($0.value)\r\n" }.joined()
        reply.verbatimHead = Array("\(early)HTTP/1.1 200 OK\r\n\(fields)\(length)\r\n".utf8)
      }
    )
    let outcome = try await pull(registry)
    #expect(outcome.error == nil)
  }

  // MARK: Challenges

  @Test func `hundreds of challenges are one refusal`() async throws {
    let registry = try ScriptedRegistry()
    let field = HeaderField("WWW-Authenticate", #"Bearer realm="x", a=b, c=d, Basic e=f"#)
    registry.on(.any, .reply(Reply(401, Array(repeating: field, count: 200))))
    let outcome = try await pull(registry)
    #expect(outcome.error?.kind == .unavailable || outcome.error?.kind == .notPermitted)
    #expect(registry.requests.count <= 3)
  }

  /// Which challenge comes with which refusal; after the last they begin again.
  @Test(arguments: [
    ["Basic realm=a"], ["Bearer"], ["Basic realm=a", "Bearer"], ["Bearer", "Basic realm=a"],
    ["Bearer", "Bearer", "Basic realm=a"], ["Digest realm=a", "Bearer"], ["", "Bearer"],
  ])
  func `a registry that is never content is given up`(_ schemes: [String]) async throws {
    let registry = try ScriptedRegistry()
    let token = Reply(200, text: #"{"token":"t"}"#)
    registry.on(.token, .reply(token))
    for (index, scheme) in schemes.enumerated() {
      // Each counts what it has seen: the first rule takes 1, 1 + n, …
      let realm = #"Bearer realm="\#(registry.url)/token",service="s""#
      let words = scheme == "Bearer" ? realm : scheme
      let fields = words.isEmpty ? [] : [HeaderField("WWW-Authenticate", words)]
      for round in 0..<20 {
        registry.on(
          .prefix("/v2/"),
          .nth(index + 1 + round * schemes.count),
          .reply(Reply(401, fields))
        )
      }
    }
    registry.on(.prefix("/v2/"), .status(401))
    let outcome = try await pull(registry)
    #expect(outcome.image == nil)
    #expect(registry.requests.count <= 8, "\(registry.requests.map(\.line))")
  }

  @Test func `a token service that is the registry's own gate is asked once`() async throws {
    let registry = try ScriptedRegistry()
    let field = HeaderField("WWW-Authenticate", #"Bearer realm="\#(registry.url)/v2/""#)
    registry.on(.any, .reply(Reply(401, [field])))
    let outcome = try await pull(registry)
    #expect(outcome.error?.kind == .notPermitted)
    #expect(registry.requests.count <= 4)
  }

  // MARK: Layers

  @Test func `a registry that gives a byte at a time is given up`() async throws {
    let registry = try ScriptedRegistry()
    Self.image.push(to: registry.contents, "app")
    let bytes = Self.image.layers[0].bytes
    registry.on(
      .blob(Self.image.layers[0].digest),
      Answer { request, _ in
        let start = request.range.flatMap { Int($0.dropFirst("bytes=".count).dropLast()) } ?? 0
        let range = HeaderField("Content-Range", "bytes \(start)-\(start)/\(bytes.byteCount)")
        return Reply(206, [range], body: bytes.slice(start..<start + 1))
      }
    )
    // The first byte has to come from an answer to the whole.
    registry.on(.any, .nth(0), .status(500))
    let outcome = try await pull(registry)
    #expect(outcome.image == nil)
    #expect(registry.requests(.anyBlob).count <= 8)
  }

  @Test func `as many layers come at once as are wanted`() async throws {
    let image = TestImage(layerByteCounts: Array(repeating: 2_000, count: 12))
    let registry = try ScriptedRegistry()
    image.push(to: registry.contents, "app")
    // Nobody gets anything before all have asked.
    let gate = Gate(opensAfterArrivals: 12)
    for layer in image.layers { registry.on(.blob(layer.digest), .nth(1), .waiting(for: gate)) }
    let outcome = try await pull(registry) {
      $0.parallelDownloads = 12
      $0.limits.connect = .seconds(5)
    }
    #expect(outcome.error == nil)
    #expect(outcome.pauses == [])
  }

  // MARK: Helpers

  @Test func `a helper that left a process in a session of its own is not waited for`() async throws
  {
    var machine = try ConfigurationMachine()
    try machine.write("home/.docker/config.json", #"{"credHelpers":{"a.io":"test"}}"#)
    try machine.writeProgram("docker-credential-test", "setsid sleep 20 & exec sleep 20")
    let store = CredentialStore(machine.places, helperTimeout: .seconds(1))
    let source = PullSource(name: try imageName("a.io/x"), isInsecure: false, isMirror: false)
    let start = ContinuousClock.now
    await #expect(throws: RegistryError.helperFailed(name: "test", .timedOut(.seconds(1)))) {
      try await store.credentials(for: source)
    }
    // Not a measure of speed: the process that is left lives for 20 s.
    #expect(.now - start < .seconds(15))
  }
}
