// Helpers that keep credentials: real programs that answer, refuse, hang, flood and lie.

import Foundation
import OCISpec
import Registry
import SystemPackage
import TestKit
import Testing

struct ConfigurationHelperTests {
  private static let answer = #"printf '{"ServerURL":"%s","Username":"u","Secret":"p"}' "$server""#
  private static let notFound = "echo 'credentials not found in native keychain'; exit 1"
  private static let basic = Credentials.basic(user: "u", password: "p")

  /// Long, since the tests beside it may keep every thread for a while.
  private static let patience = Duration.seconds(600)

  /// A machine whose `config.json` is `configuration` and whose helper `test` is `script`.
  private func machine(
    _ script: String?,
    _ configuration: String = #"{"credHelpers":{"a.io":"test"}}"#
  ) throws -> ConfigurationMachine {
    var machine = try ConfigurationMachine()
    try machine.write("home/.docker/config.json", configuration)
    if let script { try machine.writeProgram("docker-credential-test", script) }
    return machine
  }

  private func lookUp(
    _ machine: ConfigurationMachine,
    _ name: String = "a.io/x",
    helpers: [String] = [],
    timeout: Duration = Self.patience
  ) async throws -> FoundCredentials? {
    let store = CredentialStore(machine.places, helpers: helpers, helperTimeout: timeout)
    let source = PullSource(name: try imageName(name), isInsecure: false, isMirror: false)
    return try await store.credentials(for: source)
  }

  private func expect(
    _ fault: HelperFault,
    _ machine: ConfigurationMachine,
    timeout: Duration = Self.patience
  ) async {
    let error = RegistryError.helperFailed(name: "test", fault)
    #expect(error.kind == .unavailable)
    await #expect(throws: error) { try await lookUp(machine, timeout: timeout) }
  }

  @Test func `a helper is asked for the registry, and named as the origin`() async throws {
    let machine = try machine(
      """
      server=$(cat)
      [ "$1" = get ] && [ $# = 1 ] && [ "$server" = a.io ] || exit 9
      echo secret to stderr >&2
      \(Self.answer)
      """
    )
    #expect(try await lookUp(machine) == FoundCredentials(Self.basic, origin: "the helper test"))
    #expect(try await lookUp(machine, "b.io/x") == nil)
  }

