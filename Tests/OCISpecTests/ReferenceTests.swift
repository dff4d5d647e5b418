// Which references are accepted, and what the others are told.

import OCISpec
import Testing

struct ReferenceTests {
  static let sha256 = "sha256:" + String(repeating: "0a", count: 32)
  static let sha512 = "sha512:" + String(repeating: "0a", count: 64)

  struct Accepted: CustomTestStringConvertible, Sendable {
    let text: String
    let directory: String
    var tag: String?
    var digest: String?
    var testDescription: String { text }
  }

  @Test(arguments: [
    Accepted(text: "oci:image", directory: "image"),
    Accepted(text: "oci:/srv/images/debian:12", directory: "/srv/images/debian", tag: "12"),
    Accepted(text: "oci:../x y:v1.0-rc_2", directory: "../x y", tag: "v1.0-rc_2"),
    Accepted(text: "oci:dir:a--b", directory: "dir", tag: "a--b"),
    Accepted(
      text: "oci:dir:docker.io/library/debian:12",
      directory: "dir",
      tag: "docker.io/library/debian:12"
    ),
    Accepted(text: "oci:dir:name@1", directory: "dir", tag: "name@1"),
    Accepted(text: "oci:dir@home", directory: "dir@home"),
    Accepted(text: "oci:oci:oci", directory: "oci", tag: "oci"),
    Accepted(text: "oci:d\u{e9}:x", directory: "d\u{e9}", tag: "x"),
    Accepted(text: "oci:dir@\(sha256)", directory: "dir", digest: sha256),
    Accepted(text: "oci:dir@\(sha512)", directory: "dir", digest: sha512),
    Accepted(text: "oci:a@b:t@\(sha256)", directory: "a@b", tag: "t", digest: sha256),
    Accepted(text: "oci:dir@md5:00", directory: "dir@md5", tag: "00"),
  ])
  func `a layout reference has a directory, a name and a digest`(row: Accepted) throws {
    let reference = try Reference(row.text)
    #expect(reference.directory == Array(row.directory.utf8))
    #expect(reference.tag == row.tag)
    #expect(reference.digest?.description == row.digest)
    #expect(reference.description == row.text)
  }

  @Test(arguments: [
    ("", SpecError.emptyReference),
    ("oci:", .emptyDirectory),
    ("oci::tag", .emptyDirectory),
    ("oci:@\(sha256)", .emptyDirectory),
    ("oci:a\0b", .nulInDirectory),
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
    ("docker://debian", .unsupportedTransport("docker")),
    ("docker-archive:x.tar", .unsupportedTransport("docker-archive")),
    ("oci-archive:x.tar:tag", .unsupportedTransport("oci-archive")),
    ("containers-storage:x", .unsupportedTransport("containers-storage")),
    ("docker", .registryReference("docker")),
    ("debian:12", .registryReference("debian:12")),
    ("OCI:dir", .registryReference("OCI:dir")),
    ("./dir", .registryReference("./dir")),
  ])
  func `another reference is refused with its reason`(text: String, error: SpecError) {
    #expect(throws: error) { try Reference(text) }
  }

  @Test(arguments: ["docker://debian", "debian:12", "oci:", ""])
  func `a refusal names the form that is accepted`(text: String) {
    let error = #expect(throws: SpecError.self) { try Reference(text) }
    #expect(error?.description.contains("oci:DIR[:TAG][@DIGEST]") == true)
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
  func `anything but algorithm and exact lower case hexadecimal is refused`(text: String) {
    let error = #expect(throws: SpecError.self) { try Digest(text) }
    guard case .badDigest = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test(arguments: ["md5:d41d8cd98f00b204e9800998ecf8427e", "sha384:00", "multihash+base58:Qm"])
  func `a well-formed digest of another algorithm is named`(text: String) {
    let name = text.prefix { $0 != ":" }
    #expect(throws: SpecError.unsupportedDigestAlgorithm(String(name))) { try Digest(text) }
  }
}
