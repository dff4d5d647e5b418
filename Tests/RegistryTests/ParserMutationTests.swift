// Everything that servers say and that the user's machine says, damaged at random: read or refused,
// never a crash, never without end, and what was read keeps its promises.

import Foundation
import OCISpec
import SystemPackage
import TestKit
import Testing

@testable import Registry

/// Texts made of damaged ones.
private struct Mutator {
  private var generator: SeededGenerator
  private let seeds: [[UInt8]]

  /// What parsers stumble over: the ends of numbers, of texts and of lines.
  private static let words: [[UInt8]] = [
    "18446744073709551615", "9223372036854775808", "-9223372036854775808", "-1", "1e400", "00",
    "\"", "\\", "\\\"", "\\u0000", "\\ud800", "\r\n", "\0", ",", ";", "=", "==", ":", "//", "/../",
    "@", "[", "]", "[[", "]]", "{", "}", "%", "%00", "%zz", "#", "?", " ", "\t", "*", "Bearer ",
    "bytes ", "null", "true", "[::1%25lo]", "\u{202e}", "é", "host:99999", "xn--",
  ].map { Array($0.utf8) }

  init(_ seeds: [String], seed: UInt64) {
    generator = SeededGenerator(seed: seed)
    self.seeds = seeds.map { Array($0.utf8) }
  }

  private mutating func index(_ count: Int) -> Int { Int.random(in: 0..<count, using: &generator) }

  mutating func next() -> [UInt8] {
    var bytes = seeds[index(seeds.count)]
    for _ in 0...index(5) {
      let place = index(bytes.count + 1)
      let end = min(bytes.count, place + index(12))
      switch index(7) {
      case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8(index(8))
      case 1: bytes.removeSubrange(place..<end)
      case 2: bytes.insert(contentsOf: bytes[place..<end], at: place)
      case 3: bytes = Array(bytes[..<place])
      case 4:
        let other = seeds[index(seeds.count)]
        bytes.replaceSubrange(place..<end, with: other[index(other.count + 1)...])
      case 5:
        let word = Self.words[index(Self.words.count)]
        bytes.insert(contentsOf: repeatElement(word, count: 1 + index(40)).joined(), at: place)
      default: bytes.replaceSubrange(place..<end, with: Self.words[index(Self.words.count)])
      }
    }
    return bytes
  }

  mutating func nextText() -> String { String(decoding: next(), as: UTF8.self) }
}

