// Which references are accepted, and what the others are told.

import OCISpec
import Testing

struct ReferenceTests {
  static let sha256 = "sha256:" + String(repeating: "0a", count: 32)
  static let sha512 = "sha512:" + String(repeating: "0a", count: 64)

  struct Accepted: CustomTestStringConvertible, Sendable {
    let text: String
    let directory: String
    var name: String?
    var digest: String?
    var testDescription: String { text }
  }

  @Test(arguments: [
    Accepted(text: "oci:image", directory: "image"),
    Accepted(text: "oci:/srv/images/debian:12", directory: "/srv/images/debian", name: "12"),
    Accepted(text: "oci:../x y:v1.0-rc_2", directory: "../x y", name: "v1.0-rc_2"),
    Accepted(text: "oci:dir:a--b", directory: "dir", name: "a--b"),
    Accepted(
      text: "oci:dir:docker.io/library/debian:12",
      directory: "dir",
      name: "docker.io/library/debian:12"
    ),
    Accepted(text: "oci:dir:name@1", directory: "dir", name: "name@1"),
    Accepted(text: "oci:dir@home", directory: "dir@home"),
    Accepted(text: "oci:oci:oci", directory: "oci", name: "oci"),
    Accepted(text: "oci:d\u{e9}:x", directory: "d\u{e9}", name: "x"),
    Accepted(text: "oci:dir@\(sha256)", directory: "dir", digest: sha256),
    Accepted(text: "oci:dir@\(sha512)", directory: "dir", digest: sha512),
    Accepted(text: "oci:a@b:t@\(sha256)", directory: "a@b", name: "t", digest: sha256),
    Accepted(text: "oci:dir@md5:00", directory: "dir@md5", name: "00"),
  ])
  func `a layout reference has a directory, a name and a digest`(row: Accepted) throws {
    guard case .layout(let reference) = try Reference(row.text) else {
      Issue.record("not a layout")
      return
    }
    #expect(reference.directory == Array(row.directory.utf8))
    #expect(reference.name == row.name)
    #expect(reference.digest?.description == row.digest)
    #expect(reference.text == row.text)
  }

  struct Archive: CustomTestStringConvertible, Sendable {
    let text: String
    var format = ArchiveReference.Format.docker
    var name: String?
    var position: Int?
    var digest: String?
    var testDescription: String { text }
  }

  @Test(arguments: [
    Archive(text: "oci-archive:x.tar", format: .oci),
    Archive(text: "oci-archive:x.tar:a/b:1", format: .oci, name: "a/b:1"),
    Archive(text: "oci-archive:x.tar@\(sha256)", format: .oci, digest: sha256),
    Archive(text: "oci-archive:x.tar:n@\(sha256)", format: .oci, name: "n", digest: sha256),
    Archive(text: "docker-archive:x.tar"),
    Archive(text: "docker-archive:x.tar:debian", name: "docker.io/library/debian:latest"),
    Archive(text: "docker-archive:x.tar:debian:12", name: "docker.io/library/debian:12"),
    Archive(text: "docker-archive:x.tar:h.io:1/a:2", name: "h.io:1/a:2"),
    Archive(text: "docker-archive:x.tar:@0", position: 0),
    Archive(text: "docker-archive:x.tar:@12", position: 12),
  ])
  func `an archive reference has a file and a choice in it`(row: Archive) throws {
    guard case .archive(let reference) = try Reference(row.text) else {
      Issue.record("not an archive")
      return
    }
    #expect(reference.format == row.format)
    #expect(reference.file == Array("x.tar".utf8))
    #expect(reference.name == row.name)
    #expect(reference.position == row.position)
    #expect(reference.digest?.description == row.digest)
    #expect(reference.text == row.text)
  }

  struct Name: CustomTestStringConvertible, Sendable {
    let text: String
    let full: String
    var domain: String?
    var testDescription: String { text }
  }

