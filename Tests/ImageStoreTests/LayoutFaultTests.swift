// Layouts that are damaged, incomplete or hostile, each with the exact error.

import Foundation
import ImageStore
import OCISpec
import SystemPackage
import TestKit
import Testing

struct LayoutFaultTests {
  private let scratch: Scratch
  private let image: ImageFixture.Entry
  private let layer: Digest

  init() throws {
    scratch = try Scratch()
    image = try scratch.image("layer")
    layer = try Digest(ImageFixture.sha256(Array("layer".utf8)))
    try scratch.fixture.write(index: [image.named("latest")])
  }

  private var path: FilePath { FilePath(scratch.fixture.path) }

  private func openLayer() throws -> BlobFile {
    let image = try scratch.resolve()
    return try image.open(image.layers[0])
  }

  // MARK: The directory

  @Test func `a missing directory is no layout`() throws {
    let missing = scratch.directory.appending("missing")
    let error = ImageStoreError.noLayout(FilePath(missing))
    #expect(error.kind == .notFound)
    #expect(throws: error) { try ImageLayout(opening: FilePath(missing)) }
    let file = scratch.fixture.path + "/index.json"
    #expect(throws: ImageStoreError.noLayout(FilePath(file))) {
      try ImageLayout(opening: FilePath(file))
    }
  }

  @Test(arguments: ["oci-layout", "index.json"])
  func `a directory without its two files is not a layout`(name: String) throws {
    try FileManager.default.removeItem(atPath: scratch.fixture.path + "/" + name)
    #expect(throws: ImageStoreError.notALayout(path, missing: name)) { try scratch.resolve() }
  }

  @Test(arguments: ["oci-layout", "index.json"])
  func `a link, a directory, a fifo or a socket in place of a file is refused`(
    name: String
  ) throws {
    let file = scratch.fixture.path + "/" + name
    let link = ImageStoreError.notAPlainFile(FilePath(file), isLink: true)
    #expect("\(link)" == "\(file): not a plain file (symbolic links are refused)")
    let error = ImageStoreError.notAPlainFile(FilePath(file), isLink: false)
    #expect("\(error)" == "\(file): not a plain file")
    try FileManager.default.moveItem(atPath: file, toPath: file + ".moved")
    try FileManager.default.createSymbolicLink(
      atPath: file,
      withDestinationPath: file + ".moved"
    )
    #expect(throws: link) { try scratch.resolve() }
    try FileManager.default.removeItem(atPath: file)
    try FileManager.default.createDirectory(atPath: file, withIntermediateDirectories: false)
    #expect(throws: error) { try scratch.resolve() }
    for kind in [S_IFIFO, S_IFSOCK] {
      try FileManager.default.removeItem(atPath: file)
      #expect(mknod(file, kind | 0o600, 0) == 0)
      #expect(throws: error) { try scratch.resolve() }
    }
  }

  @Test func `the layout directory itself may be a link`() throws {
    let link = scratch.directory.appending("link")
    try FileManager.default.createSymbolicLink(
      atPath: link,
      withDestinationPath: scratch.fixture.path
    )
    #expect(
      try ImageResolver().resolve(LayoutReference("oci:\(link)")).digest.description == image.digest
    )
  }

  private var indexDocument: ImageStoreError.Document { .layoutIndex(path.appending("index.json")) }

  @Test func `bad documents are named`() throws {
    try scratch.fixture.write(file: "oci-layout", Array(#"{"imageLayoutVersion":"2.0"}"#.utf8))
    #expect(
      throws: ImageStoreError.invalidDocument(
        .layoutMarker(path.appending("oci-layout")),
        .unsupportedLayoutVersion("2.0")
      )
    ) { try scratch.resolve() }
    try scratch.fixture.write(file: "oci-layout", Array(#"{"imageLayoutVersion":"1.9"}"#.utf8))
    try scratch.fixture.write(file: "index.json", Array("[]".utf8))
    #expect(
      throws: ImageStoreError.invalidDocument(indexDocument, .badJSON(.notAnObject, at: 0))
    ) { try scratch.resolve() }
    try scratch.fixture.write(file: "index.json", [])
    #expect(
      throws: ImageStoreError.invalidDocument(indexDocument, .badJSON(.notAnObject, at: 0))
    ) { try scratch.resolve() }
  }

  @Test func `an index of more than 4 MiB is not read`() throws {
    let bytes = [UInt8](repeating: 0x20, count: (4 << 20) + 1)
    try scratch.fixture.write(file: "index.json", bytes)
    #expect(
      throws: ImageStoreError.invalidDocument(
        indexDocument,
        .documentTooLarge(byteCount: (4 << 20) + 1, limit: 4 << 20)
      )
    ) { try scratch.resolve() }
  }

  // MARK: Documents

  @Test func `a missing, truncated, oversized or changed document is refused`() throws {
    let digest = try Digest(image.digest)
    let name = scratch.fixture.path + "/" + ImageFixture.blobName(image.digest)
    let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: name)))
    func expect(_ bytes: [UInt8], _ error: ImageStoreError) throws {
      try scratch.fixture.replaceBlob(image.digest, with: bytes)
      #expect(throws: error) { try scratch.resolve() }
    }
    let size = UInt64(bytes.count)
    try expect([], .blobSizeMismatch(digest, expected: size, actual: 0))
    try expect(Array(bytes.dropLast()), .blobSizeMismatch(digest, expected: size, actual: size - 1))
    try expect(bytes + [0x0A], .blobSizeMismatch(digest, expected: size, actual: size + 1))
    let changed = Array(bytes.dropLast()) + [0x20]
    try expect(
      changed,
      .digestMismatch(expected: digest, actual: try Digest(ImageFixture.sha256(changed)))
    )
    try scratch.fixture.removeBlob(image.digest)
    #expect(throws: ImageStoreError.blobMissing(digest)) { try scratch.resolve() }
  }

  @Test func `X11: every byte of a document that is another is a wrong digest`() throws {
    for document in [image.digest, try scratch.resolve().manifest.configuration.digest.description]
    {
      let name = scratch.fixture.path + "/" + ImageFixture.blobName(document)
      let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: name)))
      for place in bytes.indices {
        var changed = bytes
        changed[place] ^= 1 << (place % 8)
        try scratch.fixture.replaceBlob(document, with: changed)
        let actual = try Digest(ImageFixture.sha256(changed))
        #expect(
          throws: ImageStoreError.digestMismatch(expected: try Digest(document), actual: actual)
        ) { try scratch.resolve() }
      }
      try scratch.fixture.replaceBlob(document, with: bytes)
    }
  }

  @Test func `I13: a document that claims to be huge is not read`() throws {
    var entry = image
    entry.size = 5 << 20
    try scratch.fixture.write(index: [entry])
    #expect(
      throws: ImageStoreError.invalidDocument(
        .blob(try Digest(image.digest)),
        .documentTooLarge(byteCount: 5 << 20, limit: 4 << 20)
      )
    ) { try scratch.resolve() }
  }

  @Test func `I10: more diffIDs than layers are refused`() throws {
    let fixture = scratch.fixture
    let text = """
      {"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["\(layer)"]}}
      """
    let config = try fixture.addBlob(
      Array(text.utf8),
      mediaType: ImageFixture.MediaTypes.oci.configuration
    )
    try fixture.write(index: [try fixture.addManifest(config: config, layers: [])])
    let error = ImageStoreError.invalidDocument(
      .blob(try Digest(config.digest)),
      .diffIDCountMismatch(layers: 0, diffIDs: 1)
    )
    #expect(error.kind == .invalid)
    #expect(throws: error) { try scratch.resolve() }
  }

  @Test func `I8: an artifact is named`() throws {
    let fixture = scratch.fixture
    let config = try fixture.addBlob(
      Array("{}".utf8),
      mediaType: "application/vnd.oci.empty.v1+json"
    )
    let artifact = try fixture.addManifest(
      config: config,
      layers: [],
      artifactType: "application/x-sbom"
    )
    try fixture.write(index: [artifact])
    #expect(
      throws: ImageStoreError.invalidDocument(
        .blob(try Digest(artifact.digest)),
        .artifact(type: "application/x-sbom")
      )
    ) { try scratch.resolve() }
  }

  @Test func `I12: a manifest that is an index is refused`() throws {
    let index = try scratch.fixture.addIndex([image.forPlatform("linux/amd64")])
    var disguised = index
    disguised.mediaType = ImageFixture.MediaTypes.oci.manifest
    try scratch.fixture.write(index: [disguised])
    #expect(
      throws: ImageStoreError.invalidDocument(
        .blob(try Digest(index.digest)),
        .mediaTypeMismatch(
          expected: ImageFixture.MediaTypes.oci.manifest,
          actual: ImageFixture.MediaTypes.oci.index
        )
      )
    ) { try scratch.resolve() }
  }

  @Test func `I2: a schema 1 manifest is refused by name`() throws {
    let old = try scratch.fixture.addBlob(
      Array(#"{"schemaVersion":1,"fsLayers":[]}"#.utf8),
      mediaType: "application/vnd.docker.distribution.manifest.v1+prettyjws"
    )
    try scratch.fixture.write(index: [old])
    #expect(
      throws: ImageStoreError.invalidDocument(.blob(try Digest(old.digest)), .schema1Manifest)
    ) { try scratch.resolve() }
  }

  // MARK: Layer blobs

  @Test func `a layer blob of another size is refused with both sizes`() throws {
    for bytes in [[], Array("laye".utf8), Array("layers".utf8)] as [[UInt8]] {
      try scratch.fixture.replaceBlob(layer.description, with: bytes)
      #expect(
        throws: ImageStoreError.blobSizeMismatch(
          layer,
          expected: 5,
          actual: UInt64(bytes.count)
        )
      ) { try openLayer() }
    }
  }

  @Test func `a missing layer blob is named`() throws {
    try scratch.fixture.removeBlob(layer.description)
    #expect(throws: ImageStoreError.blobMissing(layer)) { try openLayer() }
  }

  @Test func `X14: a link, a directory, a fifo or a socket in place of a blob is refused`() throws {
    let error = ImageStoreError.blobNotAPlainFile(layer, isLink: false)
    try scratch.fixture.replaceBlobWithLink(layer.description)
    #expect(throws: ImageStoreError.blobNotAPlainFile(layer, isLink: true)) { try openLayer() }
    try scratch.fixture.removeBlob(layer.description)
    let name = scratch.fixture.path + "/" + ImageFixture.blobName(layer.description)
    try FileManager.default.createDirectory(atPath: name, withIntermediateDirectories: false)
    #expect(throws: error) { try openLayer() }
    for kind in [S_IFIFO, S_IFSOCK] {
      try FileManager.default.removeItem(atPath: name)
      #expect(mknod(name, kind | 0o600, 0) == 0)
      #expect(throws: error) { try openLayer() }
    }
  }

  @Test(arguments: ["/blobs", "/blobs/sha256"])
  func `X14: a link on the way to the blobs is refused`(name: String) throws {
    let directory = scratch.fixture.path + name
    try FileManager.default.moveItem(
      atPath: directory,
      toPath: scratch.directory.appending("moved")
    )
    try FileManager.default.createSymbolicLink(
      atPath: directory,
      withDestinationPath: scratch.directory.appending("moved")
    )
    #expect(throws: ImageStoreError.blobNotAPlainFile(try Digest(image.digest), isLink: true)) {
      try scratch.resolve()
    }
  }

  @Test(.enabled(if: geteuid() != 0, "root may read everything"))
  func `what may not be read is a matter of permission`() throws {
    let blobs = scratch.fixture.path + "/blobs/sha256"
    #expect(chmod(blobs, 0) == 0)
    defer { chmod(blobs, 0o700) }
    let error = #expect(throws: ImageStoreError.self) { try scratch.resolve() }
    #expect(error?.kind == .notPermitted)
  }
}

