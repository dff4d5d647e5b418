// Where images come from: rules, mirrors, short names, and how files are put together.

import Foundation
import OCISpec
import Registry
import SystemPackage
import TestKit
import Testing

struct ConfigurationRegistriesTests {
  private static let digest = "sha256:" + String(repeating: "ab", count: 32)

  /// The configuration of a machine that has one file.
  private static func configuration(_ text: String) throws -> RegistriesConfiguration {
    let machine = try ConfigurationMachine()
    try machine.write("root/etc/containers/registries.conf", text)
    return try RegistriesConfiguration.load(machine.places)
  }

  /// Each source as `HOST REPOSITORY…`, with its marks.
  private static func sources(
    _ configuration: RegistriesConfiguration,
    _ name: String
  ) throws -> [String] {
    try configuration.sources(for: imageName(name)).map {
      let marks = ($0.isMirror ? " mirror" : "") + ($0.isInsecure ? " insecure" : "")
      return "\($0.host) \($0.name)\(marks)"
    }
  }

  struct Row: CustomTestStringConvertible {
    let configuration: String
    let name: String
    let sources: [String]

    var testDescription: String { "\(name) with \(configuration)" }

    init(_ configuration: String, _ name: String, _ sources: [String]) {
      self.configuration = configuration
      self.name = name
      self.sources = sources
    }
  }

  private static let foo = """
    [[registry]]
    prefix = "example.com/foo"
    location = "inner.example.com/bar"
    """

  static let rows = [
    Row("", "debian", ["registry-1.docker.io docker.io/library/debian:latest"]),
    Row("", "ghcr.io/a/b:1", ["ghcr.io ghcr.io/a/b:1"]),
    // A location stands in the place of the prefix.
    Row(foo, "example.com/foo/image:1", ["inner.example.com inner.example.com/bar/image:1"]),
    Row(foo, "example.com/foo:1", ["inner.example.com inner.example.com/bar:1"]),
    // A prefix ends where a part of the name does.
    Row(foo, "example.com/foobar:1", ["example.com example.com/foobar:1"]),
    Row(foo, "example.com/fo:1", ["example.com example.com/fo:1"]),
    Row(foo, "www.example.com/foo:1", ["www.example.com www.example.com/foo:1"]),
    // It may name one version.
    Row(
      "[[registry]]\nprefix = \"a.io/x:1\"\nlocation = \"b.io/y:2\"",
      "a.io/x:1",
      ["b.io b.io/y:2"]
    ),
    Row(
      "[[registry]]\nprefix = \"a.io/x:1\"\nlocation = \"b.io/y:2\"",
      "a.io/x:10",
      [
        "a.io a.io/x:10"
      ]
    ),
    // The longest prefix wins, wherever it stands.
    Row(
      """
      [[registry]]
      prefix = "a.io/team/app"
      location = "c.io/app"
      [[registry]]
      prefix = "a.io"
      location = "b.io"
      """,
      "a.io/team/app:1",
      ["c.io c.io/app:1"]
    ),
    Row(
      """
      [[registry]]
      prefix = "a.io"
      location = "b.io"
      [[registry]]
      prefix = "a.io/team/app"
      location = "c.io/app"
      """,
      "a.io/team/other:1",
      ["b.io b.io/team/other:1"]
    ),
    // Wildcards stand for any number of subdomains, and not for the domain.
    Row(
      "[[registry]]\nprefix = \"*.a.io\"\ninsecure = true",
      "x.y.a.io/b:1",
      [
        "x.y.a.io x.y.a.io/b:1 insecure"
      ]
    ),
    Row(
      "[[registry]]\nprefix = \"*.a.io\"\ninsecure = true",
      "x.a.io:5000/b:1",
      [
        "x.a.io:5000 x.a.io:5000/b:1 insecure"
      ]
    ),
    Row("[[registry]]\nprefix = \"*.a.io\"\ninsecure = true", "a.io/b:1", ["a.io a.io/b:1"]),
    Row("[[registry]]\nprefix = \"*.a.io\"\ninsecure = true", "xa.io/b:1", ["xa.io xa.io/b:1"]),
    Row(
      "[[registry]]\nprefix = \"*.a.io\"\ninsecure = true",
      "x.a.io.evil.org/b:1",
      [
        "x.a.io.evil.org x.a.io.evil.org/b:1"
      ]
    ),
    Row(
      "[[registry]]\nprefix = \"*.a.io\"\ninsecure = true",
      "evil.org/x.a.io:1",
      [
        "evil.org evil.org/x.a.io:1"
      ]
    ),
    Row(
      "[[registry]]\nprefix = \"*.a.io\"\nlocation = \"m.io/copy\"",
      "x.a.io/b:1",
      [
        "m.io m.io/copy/b:1"
      ]
    ),
    // Slashes at the end do not count.
    Row("[[registry]]\nprefix = \"a.io/\"\nlocation = \"b.io//\"", "a.io/x:1", ["b.io b.io/x:1"]),
    // The location alone is the prefix too; a host stands for its ports.
    Row(
      "[[registry]]\nlocation = \"localhost\"\ninsecure = true",
      "localhost:5000/x:1",
      [
        "localhost:5000 localhost:5000/x:1 insecure"
      ]
    ),
    // docker.io is rewritten by its full names.
    Row(
      "[[registry]]\nprefix = \"docker.io\"\nlocation = \"m.io/hub\"",
      "debian:12",
      [
        "m.io m.io/hub/library/debian:12"
      ]
    ),
    Row(
      "[[registry]]\nprefix = \"a.io\"\nlocation = \"docker.io\"",
      "a.io/debian:12",
      [
        "registry-1.docker.io docker.io/library/debian:12"
      ]
    ),
    // Of two tables with one prefix the first counts.
    Row(
      """
      [[registry]]
      prefix = "a.io"
      location = "b.io"
      [[registry]]
      prefix = "a.io"
      location = "c.io"
      """,
      "a.io/x:1",
      ["b.io b.io/x:1"]
    ),
  ]

