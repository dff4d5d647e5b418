// Files that go bad behind our back, through whole commands: blobs before and after they were indexed, and the
// files that the cache keeps of them.

import Foundation
import Glibc
import TestKit
import Testing

struct DamageTests {
  private static let content = CompressedBytes.sample(byteCount: 4_500_000, seed: 6)
  private static let tar = TarBytes.archive([
    .directory("d"), .file("d/first", "first\n"), .file("d/zz", TarText(content)),
  ])

  /// A workplace with an image of one layer, and where its blob is.
  private struct Place {
    let place: Workplace
    let digest: String
    let blob: String

    init(_ role: Role = Role.all[0], _ encoding: TestKit.LayerEncoding = .gzip) throws {
      place = try Workplace(role)
      let bytes = encoding.blob(of: DamageTests.tar)
      digest = ImageFixture.sha256(bytes)
      let fixture = try ImageFixture.image(
        [.init(blob: bytes, diffID: ImageFixture.sha256(DamageTests.tar))],
        at: place.appending("image")
      )
      blob = fixture.path + "/" + ImageFixture.blobName(digest)
    }

    /// A file that the cache keeps of the layer.
    func kept(_ kind: String) throws -> String {
      let directory = "\(place.cache)/banger/\(kind)"
      let version = try #require(try place.names(in: directory).max { Int($0) ?? 0 < Int($1) ?? 0 })
      let hex = digest.dropFirst("sha256:".count)
      // Of a tree the name goes on.
      let names = try place.names(in: "\(directory)/\(version)/sha256").sorted()
      let name = try #require(names.first { $0.hasPrefix(hex) })
      return "\(directory)/\(version)/sha256/\(name)"
    }

    /// The digest of what `cat` prints of the large file.
    func read() throws -> Outcome {
      var outcome = try place.run("cat", "oci:../image", "d/zz")
      outcome.output = Array(ImageFixture.sha256(outcome.output).utf8)
      return outcome
    }
  }

  private static let right = Outcome.success(ImageFixture.sha256(content))

  /// Changes a byte in place; of the file's status only the time of its last change tells.
  private func flip(_ path: String, at position: Int) throws {
    var status = stat()
    try #require(stat(path, &status) == 0)
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    try file.seek(toOffset: UInt64(position))
    let byte = try #require(try file.read(upToCount: 1)?.first)
    try file.seek(toOffset: UInt64(position))
    try file.write(contentsOf: [byte ^ (1 << UInt8(position % 8))])
    try file.close()
    #expect(utimensat(AT_FDCWD, path, [status.st_atim, status.st_mtim], 0) == 0)
  }

