// What is said when a registry does not give what it was asked for, and what to do about it.

import Foundation
import TestKit
import TestRegistry
import Testing

struct RegistryErrorTests {
  @Test func `a tag that is not there`() throws {
    let here = try RegistryPlace()
    let outcome = try here.place.run("ls", "\(here.domain)/team/app:2")
    #expect((outcome.status, outcome.text) == (66, ""))
    #expect(outcome.errors.hasPrefix("banger-fs: \(here.domain)/team/app: "))
    #expect(outcome.errors.contains("not found"))
    #expect(
      outcome.errors.hasSuffix(
        "hint: check the name; skopeo list-tags docker://\(here.domain)/team/app lists the tags "
          + "there are\n"
      )
    )
  }

  @Test func `a registry that wants a log-in`() throws {
    let here = try RegistryPlace(authentication: .basic(["anna": "secret"]))
    let outcome = try here.place.run("ls", here.reference)
    #expect(outcome.status == 77)
    #expect(outcome.errors.contains("not authorised without credentials"))
    #expect(
      outcome.errors.hasSuffix(
        "hint: log in with skopeo login \(here.domain) or docker login \(here.domain)\n"
      )
    )
  }

  @Test(arguments: Role.all)
  func `credentials that are wrong, and those that are right`(_ role: Role) throws {
    let here = try RegistryPlace(role, authentication: .basic(["anna": "secret"]))
    func logIn(_ password: String) throws -> String {
      let word = Data("anna:\(password)".utf8).base64EncodedString()
      return try here.place.write(
        "home/auth.json",
        #"{"auths":{"\#(here.domain)":{"auth":"\#(word)"}}}"#,
        mode: 0o600
      )
    }
    let file = try logIn("guess")
    let refused = try here.place.run("ls", "--authfile", file, here.reference)
    #expect(refused.status == 77)
    #expect(refused.errors.contains("not authorised with the credentials from "))
    #expect(refused.errors.contains("auth.json"))
    #expect(refused.errors.contains("hint: the credentials from "))
    #expect(!refused.errors.contains("guess"))
    _ = try logIn("secret")
    #expect(try here.place.run("ls", "--authfile", file, here.reference).status == 0)
  }

  @Test func `a certificate of an unknown authority, and of a known one`() throws {
    let here = try RegistryPlace(tls: ServerIdentity(TestAuthority.sharedServer))
    let refused = try here.place.run("ls", here.reference)
    #expect(refused.status == 69)
    #expect(refused.errors.contains("certificate"))
    #expect(
      refused.errors.hasSuffix(
        "hint: put the certificate of its authority at "
          + "/etc/containers/certs.d/\(here.domain)/ca.crt\n"
      )
    )
    let directory = try here.place.makeDirectory("home/certificates")
    let authority = try TestAuthority.shared.certificateFile
    try here.place.write(
      "home/certificates/ca.crt",
      String(contentsOfFile: authority, encoding: .utf8)
    )
    let outcome = try here.place.run("ls", "--cert-dir", directory, here.reference)
    #expect((outcome.status, outcome.text) == (0, "file0\nfile1\nfile2\n"))
  }

  @Test func `a registry that has had enough for an hour`() throws {
    let here = try RegistryPlace()
    try here.running.on(
      .anyManifest,
      .error(429, "TOOMANYREQUESTS", [HeaderField("Retry-After", "3600")])
    )
    let outcome = try here.place.run("ls", here.reference)
    #expect(outcome.status == 75)
    #expect(outcome.errors.contains("too many requests"))
    #expect(outcome.errors.contains("hint: try again in 1 h 0 min; what was fetched is kept\n"))
  }

  @Test func `a manifest that is another one`() throws {
    let here = try RegistryPlace()
    try here.running.on(RequestPattern.anyManifest.method("GET"), .flippingBit(ofByte: 5))
    let outcome = try here.place.run("ls", here.pinned)
    #expect(outcome.status == 65)
    #expect(outcome.text == "")
  }

  @Test func `nobody at home`() throws {
    let here = try RegistryPlace()
    here.stopRegistry()
    let outcome = try here.place.run("ls", here.reference)
    #expect(outcome.status == 69)
    #expect(outcome.errors.contains("cannot connect"))
    #expect(
      outcome.errors.hasSuffix(
        "hint: check the name and the network; what is in the cache can be used with --offline\n"
      )
    )
  }

  @Test func `a configuration that cannot be read`() throws {
    let here = try RegistryPlace()
    try here.place.makeDirectory("home/.config")
    try here.place.makeDirectory("home/.config/containers")
    try here.place.write("home/.config/containers/registries.conf", "unqualified = [")
    let outcome = try here.place.run("ls", here.reference)
    #expect(outcome.status == 78)
    #expect(outcome.errors.contains("registries.conf"))
  }

  @Test func `a platform that the registry does not have`() throws {
    let here = try RegistryPlace()
    let outcome = try here.place.run("ls", "--platform", "linux/s390x", here.reference)
    #expect(outcome.status == 66)
    #expect(outcome.errors.contains("no image for linux/s390x; there is linux/amd64"))
    #expect(outcome.errors.hasSuffix("hint: choose one with --platform\n"))
  }
}
