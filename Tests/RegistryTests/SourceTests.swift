// Mirrors, blocked registries, proxies and foreign layers: who is asked, in which order, and with what.

import OCISpec
import Registry
import SystemPackage
import TestKit
import TestRegistry
import Testing

// One after another: all at once, suspended half-way, they would hold thousands of files open.
@Suite(.serialized) struct SourceTests {
  static let image = TestImage(layerByteCounts: [300_000], isCompressed: false)
  static let layer = image.layers[0].digest
  static let account = ["anna": "secret"]

  /// A mirror and the registry that it mirrors, both with the image.
  private struct Pair {
    let mirror: ScriptedRegistry
    let registry: ScriptedRegistry
    let place: PullPlace

    init(_ authentication: ScriptedRegistry.Authentication = .none, extra: String = "") throws {
      registry = try ScriptedRegistry(authentication: authentication)
      mirror = try ScriptedRegistry(authentication: authentication)
      image.push(to: registry.contents, "app")
      image.push(to: mirror.contents, "copies/app")
      place = try PullPlace()
      try place.write(
        "root/etc/containers/registries.conf",
        """
        [[registry]]
        location = "\(registry.domain)"
        \(extra)
        [[registry.mirror]]
        location = "\(mirror.domain)/copies"
        """
      )
    }

    func pull(_ change: (inout PullSettings) -> Void = { _ in }) async throws -> PullOutcome {
      try await place.pull("\(registry.domain)/app:latest", change)
    }
  }