  /// Source: distribution/reference, the rules of `ParseNormalizedNamed` and `TagNameOnly`.
  @Test(arguments: [
    Name(text: "debian", full: "docker.io/library/debian:latest"),
    Name(text: "debian:12", full: "docker.io/library/debian:12"),
    Name(text: "docker://debian:12", full: "docker.io/library/debian:12"),
    Name(text: "docker:24-dind", full: "docker.io/library/docker:24-dind"),
    Name(text: "docker", full: "docker.io/library/docker:latest"),
    Name(text: "oci", full: "docker.io/library/oci:latest"),
    Name(text: "team/app", full: "docker.io/team/app:latest"),
    Name(text: "a/b/c:x", full: "docker.io/a/b/c:x"),
    Name(text: "docker.io/debian", full: "docker.io/library/debian:latest", domain: "docker.io"),
    Name(
      text: "index.docker.io/debian",
      full: "docker.io/library/debian:latest",
      domain: "index.docker.io"
    ),
    Name(text: "localhost/x", full: "localhost/x:latest", domain: "localhost"),
    Name(text: "localhost:5000/x:1", full: "localhost:5000/x:1", domain: "localhost:5000"),
    Name(text: "local:5000/x", full: "local:5000/x:latest", domain: "local:5000"),
    Name(text: "[::1]:5000/x", full: "[::1]:5000/x:latest", domain: "[::1]:5000"),
    Name(text: "127.0.0.1/x", full: "127.0.0.1/x:latest", domain: "127.0.0.1"),
    Name(text: "Host/x", full: "Host/x:latest", domain: "Host"),
    Name(text: "Host:1/x", full: "host:1/x:latest", domain: "Host:1"),
    Name(text: "DOCKER.IO/x", full: "docker.io/library/x:latest", domain: "DOCKER.IO"),
    Name(
      text: "ghcr.io/a/b_c__d---e.f:V_1.0-x",
      full: "ghcr.io/a/b_c__d---e.f:V_1.0-x",
      domain: "ghcr.io"
    ),
    Name(text: "debian@\(sha256)", full: "docker.io/library/debian@\(sha256)"),
    Name(text: "debian:12@\(sha256)", full: "docker.io/library/debian@\(sha256)"),
    Name(text: "x.y/z@\(sha512)", full: "x.y/z@\(sha512)", domain: "x.y"),
  ])
  func `a name is completed as Docker completes it`(row: Name) throws {
    guard case .registry(let reference) = try Reference(row.text) else {
      Issue.record("not a name")
      return
    }
    #expect(reference.domain == row.domain)
    #expect(reference.dockerName.text == row.full)
    #expect(reference.text == row.text)
  }

  @Test(arguments: [
    ("", SpecError.emptyReference),
    ("oci:", .emptyDirectory),
    ("oci::tag", .emptyDirectory),
    ("oci:@\(sha256)", .emptyDirectory),
    ("oci:a\0b", .nulInPath),
    ("oci:dir:", .badTag("")),
    ("oci:dir:-x", .badTag("-x")),
    ("oci:dir:x-", .badTag("x-")),
    ("oci:dir:a---b", .badTag("a---b")),
    ("oci:dir:a..b", .badTag("a..b")),
    ("oci:dir:a//b", .badTag("a//b")),
    ("oci:dir:a b", .badTag("a b")),
    ("oci:dir:@0", .badTag("@0")),
    ("oci:dir:\u{212A}", .badTag("\u{212A}")),
    ("oci:dir:a\u{1b}[0m", .badTag("a\\u{1b}[0m")),
    ("oci:dir@sha256:00", .badDigest("sha256:00")),
    ("oci:dir@sha256:", .badDigest("sha256:")),
    ("oci-archive::x", .emptyArchivePath),
    ("oci-archive:x:", .badTag("")),
    ("docker-archive:x.tar:@", .badTag("@")),
    ("docker-archive:x.tar:@x", .badTag("@x")),
    ("docker-archive:x.tar:@99999999999999999999", .badTag("@99999999999999999999")),
    ("docker-archive:x.tar:A", .badImageName("A", .uppercase)),
    ("docker-archive:x.tar:a@\(sha256)", .badImageName("a@\(sha256)", .digestInArchive)),
    ("containers-storage:x", .unsupportedTransport("containers-storage")),
    ("dir:x", .unsupportedTransport("dir")),
    ("docker://", .badImageName("docker://", .repository)),
    ("OCI:dir", .badImageName("OCI:dir", .uppercase)),
    ("./dir", .badImageName("./dir", .registry)),
    ("/dir", .badImageName("/dir", .repository)),
    ("Debian", .badImageName("Debian", .uppercase)),
    ("a//b", .badImageName("a//b", .repository)),
    ("a/", .badImageName("a/", .repository)),
    ("a._b", .badImageName("a._b", .repository)),
    ("a___b", .badImageName("a___b", .repository)),
    ("-a", .badImageName("-a", .repository)),
    ("a b", .badImageName("a b", .repository)),
    ("h..x/a", .badImageName("h..x/a", .registry)),
    ("-h.x/a", .badImageName("-h.x/a", .registry)),
    ("h.x:0/a", .badImageName("h.x:0/a", .registry)),
    ("h.x:65536/a", .badImageName("h.x:65536/a", .registry)),
    ("h.x:/a", .badImageName("h.x:/a", .registry)),
    ("user@h.x/a", .badDigest("h.x/a")),
    ("[::g]/a", .badImageName("[::g]/a", .registry)),
    ("[::g]:1/a", .badImageName("[::g]:1/a", .registry)),
    ("a:", .badImageName("a:", .tag)),
    ("a:.x", .badImageName("a:.x", .tag)),
    ("a:x/", .badImageName("a:x/", .registry)),
    ("a@", .badDigest("")),
    ("a@\(sha256)0", .badDigest(sha256 + "0")),
    (hex64, .badImageName(hex64, .identifier)),
    ("https://h.x/a", .badImageName("https://h.x/a", .registry)),
  ])
  func `another reference is refused with its reason`(text: String, error: SpecError) {
    #expect(throws: error) { try Reference(text) }
  }