struct BlobFileTests {
  private let scratch: Scratch
  private let content: [UInt8]

  init() throws {
    scratch = try Scratch()
    content = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    let image = try scratch.fixture.addImage([.plain(content)])
    try scratch.fixture.write(index: [image])
  }

  private func open() throws -> BlobFile {
    let image = try scratch.resolve()
    return try image.open(image.layers[0])
  }

  private func read(_ blob: BlobFile, at offset: UInt64, count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let filled = try bytes.withUnsafeMutableBytes { try blob.read(at: offset, into: $0) }
    return Array(bytes.prefix(filled))
  }

  private var path: String {
    scratch.fixture.path + "/" + ImageFixture.blobName(ImageFixture.sha256(content))
  }

  @Test(
    arguments: [
      (0, 0), (0, 1), (0, 100_000), (0, 200_000), (99_999, 1), (99_999, 5), (100_000, 5),
      (100_001, 5), (UInt64.max, 5), (UInt64(Int64.max), 5), (50_000, 70_000),
    ] as [(UInt64, Int)]
  )
  func `a read is full, or ends where the blob ends`(offset: UInt64, count: Int) throws {
    let start = min(offset, 100_000)
    let expected = Array(content[Int(start)...].prefix(count))
    #expect(try read(open(), at: offset, count: count) == expected)
  }

