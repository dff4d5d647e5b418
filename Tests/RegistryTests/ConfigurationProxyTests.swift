// Which proxy an environment wants for which server, and which it does not.

import Registry
import Testing

struct ConfigurationProxyTests {
  /// The proxy for `https://HOST:PORT`, as text.
  private static func proxy(
    _ environment: [String: String],
    _ host: String = "a.io",
    port: Int? = nil,
    isSecure: Bool = true
  ) throws -> String? {
    try ProxySettings(environment: environment)
      .proxy(for: host, port: port, isSecure: isSecure)?.description
  }

  struct URLRow: CustomTestStringConvertible {
    let text: String
    let proxy: String
    let user: String?
    let password: String?

    var testDescription: String { text }

    init(_ text: String, _ proxy: String, _ user: String? = nil, _ password: String? = nil) {
      self.text = text
      self.proxy = proxy
      self.user = user
      self.password = password
    }
  }

  static let urlRows = [
    URLRow("http://p.io:3128", "http://p.io:3128"),
    URLRow("http://p.io:3128/", "http://p.io:3128"),
    URLRow("HTTP://P.io", "http://p.io:80"),
    URLRow("p.io:3128", "http://p.io:3128"),
    URLRow("p", "http://p:80"),
    URLRow("http://p.io:", "http://p.io:80"),
    URLRow("http://10.0.0.1:8080", "http://10.0.0.1:8080"),
    URLRow("http://[fd00::1]:8080", "http://[fd00::1]:8080"),
    URLRow("[fd00::1]", "http://[fd00::1]:80"),
    URLRow("socks5://p.io", "socks5://p.io:1080"),
    URLRow("socks5h://p.io:9050", "socks5://p.io:9050"),
    URLRow("http://u:hidden@p.io:3128", "http://p.io:3128", "u", "hidden"),
    URLRow("http://u@p.io", "http://p.io:80", "u", ""),
    URLRow("u:hidden@p.io:1", "http://p.io:1", "u", "hidden"),
    URLRow("http://u%40x:hid%3Aden%25@p.io", "http://p.io:80", "u@x", "hid:den%"),
    URLRow("http://u:hid@den@p.io", "http://p.io:80", "u", "hid@den"),
    URLRow("http://u:hid:den@p.io", "http://p.io:80", "u", "hid:den"),
  ]

  @Test(arguments: urlRows)
  func `the address of a proxy is read, and its password not shown`(_ row: URLRow) throws {
    let settings = try ProxySettings(environment: ["https_proxy": row.text])
    let proxy = try #require(settings.proxy(for: "a.io", isSecure: true))
    #expect(proxy.description == row.proxy)
    #expect(proxy.authorization?.user == row.user)
    #expect(proxy.authorization?.password == row.password)
    var dumped = ""
    dump(proxy, to: &dumped)
    dump(settings, to: &dumped)
    for text in ["\(proxy)", String(reflecting: proxy), "\(settings)", dumped] {
      #expect(!text.contains("hid"), "\(text)")
    }
  }

  @Test(arguments: [
    ("http://", ProxyFault.badURL), ("http://:3128", .badURL), ("http://p.io/path", .badURL),
    ("http://p.io?x", .badURL), ("http://p io", .badURL), ("http://p.io\r\n", .badURL),
    ("http://[::1", .badURL), ("http://[p.io]:1", .badURL), ("http://u:%zz@p.io", .badURL),
    ("http://u:%ff@p.io", .badURL), ("http://u%3Ax:y@p.io", .badURL), ("http://ü.io", .badURL),
    ("http://fd00::1", .badURL), ("http://u:%4", .badPort),
    ("http://" + String(repeating: "p", count: 5_000), .badURL),
    ("http://p.io:0", .badPort), ("http://p.io:65536", .badPort), ("http://p.io:+80", .badPort),
    ("p.io:hidden", .badPort), ("http://p.io:99999999999999999999", .badPort),
    ("https://p.io", .unsupportedScheme), ("socks4://p.io", .unsupportedScheme),
    ("ftp://p.io", .unsupportedScheme), ("socks5://u:p@p.io", .unsupportedAuthorization),
  ])
  func `a bad address is an error that names the variable alone`(
    text: String,
    fault: ProxyFault
  ) throws {
    for variable in ["HTTPS_PROXY", "http_proxy", "ALL_PROXY"] {
      let error = RegistryError.badProxy(variable: variable, fault)
      #expect(error.kind == .configuration)
      #expect(error.description == "\(variable): \(fault)")
      #expect(throws: error) { try ProxySettings(environment: [variable: text]) }
    }
  }

  @Test func `each scheme has its variable, and the rest one for all`() throws {
    let environment = ["HTTPS_PROXY": "s.io", "ALL_PROXY": "all.io"]
    #expect(try Self.proxy(environment) == "http://s.io:80")
    #expect(try Self.proxy(environment, isSecure: false) == "http://all.io:80")
    #expect(try Self.proxy(["http_proxy": "h.io"]) == nil)
    #expect(try Self.proxy(["http_proxy": "h.io"], isSecure: false) == "http://h.io:80")
    #expect(try Self.proxy([:]) == nil)
    #expect(ProxySettings().proxy(for: "a.io", isSecure: true) == nil)
  }

