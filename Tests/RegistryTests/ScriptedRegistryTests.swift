// The scripted registry itself: what it sends is compared byte for byte, and skopeo takes images from it.

import Foundation
import TestKit
import TestRegistry
import Testing

struct ScriptedRegistryTests {
  /// What is asked, which rule is set, and the whole answer.
  struct Row: CustomTestStringConvertible, Sendable {
    let testDescription: String
    var request = "GET /files/0123 HTTP/1.1\r\nConnection: close"
    var rule: Answer?
    let answer: String
    var ending = RawAnswer.Ending.closed
  }

  private static let headers =
    "Content-Type: application/octet-stream\r\nDocker-Content-Digest: 0123\r\nETag: \"0123\"\r\n"
    + "Accept-Ranges: bytes\r\n"
  private static let whole =
    "HTTP/1.1 200 OK\r\n\(headers)Content-Length: 10\r\n\r\n0123456789"

  private static func ranged(_ range: String) -> String {
    "GET /files/0123 HTTP/1.1\r\nConnection: close\r\nRange: bytes=\(range)"
  }

  private static func partial(_ place: String, _ text: String) -> String {
    "HTTP/1.1 206 Partial Content\r\n\(headers)Content-Range: bytes \(place)/10\r\n"
      + "Content-Length: \(text.utf8.count)\r\n\r\n\(text)"
  }

  static let rows = [
    Row(testDescription: "the truth", answer: whole),
    Row(
      testDescription: "only the head",
      request: "HEAD /files/0123 HTTP/1.1\r\nConnection: close",
      answer: String(whole.dropLast(10))
    ),
    Row(testDescription: "a range", request: ranged("2-4"), answer: partial("2-4", "234")),
    Row(testDescription: "an open range", request: ranged("7-"), answer: partial("7-9", "789")),
    Row(testDescription: "a long range", request: ranged("7-99"), answer: partial("7-9", "789")),
    Row(testDescription: "a suffix", request: ranged("-3"), answer: partial("7-9", "789")),
    Row(
      testDescription: "a range behind the end",
      request: ranged("10-"),
      answer: "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */10\r\n"
        + "Content-Type: application/json\r\nContent-Length: 50\r\n\r\n"
        + #"{"errors":[{"code":"UNSUPPORTED","message":"no"}]}"#
    ),
    Row(
      testDescription: "a range that changed meanwhile",
      request: ranged("2-4") + "\r\nIf-Range: \"4567\"",
      answer: whole
    ),
    Row(testDescription: "no range", request: ranged("2-4"), rule: .ignoringRange, answer: whole),
    Row(
      testDescription: "several parts",
      request: ranged("2-4"),
      rule: .multipart,
      answer: "HTTP/1.1 206 Partial Content\r\n"
        + "Content-Type: multipart/byteranges; boundary=border\r\nContent-Length: 191\r\n\r\n"
        + "\r\n--border\r\nContent-Type: application/octet-stream\r\n"
        + "Content-Range: bytes 0-0/10\r\n\r\n0"
        + "\r\n--border\r\nContent-Type: application/octet-stream\r\n"
        + "Content-Range: bytes 0-9/10\r\n\r\n0123456789\r\n--border--\r\n"
    ),
    Row(
      testDescription: "before the head",
      rule: .stopping(at: .head(0), .close),
      answer: ""
    ),
    Row(
      testDescription: "in the head",
      rule: .stopping(at: .head(12), .close),
      answer: "HTTP/1.1 200"
    ),
    Row(
      testDescription: "in the body",
      rule: .stopping(at: .body(4), .close),
      answer: String(whole.dropLast(6))
    ),
    Row(
      testDescription: "a reset",
      rule: .stopping(at: .head(0), .reset),
      answer: "",
      ending: .reset
    ),
    Row(
      testDescription: "a slow one",
      rule: .trickling(byteCount: 3, milliseconds: 1),
      answer: whole
    ),
    Row(
      testDescription: "chunks",
      rule: .chunked.changing { $0.pace = Reply.Pace(byteCount: 6, milliseconds: 0) },
      answer: "HTTP/1.1 200 OK\r\n\(headers)Transfer-Encoding: chunked\r\n\r\n"
        + "6\r\n012345\r\n4\r\n6789\r\n0\r\n\r\n"
    ),
    Row(
      testDescription: "a length that is not so",
      rule: .changing { $0.framing = .claimedLength(12) },
      answer: whole.replacing("Content-Length: 10", with: "Content-Length: 12")
    ),
    Row(
      testDescription: "until the end",
      rule: .untilClose,
      answer: whole.replacing("Content-Length: 10", with: "Connection: close")
    ),
    Row(
      testDescription: "another bit",
      rule: .flippingBit(ofByte: 8),
      answer: whole.replacing("6789", with: "6799")
    ),
    Row(
      testDescription: "any bytes",
      rule: .changing { $0.verbatimHead = Array("HTTP/0.9 what?\n".utf8) },
      answer: "HTTP/0.9 what?\n0123456789"
    ),
    Row(
      testDescription: "an error",
      rule: .error(429, "TOOMANYREQUESTS", [HeaderField("Retry-After", "7")]),
      answer: "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\n"
        + "Content-Type: application/json\r\nContent-Length: 65\r\n\r\n"
        + #"{"errors":[{"code":"TOOMANYREQUESTS","message":"said the test"}]}"#
    ),
  ]

