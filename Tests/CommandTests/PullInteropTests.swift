// Images that were pulled, in OCI's and in Docker's form, as skopeo and umoci read them out of the
// cache; and images that skopeo puts there, in either form, as we read them.

import Foundation
import TestKit
import TestRegistry
import Testing

struct PullInteropTests {
  /// A registry with an image of two real layers, the upper one of which removes a file of the lower.
  private func place(_ role: Role, _ types: ImageFixture.MediaTypes) throws -> RegistryPlace {
    let here = try RegistryPlace(role)
    let layers: [[TarEntry]] = [
      [
        .directory("etc"), .file("etc/name", "lower"), .file("etc/old", "x"),
        .symlink("etc/link", to: "name"),
      ],
      [.directory("etc"), .file("etc/name", "upper"), .file("etc/.wh.old")],
    ]
    let tars = layers.map { TarBytes.archive($0) }
    let parts = tars.map { tar in
      let blob = CompressedBytes.gzip(tar)
      return TestImage.Part(
        digest: ImageFixture.sha256(blob),
        bytes: GeneratedBytes(blob),
        mediaType: types.gzipLayer
      )
    }
    let image = TestImage(layers: parts, diffIDs: tars.map(ImageFixture.sha256), types: types)
    image.push(to: try here.running.contents, "team/tree", tag: "1")
    return here
  }

  private func run(_ here: RegistryPlace, _ words: String...) throws {
    let outcome = try here.place.startTool(words).finish()
    #expect(outcome.status == 0, "\(words): \(outcome.text)\(outcome.errors)")
  }

  @Test(arguments: Role.all, [ImageFixture.MediaTypes.oci, .docker])
  func `umoci and skopeo unpack and copy what was pulled`(
    role: Role,
    types: ImageFixture.MediaTypes
  ) throws {
    let here = try place(role, types)
    let name = "\(here.domain)/team/tree:1"
    #expect(try here.place.run("pull", "-q", name).status == 0)
    let stored = "\(here.place.cache):\(name)"
    try run(here, "umoci", "unpack", "--rootless", "--image", stored, "bundle")
    expect(
      try here.place.runTool("cat", "bundle/rootfs/etc/link", "bundle/rootfs/etc/name"),
      is: .success("upperupper")
    )
    #expect(try here.place.names(in: here.place.home + "/bundle/rootfs/etc") == ["link", "name"])

    try run(here, "skopeo", "--insecure-policy", "copy", "-q", "oci:\(stored)", "oci:copy:1")
    try run(
      here,
      "skopeo",
      "--insecure-policy",
      "copy",
      "-q",
      "oci:\(stored)",
      "docker-archive:copy.tar:team/tree:1"
    )
    let dump = try here.place.run("dump", "--offline", name)
    #expect(dump.status == 0)
    #expect(try here.place.run("dump", "oci:copy:1") == dump)
    #expect(try here.place.run("dump", "docker-archive:copy.tar") == dump)
    // They have changed nothing.
    #expect(try here.place.run("cache", "verify").status == 0)
    here.stopRegistry()
    expect(try here.place.run("cat", name, "etc/name"), is: .success("upper"))
  }

  @Test(arguments: Role.all, ["oci", "v2s2"])
  func `what skopeo copies into the cache is used offline`(role: Role, format: String) throws {
    let here = try place(role, .oci)
    let name = "\(here.domain)/team/tree:1"
    // Made by us, so that it is there and ours alone; then filled by others.
    expect(try here.place.run("images"), is: .success())
    try run(
      here,
      "skopeo",
      "--insecure-policy",
      "copy",
      "-q",
      "--src-tls-verify=false",
      "--format",
      format,
      "docker://\(name)",
      "oci:\(here.place.cache):\(name)"
    )
    here.stopRegistry()
    expect(try here.place.run("ls", "--offline", name, "etc"), is: .success("link\nname\n"))
    expect(try here.place.run("cat", "--offline", name, "etc/name"), is: .success("upper"))
    #expect(try here.place.run("images").text.contains(name))
    #expect(try here.place.run("cache", "verify").status == 0)
    // A name that others wrote protects its image like ours.
    #expect(try here.place.run("cache", "prune").status == 0)
    expect(try here.place.run("ls", "--offline", name, "etc"), is: .success("link\nname\n"))
  }
}
