// Images in archives: the rows I18 to I20 of docs/SEMANTICS.md, through whole commands. The archives are made
// by hand, so that they can be as odd as they come.

import Foundation
import TestKit
import Testing

struct ArchiveRowTests {
  private static let tar = TarBytes.archive([.file("a", "first")])

  /// The members of an archived layout of one image, and its layer's name among them.
  private static func layout() throws -> (members: [TarEntry], layer: String) {
    let directory = try TemporaryDirectory()
    let fixture = try ImageFixture.image([.plain(tar)], at: directory.appending("image"))
    let names = try FileManager.default.subpathsOfDirectory(atPath: fixture.path).sorted()
    let members = try names.map { name -> TarEntry in
      let path = TarText(Array(name.utf8))
      var isDirectory: ObjCBool = false
      let file = fixture.path + "/" + name
      _ = FileManager.default.fileExists(atPath: file, isDirectory: &isDirectory)
      guard !isDirectory.boolValue else { return .directory(path) }
      return .file(path, TarText(Array(try Data(contentsOf: URL(fileURLWithPath: file)))))
    }
    return (members, ImageFixture.blobName(ImageFixture.sha256(tar)))
  }

  /// A Docker archive of one image whose only layer is the member `layer.tar`.
  private static func docker(_ layers: [TarEntry], tag: String = "a:1") -> [TarEntry] {
    let configuration =
      #"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["#
      + #""\#(ImageFixture.sha256(tar))"]}}"#
    return [
      .file("config.json", TarText(Array(configuration.utf8))),
      .file(
        "manifest.json",
        TarText(
          Array(
            #"[{"Config":"config.json","RepoTags":["\#(tag)"],"Layers":["layer.tar"]}]"#.utf8
          )
        )
      ),
    ] + layers
  }

  private func expect(
    _ reference: String,
    _ bytes: [UInt8],
    is expected: Outcome,
    _ row: String
  ) throws {
    let place = try Workplace(Role.all.last ?? .ordinary)
    try Data(bytes).write(to: URL(fileURLWithPath: place.home + "/image.tar"))
    chmod(place.home + "/image.tar", 0o644)
    let outcome = try place.run("ls", reference)
    #expect(outcome == expected, "\(row): \(outcome)")
  }

  // MARK: Layouts in archives

  private static let packings: [(row: String, pack: @Sendable ([UInt8]) -> [UInt8])] = [
    ("I18: as it is", { $0 }),
    ("I18: compressed by gzip", { CompressedBytes.gzip($0) }),
    ("I18: compressed by zstd", { CompressedBytes.zstd($0) }),
  ]

  @Test(arguments: packings.indices)
  func `a layout in an archive is the layout`(_ number: Int) throws {
    let packing = Self.packings[number]
    let bytes = packing.pack(TarBytes.archive(try Self.layout().members))
    try expect("oci-archive:image.tar", bytes, is: .success("a\n"), packing.row)
  }

  private struct Odd: Sendable {
    var row: String
    /// What stands in place of the layer's blob.
    var members: @Sendable (TarText) -> [TarEntry]
    /// What is said, behind the archive's name; `nil` where nothing is wrong.
    var fault: @Sendable (String) -> String?
  }

  private static let odd: [Odd] = [
    Odd(
      row: "I18: a blob that is a link inside the archive",
      members: { [.symlink($0, to: "../../real"), .file("real", TarText(tar))] },
      fault: { _ in nil }
    ),
    Odd(
      row: "I18: a blob that is a link to a file of the host",
      members: { [.symlink($0, to: "/etc/passwd")] },
      fault: { "\($0): a link to /etc/passwd, which is outside the archive" }
    ),
    Odd(
      row: "I18: a blob that is a link out of the archive",
      members: { [.symlink($0, to: "../../../x")] },
      fault: { "\($0): a link to ../../../x, which is outside the archive" }
    ),
    Odd(
      row: "I18: a blob that is a fifo",
      members: { [.fifo($0)] },
      fault: { "\($0): not a file in the archive" }
    ),
    Odd(
      row: "I18: a blob that is a device",
      members: { [.characterDevice($0, major: 1, minor: 5)] },
      fault: { "\($0): not a file in the archive" }
    ),
    Odd(
      row: "I18: a blob that is a directory",
      members: { [.directory($0)] },
      fault: { "\($0): not a file in the archive" }
    ),
  ]

