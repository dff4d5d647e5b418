// What a registries.conf may not say.

import OCISpec
import Registry
import SystemPackage
import TestKit
import Testing

struct ConfigurationRegistriesFileTests {
  private static let path = "root/etc/containers/registries.conf"

  struct Row: CustomTestStringConvertible {
    let text: String
    let fault: ConfigurationFault

    var testDescription: String { text }

    init(_ text: String, _ fault: ConfigurationFault) {
      self.text = text
      self.fault = fault
    }
  }

  private static func registry(_ fields: String) -> String { "[[registry]]\n\(fields)" }

  static let rows = [
    // Version 1.
    Row("[registries.search]\nregistries = [\"a.io\"]", .version1),
    Row("[registries]", .version1),
    Row("unqualified-search-registries = [\"a.io\"]\n[registries.block]", .version1),
    // Types.
    Row("registry = 1", .badValue(field: "registry", expected: "[[registry]] tables")),
    Row("registry = [1]", .badValue(field: "registry", expected: "[[registry]] tables")),
    Row(
      "[registry]\nlocation = \"a.io\"",
      .badValue(field: "registry", expected: "[[registry]] tables")
    ),
    Row(registry("prefix = 1"), .badValue(field: "registry[0].prefix", expected: "a string")),
    Row(
      registry("location = \"a.io\"\ninsecure = \"yes\""),
      .badValue(field: "registry[0].insecure", expected: "true or false")
    ),
    Row(
      registry("location = \"a.io\"\n") + registry("location = \"b.io\"\nblocked = 1"),
      .badValue(field: "registry[1].blocked", expected: "true or false")
    ),
    Row(
      registry("location = \"a.io\"\n[[registry.mirror]]\nlocation = 2020-01-01"),
      .badValue(field: "registry[0].mirror[0].location", expected: "a string")
    ),
    Row(
      "unqualified-search-registries = \"a.io\"",
      .badValue(field: "unqualified-search-registries", expected: "an array of strings")
    ),
    Row(
      "unqualified-search-registries = [\"a.io\", 1]",
      .badValue(field: "unqualified-search-registries", expected: "an array of strings")
    ),
    Row("aliases = []", .badValue(field: "aliases", expected: "a table")),
    Row("[aliases]\nx = 1", .badValue(field: "aliases.x", expected: "a string")),
    // Places.
    Row(registry("insecure = true"), .noPrefix(index: 0)),
    Row(registry("prefix = \"\""), .noPrefix(index: 0)),
    Row(registry("location = \"///\""), .noPrefix(index: 0)),
    Row(registry("prefix = \"a.io\""), .noLocation(prefix: "a.io")),
    Row(registry("location = \"https://a.io\""), .schemeInLocation("https://a.io")),
    Row(
      registry("prefix = \"http://a.io\"\nlocation = \"b.io\""),
      .schemeInLocation("http://a.io")
    ),
    Row(registry("prefix = \"*.a.io/x\""), .badWildcard(prefix: "*.a.io/x")),
    Row(registry("prefix = \"*.a.io:5000\""), .badWildcard(prefix: "*.a.io:5000")),
    // Mirrors.
    Row(
      registry("location = \"a.io\"\n[[registry.mirror]]\ninsecure = true"),
      .noMirrorLocation(prefix: "a.io")
    ),
    Row(
      registry("location = \"a.io\"\nmirror = [{ location = \"http://m.io\" }]"),
      .schemeInLocation("http://m.io")
    ),
    Row(
      registry(
        "location = \"a.io\"\nmirror = [{ location = \"m.io\", pull-from-mirror = \"no\" }]"
      ),
      .badPullFromMirror("no", prefix: "a.io")
    ),
    Row(
      registry("location = \"a.io\"\npull-from-mirror = \"all\""),
      .pullFromMirrorOutsideMirror(prefix: "a.io")
    ),
    Row(
      registry(
        """
        location = "a.io"
        mirror-by-digest-only = true
        mirror = [{ location = "m.io", pull-from-mirror = "all" }]
        """
      ),
      .pullFromMirrorBesideDigestOnly(prefix: "a.io")
    ),
    // Contradictions.
    Row(
      registry("location = \"a.io\"\n") + registry("location = \"a.io\"\ninsecure = true"),
      .contradiction(location: "a.io", field: "insecure")
    ),
    Row(
      registry("prefix = \"x.io\"\nlocation = \"a.io\"\n")
        + registry("location = \"a.io\"\nblocked = true"),
      .contradiction(location: "a.io", field: "blocked")
    ),
    // Short names.
    Row("short-name-mode = \"loose\"", .badShortNameMode("loose")),
    Row("unqualified-search-registries = [\"a.io/x\"]", .badSearchRegistry("a.io/x")),
    Row("unqualified-search-registries = [\"noport\"]", .badSearchRegistry("noport")),
    Row("unqualified-search-registries = [\"\"]", .badSearchRegistry("")),
    Row("unqualified-search-registries = [\"a.io:0\"]", .badSearchRegistry("a.io:0")),
    Row(
      "unqualified-search-registries = [\"a.io\\u001B[2J\"]",
      .badSearchRegistry("a.io\\u{1b}[2J")
    ),
    Row("[aliases]\n\"a.io/x\" = \"b.io/x\"", .badAlias("a.io/x", to: "b.io/x")),
    Row("[aliases]\n\"x:1\" = \"b.io/x\"", .badAlias("x:1", to: "b.io/x")),
    Row("[aliases]\nx = \"y\"", .badAlias("x", to: "y")),
    Row("[aliases]\nx = \"b.io/x:1\"", .badAlias("x", to: "b.io/x:1")),
    Row("[aliases]\nx = \"b.io/UP\"", .badAlias("x", to: "b.io/UP")),
    Row("[aliases]\nUP = \"b.io/x\"", .badAlias("UP", to: "b.io/x")),
    // No TOML.
    Row("a = 1\n\u{0}b = 2", .badTOML(line: 2, column: 1, "a NUL byte")),
  ]