  @Test func `many threads read one blob at once`() throws {
    let blob = try open()
    let failures = Counter()
    DispatchQueue.concurrentPerform(iterations: 16) { thread in
      for step in 0..<200 {
        let offset = (thread * 5_003 + step * 401) % 99_000
        let bytes = try? read(blob, at: UInt64(offset), count: 1_000)
        if bytes != Array(content[offset..<(offset + 1_000)]) { failures.increment() }
      }
    }
    #expect(failures.value == 0)
  }

  @Test func `X36: a blob that is removed or replaced meanwhile is served as it was`() throws {
    let blob = try open()
    try FileManager.default.removeItem(atPath: path)
    try Data([1, 2, 3]).write(to: URL(fileURLWithPath: path))
    #expect(try read(blob, at: 0, count: 100_000) == content)
    #expect(try blob.currentIdentity().inode == blob.identity.inode)
  }

  @Test func `a blob that shrinks under its reader is an error`() throws {
    let blob = try open()
    #expect(truncate(path, 60_000) == 0)
    #expect(
      throws: ImageStoreError.blobSizeMismatch(blob.digest, expected: 100_000, actual: 60_000)
    ) { try read(blob, at: 50_000, count: 20_000) }
    #expect(try blob.currentIdentity() != blob.identity)
  }

  @Test func `the identity tells one state of a file from another`() throws {
    let before = try open().identity
    #expect(try open().identity == before)
    #expect(before.byteCount == 100_000)
    var status = stat()
    #expect(stat(path, &status) == 0)
    #expect(before.inode == UInt64(status.st_ino))
    #expect(before.modifiedNanoseconds == Int64(status.st_mtim.tv_nsec))
    // What is written over and given its time back.
    usleep(20_000)
    let hidden = [status.st_atim, status.st_mtim]
    #expect(utimensat(AT_FDCWD, path, hidden, 0) == 0)
    let renewed = try open().identity
    #expect(renewed.modifiedNanoseconds == before.modifiedNanoseconds)
    #expect(renewed != before)
    // A second further on, whatever the file system's clock is good for.
    var times = [status.st_atim, status.st_mtim]
    times[1].tv_sec += 1
    #expect(utimensat(AT_FDCWD, path, times, 0) == 0)
    #expect(try open().identity != before)
  }
}

/// A count that many threads raise.
final class Counter: @unchecked Sendable {
  // Sendable: every access holds the lock.
  private let lock = NSLock()
  private var count = 0

  var value: Int { lock.withLock { count } }
  func increment() { lock.withLock { count += 1 } }
}