  @Test(arguments: rows)
  func `a name leads to its sources`(_ row: Row) throws {
    #expect(try Self.sources(Self.configuration(row.configuration), row.name) == row.sources)
  }

  @Test func `mirrors come first, in order, and only for what they are for`() throws {
    let configuration = try Self.configuration(
      """
      [[registry]]
      location = "a.io"
      [[registry.mirror]]
      location = "all.io"
      [[registry.mirror]]
      location = "digests.io/copy"
      insecure = true
      pull-from-mirror = "digest-only"
      [[registry.mirror]]
      location = "tags.io:5000"
      pull-from-mirror = "tag-only"
      """
    )
    #expect(
      try Self.sources(configuration, "a.io/x:1") == [
        "all.io all.io/x:1 mirror", "tags.io:5000 tags.io:5000/x:1 mirror", "a.io a.io/x:1",
      ]
    )
    #expect(
      try Self.sources(configuration, "a.io/x@\(Self.digest)") == [
        "all.io all.io/x@\(Self.digest) mirror",
        "digests.io digests.io/copy/x@\(Self.digest) mirror insecure",
        "a.io a.io/x@\(Self.digest)",
      ]
    )
  }

  @Test func `mirrors by digest only are for digests`() throws {
    let configuration = try Self.configuration(
      """
      [[registry]]
      location = "a.io"
      mirror-by-digest-only = true
      mirror = [{ location = "m.io" }]
      """
    )
    #expect(try Self.sources(configuration, "a.io/x:1") == ["a.io a.io/x:1"])
    #expect(
      try Self.sources(configuration, "a.io/x@\(Self.digest)") == [
        "m.io m.io/x@\(Self.digest) mirror", "a.io a.io/x@\(Self.digest)",
      ]
    )
  }

  @Test func `a blocked registry is refused by the file that says so`() throws {
    let machine = try ConfigurationMachine()
    let path = "root/etc/containers/registries.conf"
    try machine.write(path, "[[registry]]\nlocation = \"bad.io\"\nblocked = true")
    let configuration = try RegistriesConfiguration.load(machine.places)
    let error = RegistryError.blocked("bad.io/x:1", by: machine.path(path))
    #expect(error.kind == .unavailable)
    #expect(error.description == "bad.io/x:1: blocked by \(machine.path(path))")
    #expect(throws: error) { try configuration.sources(for: imageName("bad.io/x:1")) }
    #expect(try Self.sources(configuration, "good.io/x:1") == ["good.io good.io/x:1"])
  }

  @Test(arguments: ["nohost", "b io", "B.io/UPPER", "b.io:99999", "b.io/x?y", "../etc"])
  func `a location that makes no name is refused when it is used`(location: String) throws {
    let machine = try ConfigurationMachine()
    let path = "root/etc/containers/registries.conf"
    try machine.write(path, "[[registry]]\nprefix = \"a.io\"\nlocation = \"\(location)\"")
    let configuration = try RegistriesConfiguration.load(machine.places)
    let target = "\(location)/x:1"
    #expect(throws: RegistryError.badRewrite(of: "a.io/x:1", to: target, by: machine.path(path))) {
      try configuration.sources(for: imageName("a.io/x:1"))
    }
  }

  @Test func `registries on this machine are known by their names`() throws {
    let configuration = RegistriesConfiguration()
    func isLoopback(_ name: String) throws -> Bool {
      try configuration.sources(for: imageName(name)).contains(where: \.isLoopback)
    }
    for name in ["localhost/x", "localhost:5000/x", "127.0.0.1:5000/x", "127.8.8.8/x", "[::1]:1/x"]
    {
      #expect(try isLoopback(name), "\(name)")
    }
    for name in ["x", "example.com/x", "localhost.example.com/x", "128.0.0.1/x"] {
      #expect(try !isLoopback(name), "\(name)")
    }
  }

  // MARK: Short names

  @Test func `a full name means itself`() throws {
    let configuration = try Self.configuration(
      "unqualified-search-registries = [\"a.io\", \"b.io\"]\n[aliases]\n\"x\" = \"c.io/x\""
    )
    #expect(
      try configuration.names(for: registryReference("quay.io/x:1")).map(\.text) == ["quay.io/x:1"]
    )
    #expect(
      try configuration.names(for: registryReference("docker.io/x")).map(\.text) == [
        "docker.io/library/x:latest"
      ]
    )
  }

  struct ShortRow: CustomTestStringConvertible {
    let configuration: String
    let reference: String
    let names: [String]

    var testDescription: String { "\(reference) with \(configuration)" }

    init(_ configuration: String, _ reference: String, _ names: [String]) {
      self.configuration = configuration
      self.reference = reference
      self.names = names
    }
  }

  private static let two = "unqualified-search-registries = [\"a.io\", \"docker.io\"]\n"

  static let shortRows = [
    ShortRow("", "debian:12", ["docker.io/library/debian:12"]),
    ShortRow("unqualified-search-registries = []", "debian", ["docker.io/library/debian:latest"]),
    ShortRow("unqualified-search-registries = [\"a.io:5000\"]", "team/x:1", ["a.io:5000/team/x:1"]),
    ShortRow(
      two + "short-name-mode = \"permissive\"",
      "x:1",
      [
        "a.io/x:1", "docker.io/library/x:1",
      ]
    ),
    ShortRow(
      two + "short-name-mode = \"disabled\"",
      "x",
      [
        "a.io/x:latest", "docker.io/library/x:latest",
      ]
    ),
    // Aliases come before the search, and keep tag and digest.
    ShortRow(two + "[aliases]\nx = \"c.io/team/y\"", "x:1", ["c.io/team/y:1"]),
    ShortRow("[aliases]\nx = \"c.io/y\"", "x@\(digest)", ["c.io/y@\(digest)"]),
    ShortRow("[aliases]\n\"team/x\" = \"docker.io/x\"", "team/x", ["docker.io/library/x:latest"]),
    ShortRow("[aliases]\n\"team/x\" = \"c.io/x\"", "x", ["docker.io/library/x:latest"]),
  ]

  @Test(arguments: shortRows)
  func `a short name is completed`(_ row: ShortRow) throws {
    let configuration = try Self.configuration(row.configuration)
    #expect(
      try configuration.names(for: registryReference(row.reference)).map(\.text) == row.names
    )
  }

  @Test(arguments: ["", "short-name-mode = \"enforcing\"", "short-name-mode = \"\""])
  func `a short name that fits several registries has to be chosen`(mode: String) throws {
    let configuration = try Self.configuration(Self.two + mode)
    let error = RegistryError.ambiguousShortName(
      "x:1",
      candidates: ["a.io/x:1", "docker.io/library/x:1"]
    )
    #expect(error.kind == .configuration)
    #expect(
      error.description == "\"x:1\" is a short name, choose one of a.io/x:1, docker.io/library/x:1"
    )
    #expect(throws: error) { try configuration.names(for: registryReference("x:1")) }
  }
}
