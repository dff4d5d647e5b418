// Images in archives: mounts and ext4 files of one are those of the layout that the archive was made
// from, whatever happens to the archive. Needs skopeo, gzip and zstd.

import FileTree
import Foundation
import TestKit
import Testing

struct ArchiveTests {
  /// The small image, and archives of it.
  private struct Archives {
    let place: Workplace
    let image: SmallImage

    init(_ role: Role = Role.all[0]) throws {
      place = try Workplace(role)
      image = try SmallImage(in: place)
    }

    /// An archive that skopeo writes and `tool` compresses, as the user refers to it.
    func reference(_ transport: String, _ tool: String) throws -> String {
      let file = place.appending("archive.tar")
      let name = transport == "oci-archive" ? ":small" : ":example.com/small:1"
      try Program.succeed([
        "skopeo", "--insecure-policy", "copy", "--quiet", image.reference,
        "\(transport):\(file)\(name)",
      ])
      if tool != "none" { try Program.succeed([tool, "-q", file]) }
      let suffix = ["none": "", "gzip": ".gz", "zstd": ".zst"][tool] ?? ""
      try Program.succeed(["chmod", "644", file + suffix])
      return "\(transport):\(file)\(suffix)"
    }
  }

  @Test func `the ext4 file is that of the tree`() throws {
    let archives = try Archives()
    let place = archives.place
    let reference = try archives.reference("oci-archive", "zstd")
    let outcome = try place.run("materialize", reference, "out.ext4")
    #expect((outcome.status, outcome.errors) == (0, ""))
    let rows = try Ext4Witness.rows(of: URL(fileURLWithPath: place.home + "/out.ext4"))
    expect(
      try place.run("dump", archives.image.reference),
      is: .success(DumpRow.text(rows))
    )
  }

  @Test(arguments: Role.all, ["oci-archive none", "docker-archive gzip"])
  func `the mount is that of the layout`(role: Role, kind: String) throws {
    let archives = try Archives(role)
    let place = archives.place
    let words = kind.split(separator: " ").map(String.init)
    let references = [archives.image.reference, try archives.reference(words[0], words[1])]
    let listings = try references.enumerated().map { number, reference in
      try place.makeDirectory("home/mount\(number)")
      let outcome = try place.runShell(
        #"""
        "$0" mount "$1" "$2" && cd "$2" \
          && find . -printf '%p %y %m %n %U %G %s %T@ %i %l\n' | sort \
          && find . -type f -print0 | sort -z | xargs -0 sha256sum && cd / && "$0" umount "$2"
        """#,
        reference,
        "\(place.home)/mount\(number)"
      )
      #expect((outcome.status, outcome.errors) == (0, ""))
      return outcome.text
    }
    #expect(listings[0] == listings[1])
    #expect(listings[0].contains("bin/tool"))
  }

  @Test func `a mounted archive may be removed, and so may the cache`() throws {
    let archives = try Archives()
    let place = archives.place
    let reference = try archives.reference("docker-archive", "gzip")
    try place.makeDirectory("home/mount")
    expect(try place.run("mount", reference, "mount"), is: .success())
    try FileManager.default.removeItem(atPath: place.appending("archive.tar.gz"))
    try FileManager.default.removeItem(atPath: place.cache)
    let outcome = try place.runTool("cat", "mount/data")
    #expect(outcome.status == 0)
    #expect(ImageFixture.sha256(outcome.output) == ImageFixture.sha256(SmallImage.data))
    expect(try place.run("umount", "mount"), is: .success())
  }

  @Test func `what is wrong with an archive is said with the status for it`() throws {
    let archives = try Archives()
    let place = archives.place
    let file = place.appending("archive.tar")
    _ = try archives.reference("docker-archive", "none")
    let rows: [(reference: String, status: Int32, message: String)] = [
      ("docker-archive:\(place.path)/none", 66, "\(place.path)/none: no such archive"),
      ("oci-archive:\(file)", 65, "\(file): not an image layout: no oci-layout"),
      (
        "docker-archive:\(file):small", 66,
        "no image named docker.io/library/small:latest; there is example.com/small:1"
      ),
      ("docker-archive:\(file):@1", 66, "no image named @1; there is example.com/small:1"),
      (
        "docker-archive:\(place.path)", 65,
        "\(place.path): not a file that can be read at any position"
      ),
    ]
    for row in rows {
      let outcome = try place.run("inspect", row.reference)
      #expect(outcome.status == row.status)
      #expect(outcome.text.isEmpty)
      #expect(outcome.errors.hasPrefix("banger-fs: \(row.message)\n"), "\(outcome.errors)")
    }
  }
}