  private func bytes(_ path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: path)))
  }

  // MARK: Blobs

  @Test(arguments: TestKit.LayerEncoding.allCases)
  func `a blob that is wrong from the beginning is refused, and nothing is left`(
    encoding: TestKit.LayerEncoding
  ) throws {
    let here = try Place(Role.all.last ?? .ordinary, encoding)
    let count = try bytes(here.blob).count
    for position in [0, count / 2, count - 1] {
      try flip(here.blob, at: position)
      let actual = ImageFixture.sha256(try bytes(here.blob))
      let expected = Outcome.failure(
        65,
        "layer \(here.digest): content is \(actual)",
        hint: "copy the image into the layout again"
      )
      expect(try here.place.run("ls", "oci:../image"), is: expected)
      expect(try here.place.run("materialize", "oci:../image", "out.ext4"), is: expected)
      #expect(try here.place.names().filter { $0 != "cache" } == [])
      try flip(here.blob, at: position)
    }
  }

  @Test func `X11: a blob that is changed behind our back is looked at again`() throws {
    let here = try Place()
    expect(try here.read(), is: Self.right)
    // Where nobody reads: only a look at the whole blob can find it.
    let position = try bytes(here.blob).count - 1
    try flip(here.blob, at: position)
    let actual = ImageFixture.sha256(try bytes(here.blob))
    expect(
      try here.place.run("ls", "oci:../image"),
      is: .failure(
        65,
        "layer \(here.digest): content is \(actual)",
        hint: "copy the image into the layout again"
      )
    )
    try flip(here.blob, at: position)
    expect(try here.read(), is: Self.right)
  }

  @Test(arguments: TestKit.LayerEncoding.allCases)
  func `a blob that goes bad under a mount is an error there, and the log says where`(
    encoding: TestKit.LayerEncoding
  ) throws {
    let here = try Place(Role.all.last ?? .ordinary, encoding)
    let place = here.place
    try place.makeDirectory("home/mnt")
    #expect(try place.run("ls", "oci:../image").status == 0)
    let server = try place.start(["mount", "-f", "oci:../image", "mnt"])
    try Program.wait(for: "the mount") { try !place.mounts().isEmpty || !server.isRunning }
    let position = try bytes(here.blob).count * 3 / 4
    try flip(here.blob, at: position)
    let read = try place.runTool("cat", "mnt/d/zz")
    #expect(read.status == 1)
    #expect(read.errors.contains("Input/output error"))
    // Whatever came before the damage is right, and the file is as long as it was.
    #expect(Self.content.starts(with: read.output) && read.output.count < Self.content.count)
    let size = try place.runTool("stat", "-c", "%s", "mnt/d/zz")
    expect(size, is: .success("\(Self.content.count)\n"))
    server.send(SIGTERM)
    let outcome = try server.finish()
    let block = position / (64 << 10) * (64 << 10)
    let message =
      "layer \(here.digest): the blob has changed since it was verified, at or after blob byte "
    #expect(outcome.errors.contains("read failed: \(message)\(block)\n"), "\(outcome)")
  }

  // MARK: What the cache keeps

  @Test func `every part of an index file may go bad, and nobody notices`() throws {
    let here = try Place()
    expect(try here.read(), is: Self.right)
    let path = try here.kept("index")
    let good = try bytes(path)
    // The head, and all over the arrays and the windows behind it.
    let places = [0, 8, 40, 60, 76, 240] + stride(from: 4096, to: good.count, by: good.count / 16)
    for place in places {
      try flip(path, at: place)
      expect(try here.read(), is: Self.right)
      // A damaged window is noticed by whoever needs it, and mended by the next.
      if try bytes(path) != good { expect(try here.read(), is: Self.right) }
      let now = try bytes(path)
      // What nobody needed is as it was left: a reader that comes in order needs no window.
      #expect(now == good || now.count == good.count && place > 4096, "byte \(place)")
      if now != good { try Data(good).write(to: URL(fileURLWithPath: path)) }
    }
  }

  enum Replacement: String, CaseIterable, Sendable {
    case nothing, empty, cut, longer, text, zeros, directory, fifo, link
  }

  private func replace(_ path: String, _ replacement: Replacement) throws {
    let good = try bytes(path)
    try FileManager.default.removeItem(atPath: path)
    let new: [UInt8]
    switch replacement {
    case .nothing: return
    case .empty: new = []
    case .cut: new = Array(good.dropLast(good.count / 3))
    case .longer: new = good + good
    case .text: new = Array("no index\n".utf8)
    case .zeros: new = [UInt8](repeating: 0, count: good.count)
    case .directory:
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
      return
    case .fifo:
      #expect(mkfifo(path, 0o600) == 0)
      return
    case .link:
      try Data(good).write(to: URL(fileURLWithPath: path + ".moved"))
      try FileManager.default.createSymbolicLink(
        atPath: path,
        withDestinationPath: path + ".moved"
      )
      return
    }
    try Data(new).write(to: URL(fileURLWithPath: path))
    chmod(path, 0o600)
  }

  @Test(arguments: ["index", "verified", "trees", "checked"], Replacement.allCases)
  func `whatever stands in place of a file of the cache, the image is right`(
    kind: String,
    replacement: Replacement
  ) throws {
    let here = try Place()
    expect(try here.read(), is: Self.right)
    let path = try here.kept(kind)
    let good = try bytes(path)
    try replace(path, replacement)
    let read = try here.read()
    // Nothing can be put in a directory's place; the image is read anew each time, and that is said.
    if replacement == .directory {
      #expect((read.status, read.output) == (0, Self.right.output))
      #expect(read.errors.hasPrefix("warning: cannot keep indexes of layers: \(path): "))
      return
    }
    expect(read, is: Self.right)
    // Made again, unless it was good enough: what follows a whole file does not matter.
    #expect(try bytes(path) == good || replacement == .longer)
    expect(try here.read(), is: Self.right)
  }
}