  @Test(arguments: rows)
  func `what goes out is what the rule says`(_ row: Row) throws {
    let registry = try ScriptedRegistry()
    registry.contents.put(blob: GeneratedBytes("0123456789"), as: "0123", in: "app")
    if let rule = row.rule { registry.on(.any, rule) }
    let answer = try RawAnswer(row.request, port: registry.port)
    #expect(answer == RawAnswer(row.answer, row.ending))
    #expect(registry.requests.map(\.path) == ["/files/0123"])
  }

  @Test func `rules count the requests that they are about`() throws {
    let registry = try ScriptedRegistry()
    registry.on(.path("/a"), .nth(2), .status(201))
    registry.on(.path("/b"), .first(1), .status(202))
    registry.on(.prefix("/"), .after(3), .status(203))
    let statuses = try ["/a", "/a", "/b", "/b", "/a"].map { path in
      try RawAnswer("GET \(path) HTTP/1.1\r\nConnection: close", port: registry.port).text
        .dropFirst(9).prefix(3)
    }
    #expect(statuses == ["404", "201", "202", "203", "203"])
  }

  @Test func `generated bytes are the same in any pieces`() {
    let bytes = GeneratedBytes.tar(byteCount: 2_100_000, seed: 3)
    let all = bytes.all
    #expect(all.count == bytes.byteCount)
    #expect(bytes.digest == ImageFixture.sha256(all))
    let cuts = [0, 1, 511, 513, 600, 1_048_576 + 512, 1_048_576 + 515, 2_097_700, all.count]
    #expect(zip(cuts, cuts.dropFirst()).flatMap { bytes.bytes($0..<$1) } == all)
  }

  @Test func `a layer of gigabytes is made in pieces`() {
    let bytes = GeneratedBytes.tar(byteCount: 2 << 30)
    #expect(bytes.byteCount == 2 << 30 + 512 + 1024)
    let end = bytes.bytes(bytes.byteCount - 1026..<bytes.byteCount)
    #expect(end.count == 1026 && end.dropFirst(2).allSatisfy { $0 == 0 })
    #expect(bytes.bytes(512 + 3 << 20..<512 + 3 << 20 + 8) == [3, 0, 0, 0, 0, 0, 0, 0])
  }

  // MARK: With skopeo

  @Test(arguments: ["none", "basic", "bearer"], [false, true])
  func `skopeo copies from it`(_ authentication: String, _ isSecure: Bool) throws {
    let issuer = TokenIssuer(
      .init {
        $0.accounts = ["anna": "secret"]
        $0.allowsAnonymous = false
      }
    )
    let kind: ScriptedRegistry.Authentication =
      switch authentication {
      case "basic": .basic(["anna": "secret"])
      case "bearer": .bearer(issuer)
      default: .none
      }
    let registry = try ScriptedRegistry(
      authentication: kind,
      tls: isSecure ? ServerIdentity(try TestAuthority.sharedServer) : nil
    )
    let image = TestImage()
    image.push(to: registry.contents, "team/app", tag: "v1")
    let place = try TemporaryDirectory()
    var options = ["--src-tls-verify=false"]
    if isSecure {
      try FileManager.default.createDirectory(
        atPath: place.appending("certificates"),
        withIntermediateDirectories: false
      )
      try FileManager.default.copyItem(
        atPath: try TestAuthority.shared.certificateFile,
        toPath: place.appending("certificates/ca.crt")
      )
      options = ["--src-cert-dir", place.appending("certificates")]
    }
    if authentication != "none" { options += ["--src-creds", "anna:secret"] }
    try Program.succeed(
      ["skopeo", "--insecure-policy", "copy"] + options
        + ["docker://\(registry.domain)/team/app:v1", "oci:\(place.path)/copy:v1"]
    )
    for (digest, bytes) in image.parts {
      let file = place.appending("copy/" + ImageFixture.blobName(digest))
      #expect(Array(try Data(contentsOf: URL(fileURLWithPath: file))) == bytes)
    }
    #expect(issuer.issuedCount == (authentication == "bearer" ? 1 : 0))
  }

  @Test func `a proxy leads names to ports`() throws {
    let registry = try ScriptedRegistry()
    TestImage().push(to: registry.contents, "app")
    let proxy = try TestProxy(
      routes: ["registry.test:80": registry.port],
      credentials: ("anna", "secret")
    )
    let place = try TemporaryDirectory()
    let url = "http://anna:secret@127.0.0.1:\(proxy.port)"
    try Program.succeed(
      [
        "skopeo", "--insecure-policy", "copy", "--src-tls-verify=false",
        "docker://registry.test/app:latest", "oci:\(place.path)/copy:v1",
      ],
      environment: ["HTTP_PROXY": url, "HTTPS_PROXY": url, "NO_PROXY": ""]
    )
    #expect(registry.requests(.anyManifest).map(\.path) == ["/v2/app/manifests/latest"])
    #expect(proxy.requests.contains { $0.path == "http://registry.test/v2/app/manifests/latest" })
  }

  @Test func `the real registry gives back what it was given`() throws {
    let registry = try RealRegistry(
      authority: try TestAuthority.shared,
      account: ("anna", "secret")
    )
    let place = try TemporaryDirectory()
    let fixture = try ImageFixture.image(
      [.plain(TarBytes.archive([.file("a", "b")]))],
      at: place.appending("layout")
    )
    try registry.push(layout: fixture.path + ":latest", as: "app:v1")
    try registry.pull("app:v1", to: "oci:" + place.appending("copy") + ":v1")
    let blobs = try ["layout", "copy"].map {
      try FileManager.default.contentsOfDirectory(atPath: place.appending($0 + "/blobs/sha256"))
        .sorted()
    }
    #expect(blobs[0] == blobs[1])
  }
}