  @Test func `capital letters come first, and empty values are none`() throws {
    #expect(try Self.proxy(["HTTPS_PROXY": "b.io", "https_proxy": "s.io"]) == "http://b.io:80")
    #expect(try Self.proxy(["HTTPS_PROXY": "", "https_proxy": "s.io"]) == "http://s.io:80")
    #expect(try Self.proxy(["HTTPS_PROXY": ""]) == nil)
  }

  @Test func `a CGI program does not believe HTTP_PROXY`() throws {
    var environment = ["REQUEST_METHOD": "GET", "HTTP_PROXY": "evil.io"]
    #expect(try Self.proxy(environment, isSecure: false) == nil)
    environment["http_proxy"] = "good.io"
    #expect(try Self.proxy(environment, isSecure: false) == "http://good.io:80")
  }

  struct ExceptionRow: CustomTestStringConvertible {
    let list: String
    let direct: [String]
    let proxied: [String]

    var testDescription: String { list }

    init(_ list: String, direct: [String] = [], proxied: [String] = []) {
      self.list = list
      self.direct = direct
      self.proxied = proxied
    }
  }

  static let exceptionRows = [
    ExceptionRow("", direct: ["localhost", "127.0.0.1", "127.9.9.9", "::1", "LOCALHOST."]),
    ExceptionRow("", proxied: ["a.io", "10.0.0.1", "localhost.a.io", "128.0.0.1", "::2"]),
    ExceptionRow("*", direct: ["a.io", "10.0.0.1", "fd00::1"]),
    ExceptionRow("a.io", direct: ["a.io", "A.io", "a.io.", "x.a.io", "x.y.a.io"]),
    ExceptionRow("a.io", proxied: ["xa.io", "a.io.org", "io"]),
    ExceptionRow(".a.io", direct: ["x.a.io", "x.y.a.io"], proxied: ["a.io", "xa.io"]),
    ExceptionRow("*.a.io", direct: ["x.a.io"], proxied: ["a.io", "xa.io"]),
    ExceptionRow(" b.io , ,A.IO ", direct: ["a.io", "b.io"], proxied: ["c.io"]),
    ExceptionRow("10.0.0.1", direct: ["10.0.0.1", "::ffff:10.0.0.1"], proxied: ["10.0.0.11"]),
    ExceptionRow("10.0.0.0/8", direct: ["10.0.0.1", "10.255.0.1"], proxied: ["11.0.0.1", "a.io"]),
    ExceptionRow("10.0.0.0/9", direct: ["10.127.0.1"], proxied: ["10.128.0.1"]),
    ExceptionRow("10.0.0.0/0", direct: ["1.2.3.4"], proxied: ["fd00::1", "a.io"]),
    ExceptionRow("10.1.2.3/32", direct: ["10.1.2.3"], proxied: ["10.1.2.2"]),
    ExceptionRow("fd00::/8", direct: ["fd00::1", "fdff::1"], proxied: ["fe00::1", "10.0.0.1"]),
    ExceptionRow("fd00::1", direct: ["fd00::1", "FD00:0::1"], proxied: ["fd00::2"]),
    // What is no rule matches nothing.
    ExceptionRow("10.0.0.0/33,10.0.0.0/x,10.0.0.0/-1,/8,:1", proxied: ["10.0.0.1", "a.io"]),
    ExceptionRow("a.io:x,a.io:0,a.io:70000", proxied: ["a.io"]),
  ]

  @Test(arguments: exceptionRows)
  func `exceptions are connected to directly`(_ row: ExceptionRow) throws {
    let environment = ["https_proxy": "p.io", "NO_PROXY": row.list]
    for host in row.direct { #expect(try Self.proxy(environment, host) == nil, "\(host)") }
    for host in row.proxied {
      #expect(try Self.proxy(environment, host) == "http://p.io:80", "\(host)")
    }
  }

  @Test func `an exception with a port is for that port`() throws {
    let environment = [
      "https_proxy": "p.io", "http_proxy": "p.io",
      "no_proxy": "a.io:5000,10.0.0.1:443,[fd00::1]:80,.b.io:80",
    ]
    #expect(try Self.proxy(environment, "a.io", port: 5000) == nil)
    #expect(try Self.proxy(environment, "x.a.io", port: 5000) == nil)
    #expect(try Self.proxy(environment, "a.io") != nil)
    #expect(try Self.proxy(environment, "10.0.0.1") == nil)
    #expect(try Self.proxy(environment, "10.0.0.1", isSecure: false) != nil)
    #expect(try Self.proxy(environment, "fd00::1", isSecure: false) == nil)
    #expect(try Self.proxy(environment, "fd00::1") != nil)
    #expect(try Self.proxy(environment, "x.b.io", isSecure: false) == nil)
    #expect(try Self.proxy(environment, "x.b.io") != nil)
  }
}