  @Test func `a mirror that has it all is the only one asked`() async throws {
    let pair = try Pair()
    let outcome = try await pair.pull()
    #expect(outcome.error == nil)
    #expect(pair.registry.connectionCount == 0)
    #expect(pair.mirror.requests(.anyManifest).map(\.path) == ["/v2/copies/app/manifests/latest"])
    #expect(try pair.place.names() == ["\(pair.registry.domain)/app:latest"])
    #expect(
      outcome.events.first
        == .resolved(
          try PullPlace.name("\(pair.registry.domain)/app:latest"),
          digest: try Digest(Self.image.manifest.digest),
          from: pair.mirror.domain
        )
    )
  }

  static let mirrorFaults: [(String, Answer)] = [
    ("404", .error(404, "MANIFEST_UNKNOWN")),
    ("403", .error(403, "DENIED")),
    ("401", .error(401, "UNAUTHORIZED")),
    ("503", .status(503)),
    ("damage", .flippingBit(ofByte: 3)),
    ("drop", .stopping(at: .head(0), .close)),
    ("junk", .status(200, text: "<html>")),
  ]

  @Test(arguments: mirrorFaults.map(\.0))
  func `where a mirror fails the registry itself is asked`(_ name: String) async throws {
    let pair = try Pair()
    let answer = try #require(Self.mirrorFaults.first { $0.0 == name }).1
    pair.mirror.on(.prefix("/v2/copies"), answer)
    let outcome = try await pair.pull()
    #expect(outcome.error == nil)
    #expect(try pair.place.blobs() == Self.image.parts)
    #expect(
      pair.registry.story(Self.image).filter { $0 != "GET /v2/" } == [
        "GET /v2/app/manifests/latest", "GET /v2/app/blobs/C", "GET /v2/app/blobs/L0",
      ]
    )
  }

  @Test func `a layer that a mirror breaks off is continued from the registry`() async throws {
    let pair = try Pair()
    pair.mirror.on(.blob(Self.layer), .nth(1), .ending(after: 100_000))
    pair.mirror.on(.blob(Self.layer), .after(1), .error(404, "BLOB_UNKNOWN"))
    let outcome = try await pair.pull()
    #expect(outcome.error == nil)
    #expect(try pair.place.blobs() == Self.image.parts)
    #expect(pair.mirror.ranges(Self.layer) == ["all", "bytes=100000-"])
    #expect(pair.registry.ranges(Self.layer) == ["bytes=100000-"])
  }

  @Test func `both failures are told`() async throws {
    let pair = try Pair()
    pair.mirror.on(.prefix("/v2/copies"), .error(404, "NAME_UNKNOWN"))
    pair.registry.on(.prefix("/v2/app"), .error(403, "DENIED"))
    let outcome = try await pair.pull()
    func failure(_ fault: RequestFault, _ host: String, _ repository: String) -> RequestFailure {
      RequestFailure(fault, target: .manifest("latest"), host: host, repository: repository)
    }
    #expect(
      outcome.error
        == .failed(
          failure(
            .denied(.anonymous, ServerMessage(code: "DENIED", message: "said the test")),
            pair.registry.domain,
            "app"
          ),
          mirrors: [
            failure(
              .notFound(ServerMessage(code: "NAME_UNKNOWN", message: "said the test")),
              pair.mirror.domain,
              "copies/app"
            )
          ]
        )
    )
  }

  @Test func `a mirror does not see the registry's credentials`() async throws {
    let pair = try Pair(.basic(Self.account))
    try pair.place.logIn(pair.registry.domain)
    let outcome = try await pair.pull()
    #expect(outcome.error == nil)
    #expect(pair.mirror.requests.allSatisfy { $0.authorization == nil })
    #expect(!pair.mirror.requests.isEmpty)
    #expect(
      pair.registry.requests(.anyBlob).map(\.authorization).allSatisfy {
        $0 == CredentialTests.basic
      }
    )
  }

  @Test func `a blocked registry is not asked`() async throws {
    let pair = try Pair(extra: "blocked = true")
    let outcome = try await pair.pull()
    guard case .blocked(let name, by: _)? = outcome.error else {
      Issue.record("\(String(describing: outcome.error))")
      return
    }
    #expect(name == "\(pair.registry.domain)/app:latest")
    #expect(outcome.error?.kind == .unavailable)
    #expect(pair.registry.connectionCount == 0)
    #expect(pair.mirror.connectionCount == 0)
  }

  // MARK: Proxies

  /// A registry that only a proxy knows the way to.
  private struct Hidden {
    let registry: ScriptedRegistry
    let proxy: TestProxy
    let place: PullPlace
    let domain: String

    init(
      _ domain: String = "registry.test:5000",
      isSecure: Bool,
      names: [String] = ["DNS:registry.test"],
      credentials: (user: String, password: String)? = nil
    ) throws {
      self.domain = domain
      let authority = try TestAuthority.shared
      let identity = try authority.server(names: names)
      registry = try ScriptedRegistry(
        authentication: .basic(account),
        tls: isSecure ? ServerIdentity(identity) : nil
      )
      image.push(to: registry.contents, "app")
      proxy = try TestProxy(routes: [domain: registry.port], credentials: credentials)
      place = try PullPlace()
      try place.logIn(domain)
      if isSecure {
        try place.trust(authority, for: domain)
      } else {
        try place.write(
          "root/etc/containers/registries.conf",
          "[[registry]]\nlocation = \"\(domain)\"\ninsecure = true\n"
        )
      }
    }

    func pull(
      _ variables: String...,
      credentials: String = "",
      exceptions: String? = nil,
      isBrief: Bool = false
    ) async throws -> PullOutcome {
      var environment: [String: String] = [:]
      for name in variables { environment[name] = "http://\(credentials)127.0.0.1:\(proxy.port)" }
      environment["no_proxy"] = exceptions
      return try await place.pull("\(domain)/app:latest", environment: environment) {
        if isBrief { $0.limits.connect = .seconds(1) }
        $0.retries.connectAttempts = 1
      }
    }
  }

  @Test(arguments: [true, false])
  func `a registry is reached through a proxy`(_ isSecure: Bool) async throws {
    let hidden = try Hidden(isSecure: isSecure)
    let outcome = try await hidden.pull("https_proxy", "http_proxy")
    #expect(outcome.error == nil)
    #expect(try hidden.place.blobs() == Self.image.parts)
    #expect(
      Set(hidden.proxy.requests.map { "\($0.method) \($0.path)" }) == ["CONNECT \(hidden.domain)"]
    )
    // The proxy sees no credentials of the registry's, nor the registry the proxy's.
    #expect(hidden.proxy.requests.allSatisfy { $0.authorization == nil })
    #expect(hidden.registry.requests.allSatisfy { $0["Proxy-Authorization"] == nil })
  }

  /// The other end of the connection is the proxy, whose address proves nothing about the registry.
  @Test func `a certificate for the proxy's address is none for the registry's`() async throws {
    let hidden = try Hidden("192.0.2.1:5000", isSecure: true, names: ["IP:127.0.0.1"])
    let outcome = try await hidden.pull("https_proxy")
    #expect(outcome.fault == .certificate("it proves a name, not an address, behind a proxy"))
    #expect(hidden.registry.connectionCount == 0)
  }

  @Test func `a proxy gets its own credentials`() async throws {
    let hidden = try Hidden(isSecure: true, credentials: ("pete", "pr0xy"))
    let refused = try await hidden.pull("https_proxy")
    guard case .proxy? = refused.fault else {
      Issue.record("\(String(describing: refused.error))")
      return
    }
    #expect(hidden.registry.connectionCount == 0)
    let outcome = try await hidden.pull("https_proxy", credentials: "pete:pr0xy@")
    #expect(outcome.error == nil)
    #expect(hidden.registry.requests.allSatisfy { $0["Proxy-Authorization"] == nil })
    let words = "\(refused.error.map(String.init(reflecting:)) ?? "")"
    #expect(!words.contains("pr0xy"))
  }

  /// At an address that is kept for documentation, so nobody is there.
  ///
  /// Source: RFC 5737.
  @Test(arguments: ["192.0.2.1", "192.0.2.0/24", "192.0.2.1:5000", "*"])
  func `an exception is asked without the proxy`(_ exception: String) async throws {
    let hidden = try Hidden("192.0.2.1:5000", isSecure: false)
    let outcome = try await hidden.pull(
      "https_proxy",
      "http_proxy",
      exceptions: exception,
      isBrief: true
    )
    #expect(outcome.fault?.isConnection == true)
    #expect(hidden.proxy.requests == [])
  }

  @Test(arguments: ["registry.test:443", "192.0.2.0/24", "example.org"])
  func `another exception changes nothing`(_ exception: String) async throws {
    let hidden = try Hidden(isSecure: true)
    let outcome = try await hidden.pull("https_proxy", exceptions: exception)
    #expect(outcome.error == nil)
  }

  @Test func `a registry somewhere does not send us to this machine`() async throws {
    let hidden = try Hidden(isSecure: true)
    let inside = try ScriptedRegistry(
      contents: hidden.registry.contents,
      tls: ServerIdentity(try TestAuthority.sharedServer)
    )
    let location = inside.fileURL(Self.layer)
    hidden.registry.on(.blob(Self.layer), .authorized { _ in .redirect(to: location) })
    let outcome = try await hidden.pull("https_proxy")
    #expect(outcome.fault == .refusedLocation(.privateAddress(location)))
    #expect(inside.connectionCount == 0)
  }

  @Test func `a proxy that is not there is told from the registry`() async throws {
    let hidden = try Hidden(isSecure: true)
    let outcome = try await hidden.place.pull(
      "\(hidden.domain)/app:latest",
      // Nobody but root can listen there, and hardly anybody does.
      environment: ["https_proxy": "http://127.0.0.1:1"]
    )
    guard case .proxy? = outcome.fault else {
      Issue.record("\(String(describing: outcome.error))")
      return
    }
    #expect(hidden.registry.connectionCount == 0)
  }

  @Test func `this machine is asked without a proxy`() async throws {
    let registry = try ScriptedRegistry()
    Self.image.push(to: registry.contents, "app")
    let proxy = try TestProxy()
    let outcome = try await PullPlace().pull(
      "\(registry.domain)/app:latest",
      environment: ["http_proxy": proxy.url, "https_proxy": proxy.url]
    )
    #expect(outcome.error == nil)
    #expect(proxy.requests == [])
  }

  // MARK: Foreign layers

  /// A registry that has no more than the documents, and a server that has the layer.
  private struct Foreign {
    let registry: ScriptedRegistry
    let server: ScriptedRegistry
    let image: TestImage
    let place: PullPlace
    let layer: String

    init(isSecure: Bool = true) throws {
      let authority = try TestAuthority.shared
      let identity = ServerIdentity(try TestAuthority.sharedServer)
      registry = try ScriptedRegistry(authentication: .basic(account), tls: identity)
      server = try ScriptedRegistry(tls: isSecure ? identity : nil, address: "127.0.0.2")
      let base = SourceTests.image.layers[0]
      layer = base.digest
      server.contents.put(blob: base.bytes, as: layer, in: "x")
      var part = base
      part.mediaType = "application/vnd.oci.image.layer.nondistributable.v1.tar"
      image = TestImage(
        layers: [part],
        diffIDs: SourceTests.image.diffIDs,
        layerExtras: #","urls":["\#(server.fileURL(base.digest))"]"#
      )
      image.push(to: registry.contents, "app")
      registry.contents.removeBlob(layer, in: "app")
      place = try PullPlace()
      try place.logIn(registry.domain, server.domain)
      try place.trust(authority, for: registry.domain)
      try place.trust(authority, for: server.domain)
    }

    func pull(isAllowed: Bool) async throws -> PullOutcome {
      try await place.pull("\(registry.domain)/app:latest") { $0.allowsForeignLayers = isAllowed }
    }
  }

  @Test func `X18: a foreign layer is fetched only with leave`() async throws {
    let foreign = try Foreign()
    let refused = try await foreign.pull(isAllowed: false)
    guard case .foreignLayer(let digest, _)? = refused.error else {
      Issue.record("\(String(describing: refused.error))")
      return
    }
    #expect(digest == (try Digest(foreign.layer)))
    #expect(foreign.server.connectionCount == 0)
    foreign.server.on(.any, .nth(1), .ending(after: 100_000))
    let outcome = try await foreign.pull(isAllowed: true)
    #expect(outcome.error == nil)
    #expect(try foreign.place.blobs() == foreign.image.parts)
    #expect(foreign.server.requests.map { $0.range ?? "all" } == ["all", "bytes=100000-"])
    #expect(foreign.server.requests.allSatisfy { $0.authorization == nil })
  }

  @Test func `B13: a foreign layer that the registry has is taken from there`() async throws {
    let foreign = try Foreign()
    foreign.registry.contents.put(
      blob: Self.image.layers[0].bytes,
      as: foreign.layer,
      in: "app"
    )
    let outcome = try await foreign.pull(isAllowed: false)
    #expect(outcome.error == nil)
    #expect(foreign.server.connectionCount == 0)
  }

  @Test func `X18: a foreign layer is not fetched over a plain connection`() async throws {
    let foreign = try Foreign(isSecure: false)
    let outcome = try await foreign.pull(isAllowed: true)
    #expect(
      outcome.fault == .refusedLocation(.plainText(foreign.server.fileURL(foreign.layer)))
    )
    #expect(foreign.server.connectionCount == 0)
  }

  @Test func `a foreign layer is held against its digest`() async throws {
    let foreign = try Foreign()
    foreign.server.on(.any, .flippingBit(ofByte: 9))
    let outcome = try await foreign.pull(isAllowed: true)
    guard case .wrongDigest? = outcome.fault else {
      Issue.record("\(String(describing: outcome.error))")
      return
    }
    #expect(try foreign.place.blobs()[foreign.layer] == nil)
  }
}

extension RequestFault {
  var isConnection: Bool {
    switch self {
    case .unreachable, .connectTimedOut: true
    default: false
    }
  }
}