@Suite(.timeLimit(.minutes(15))) struct ParserMutationTests {
  private static let seed: UInt64 = 0x51_EC0DE
  private static let count = 3_000
  /// 2026-01-01T00:00:00Z.
  private static let now: Int64 = 1_767_225_600

  private func each(_ seeds: [String], _ check: (String) throws -> Void) rethrows {
    var mutator = Mutator(seeds, seed: Self.seed)
    for _ in 0..<Self.count { try check(mutator.nextText()) }
  }

  /// Whether nothing in a text could steer a terminal.
  private func isPrintable(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
  }

  @Test func `challenges`() {
    let seeds = [
      #"Bearer realm="https://auth.example/token",service="r.example",scope="repository:a/b:pull""#,
      #"Basic realm="a \"quoted\" one", Bearer realm=https://x/,service=y"#,
      "Negotiate YII=, Digest a=b, , ,c=d", "NTLM",
    ]
    each(seeds) { text in
      let challenges = AuthenticationChallenge.parse([text, text])
      #expect(challenges.count <= 16, "seed \(Self.seed): \(text)")
      for challenge in challenges {
        #expect(challenge.parameters.count <= 16, "seed \(Self.seed): \(text)")
      }
    }
  }

  @Test func `ranges and waits`() {
    let seeds = [
      "bytes 0-99/100", "bytes 5-5/*", "bytes */7", "bytes 0-18446744073709551615/*", "120",
      "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
    ]
    each(seeds) { text in
      if case .bytes(let first, let last, let total) = ContentRange(text) {
        #expect(first <= last && last < total ?? .max, "seed \(Self.seed): \(text)")
      }
      if let wait = HTTPDate.retryAfter(text, now: Self.now) {
        #expect(wait >= .zero && wait <= .seconds(10 * 366 * 86_400), "seed \(Self.seed): \(text)")
      }
    }
  }

  @Test func `addresses`() throws {
    let bases = try [
      "https://r.example:5000/v2/a/b", "http://[::1]:5000/", "http://127.0.0.1/?a#b",
    ]
    .map { try #require(WebLocation($0)) }
    let seeds = [
      "https://cdn.example/a?X-Amz-Signature=abc&b=%2F", "//other.example/x", "/v2/../x?y#z",
      "http://user:word@h.example:80/", "https://[fe80::1%25eth0]:443/", "http://0x7f.1:8080",
      "https://h.example:/", "?q", "../../..", "HTTPS://H.EXAMPLE./", "http://2130706433/",
    ]
    each(seeds) { text in
      for base in bases {
        guard let place = WebLocation(text, relativeTo: base) else { continue }
        // What was checked is what is connected to.
        #expect(WebLocation(place.text) == place, "seed \(Self.seed): \(text)")
        #expect(
          place.target.hasPrefix("/") && isPrintable(place.text),
          "seed \(Self.seed): \(text)"
        )
        #expect(!place.redacted.dropLast(2).contains("?"), "seed \(Self.seed): \(text)")
        let isAllowed = (try? RedirectRules(origin: bases[0]).next(text, from: bases[0])) != nil
        if isAllowed, let there = WebLocation(text, relativeTo: bases[0]) {
          #expect(there.isSecure && there.address == .anywhere, "seed \(Self.seed): \(text)")
        }
      }
    }
  }

  @Test func `bodies of errors, tokens and documents`() {
    let seeds = [
      #"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown","detail":{"a":[1,null]}}]}"#,
      #"{"details":"wrong","message":"\u001b[31m","error_description":"x"}"#,
      #"{"token":"abc","access_token":"d","expires_in":300,"issued_at":"2025-12-31T23:59:00.25Z"}"#,
      #"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#,
      #"{"layers":[{"urls":["https://a.example/b"]}]}"#,
    ]
    each(seeds) { text in
      let bytes = Array(text.utf8)
      if let message = ServerMessage(parsing: bytes) {
        #expect(isPrintable(message.description), "seed \(Self.seed): \(text)")
      }
      if let token = TokenAnswer(parsing: bytes, now: Self.now) {
        let isField = token.token.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        #expect(isField && token.lifetime >= 1, "seed \(Self.seed): \(text)")
      }
      _ = try? DocumentPeek(bytes).mediaType(sentAs: text)
      #expect(ForeignLayers(manifest: bytes).addresses(ofLayer: 0).count <= 4)
    }
  }

  @Test func `files with credentials`() throws {
    let name = try imageName("r.example:5000/team/app")
    let seeds = [
      #"{"auths":{"r.example:5000":{"auth":"YW5uYTpzM2NyZXQ="}},"credsStore":"pass"}"#,
      #"{"auths":{"https://r.example:5000/v2/":{"identitytoken":"s3cret"}},"credHelpers":{"a":"b"}}"#,
      #"{"r.example:5000/team":{"username":"anna","password":"s3cret","registrytoken":null}}"#,
    ]
    var mutator = Mutator(seeds, seed: Self.seed)
    for round in 0..<Self.count {
      let bytes = mutator.next()
      do {
        let file = try AuthFile(bytes, path: "/f", isLegacy: round % 3 == 0)
        _ = file.helper(for: name.domain)
        if case .basic(let user, _)? = try file.credentials(for: name) {
          #expect(!user.contains(":"), "seed \(Self.seed): \(bytes)")
        }
      } catch {
        #expect(!"\(error)".contains("s3cret") && !"\(error)".contains("YW5u"))
      }
    }
  }

  @Test func `registries.conf`() throws {
    let names = try ["docker.io/library/debian", "a.example/b/c:1", "x.b.example:5000/d"]
      .map(imageName)
    let seeds = [
      """
      unqualified-search-registries = ["docker.io", "a.example"]
      short-name-mode = "permissive"
      credential-helpers = ["containers-auth.json"]
      [[registry]]
      prefix = "*.b.example"
      location = "c.example/d"
      [[registry.mirror]]
      location = "m.example"
      insecure = true
      [aliases]
      "debian" = "docker.io/library/debian"
      """,
      """
      [[registry]]
      location = "a.example"
      prefix = "a.example/b"
      blocked = false
      mirror-by-digest-only = true
      [[registry.mirror]]
      location = "docker.io/m"
      """,
    ]
    var machine = try ConfigurationMachine()
    var mutator = Mutator(seeds, seed: Self.seed)
    // Fewer: each is a file.
    for _ in 0..<Self.count / 4 {
      let bytes = mutator.next()
      try machine.write("registries.conf", bytes)
      try Data(bytes).write(to: URL(fileURLWithPath: "/tmp/rev2.last"))
      machine.environment["CONTAINERS_REGISTRIES_CONF"] = machine.path("registries.conf").string
      guard let configuration = try? RegistriesConfiguration.load(machine.places) else { continue }
      for name in names {
        // The registry itself comes last, and no mirror may come instead of it.
        let sources = (try? configuration.sources(for: name)) ?? []
        let isInOrder = sources.dropLast().allSatisfy(\.isMirror) && sources.last?.isMirror != true
        #expect(isInOrder, "seed \(Self.seed): \(bytes)")
      }
      _ = try? configuration.names(for: registryReference("debian"))
    }
  }

  @Test(
    arguments: [
      ("[*.example.com]", 1), ("a = 1\n [ [x]]", 2), ("[[\n", 1), ("[é]", 1), ("[]", 1), ("[", 1),
      ("a = [\n  [\n[1]],\n['x']]\n[=]", 5), ("a = \"\"\"\n[*]\n\"\"\"\"\n[.]", 4),
      ("a = '''\n[*]'''''\n[+]", 3), ("# [*]\n[.]", 2), ("a = \"\\\"[\"\n[.]", 2),
      ("\u{feff}[.]", 1),
    ] as [(String, Int)]
  )
  func `a table without a name is an error with its line`(text: String, line: Int) throws {
    var machine = try ConfigurationMachine()
    try machine.write("registries.conf", text)
    let path = machine.path("registries.conf")
    machine.environment["CONTAINERS_REGISTRIES_CONF"] = path.string
    let fault = ConfigurationFault.badTOML(
      line: line,
      column: 1,
      "a table whose name begins like none"
    )
    #expect(throws: RegistryError.invalidConfiguration(path, fault)) {
      try RegistriesConfiguration.load(machine.places)
    }
  }

  @Test(arguments: [
    "[a]\n[[b]]\n[ c ]\n[\"*\"]\n['d']", "x = [\n[[1]],\n[\n]\n]", "x = \"[*\" # [*",
    "x = \"\"\"\n[*]\"\"\"\"\"\n[a]", "\u{feff}[a]", "x = ''\ny = \"\"\n[a]", "'[' = 1\n[a]",
  ])
  func `tables with names are read`(text: String) throws {
    var machine = try ConfigurationMachine()
    try machine.write("registries.conf", text)
    machine.environment["CONTAINERS_REGISTRIES_CONF"] = machine.path("registries.conf").string
    #expect(throws: Never.self) { try RegistriesConfiguration.load(machine.places) }
  }

  @Test func `proxies and their exceptions`() {
    let seeds = [
      "http://anna:s3cret@proxy.example:3128/", "socks5h://[::1]:1080", "proxy.example",
      "localhost,.example,*.a.example:80,10.0.0.0/8,[fd00::]:5000,fd00::/8,*",
    ]
    each(seeds) { text in
      do {
        let settings = try ProxySettings(environment: ["HTTPS_PROXY": text, "NO_PROXY": text])
        let proxy = settings.proxy(for: "a.example", isSecure: true)
        #expect(proxy.map { isPrintable("\($0)") } ?? true, "seed \(Self.seed): \(text)")
        #expect(settings.proxy(for: "127.0.0.1", isSecure: true) == nil)
      } catch {
        #expect(!"\(error)".contains("s3cret"))
      }
    }
  }
}
