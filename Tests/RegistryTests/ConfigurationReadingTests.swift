// Which files of registries.conf are read, in which order, and which are refused.

import Foundation
import OCISpec
import Registry
import SystemPackage
import TestKit
import Testing

struct ConfigurationReadingTests {
  private static let system = "root/etc/containers/registries.conf"
  private static let ours = "home/.config/containers/registries.conf"

  private static func location(_ place: String, of prefix: String = "a.io") -> String {
    "[[registry]]\nprefix = \"\(prefix)\"\nlocation = \"\(place)\"\n"
  }

  private func host(_ machine: ConfigurationMachine, _ name: String = "a.io/x") throws -> String {
    let configuration = try RegistriesConfiguration.load(machine.places)
    return try configuration.sources(for: imageName(name)).map(\.host).joined(separator: " ")
  }

  private func fullName(_ machine: ConfigurationMachine, _ name: String) throws -> String {
    let configuration = try RegistriesConfiguration.load(machine.places)
    return try configuration.names(for: registryReference(name)).map(\.text)
      .joined(separator: " ")
  }

  @Test func `a machine without files is a machine without rules`() throws {
    #expect(try host(ConfigurationMachine()) == "a.io")
    let homeless = ConfigurationPlaces(environment: [:], home: nil, root: "/nowhere", userID: 1)
    let configuration = try RegistriesConfiguration.load(homeless)
    #expect(configuration.credentialHelpers == [])
  }

  @Test func `the user's file stands for the system's`() throws {
    var machine = try ConfigurationMachine()
    try machine.write(Self.system, Self.location("system.io"))
    #expect(try host(machine) == "system.io")
    try machine.write(Self.ours, Self.location("ours.io"))
    #expect(try host(machine) == "ours.io")
    try machine.write("named.conf", Self.location("named.io"))
    machine.environment["CONTAINERS_REGISTRIES_CONF"] = machine.path("named.conf").string
    #expect(try host(machine) == "named.io")
    machine.environment["CONTAINERS_REGISTRIES_CONF"] = ""
    #expect(try host(machine) == "ours.io")
  }

  @Test func `a file that is named has to be there, and may be nothing`() throws {
    var machine = try ConfigurationMachine()
    try machine.write(Self.system, Self.location("system.io"))
    machine.environment["CONTAINERS_REGISTRIES_CONF"] = "/dev/null"
    #expect(try host(machine) == "a.io")
    let missing = machine.path("missing")
    machine.environment["CONTAINERS_REGISTRIES_CONF"] = missing.string
    let error = RegistryError.configurationUnreadable(
      operation: "open",
      missing,
      .noSuchFileOrDirectory
    )
    #expect(error.kind == .localIO)
    #expect(throws: error) { try host(machine) }
  }

  @Test func `drop-ins are added in the order of their names, the system's first`() throws {
    let machine = try ConfigurationMachine()
    try machine.write(Self.system, Self.location("main.io") + Self.location("m2.io", of: "b.io"))
    try machine.write(Self.system + ".d/20.conf", Self.location("twenty.io"))
    try machine.write(Self.system + ".d/10.conf", Self.location("ten.io"))
    try machine.write(Self.system + ".d/99.conf.bak", "not TOML")
    try machine.write(Self.system + ".d/sub/99.conf", "not TOML")
    #expect(try host(machine) == "twenty.io")
    #expect(try host(machine, "b.io/x") == "m2.io")
    try machine.write(Self.ours + ".d/00.conf", Self.location("drop.io"))
    #expect(try host(machine) == "drop.io")
    // With a main file of the user's own the system's directory is not read.
    try machine.write(Self.ours, "")
    try machine.write(Self.ours + ".d/00.conf", "")
    #expect(try host(machine) == "a.io")
  }

  @Test func `a later file replaces lists and modes as a whole, and aliases one by one`() throws {
    let machine = try ConfigurationMachine()
    try machine.write(
      Self.system,
      """
      unqualified-search-registries = ["a.io", "b.io"]
      short-name-mode = "disabled"
      credential-helpers = ["one", "two"]
      [aliases]
      x = "x.io/x"
      y = "y.io/y"
      """
    )
    #expect(try fullName(machine, "z") == "a.io/z:latest b.io/z:latest")
    try machine.write(
      Self.system + ".d/1.conf",
      "unqualified-search-registries = [\"c.io\"]\n[aliases]\nx = \"\"\n"
    )
    #expect(try fullName(machine, "z") == "c.io/z:latest")
    #expect(try fullName(machine, "x") == "c.io/x:latest")
    #expect(try fullName(machine, "y") == "y.io/y:latest")
    try machine.write(Self.system + ".d/2.conf", "unqualified-search-registries = []")
    #expect(try fullName(machine, "z") == "docker.io/library/z:latest")
    #expect(try RegistriesConfiguration.load(machine.places).credentialHelpers == ["one", "two"])
  }