  @Test func `the user name <token> marks an identity token`() async throws {
    let machine = try machine(#"echo '{"Username":"<token>","Secret":"t"}'"#)
    #expect(try await lookUp(machine)?.credentials == .identityToken("t"))
  }

  @Test func `a helper that knows nothing leaves the other files`() async throws {
    let machine = try machine(Self.notFound)
    #expect(try await lookUp(machine) == nil)
    let entry = ConfigurationCredentialTests.entry("old")
    try machine.write("home/.dockercfg", "{\"a.io\":\(entry)}")
    #expect(try await lookUp(machine)?.origin == "~/.dockercfg")
    // The entry in the same file is what was there before the helper.
    try machine.write(
      "home/.docker/config.json",
      "{\"auths\":{\"a.io\":\(entry)},\"credHelpers\":{\"a.io\":\"test\"}}"
    )
    #expect(try await lookUp(machine)?.origin == "~/.dockercfg")
  }

  @Test func `the general helper is asked before the entries`() async throws {
    let entry = ConfigurationCredentialTests.entry("old")
    let configuration = "{\"auths\":{\"a.io\":\(entry),\"b.io\":{}},\"credsStore\":\"test\"}"
    let known = try machine("server=$(cat); \(Self.answer)", configuration)
    #expect(try await lookUp(known)?.origin == "the helper test")
    #expect(try await lookUp(known, "b.io/x")?.origin == "the helper test")
    let unknown = try machine(Self.notFound, configuration)
    #expect(try await lookUp(unknown)?.origin == "~/.docker/config.json")
    #expect(try await lookUp(unknown, "b.io/x") == nil)
  }

  @Test func `Docker Hub is asked for under Docker's name and then under its own`() async throws {
    func script(_ name: String) -> String {
      "server=$(cat); [ \"$server\" = \(name) ] || { \(Self.notFound); }; \(Self.answer)"
    }
    for name in ["https://index.docker.io/v1/", "docker.io"] {
      for key in ["https://index.docker.io/v1/", "docker.io", "index.docker.io"] {
        let machine = try machine(script(name), "{\"credHelpers\":{\"\(key)\":\"test\"}}")
        #expect(try await lookUp(machine, "debian")?.credentials == Self.basic, "\(name) \(key)")
      }
    }
  }

  @Test func `registries.conf says which helpers are asked, and in which order`() async throws {
    let entry = ConfigurationCredentialTests.entry("file")
    let machine = try machine(
      "server=$(cat); \(Self.answer)",
      "{\"auths\":{\"a.io\":\(entry)}}"
    )
    #expect(try await lookUp(machine, helpers: ["test"])?.origin == "the helper test")
    let filesFirst = ["containers-auth.json", "test"]
    #expect(try await lookUp(machine, helpers: filesFirst)?.origin == "~/.docker/config.json")
    #expect(try await lookUp(machine, "b.io/x", helpers: filesFirst)?.origin == "the helper test")
    let store = CredentialStore(machine.places, helpers: ["test"])
    #expect(store.searched == ["the helper test"])
  }

  @Test func `an empty name is no helper`() async throws {
    let machine = try machine(nil, #"{"credHelpers":{"a.io":""},"credsStore":""}"#)
    #expect(try await lookUp(machine) == nil)
  }

  // MARK: Helpers that fail

  @Test(arguments: [
    "../evil", "a/b", "a b", "a;b", "$(x)", "ä", "-\n", String(repeating: "x", count: 129),
  ])
  func `X19: a name that is no name is refused`(name: String) async throws {
    var machine = try machine(nil)
    try machine.writeProgram("evil", Self.answer)
    let configuration = ["credHelpers": ["a.io": name]]
    let json = try JSONEncoder().encode(configuration)
    try machine.write("home/.docker/config.json", Array(json))
    await #expect(throws: RegistryError.helperFailed(name: printable(name), .badName)) {
      try await lookUp(machine)
    }
  }

  @Test func `X19: only programs in absolute directories of PATH are found`() async throws {
    var machine = try machine(Self.answer)
    let directory = machine.path("bin").string
    machine.environment["PATH"] = nil
    await expect(.notFound, machine)
    machine.environment["PATH"] = ":.:bin:/nowhere"
    await expect(.notFound, machine)
    machine.environment["PATH"] = "/nowhere:\(directory):/bin"
    #expect(try await lookUp(machine)?.credentials == Self.basic)
    #expect(chmod(directory + "/docker-credential-test", 0o644) == 0)
    await expect(.notFound, machine)
  }

  @Test func `a program that cannot be started is an error`() async throws {
    let machine = try machine("")
    let program = machine.path("bin/docker-credential-test").string
    try Data("#!/nowhere/interpreter\n".utf8).write(to: URL(fileURLWithPath: program))
    #expect(chmod(program, 0o755) == 0)
    await expect(.notStarted, machine)
  }

  struct FailureRow: CustomTestStringConvertible {
    let script: String
    let fault: HelperFault

    var testDescription: String { script }

    init(_ script: String, _ fault: HelperFault) {
      self.script = script
      self.fault = fault
    }
  }

  static let failureRows = [
    FailureRow("echo broken; exit 1", .failed(exitStatus: 1)),
    FailureRow("echo 'credentials not found' >&2; exit 2", .failed(exitStatus: 2)),
    FailureRow("kill -TERM $$", .killed(signal: 15)),
    FailureRow("", .badAnswer),
    FailureRow("echo secret", .badAnswer),
    FailureRow("echo '[]'", .badAnswer),
    FailureRow(#"echo '{"Username":1,"Secret":"p"}'"#, .badAnswer),
    FailureRow(#"echo '{"Secret":"p"}'"#, .badAnswer),
    FailureRow(#"echo '{"Username":"a:b","Secret":"p"}'"#, .badAnswer),
    FailureRow(#"echo '{"Username":"<token>","Secret":"a b"}'"#, .badAnswer),
    FailureRow("head -c 70000 /dev/zero", .outputTooLarge(limit: 64 << 10)),
    FailureRow("while :; do echo flood; done", .outputTooLarge(limit: 64 << 10)),
  ]

  @Test(.timeLimit(.minutes(15)), arguments: failureRows)
  func `X19: a helper that fails is an error that shows nothing it said`(
    _ row: FailureRow
  ) async throws {
    await expect(row.fault, try machine(row.script))
    #expect(!RegistryError.helperFailed(name: "test", row.fault).description.contains("secret"))
  }

  @Test func `an answer without a secret is none`() async throws {
    let machine = try machine(#"echo '{"Username":"","Secret":""}'"#)
    #expect(try await lookUp(machine) == nil)
  }

  @Test(
    .timeLimit(.minutes(15)),
    arguments: [
      "exec sleep 1000", "sleep 1000", "trap '' TERM; sleep 1000", "exec >&-; sleep 1000",
    ]
  )
  func `X19: a helper that hangs is killed with all it started`(script: String) async throws {
    let machine = try machine(
      "sleep 1000 & echo $$ $! > \"$HOME/pids.tmp\"; mv \"$HOME/pids.tmp\" \"$HOME/pids\"; \(script)"
    )
    var located = machine
    located.environment["HOME"] = machine.path("home").string
    await expect(.timedOut(.seconds(2)), located, timeout: .seconds(2))
    let text = try String(contentsOfFile: machine.path("home/pids").string, encoding: .utf8)
    let pids = text.split { $0 == " " || $0 == "\n" }.compactMap { pid_t($0) }
    try #require(pids.count == 2)
    for pid in pids { #expect(await isGone(pid), "\(pid) lives") }
  }

  @Test(.timeLimit(.minutes(15)))
  func `a cancelled look-up ends the helper and says so`() async throws {
    let machine = try machine("echo > \"$HOME/started\"; exec sleep 1000")
    var located = machine
    located.environment["HOME"] = machine.path("home").string
    let ready = located
    let task = Task { try await lookUp(ready) }
    while !FileManager.default.fileExists(atPath: machine.path("home/started").string) {
      try await Task.sleep(for: .milliseconds(10))
    }
    task.cancel()
    await #expect(throws: RegistryError.cancelled) { try await task.value }
  }

  @Test(.timeLimit(.minutes(15)))
  func `what a helper leaves running does not hold up its answer`() async throws {
    let machine = try machine("sleep 400 & server=$(cat); \(Self.answer)")
    let found = try await lookUp(machine, timeout: .seconds(390))
    #expect(found?.credentials == Self.basic)
  }

  /// Whether a process has ended; one that its parent has not been told of yet counts.
  private func isGone(_ pid: pid_t) async -> Bool {
    for _ in 0..<100 {
      guard kill(pid, 0) == 0 else { return true }
      let path = "/proc/\(pid)/stat"
      guard let status = try? String(contentsOfFile: path, encoding: .utf8) else { return true }
      if status.contains(") Z ") { return true }
      try? await Task.sleep(for: .milliseconds(20))
    }
    return false
  }
}
