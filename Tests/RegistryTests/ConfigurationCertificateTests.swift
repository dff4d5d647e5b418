// Which certificates belong to which registry.

import Foundation
import Registry
import SystemPackage
import TestKit
import Testing

struct ConfigurationCertificateTests {
  private func find(
    _ machine: ConfigurationMachine,
    _ domain: String,
    directory: FilePath? = nil
  ) throws -> HostCertificates {
    try CertificateDirectories(machine.places, directory: directory).certificates(for: domain)
  }

  private func file(_ machine: ConfigurationMachine, _ name: String) -> CertificateFile {
    CertificateFile(path: machine.path(name), bytes: Array(name.utf8))
  }

  private func write(_ machine: ConfigurationMachine, _ names: String...) throws {
    for name in names { try machine.write(name, name) }
  }

  @Test func `a machine without directories has no certificates`() throws {
    #expect(try find(ConfigurationMachine(), "a.io") == HostCertificates())
  }

  @Test func `authorities and pairs are told by their endings, in order`() throws {
    let machine = try ConfigurationMachine()
    let directory = "root/etc/containers/certs.d/a.io:5000"
    try write(
      machine,
      "\(directory)/b.crt",
      "\(directory)/a.crt",
      "\(directory)/one.cert",
      "\(directory)/one.key",
      "\(directory)/two.cert",
      "\(directory)/two.key",
      "\(directory)/README",
      "\(directory)/a.crt.bak"
    )
    let found = try find(machine, "a.io:5000")
    #expect(
      found.authorities == [
        file(machine, "\(directory)/a.crt"), file(machine, "\(directory)/b.crt"),
      ]
    )
    #expect(
      found.pairs.map(\.certificate) == [
        file(machine, "\(directory)/one.cert"), file(machine, "\(directory)/two.cert"),
      ]
    )
    #expect(
      found.pairs.map(\.key) == [
        file(machine, "\(directory)/one.key"), file(machine, "\(directory)/two.key"),
      ]
    )
    #expect(try find(machine, "a.io") == HostCertificates())
  }

  @Test func `the first directory that exists for the host counts alone`() throws {
    let machine = try ConfigurationMachine()
    let places = [
      "root/etc/docker/certs.d", "root/etc/containers/certs.d", "home/.config/containers/certs.d",
    ]
    for place in places {
      try write(machine, "\(place)/a.io/ca.crt")
      #expect(try find(machine, "a.io").authorities == [file(machine, "\(place)/a.io/ca.crt")])
    }
    try FileManager.default.removeItem(
      atPath: machine.path("home/.config/containers/certs.d/a.io/ca.crt").string
    )
    #expect(try find(machine, "a.io") == HostCertificates())
  }

  @Test func `a directory that is named is for every host, and has to be there`() throws {
    let machine = try ConfigurationMachine()
    try write(machine, "named/ca.crt", "root/etc/containers/certs.d/a.io/other.crt")
    let named = machine.path("named")
    for domain in ["a.io", "b.io:5000"] {
      let found = try find(machine, domain, directory: named)
      #expect(found.authorities == [file(machine, "named/ca.crt")])
    }
    let missing = machine.path("missing")
    #expect(
      throws: RegistryError.configurationUnreadable(
        operation: "list",
        missing,
        .noSuchFileOrDirectory
      )
    ) { try find(machine, "a.io", directory: missing) }
  }

  @Test func `a pair that is not complete is an error that names the file`() throws {
    let machine = try ConfigurationMachine()
    let directory = "root/etc/containers/certs.d/a.io"
    try write(machine, "\(directory)/client.cert", "\(directory)/other.key", "\(directory)/ca.crt")
    let noKey = RegistryError.invalidConfiguration(
      machine.path(directory),
      .noKey(certificate: "client.cert")
    )
    #expect(noKey.kind == .configuration)
    #expect(throws: noKey) { try find(machine, "a.io") }
    try write(machine, "\(directory)/client.key")
    #expect(
      throws: RegistryError.invalidConfiguration(
        machine.path(directory),
        .noCertificate(key: "other.key")
      )
    ) { try find(machine, "a.io") }
  }

  @Test func `a certificate that is no file, or too large, is refused`() throws {
    let machine = try ConfigurationMachine()
    let path = "root/etc/containers/certs.d/a.io/ca.crt"
    try machine.write(path + "/file", "")
    #expect(throws: RegistryError.invalidConfiguration(machine.path(path), .notAPlainFile)) {
      try find(machine, "a.io")
    }
    try FileManager.default.removeItem(atPath: machine.path(path).string)
    try machine.write(path, [UInt8](repeating: 0x20, count: (1 << 20) + 1))
    #expect(
      throws: RegistryError.invalidConfiguration(machine.path(path), .tooLarge(limit: 1 << 20))
    ) { try find(machine, "a.io") }
  }

  @Test(arguments: ["", ".", "..", "../a.io", "a.io/../../x", "/etc", "a\0b"])
  func `a host cannot lead out of the directories`(domain: String) throws {
    let machine = try ConfigurationMachine()
    try write(
      machine,
      "root/etc/containers/certs.d/ca.crt",
      "root/etc/containers/ca.crt",
      "root/etc/containers/a.io/ca.crt",
      "root/etc/containers/certs.d/a.io/ca.crt"
    )
    #expect(try find(machine, domain) == HostCertificates())
  }

  @Test func `nothing that prints shows a key`() throws {
    let machine = try ConfigurationMachine()
    let directory = "root/etc/containers/certs.d/a.io"
    try machine.write("\(directory)/c.cert", "hidden")
    try machine.write("\(directory)/c.key", "hidden")
    let found = try find(machine, "a.io")
    #expect(found.pairs.first?.key.bytes == Array("hidden".utf8))
    var dumped = ""
    dump(found, to: &dumped)
    let numbers = "\(UInt8(ascii: "h")), \(UInt8(ascii: "i"))"
    for text in ["\(found)", String(reflecting: found), dumped] {
      #expect(!text.contains("hidden") && !text.contains(numbers), "\(text)")
    }
  }
}
