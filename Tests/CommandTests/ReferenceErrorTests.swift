// What is said when the image that was asked for is not there, or was not named in a way that we know.

import TestKit
import Testing

struct ReferenceErrorTests {
  private static let forms =
    "NAME[:TAG][@DIGEST], oci:DIR[:TAG][@DIGEST], oci-archive:FILE[:TAG] or "
    + "docker-archive:FILE[:NAME:TAG]"
  private static let grammar = "an image is named \(forms)"

  struct Row: Sendable {
    var reference: String
    var status: Int32
    var message: String
    var hint: String?
  }

  @Test(arguments: [
    Row(reference: "", status: 64, message: "empty image reference: expected \(forms)"),
    Row(
      reference: "oci:",
      status: 64,
      message: "no layout directory in the reference: expected oci:DIR[:TAG][@DIGEST]"
    ),
    Row(
      reference: "Debian",
      status: 64,
      message: "\"Debian\" is not the name of an image: the repository has upper case letters",
      hint: grammar
    ),
    Row(
      reference: "docker-daemon:debian:12",
      status: 64,
      message: "transport docker-daemon is not supported: expected \(forms)"
    ),
    Row(reference: "oci-archive:image.tar", status: 66, message: "image.tar: no such archive"),
    Row(
      reference: "./image",
      status: 64,
      message: "\"./image\" is not the name of an image: the registry is not HOST[:PORT]",
      hint: "a layout directory is named oci:./image"
    ),
    Row(
      reference: "oci:../image:a..b",
      status: 64,
      message: "\"a..b\" is not an image name",
      hint: grammar
    ),
    Row(
      reference: "oci:../image@sha256:12",
      status: 64,
      message: "\"sha256:12\" is not a digest",
      hint: grammar
    ),
    Row(reference: "oci:nowhere", status: 66, message: "nowhere: no such image layout"),
    Row(
      reference: "oci:nowhere\u{1B}[31m",
      status: 66,
      message: "nowhere\\x1b[31m: no such image layout"
    ),
    Row(reference: "oci:.", status: 65, message: ".: not an image layout: no oci-layout"),
    Row(
      reference: "oci:../image:large",
      status: 66,
      message: "no image named large; there is small"
    ),
    Row(
      reference: "oci:../image@sha256:" + String(repeating: "0", count: 64),
      status: 66,
      message: "no image with digest sha256:" + String(repeating: "0", count: 64)
    ),
  ])
  func `a reference that names nothing says what is wrong`(_ row: Row) throws {
    let place = try Workplace()
    _ = try SmallImage(in: place)
    let expected = Outcome.failure(row.status, row.message, hint: row.hint)
    expect(try place.run("ls", row.reference), is: expected)
  }

  @Test(arguments: Role.all)
  func `a platform that is not there is answered with those that are`(_ role: Role) throws {
    let place = try Workplace(role)
    let fixture = try ImageFixture(at: place.appending("image"))
    let layer = ImageFixture.Layer.plain(TarBytes.archive([.file("a")]))
    let images = try ["linux/amd64", "linux/arm64/v8"].map {
      try fixture.addImage([layer], platform: $0).forPlatform($0)
    }
    try fixture.write(index: [try fixture.addIndex(images).named("both")])
    expect(
      try place.run("ls", "--platform", "linux/s390x", "oci:../image:both"),
      is: .failure(
        66,
        "no image for linux/s390x; there is linux/amd64, linux/arm64/v8",
        hint: "choose one with --platform"
      )
    )
    expect(
      try place.run("ls", "--platform", "linux/arm64", "oci:../image:both"),
      is: .success("a\n")
    )
  }

  @Test func `a platform that is none says how one looks`() throws {
    let place = try Workplace()
    expect(
      try place.run("ls", "--platform", "linux", "oci:../image"),
      is: .failure(64, "\"linux\" is not a platform: expected OS/ARCHITECTURE[/VARIANT]")
    )
  }

  @Test func `several images without a name are listed`() throws {
    let place = try Workplace()
    let fixture = try ImageFixture(at: place.appending("image"))
    let images = try ["one", "two"].map { name in
      try fixture.addImage([.plain(TarBytes.archive([.file(TarText(Array(name.utf8)))]))])
        .named(name)
    }
    try fixture.write(index: images)
    expect(
      try place.run("ls", "oci:../image"),
      is: .failure(
        66,
        "several images, choose one of one, two",
        hint: "name one, like oci:DIR:TAG or oci-archive:FILE:TAG"
      )
    )
  }

  @Test func `an option that is none is a usage error`() throws {
    let place = try Workplace()
    let outcome = try place.run("ls", "--nope", "oci:../image")
    #expect(outcome.status == 64)
    #expect(outcome.output == [])
    #expect(outcome.errors.hasPrefix("Error: Unknown option '--nope'"))
    #expect(outcome.errors.contains("\nUsage: banger-fs ls "))
  }
}
