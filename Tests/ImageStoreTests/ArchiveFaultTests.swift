// Archives that are broken or hostile: what is refused, and with which words.

import Foundation
import ImageStore
import OCISpec
import SystemPackage
import TestKit
import Testing

struct ArchiveFaultTests {
  private let scratch: ArchiveScratch

  init() throws {
    scratch = try ArchiveScratch()
  }

  private func message(_ text: String) -> String {
    do {
      let image = try scratch.resolve(text)
      _ = try ImageFacts(image)
      return "nothing is wrong"
    } catch {
      return "\(error)".replacing(scratch.directory.path + "/", with: "")
    }
  }

  // MARK: What is no archive

  @Test func `what is missing or no file is refused by name`() throws {
    #expect(message("oci-archive:\(scratch.path("none"))") == "none: no such archive")
    #expect(message("docker-archive:\(scratch.path("none"))/x") == "none/x: no such archive")
    try FileManager.default.createDirectory(
      atPath: scratch.path("directory"),
      withIntermediateDirectories: false
    )
    #expect(mkfifo(scratch.path("fifo"), 0o600) == 0)
    for name in ["directory", "fifo"] {
      #expect(
        message("oci-archive:\(scratch.path(name))")
          == "\(name): not a file that can be read at any position"
      )
    }
  }

  @Test(arguments: [
    ("bzip2", "bzip2"), ("xz", "xz"),
  ])
  func `a foreign format is named`(tool: String, name: String) throws {
    let archive = try scratch.compress(try scratch.write(TarBytes.archive([])), tool)
    #expect(
      message("oci-archive:\(archive)")
        == "archive.tar.\(tool): the archive is \(name), which is not supported"
    )
  }

  @Test func `something else than a tar file is called that`() throws {
    let bytes = CompressedBytes.sample(byteCount: 5000, seed: 7)
    _ = try scratch.write(bytes)
    #expect(
      message("docker-archive:\(scratch.path("archive.tar"))") == "archive.tar: not a tar archive"
    )
    _ = try scratch.write(CompressedBytes.gzip(bytes), "archive.gz")
    #expect(
      message("docker-archive:\(scratch.path("archive.gz"))") == "archive.gz: not a tar archive"
    )
    _ = try scratch.write(Array("no tar".utf8))
    #expect(
      message("docker-archive:\(scratch.path("archive.tar"))") == "archive.tar: not a tar archive"
    )
  }

  @Test func `an archive of something else is refused by what it lacks`() throws {
    for bytes in [[], TarBytes.archive([]), TarBytes.archive([.file("a", "b")])] {
      let archive = try scratch.write(bytes)
      #expect(
        message("oci-archive:\(archive)")
          == "archive.tar: not an image layout: no oci-layout"
      )
      #expect(
        message("docker-archive:\(archive)")
          == "archive.tar: not a Docker archive: no manifest.json"
      )
    }
  }

  // MARK: Damage

  @Test(arguments: ["none", "gzip", "zstd"])
  func `no beginning of an archive is taken for the whole`(tool: String) throws {
    let layout = try scratch.layout()
    try Tool.run("tar", "-C", layout, "-cf", scratch.path("whole.tar"), ".")
    let whole = try scratch.compress(scratch.path("whole.tar"), tool)
    let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: whole)))
    // The end marker and the padding behind it may go.
    let last = tool == "none" ? bytes.count - 10 * 1024 : bytes.count - 1
    var generator = SeededGenerator(seed: 41)
    let random = (0..<30).map { _ in Int.random(in: 1..<last, using: &generator) }
    for count in [1, 511, 512, 513, last] + random {
      _ = try scratch.write(Array(bytes[..<count]), "short")
      do {
        _ = try ImageFacts(scratch.resolve("oci-archive:\(scratch.path("short"))"))
        Issue.record("\(count) of \(bytes.count) bytes were accepted")
      } catch let error as ImageStoreError {
        #expect(error.kind == .invalid, "\(count) bytes: \(error)")
      }
    }
  }

  @Test func `a member that ends behind the archive is named with its bytes`() throws {
    let member = TarEntry.file("blobs/x", "1234").declaring(size: 100_000)
    let archive = try scratch.write(TarBytes.archive([.file("oci-layout", "{}"), member]))
    #expect(
      message("oci-archive:\(archive)")
        == "archive.tar: blobs/x: the member at byte 1024 ends at byte 101536, "
        + "the archive at byte 3072"
    )
    let huge = TarEntry.file("y", "").base256().declaring(size: 1 << 40)
    let other = try scratch.write(TarBytes.archive([huge]))
    #expect(
      message("oci-archive:\(other)")
        == "archive.tar: y: the member at byte 0 ends at byte 1099511628288, "
        + "the archive at byte 1536"
    )
  }

  @Test func `a damaged header is named with its byte`() throws {
    var bytes = TarBytes.archive([.file("a", "1"), .file("b", "2")])
    bytes[1024] ^= 1
    #expect(
      message("oci-archive:\(try scratch.write(bytes))")
        == "archive.tar: tar: header checksum does not match at tar byte 1024"
    )
  }

  // MARK: Names and links

  private func docker(_ entries: [TarEntry], layer: String = "layer.tar") -> [UInt8] {
    let tar = ArchiveScratch.layers[0].tar
    let configuration =
      #"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["#
      + #""\#(ImageFixture.sha256(tar))"]}}"#
    let manifest = #"[{"Config":"config.json","RepoTags":null,"Layers":["\#(layer)"]}]"#
    return TarBytes.archive(
      [
        .file("manifest.json", TarText(Array(manifest.utf8))),
        .file("config.json", TarText(Array(configuration.utf8))), .file("real", TarText(tar)),
      ] + entries
    )
  }

  static let links: [(entries: [TarEntry], message: String)] = [
    ([.symlink("layer.tar", to: "real")], "nothing is wrong"),
    ([.symlink("layer.tar", to: "x/../y/.././real")], "nothing is wrong"),
    ([.symlink("layer.tar", to: "next"), .hardLink("next", to: "./real")], "nothing is wrong"),
    ([.hardLink("layer.tar", to: "later"), .symlink("later", to: "real")], "nothing is wrong"),
    ([.hardLink("layer.tar", to: "/real")], "nothing is wrong"),
    ([], "layer.tar: not in the archive"),
    ([.directory("layer.tar/")], "layer.tar: not a file in the archive"),
    ([.fifo("layer.tar")], "layer.tar: not a file in the archive"),
    ([.symlink("layer.tar", to: "none")], "none: not in the archive"),
    (
      [.symlink("layer.tar", to: "../real")],
      "layer.tar: a link to ../real, which is outside the archive"
    ),
    (
      [.symlink("layer.tar", to: "/etc/passwd")],
      "layer.tar: a link to /etc/passwd, which is outside the archive"
    ),
    (
      [.hardLink("layer.tar", to: "../../etc/passwd")],
      "layer.tar: a link to ../../etc/passwd, which is outside the archive"
    ),
    ([.symlink("layer.tar", to: "layer.tar")], "layer.tar: more than 8 links in a row"),
    (
      [.symlink("layer.tar", to: "b"), .hardLink("b", to: "c"), .symlink("c", to: "layer.tar")],
      "layer.tar: more than 8 links in a row"
    ),
    (
      [.symlink("layer.tar", to: "d/e"), .symlink("d", to: ".")],
      "d/e: not in the archive"
    ),
    ([.file("../layer.tar", "x"), .file("a/../../layer.tar")], "layer.tar: not in the archive"),
    (
      [.sparse("layer.tar", size: 4096, segments: [(0, "x")], format: .pax10)],
      "layer.tar: stored as a sparse file, which is not supported here"
    ),
    ([.file("layer.tar", "BZh91AY&SY")], "layer.tar: bzip2 is not supported"),
  ]

  @Test(arguments: links.indices, [false, true])
  func `links are followed inside the archive and nowhere else`(
    index: Int,
    isCompressed: Bool
  ) throws {
    let bytes = docker(Self.links[index].entries)
    let archive = try scratch.write(isCompressed ? CompressedBytes.gzip(bytes) : bytes)
    let expected = Self.links[index].message
    #expect(
      message("docker-archive:\(archive)")
        == (expected == "nothing is wrong" ? expected : "archive.tar: \(expected)")
    )
  }

  @Test func `a name from the archive is no path of the host`() throws {
    let secret = try scratch.write(ArchiveScratch.layers[0].tar, "secret")
    for name in [secret, "../secret", "./../secret"] {
      let archive = try scratch.write(docker([], layer: name))
      #expect(message("docker-archive:\(archive)").hasSuffix("secret: not in the archive"))
    }
  }

  // MARK: Bounds

  @Test func `the number of members is bounded`() throws {
    let header = TarBytes.bytes(of: .directory("d/"))
    var bytes: [UInt8] = []
    bytes.reserveCapacity(header.count * ((1 << 17) + 2))
    for _ in 0...(1 << 17) { bytes += header }
    let archive = try scratch.write(CompressedBytes.gzip(bytes))
    #expect(message("oci-archive:\(archive)") == "archive.tar: more than 131072 members")
    _ = try scratch.write(bytes)
    #expect(message("oci-archive:\(archive)") == "archive.tar: more than 131072 members")
  }

  @Test func `the names of all members together are bounded`() throws {
    let name = [UInt8](repeating: UInt8(ascii: "n"), count: 60_000)
    let member = TarBytes.bytes(of: .file(TarText(name)))
    var bytes: [UInt8] = []
    for _ in 0...560 { bytes += member }
    let archive = try scratch.write(bytes)
    #expect(
      message("oci-archive:\(archive)")
        == "archive.tar: the names of its members are longer than 33554432 bytes in all"
    )
  }

  @Test(arguments: ["oci-layout", "index.json", "manifest.json"])
  func `a document is bounded before it is read`(name: String) throws {
    let large = TarEntry.file(TarText(Array(name.utf8)), TarText(TarBytes.zeros(4 << 20) + [0]))
    let marker = TarEntry.file("oci-layout", #"{"imageLayoutVersion":"1.0.0"}"#)
    let archive = try scratch.write(TarBytes.archive([marker, large]))
    let transport = name == "manifest.json" ? "docker-archive" : "oci-archive"
    #expect(
      message("\(transport):\(archive)")
        == "archive.tar: \(name): 4194305 bytes, more than 4194304"
    )
  }

  @Test func `a blob of another size or content than its descriptor's is refused`() throws {
    let layout = try scratch.layout()
    let image = try scratch.resolve(layout: layout)
    let digest = image.manifest.configuration.digest
    let name = Array("blobs/sha256/\(digest.hex)".utf8)
    let rest = try scratch.members(of: layout).filter { $0.path != name }
    var other = image.configurationBytes
    other[0] ^= 1
    let actual = DigestHasher.digest(of: other, .sha256)
    for isCompressed in [false, true] {
      let rows = [
        (Array("{}".utf8), "blob \(digest): 2 bytes, expected \(other.count)"),
        (other, "blob \(digest): content is \(actual)"),
      ]
      for (content, expected) in rows {
        let bytes = TarBytes.archive(rest + [.file(TarText(name), TarText(content))])
        let archive = try scratch.write(isCompressed ? CompressedBytes.gzip(bytes) : bytes)
        #expect(message("oci-archive:\(archive)") == expected)
      }
    }
  }
}