  static let hex64 = String(repeating: "0a", count: 32)

  @Test func `names and tags have their longest lengths`() throws {
    let longest = "h.x/" + String(repeating: "a", count: 251)
    #expect(throws: Never.self) { try Reference(longest) }
    let name = longest + "a"
    #expect(throws: SpecError.badImageName(name, .tooLong(limit: 255))) { try Reference(name) }
    let completed = "a/" + String(repeating: "a", count: 255 - "docker.io/a/".utf8.count)
    #expect(throws: Never.self) { try Reference(completed) }
    let long = completed + "a"
    #expect(throws: SpecError.badImageName(long, .tooLong(limit: 255))) { try Reference(long) }
    let tag = "a:" + String(repeating: "t", count: 128)
    #expect(throws: Never.self) { try Reference(tag) }
    #expect(throws: SpecError.badImageName(tag + "t", .tag)) { try Reference(tag + "t") }
  }

  @Test(arguments: ["containers-storage:x", ""])
  func `a refusal names the forms that are accepted`(text: String) {
    let error = #expect(throws: SpecError.self) { try Reference(text) }
    #expect(error?.description.contains(Reference.grammar) == true)
  }
}

struct DigestTests {
  @Test func `a digest reads back as it was written`() throws {
    let hex = String(repeating: "0123456789abcdef", count: 4)
    let digest = try Digest("sha256:" + hex)
    #expect(digest.algorithm == .sha256)
    #expect(digest.bytes.prefix(3) == [0x01, 0x23, 0x45])
    #expect(digest.hex == hex)
    #expect(digest.description == "sha256:" + hex)
    #expect(digest == Digest(algorithm: .sha256, bytes: digest.bytes))
    #expect(try Digest("sha512:" + hex + hex).bytes.count == 64)
  }

  static let hex64 = String(repeating: "ab", count: 32)

  @Test(arguments: [
    "", ":", "sha256", "sha256:", "sha256:ab", ":" + hex64, "sha256:" + hex64 + "0",
    "sha256:" + hex64 + hex64, "sha256:" + hex64.uppercased(), "SHA256:" + hex64,
    "sha256:../../../../etc/passwd", "sha256:" + String(repeating: "/.", count: 32),
    "sha256:" + String(repeating: "g", count: 64), " sha256:" + hex64, "sha256:" + hex64 + "\n",
    "sha256:" + hex64.dropLast() + "\u{ff11}", "sha++256:" + hex64, "sha256+:" + hex64,
    "sha512:" + hex64, "sha256:sha256:" + hex64, "sha256:" + hex64.dropLast(2) + "\0\0",
  ])
  func `I15: anything but algorithm and exact lower case hexadecimal is refused`(text: String) {
    let error = #expect(throws: SpecError.self) { try Digest(text) }
    guard case .badDigest = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test(arguments: ["md5:d41d8cd98f00b204e9800998ecf8427e", "sha384:00", "multihash+base58:Qm"])
  func `I15: a well-formed digest of another algorithm is named`(text: String) {
    let name = text.prefix { $0 != ":" }
    #expect(throws: SpecError.unsupportedDigestAlgorithm(String(name))) { try Digest(text) }
  }
}