  @Test func `what other tools wrote down about short names counts most`() throws {
    var machine = try ConfigurationMachine()
    try machine.write(Self.system, "[aliases]\nx = \"system.io/x\"")
    try machine.write(
      "home/.cache/containers/short-name-aliases.conf",
      "[aliases]\nx = \"chosen.io/x\""
    )
    try machine.write(
      "root/var/cache/containers/short-name-aliases.conf",
      "[aliases]\nx = \"root.io/x\""
    )
    #expect(try fullName(machine, "x") == "chosen.io/x:latest")
    machine.userID = 0
    #expect(try fullName(machine, "x") == "root.io/x:latest")
    machine.userID = 1000
    machine.environment["XDG_CACHE_HOME"] = machine.path("nowhere").string
    #expect(try fullName(machine, "x") == "system.io/x:latest")
  }

  // MARK: Files that are refused

  @Test func `a fifo, a directory and a device are refused, and nothing is waited for`() throws {
    let machine = try ConfigurationMachine()
    try machine.write("root/etc/containers/other", "")
    let path = machine.path(Self.system)
    let error = RegistryError.invalidConfiguration(path, .notAPlainFile)
    #expect(error.description == "\(path): not a plain file")
    #expect(error.kind == .configuration)
    #expect(mkfifo(path.string, 0o600) == 0)
    #expect(throws: error) { try host(machine) }
    try FileManager.default.removeItem(atPath: path.string)
    try FileManager.default.createSymbolicLink(
      atPath: path.string,
      withDestinationPath: "/dev/zero"
    )
    #expect(throws: error) { try host(machine) }
    try FileManager.default.removeItem(atPath: path.string)
    try machine.write(Self.system + "/file", "")
    #expect(throws: error) { try host(machine) }
  }

  @Test func `a link to a file is followed`() throws {
    let machine = try ConfigurationMachine()
    try machine.write("elsewhere", Self.location("linked.io"))
    try machine.write("root/etc/containers/other", "")
    try FileManager.default.createSymbolicLink(
      atPath: machine.path(Self.system).string,
      withDestinationPath: machine.path("elsewhere").string
    )
    #expect(try host(machine) == "linked.io")
  }

  @Test func `a file of 1 MiB is read, and no larger one`() throws {
    let machine = try ConfigurationMachine()
    let text = Array(Self.location("big.io").utf8) + Array("# ".utf8)
    func write(_ count: Int) throws {
      let filling = [UInt8](repeating: UInt8(ascii: "x"), count: count - text.count)
      try machine.write(Self.system, text + filling)
    }
    try write(1 << 20)
    #expect(try host(machine) == "big.io")
    try write((1 << 20) + 1)
    #expect(
      throws: RegistryError.invalidConfiguration(
        machine.path(Self.system),
        .tooLarge(limit: 1 << 20)
      )
    ) { try host(machine) }
  }

  @Test func `a directory of 256 drop-ins is read, and no larger one`() throws {
    let machine = try ConfigurationMachine()
    for number in 0..<256 { try machine.write(Self.system + ".d/\(number).conf", "") }
    try machine.write(Self.system + ".d/README", "")
    #expect(try host(machine) == "a.io")
    try machine.write(Self.system + ".d/256.conf", "")
    #expect(
      throws: RegistryError.invalidConfiguration(
        machine.path(Self.system + ".d"),
        .tooManyFiles(limit: 256)
      )
    ) { try host(machine) }
  }

  @Test func `a file that cannot be opened is named`() throws {
    var machine = try ConfigurationMachine()
    let path = FilePath("/" + String(repeating: "x", count: 300))
    machine.environment["CONTAINERS_REGISTRIES_CONF"] = path.string
    #expect(
      throws: RegistryError.configurationUnreadable(operation: "open", path, .fileNameTooLong)
    ) { try host(machine) }
  }
}
