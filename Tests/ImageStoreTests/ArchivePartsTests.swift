// What of a compressed archive stays in the cache: the files of its images, and no others.

import Foundation
import ImageStore
import OCISpec
import SystemPackage
import TestKit
import Testing

struct ArchivePartsTests {
  private let scratch: ArchiveScratch
  private let layout: String

  init() throws {
    scratch = try ArchiveScratch()
    layout = try scratch.layout()
  }

  private var blobs: [String] {
    get throws {
      try FileManager.default.contentsOfDirectory(atPath: scratch.path("cache/blobs/sha256"))
    }
  }

  private var records: [String] {
    get throws {
      try FileManager.default.contentsOfDirectory(atPath: scratch.path("cache/banger/archives/1"))
    }
  }

  private func archive(_ entries: [TarEntry]) throws -> String {
    try scratch.compress(scratch.write(TarBytes.archive(entries)), "gzip")
  }

  /// Files that no image needs: of any name, of the name of a blob, and of a name beyond all bounds.
  private var junk: [TarEntry] {
    (0..<50).flatMap { number -> [TarEntry] in
      let content = Array("junk \(number)".utf8)
      let names = [
        "junk\(number)", "blobs/sha256/" + ImageFixture.sha256(content).dropFirst(7),
        String(repeating: "a/", count: 30_000) + "\(number)",
      ]
      return names.map { .file(Self.text($0), TarText(content)) }
    }
  }

  @Test func `I18: of a layout in an archive only what its images need is kept`() throws {
    let members = try scratch.members(of: layout)
    let archive = try archive(junk + members + junk)
    let expected = try ImageFacts(scratch.resolve(layout: layout))
    #expect(try ImageFacts(scratch.resolve("oci-archive:\(archive)")) == expected)
    #expect(try blobs.count == members.count)
    #expect(try records.count == 1)
    var calls = 0
    _ = try scratch.open("oci-archive:\(archive)", counting: &calls)
    #expect(calls == 0)
  }

  private static func text(_ text: String) -> TarText { TarText(Array(text.utf8)) }

  /// What `docker save` writes of the layout's image, with a manifest before or behind all else.
  private func dockerMembers() throws -> (manifest: TarEntry, others: [TarEntry]) {
    let image = try scratch.resolve(layout: layout)
    let configuration = image.manifest.configuration.digest.hex
    let layers = image.layers.map { "\"store/\($0.diffID.hex).tar\"" }.joined(separator: ",")
    let manifest = """
      [{"Config":"\(configuration).json","RepoTags":["a:v1"],"Layers":[\(layers)]}]
      """
    var others = [
      TarEntry.file(
        Self.text("\(configuration).json"),
        TarText(image.configurationBytes)
      )
    ]
    for (layer, tar) in zip(image.layers, ArchiveScratch.layers.map(\.tar)) {
      others.append(.file(Self.text("store/\(layer.diffID.hex).tar"), TarText(tar)))
    }
    return (.file("manifest.json", Self.text(manifest)), others)
  }

  @Test(arguments: [true, false])
  func `I19: of a Docker archive only what its manifest names is kept`(isFirst: Bool) throws {
    let (manifest, others) = try dockerMembers()
    let members = junk + (isFirst ? [manifest] + others : others + [manifest])
    let image = try scratch.resolve("docker-archive:\(try archive(members))")
    for (layer, tar) in zip(image.layers, ArchiveScratch.layers.map(\.tar)) {
      #expect(try ImageFacts.bytes(of: layer, in: image) == tar)
    }
    #expect(try blobs.count == others.count + 1)
    #expect(try records.count == 1)
  }

  @Test func `what is a layout and a Docker archive is read through once`() throws {
    let (manifest, others) = try dockerMembers()
    let archive = try archive(try scratch.members(of: layout) + others + [manifest])
    var calls = 0
    _ = try scratch.open("oci-archive:\(archive)", counting: &calls)
    #expect(calls > 0)
    calls = 0
    _ = try scratch.open("docker-archive:\(archive)", counting: &calls)
    #expect(calls == 0)
  }

  @Test func `what a document beyond a bound leads to is there once the bound is moved`() throws {
    let fixture = try ImageFixture(at: scratch.path("large"))
    let layers = ArchiveScratch.layers.map(\.layer)
    let entry = try fixture.addImage(layers)
    // White space that makes it larger than any document may be by default.
    let manifest = try Data(
      contentsOf: URL(fileURLWithPath: fixture.path + "/" + ImageFixture.blobName(entry.digest))
    )
    let padded = try fixture.addBlob(
      Array(manifest) + [UInt8](repeating: 0x20, count: 4 << 20),
      mediaType: ImageFixture.MediaTypes.oci.manifest
    )
    try fixture.write(index: [padded])
    let archive = try archive(try scratch.members(of: fixture.path))
    #expect(throws: ImageStoreError.self) { try scratch.resolve("oci-archive:\(archive)") }
    var limits = SpecLimits()
    limits.documentByteCount = 8 << 20
    let text = "oci-archive:\(archive)"
    guard case .archive(let reference) = try Reference(text) else { return }
    let source = try ImageArchive.open(reference, cache: scratch.cache(), limits: limits)
    let image = try ImageResolver().resolve(text, name: nil, digest: nil, in: source)
    #expect(try ImageFacts(image).blobs == layers.map { ImageFixture.sha256($0.blob) })
  }

  @Test func `a broken archive leaves nothing`() throws {
    let bytes = Array(
      try Data(contentsOf: URL(fileURLWithPath: try archive(try scratch.members(of: layout))))
    )
    let short = try scratch.write(Array(bytes.dropLast(9)), "short.gz")
    #expect(throws: ImageStoreError.self) { try scratch.open("oci-archive:\(short)") }
    #expect(try blobs.isEmpty)
    #expect(try records.isEmpty)
  }

  @Test func `what a process that died has left is removed`() throws {
    _ = try scratch.open("oci-archive:\(archive(try scratch.members(of: layout)))")
    let left = scratch.path("cache/banger/archives/1/.spool-1")
    try FileManager.default.createDirectory(atPath: left, withIntermediateDirectories: false)
    try Data([1]).write(to: URL(fileURLWithPath: left + "/.pending-1"))
    #expect(try records.count == 2)
    _ = try scratch.open("oci-archive:\(archive(try scratch.members(of: layout)))")
    #expect(!FileManager.default.fileExists(atPath: left))
  }
}
