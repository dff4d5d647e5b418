// Where credentials are found, which entry is for whom, and that nothing shows them.

import Foundation
import OCISpec
import Registry
import SystemPackage
import TestKit
import Testing

struct ConfigurationCredentialTests {
  static func entry(_ user: String, _ password: String = "secret") -> String {
    "{\"auth\":\"\(Data("\(user):\(password)".utf8).base64EncodedString())\"}"
  }

  static func lookUp(
    _ machine: ConfigurationMachine,
    _ name: String,
    authFile: FilePath? = nil,
    helpers: [String] = []
  ) async throws -> FoundCredentials? {
    let store = CredentialStore(machine.places, authFile: authFile, helpers: helpers)
    let source = PullSource(name: try imageName(name), isInsecure: false, isMirror: false)
    return try await store.credentials(for: source)
  }

  private static func user(_ found: FoundCredentials?) -> String? {
    guard case .basic(let user, "secret")? = found?.credentials else { return nil }
    return user
  }

  // MARK: Files

  @Test func `files are asked in order, and the first that knows wins`() async throws {
    var machine = try ConfigurationMachine()
    let runtime = machine.path("run").string
    machine.environment["XDG_RUNTIME_DIR"] = runtime
    let files = [
      ("run/containers/auth.json", "\(runtime)/containers/auth.json"),
      ("home/.config/containers/auth.json", "~/.config/containers/auth.json"),
      ("home/.docker/config.json", "~/.docker/config.json"),
      ("home/.dockercfg", "~/.dockercfg"),
    ]
    #expect(CredentialStore(machine.places).searched == files.map(\.1))
    #expect(try await Self.lookUp(machine, "a.io/x") == nil)
    for (index, (file, words)) in files.enumerated().reversed() {
      let auths = "{\"a.io\":\(Self.entry("user\(index)"))}"
      try machine.write(file, file.hasSuffix("cfg") ? auths : "{\"auths\":\(auths)}")
      let found = try await Self.lookUp(machine, "a.io/x")
      #expect(
        found == FoundCredentials(.basic(user: "user\(index)", password: "secret"), origin: words)
      )
      #expect(try await Self.lookUp(machine, "b.io/x") == nil)
    }
  }

  @Test func `variables move the files`() async throws {
    var machine = try ConfigurationMachine()
    try machine.write(
      "root/run/containers/1000/auth.json",
      "{\"auths\":{\"r.io\":\(Self.entry("r"))}}"
    )
    #expect(Self.user(try await Self.lookUp(machine, "r.io/x")) == "r")
    try machine.write("xdg/containers/auth.json", "{\"auths\":{\"a.io\":\(Self.entry("x"))}}")
    try machine.write("docker/config.json", "{\"auths\":{\"b.io\":\(Self.entry("d"))}}")
    #expect(try await Self.lookUp(machine, "a.io/x") == nil)
    machine.environment["XDG_CONFIG_HOME"] = machine.path("xdg").string
    machine.environment["DOCKER_CONFIG"] = machine.path("docker").string
    #expect(Self.user(try await Self.lookUp(machine, "a.io/x")) == "x")
    #expect(Self.user(try await Self.lookUp(machine, "b.io/x")) == "d")
    // Relative directories are none, says the specification.
    machine.environment["XDG_CONFIG_HOME"] = "xdg"
    #expect(try await Self.lookUp(machine, "a.io/x") == nil)
  }

  @Test func `a file that is named is asked alone, and has to be there`() async throws {
    var machine = try ConfigurationMachine()
    try machine.write("home/.docker/config.json", "{\"auths\":{\"a.io\":\(Self.entry("d"))}}")
    try machine.write("named", "{\"auths\":{\"b.io\":\(Self.entry("n"))}}")
    machine.environment["REGISTRY_AUTH_FILE"] = machine.path("named").string
    #expect(try await Self.lookUp(machine, "a.io/x") == nil)
    #expect(Self.user(try await Self.lookUp(machine, "b.io/x")) == "n")
    #expect(CredentialStore(machine.places).searched == [machine.path("named").string])
    try machine.write("option", "{\"auths\":{\"c.io\":\(Self.entry("o"))}}")
    let option = machine.path("option")
    #expect(Self.user(try await Self.lookUp(machine, "c.io/x", authFile: option)) == "o")
    #expect(try await Self.lookUp(machine, "b.io/x", authFile: option) == nil)
    let missing = machine.path("missing")
    await #expect(
      throws: RegistryError.configurationUnreadable(
        operation: "open",
        missing,
        .noSuchFileOrDirectory
      )
    ) { try await Self.lookUp(machine, "c.io/x", authFile: missing) }
  }

  // MARK: Keys

  struct KeyRow: CustomTestStringConvertible {
    let keys: [String]
    let name: String
    /// The key whose entry is found.
    let key: String?

    var testDescription: String { "\(name) among \(keys)" }

    init(_ keys: [String], _ name: String, _ key: String?) {
      self.keys = keys
      self.name = name
      self.key = key
    }
  }

  private static let nested = ["a.io", "a.io/team", "a.io/team/app", "a.io/te"]

  static let keyRows = [
    // The most specific namespace.
    KeyRow(nested, "a.io/team/app:1", "a.io/team/app"),
    KeyRow(nested, "a.io/team/app/part:1", "a.io/team/app"),
    KeyRow(nested, "a.io/team/apple:1", "a.io/team"),
    KeyRow(nested, "a.io/teams/x:1", "a.io"),
    KeyRow(["a.io/team"], "a.io/x", nil),
    KeyRow(["a.io"], "a.io:5000/x", nil),
    KeyRow(["a.io:5000"], "a.io:5000/x", "a.io:5000"),
    KeyRow(["a.io"], "b.a.io/x", nil),
    // Docker Hub under all its names.
    KeyRow(["https://index.docker.io/v1/"], "debian", "https://index.docker.io/v1/"),
    KeyRow(["index.docker.io"], "debian", "index.docker.io"),
    KeyRow(["index.docker.io/v1/"], "debian", "index.docker.io/v1/"),
    KeyRow(["registry-1.docker.io"], "debian", "registry-1.docker.io"),
    KeyRow(["docker.io", "https://index.docker.io/v1/"], "debian", "docker.io"),
    KeyRow(
      ["docker.io/library", "https://index.docker.io/v1/"],
      "debian",
      "docker.io/library"
    ),
    KeyRow(["docker.io/team"], "debian", nil),
    // Addresses, of which only the host counts.
    KeyRow(["https://a.io/v2/"], "a.io/x", "https://a.io/v2/"),
    KeyRow(["http://a.io"], "a.io/x", "http://a.io"),
    KeyRow(["https://a.io", "a.io"], "a.io/x", "a.io"),
    KeyRow(["a.io/"], "a.io/x", "a.io/"),
    KeyRow(["https://b.io/a.io"], "a.io/x", nil),
    KeyRow(["", "/", "https://", "a.io//"], "b.io/x", nil),
  ]

  @Test(arguments: keyRows)
  func `a name finds its entry`(_ row: KeyRow) async throws {
    let machine = try ConfigurationMachine()
    let entries = row.keys.map { "\"\($0)\":\(Self.entry("key \($0)".replacing(":", with: ";")))" }
    try machine.write("home/.docker/config.json", "{\"auths\":{\(entries.joined(separator: ","))}}")
    let user = Self.user(try await Self.lookUp(machine, row.name))
    #expect(user == row.key.map { "key \($0)".replacing(":", with: ";") })
  }

  @Test func `the oldest kind of file knows hosts alone`() async throws {
    let machine = try ConfigurationMachine()
    try machine.write(
      "home/.dockercfg",
      """
      {"https://index.docker.io/v1/":\(Self.entry("hub")),"a.io/v1/":\(Self.entry("a"))}
      """
    )
    #expect(Self.user(try await Self.lookUp(machine, "team/app")) == "hub")
    #expect(Self.user(try await Self.lookUp(machine, "a.io/x/y")) == "a")
    #expect(try await Self.lookUp(machine, "b.io/x") == nil)
  }

  // MARK: Entries

  struct EntryRow: CustomTestStringConvertible {
    let entry: String
    let credentials: Credentials?

    var testDescription: String { entry }

    init(_ entry: String, _ credentials: Credentials?) {
      self.entry = entry
      self.credentials = credentials
    }
  }

  static let entryRows = [
    EntryRow(entry("u", "p"), .basic(user: "u", password: "p")),
    EntryRow(entry("u", "p:q:"), .basic(user: "u", password: "p:q:")),
    EntryRow(entry("u", ""), .basic(user: "u", password: "")),
    EntryRow(entry("ü", "pä ß"), .basic(user: "ü", password: "pä ß")),
    EntryRow(entry("u", "p\0\0"), .basic(user: "u", password: "p")),
    EntryRow(#"{"username":"u","password":"p"}"#, .basic(user: "u", password: "p")),
    EntryRow(#"{"username":"u","password":"p","auth":""}"#, .basic(user: "u", password: "p")),
    EntryRow(#"{"auth":"dTpw","username":"x"}"#, .basic(user: "u", password: "p")),
    EntryRow(#"{"auth":"dTpw","identitytoken":"t"}"#, .identityToken("t")),
    EntryRow(#"{"identitytoken":"t","registrytoken":"r"}"#, .registryToken("r")),
    EntryRow(#"{"registrytoken":"a.b-c=/+"}"#, .registryToken("a.b-c=/+")),
    // Marks that somebody logged in with a helper.
    EntryRow("{}", nil),
    EntryRow("null", nil),
    EntryRow(#"{"auth":"","identitytoken":"","email":"u@a.io"}"#, nil),
  ]

  @Test(arguments: entryRows)
  func `an entry is read`(_ row: EntryRow) async throws {
    let machine = try ConfigurationMachine()
    try machine.write("home/.docker/config.json", "{\"auths\":{\"a.io\":\(row.entry)}}")
    let found = try await Self.lookUp(machine, "a.io/x")
    #expect(
      found == row.credentials.map { FoundCredentials($0, origin: "~/.docker/config.json") }
    )
  }

  @Test(arguments: [
    #"{"auth":"%%%"}"#, #"{"auth":"bm9jb2xvbg=="}"#, #"{"auth":"/zo6"}"#,
    #"{"registrytoken":"a\r\nX: y"}"#, #"{"identitytoken":"a b"}"#,
    #"{"username":"a:b","password":"p"}"#,
  ])
  func `a malformed entry is an error where it counts, and shows nothing`(
    entry: String
  ) async throws {
    let machine = try ConfigurationMachine()
    try machine.write("home/.docker/config.json", "{\"auths\":{\"a.io\":\(entry)}}")
    let path = machine.path("home/.docker/config.json")
    let error = RegistryError.invalidConfiguration(path, .badCredentials(registry: "a.io"))
    #expect(error.description == "\(path): the entry \"a.io\" is malformed")
    await #expect(throws: error) { try await Self.lookUp(machine, "a.io/x") }
    #expect(try await Self.lookUp(machine, "b.io/x") == nil)
  }

  // MARK: Documents

  struct DocumentRow: CustomTestStringConvertible {
    let text: String
    let fault: ConfigurationFault

    var testDescription: String { String(text.prefix(60)) }

    init(_ text: String, _ fault: ConfigurationFault) {
      self.text = text
      self.fault = fault
    }
  }

  static let documentRows = [
    DocumentRow("{", .notJSON),
    DocumentRow("secret", .notJSON),
    DocumentRow("{} secret", .notJSON),
    DocumentRow("[]", .badField("document")),
    DocumentRow("\"secret\"", .badField("document")),
    DocumentRow(#"{"auths":"secret"}"#, .badField("auths")),
    DocumentRow(#"{"auths":{"a.io":"secret"}}"#, .badField("auths")),
    DocumentRow(#"{"auths":{"a.io":{"auth":1}}}"#, .badField("auths")),
    DocumentRow(#"{"credHelpers":{"a.io":{}}}"#, .badField("credHelpers")),
    DocumentRow(#"{"credsStore":["secret"]}"#, .badField("credsStore")),
    DocumentRow(String(repeating: "[", count: 100_000), .notJSON),
    DocumentRow("{\"auths\":" + String(repeating: "{\"a\":", count: 100_000), .notJSON),
  ]

  @Test(arguments: documentRows)
  func `a malformed file is named, and its content is not`(_ row: DocumentRow) async throws {
    let machine = try ConfigurationMachine()
    try machine.write("home/.docker/config.json", row.text)
    let path = machine.path("home/.docker/config.json")
    let error = RegistryError.invalidConfiguration(path, row.fault)
    #expect(!error.description.contains("secret"))
    await #expect(throws: error) { try await Self.lookUp(machine, "a.io/x") }
  }

  @Test(arguments: ["", " \n", "{}", #"{"auths":null,"credHelpers":null}"#, #"{"HttpHeaders":{}}"#])
  func `a file that says nothing is fine`(text: String) async throws {
    let machine = try ConfigurationMachine()
    try machine.write("home/.docker/config.json", text)
    #expect(try await Self.lookUp(machine, "a.io/x") == nil)
  }

  @Test func `a key that occurs twice does no harm`() async throws {
    let machine = try ConfigurationMachine()
    try machine.write(
      "home/.docker/config.json",
      "{\"auths\":{\"a.io\":\(Self.entry("one")),\"a.io\":\(Self.entry("two"))}}"
    )
    #expect(["one", "two"].contains(Self.user(try await Self.lookUp(machine, "a.io/x"))))
  }

  // MARK: Secrets

  @Test(arguments: [
    Credentials.basic(user: "hidden", password: "hidden"), .identityToken("hidden"),
    .registryToken("hidden"),
  ])
  func `nothing that prints shows a secret`(credentials: Credentials) {
    let found = FoundCredentials(credentials, origin: "a file")
    var dumped = ""
    dump(found, to: &dumped)
    dump([credentials], to: &dumped)
    let texts = [
      "\(credentials)", "\(found)", String(reflecting: credentials), String(reflecting: found),
      String(describing: Optional(found)), dumped,
    ]
    for text in texts { #expect(!text.contains("hidden"), "\(text)") }
    #expect(Mirror(reflecting: credentials).children.isEmpty)
  }
}
