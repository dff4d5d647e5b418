// One image by every transport: what the commands show of it is the same.

import Foundation
import TestKit
import TestRegistry
import Testing

struct TransportTests {
  private func copy(_ place: Workplace, _ from: String, _ to: String) throws {
    let outcome = try place.runTool("skopeo", "--insecure-policy", "copy", "-q", from, to)
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  @Test(arguments: Role.all)
  func `archives show what the layout shows`(_ role: Role) throws {
    let place = try Workplace(role)
    let image = try SmallImage(in: place)
    try copy(place, image.reference, "oci-archive:oci.tar:small")
    try copy(place, image.reference, "docker-archive:docker.tar:docker.io/library/small:1")
    #expect(try place.runTool("gzip", "-k", "oci.tar", "docker.tar").status == 0)
    let expected = try place.run("dump", image.reference)
    #expect(expected.status == 0)
    for reference in [
      "oci-archive:oci.tar", "oci-archive:oci.tar:small", "oci-archive:oci.tar.gz:small",
      "docker-archive:docker.tar", "docker-archive:docker.tar:small:1",
      "docker-archive:docker.tar.gz:docker.io/library/small:1", "docker-archive:docker.tar:@0",
    ] {
      #expect(try place.run("dump", reference) == expected, "\(reference)")
    }
  }

  @Test(arguments: Role.all, ["oci-archive:a.tar:small", "docker-archive:a.tar:small:1"])
  func `archives can be mounted and materialized`(role: Role, reference: String) throws {
    let place = try Workplace(role)
    let image = try SmallImage(in: place)
    try place.makeDirectory("home/mnt")
    let isDocker = reference.hasPrefix("docker")
    try copy(
      place,
      image.reference,
      isDocker ? "docker-archive:a.tar:docker.io/library/small:1" : reference
    )
    expect(try place.run("mount", reference, "mnt"), is: .success())
    expect(try place.runTool("cat", "mnt/etc/passwd"), is: .success("root:x:0:0\n"))
    expect(try place.run("umount", "mnt"), is: .success())
    let built = try place.run("materialize", "--progress", "none", reference, "out.ext4")
    #expect(built.status == 0, "\(built.errors)")
  }

  @Test func `an archive that is none says so`() throws {
    let place = try Workplace()
    try place.write("home/a.tar", "no tar")
    for transport in ["oci-archive", "docker-archive"] {
      let missing = try place.run("ls", "\(transport):nowhere.tar")
      #expect(missing.status == 66)
      #expect(missing.errors.contains("nowhere.tar"))
      let wrong = try place.run("ls", "\(transport):a.tar")
      #expect(wrong.status == 65)
      #expect(wrong.errors.contains("a.tar"))
    }
  }

  @Test(arguments: Role.all)
  func `a real registry, with certificates and passwords`(_ role: Role) throws {
    let place = try Workplace(role)
    let image = try SmallImage(in: place)
    let registry = try RealRegistry(
      authority: TestAuthority.shared,
      account: (user: "anna", password: "secret")
    )
    try registry.push(layout: "\(image.fixture.path):small", as: "team/small:1")
    let directory = try place.makeDirectory("home/certificates")
    try place.write(
      "home/certificates/ca.crt",
      String(contentsOfFile: try TestAuthority.shared.certificateFile, encoding: .utf8)
    )
    let word = Data("anna:secret".utf8).base64EncodedString()
    let file = try place.write(
      "home/auth.json",
      #"{"auths":{"\#(registry.domain)":{"auth":"\#(word)"}}}"#,
      mode: 0o600
    )
    let reference = "\(registry.domain)/team/small:1"
    let pulled = try place.run(
      "pull",
      "--authfile",
      file,
      "--cert-dir",
      directory,
      reference
    )
    #expect(pulled.status == 0, "\(pulled.errors)")
    #expect(pulled.text == "\(registry.domain)/team/small@\(image.manifest.digest)\n")
    #expect(
      try place.run("dump", "--offline", reference) == place.run("dump", image.reference)
    )
  }
}