  @Test(arguments: odd.indices)
  func `a blob in an archive is a file of the archive`(_ number: Int) throws {
    let odd = Self.odd[number]
    let (members, layer) = try Self.layout()
    let name = TarText(Array(layer.utf8))
    let bytes = TarBytes.archive(members.filter { $0.path != name.bytes } + odd.members(name))
    let digest = ImageFixture.sha256(Self.tar)
    let expected = odd.fault(layer).map {
      Outcome.failure(65, "layer \(digest): image.tar: \($0)")
    }
    try expect("oci-archive:image.tar", bytes, is: expected ?? .success("a\n"), odd.row)
  }

  // MARK: Docker archives

  private static let links: [(row: String, members: [TarEntry], fault: String?)] = [
    (
      "I19: a layer that is a link to one of before",
      [.file("old/layer.tar", TarText(tar)), .symlink("layer.tar", to: "old/layer.tar")], nil
    ),
    (
      "I19: links in a circle", [.symlink("layer.tar", to: "x"), .symlink("x", to: "layer.tar")],
      "layer.tar: more than 8 links in a row"
    ),
    (
      "I19: a link out of the archive", [.symlink("layer.tar", to: "../../etc/passwd")],
      "layer.tar: a link to ../../etc/passwd, which is outside the archive"
    ),
    ("I19: a layer that is not there", [], "layer.tar: not in the archive"),
  ]

  @Test(arguments: links)
  func `a layer of Docker's is found through links`(
    row: String,
    members: [TarEntry],
    fault: String?
  ) throws {
    let expected = fault.map { Outcome.failure(65, "image.tar: \($0)") } ?? .success("a\n")
    let bytes = TarBytes.archive(Self.docker(members))
    try expect("docker-archive:image.tar", bytes, is: expected, row)
  }

  @Test func `I19: of several images one is chosen`() throws {
    let images =
      #"[{"Config":"config.json","RepoTags":["a:1","b:1"],"Layers":["layer.tar"]},"#
      + #"{"Config":"config.json","RepoTags":["c:2"],"Layers":["layer.tar"]}]"#
    let members = Self.docker([.file("layer.tar", TarText(Self.tar))]).filter {
      $0.path != Array("manifest.json".utf8)
    }
    let bytes = TarBytes.archive(
      members + [.file("manifest.json", TarText(Array(images.utf8)))]
    )
    let names = ["a:1", "b:1", "c:2"].map { "docker.io/library/" + $0 }.joined(separator: ", ")
    for (suffix, expected) in [
      (
        "",
        Outcome.failure(
          66,
          "several images, choose one of \(names)",
          hint: "name one, like oci:DIR:TAG or oci-archive:FILE:TAG"
        )
      ), (":c:2", .success("a\n")), (":@0", .success("a\n")),
    ] {
      try expect("docker-archive:image.tar\(suffix)", bytes, is: expected, "I19\(suffix)")
    }
  }

  @Test(arguments: [false, true])
  func `I20: a layer that is not the one of the configuration`(isPacked: Bool) throws {
    let other = TarBytes.archive([.file("a", "other")])
    let right = ImageFixture.sha256(Self.tar)
    let packed = isPacked ? CompressedBytes.gzip(other) : other
    let bytes = TarBytes.archive(Self.docker([.file("layer.tar", TarText(packed))]))
    // A plain layer has no digest but its diffID.
    let message =
      isPacked
      ? "layer \(ImageFixture.sha256(packed)): the diffID is \(ImageFixture.sha256(other)), "
        + "the image's configuration says \(right)"
      : "layer \(right): content is \(ImageFixture.sha256(other))"
    let hint = isPacked ? nil : "write the archive again"
    try expect("docker-archive:image.tar", bytes, is: .failure(65, message, hint: hint), "I20")
    let same = TarBytes.archive(
      Self.docker([
        .file("layer.tar", TarText(isPacked ? CompressedBytes.gzip(Self.tar) : Self.tar))
      ])
    )
    try expect("docker-archive:image.tar", same, is: .success("a\n"), "I20")
  }
}