  @Test(arguments: rows)
  func `a file that is wrong says what and where`(_ row: Row) throws {
    let machine = try ConfigurationMachine()
    try machine.write(Self.path, row.text)
    let error = RegistryError.invalidConfiguration(machine.path(Self.path), row.fault)
    #expect(error.kind == .configuration)
    #expect(throws: error) { try RegistriesConfiguration.load(machine.places) }
    // A drop-in is as strict.
    try machine.write(Self.path, "")
    try machine.write(Self.path + ".d/1.conf", row.text)
    let dropIn = RegistryError.invalidConfiguration(
      machine.path(Self.path + ".d/1.conf"),
      row.fault
    )
    #expect(throws: dropIn) { try RegistriesConfiguration.load(machine.places) }
  }

  @Test(arguments: [
    ("[[registry]]\nprefix = \"a.io\nlocation = 1", 2),
    ("a = 1\nb = \n", 2),
    ("a = 1\na = 2", 2),
    ("[[registry]\n", 1),
    ("a = " + String(repeating: "[", count: 10_000), 1),
    (String(repeating: "a.", count: 500_000) + "=", 1),
  ])
  func `a file that is no TOML is refused with the line`(text: String, line: Int) throws {
    let machine = try ConfigurationMachine()
    try machine.write(Self.path, text)
    do {
      _ = try RegistriesConfiguration.load(machine.places)
      Issue.record("accepted")
    } catch RegistryError.invalidConfiguration(let path, .badTOML(let found, _, let reason)) {
      #expect(path == machine.path(Self.path))
      #expect(found == line)
      #expect(!reason.isEmpty)
    }
  }

  @Test func `a file that is no text is refused`() throws {
    let machine = try ConfigurationMachine()
    try machine.write(Self.path, [0x61, 0xFF])
    #expect(throws: RegistryError.invalidConfiguration(machine.path(Self.path), .notUTF8)) {
      try RegistriesConfiguration.load(machine.places)
    }
  }

  @Test func `fields of newer versions are ignored`() throws {
    let machine = try ConfigurationMachine()
    try machine.write(
      Self.path,
      """
      additional-layer-store-auth-helper = "x"
      future = { a = 1 }
      [[registry]]
      location = "a.io"
      future = [1, 2]
      """
    )
    let configuration = try RegistriesConfiguration.load(machine.places)
    #expect(try configuration.sources(for: imageName("a.io/x")).map(\.host) == ["a.io"])
  }

  @Test func `messages say which file and which table`() throws {
    let path = FilePath("/etc/containers/registries.conf")
    func text(_ fault: ConfigurationFault) -> String {
      RegistryError.invalidConfiguration(path, fault).description
    }
    #expect(
      text(.version1)
        == "\(path): version 1 of the format is not supported: rewrite it with [[registry]] tables"
    )
    #expect(text(.badTOML(line: 3, column: 7, "why")) == "\(path): line 3, column 7: why")
    #expect(
      text(.badValue(field: "registry[0].insecure", expected: "true or false"))
        == "\(path): registry[0].insecure: expected true or false"
    )
    #expect(
      text(.badPullFromMirror("no", prefix: "a.io"))
        == "\(path): registry \"a.io\": pull-from-mirror: \"no\" is not all, digest-only or tag-only"
    )
  }
}
