// The tree of an image in an archive is that of the layout which the archive was made from, content
// included. Needs skopeo, tar, gzip and zstd.

import FileTree
import Foundation
import ImageStore
import OCISpec
import SystemPackage
import TestKit
import Testing

@testable import Layers

struct ArchivedImageTests {
  private let image: StoredImage

  init() throws {
    let attribute = TarEntry.file("bin/tool", "#!/bin/sh").mode(0o755)
      .attribute("security.capability", [1, 0, 0, 2])
    let base = TarBytes.archive([
      .directory("bin/"), attribute, .hardLink("bin/other", to: "bin/tool"),
      .symlink("lib", to: "usr/lib"), .directory("etc/"), .file("etc/gone", "x"),
      .file("data", TarText(CompressedBytes.sample(byteCount: 2_000_000, seed: 5))),
      .characterDevice("null", major: 1, minor: 3),
    ])
    let middle = TarBytes.archive([
      .whiteout("etc/gone"), .file("etc/kept", "y").owner(1000, 100).modified(12, nanoseconds: 34),
      .sparse("hole", size: 1 << 20, segments: [(4096, "data")], format: .pax10),
    ])
    let top = TarBytes.archive([.opaque("bin"), .file("bin/new", "z")])
    let blobs = [
      LayerEncoding.gzip.blob(of: base), LayerEncoding.plain.blob(of: middle),
      LayerEncoding.gzip.blob(of: top),
    ]
    image = try StoredImage(
      zip([base, middle, top], blobs).map {
        .init(blob: $1, diffID: ImageFixture.sha256($0))
      }
    )
  }

  private func tree(_ image: ResolvedImage) throws -> String {
    let files = try ImageOpener(store: try self.image.store()).open(image).files
    let rows = try files.tree.dumpRows { id in
      let file = files.tree[id]
      return sha256(try files.read(file, at: 0, count: Int(file.size))).hex
    }
    #expect(self.image.noted == [])
    return DumpRow.text(rows)
  }

  private func archived(_ text: String) throws -> ResolvedImage {
    guard case .archive(let reference) = try Reference(text) else {
      throw ProgramFailure("\(text) is no archive")
    }
    let directory = try CacheDirectory(
      opening: FilePath(image.cachePath),
      version: LayerStore.cacheVersion
    )
    let source = try ImageArchive.open(reference, cache: try ImageCache(directory))
    return try ImageResolver().resolve(text, name: reference.name, digest: nil, in: source)
  }

  @Test(arguments: ["oci-archive", "docker-archive"], ["none", "gzip", "zstd"])
  func `the tree is the same`(transport: String, tool: String) throws {
    let plain = image.directory.appending("archive.tar")
    let name = transport == "oci-archive" ? ":latest" : ":x:1"
    try Program.succeed([
      "skopeo", "--insecure-policy", "copy", "--quiet", "oci:\(image.fixture.path):latest",
      "\(transport):\(plain)\(name)",
    ])
    var file = plain
    if tool != "none" {
      file += "." + tool
      try Data(try Program.succeed([tool, "-c", plain])).write(to: URL(fileURLWithPath: file))
    }
    let expected = try tree(try image.resolve())
    #expect(expected.contains("/bin/new 1 "))
    let found = try archived("\(transport):\(file)")
    #expect(try tree(found) == expected)
    // By what the cache remembers.
    #expect(try tree(try archived("\(transport):\(file)\(name)")) == expected)
  }

  @Test func `a blob changed inside an archive is found`() throws {
    let file = image.directory.appending("archive.tar")
    try Program.succeed(["tar", "-C", image.fixture.path, "-cf", file, "."])
    let expected = try tree(try image.resolve())
    #expect(try tree(try archived("oci-archive:\(file)")) == expected)
    let layer = try archived("oci-archive:\(file)").layers[1]
    let blob = image.blobs[1]
    try overwrite(file, keepingTime: false) { bytes in
      guard let start = bytes.firstRange(of: blob.prefix(512))?.lowerBound else { return }
      bytes[start + blob.count - 1] ^= 1
    }
    let error = failure { try tree(try archived("oci-archive:\(file)")) }
    guard case .digestMismatch(layer.descriptor.digest, _)? = error else {
      Issue.record("\(error.map { "\($0)" } ?? "nothing is wrong")")
      return
    }
  }
}
