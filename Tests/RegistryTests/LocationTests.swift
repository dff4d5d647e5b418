// Addresses: what they are made of, which network they are on, and who may send us there.

import Testing

@testable import Registry

struct LocationTests {
  @Test(
    arguments: [
      ("https://Example.COM/v2/", true, "example.com", 443, "/v2/"),
      ("http://h:5000", false, "h", 5000, "/"),
      ("https://[::1]:8443/a?b=%2F&c=d%3D#f", true, "::1", 8443, "/a?b=%2F&c=d%3D"),
      ("https://h?x=1", true, "h", 443, "/?x=1"),
    ] as [(String, Bool, String, Int, String)]
  )
  func `an address is taken apart`(
    text: String,
    isSecure: Bool,
    host: String,
    port: Int,
    target: String
  ) {
    #expect(
      WebLocation(text)
        == WebLocation(isSecure: isSecure, host: host, port: port, target: target)
    )
  }

  @Test(arguments: [
    "", "/v2/", "ftp://h/", "file:///etc/passwd", "https://", "https:///x", "https://u@h/",
    "https://u:p@h/", "https://h:0/", "https://h:65536/", "https://h:x/", "https://a b/",
    "https://h\n.x/", "https://h\\@x/", "javascript:1", "https://ä.de/", "https://a%2eb%00/",
    "https://h/" + String(repeating: "x", count: 20_000),
  ])
  func `what is no address of a server is refused`(text: String) {
    #expect(WebLocation(text) == nil)
  }

  @Test(
    arguments: [
      ("/b?c", "https://h:444/b?c"), ("c", "https://h:444/v2/c"), ("//i/x", "https://i:443/x"),
      ("http://j/", "http://j:80/"), ("?q", "https://h:444/v2/a?q"),
    ]
  )
  func `a relative address is resolved`(text: String, expected: String) throws {
    let base = try #require(WebLocation("https://h:444/v2/a"))
    #expect(WebLocation(text, relativeTo: base)?.text == expected)
  }

  @Test func `what is shown has no query`() throws {
    let place = try #require(WebLocation("https://h/b/c?X-Amz-Signature=secret"))
    #expect(place.redacted == "https://h/b/c?…")
  }

  @Test(
    arguments: [
      ("example.com", .anywhere), ("192.0.2.1", .anywhere), ("2606:4700::1", .anywhere),
      ("172.32.0.1", .anywhere), ("10.example.com", .anywhere), ("::ffff:8.8.8.8", .anywhere),
      ("localhost", .loopback), ("LOCALHOST.", .loopback), ("a.localhost", .loopback),
      ("127.0.0.1", .loopback), ("127.1", .loopback), ("0x7f.1", .loopback),
      ("2130706433", .loopback), ("0177.0.0.1", .loopback), ("::1", .loopback),
      ("::ffff:127.0.0.1", .loopback), ("::127.0.0.1", .loopback), ("64:ff9b::7f00:1", .loopback),
      ("2002:7f00:1::", .loopback),
      ("10.0.0.1", .local), ("172.16.0.1", .local), ("192.168.1.1", .local),
      ("100.64.0.1", .local), ("fd00::1", .local), ("fec0::1", .local),
      ("0.0.0.0", .special), ("0", .special), ("169.254.169.254", .special), ("::", .special),
      ("fe80::1", .special), ("fe80::1%eth0", .special), ("224.0.0.1", .special),
      ("255.255.255.255", .special), ("ff02::1", .special), ("192.0.0.1", .special),
    ] as [(String, HostAddress)]
  )
  func `every spelling of an address is classified`(host: String, expected: HostAddress) {
    #expect(HostAddress(host) == expected)
  }

  struct Redirect: CustomTestStringConvertible, Sendable {
    let origin: String
    let location: String
    let refusal: RefusedLocation?

    var testDescription: String { "\(origin) → \(location)" }
  }

  @Test(arguments: [
    Redirect(origin: "https://r.example/a", location: "https://cdn.example/b", refusal: nil),
    Redirect(origin: "https://r.example/a", location: "/b", refusal: nil),
    Redirect(
      origin: "https://r.example/a",
      location: "http://cdn.example/b?sig",
      refusal: .plainText("http://cdn.example/b?…")
    ),
    Redirect(
      origin: "https://r.example/a",
      location: "https://127.0.0.1/b",
      refusal: .privateAddress("https://127.0.0.1/b")
    ),
    Redirect(
      origin: "https://r.example/a",
      location: "https://0x7f.1/b",
      refusal: .privateAddress("https://0x7f.1/b")
    ),
    Redirect(origin: "https://r.example/a", location: "ftp://x/", refusal: .malformed),
    Redirect(origin: "https://r.example/a", location: "https://u:p@x/", refusal: .malformed),
    Redirect(origin: "http://127.0.0.1:5000/a", location: "http://localhost:9000/b", refusal: nil),
    Redirect(origin: "https://10.0.0.1/a", location: "https://192.168.0.1/b", refusal: nil),
    Redirect(origin: "https://10.0.0.1/a", location: "https://s3.example/b", refusal: nil),
    Redirect(
      origin: "https://10.0.0.1/a",
      location: "https://169.254.169.254/latest",
      refusal: .privateAddress("https://169.254.169.254/latest")
    ),
  ])
  func `redirects go where they may`(row: Redirect) throws {
    let origin = try #require(WebLocation(row.origin))
    var refusal: RefusedLocation?
    do throws(RefusedLocation) {
      _ = try RedirectRules(origin: origin).next(row.location, from: origin)
    } catch {
      refusal = error
    }
    #expect(refusal == row.refusal)
  }

  @Test func `tokens are asked for openly only where everything is open`() throws {
    let secure = RedirectRules(origin: try #require(WebLocation("https://r.example/")))
    let plain = RedirectRules(origin: try #require(WebLocation("http://localhost:5000/")))
    for rules in [secure, plain] {
      #expect(throws: RefusedLocation.plainText("http://auth.example/token")) {
        try rules.realm("http://auth.example/token", isInsecure: false)
      }
      #expect(try rules.realm("http://auth.example/token", isInsecure: true).host == "auth.example")
    }
    #expect(try plain.realm("http://127.1:5001/token", isInsecure: false).host == "127.1")
    #expect(throws: RefusedLocation.privateAddress("https://localhost/token")) {
      try secure.realm("https://localhost/token", isInsecure: true)
    }
  }

  @Test func `foreign layers are never fetched openly`() throws {
    let plain = RedirectRules(origin: try #require(WebLocation("http://r.example/")))
    #expect(throws: RefusedLocation.plainText("http://x.example/l")) {
      try plain.foreignLayer("http://x.example/l")
    }
    #expect(throws: RefusedLocation.privateAddress("https://10.1.2.3/l")) {
      try plain.foreignLayer("https://10.1.2.3/l")
    }
  }
}
