// Images that are not what they claim to be: every command refuses them with the same words, which name
// the layer and the place, and leaves nothing behind.

import TestKit
import Testing

/// An image with one fault, and what is said of it.
private struct FaultyImage {
  var status: Int32 = 65
  var message: String
  var hint: String?
}

struct LayerErrorTests {
  enum Fault: String, CaseIterable, Sendable {
    case otherBytes, otherDiffID, truncatedGzip, corruptGzip, badChecksum, badPath, badNumber
    case shortBlob, missingBlob, xzLayer, artifact, encryptedLayer, brokenManifest
  }

  private static let tar = TarBytes.archive([
    .file("a", "first"), .file("b", TarText(CompressedBytes.sample(byteCount: 50_000, seed: 2))),
  ])

  private func make(_ fault: Fault, in fixture: ImageFixture) throws -> FaultyImage {
    let tar = Self.tar
    let gzip = CompressedBytes.gzip(tar)
    let diffID = ImageFixture.sha256(tar)
    let digest = ImageFixture.sha256(gzip)
    switch fault {
    case .otherBytes:
      try write([ImageFixture.Layer(blob: gzip, diffID: diffID)], fixture)
      var other = gzip
      other[other.count / 2] ^= 1
      try fixture.replaceBlob(digest, with: other)
      return FaultyImage(
        message: "layer \(digest): content is \(ImageFixture.sha256(other))",
        hint: "copy the image into the layout again"
      )
    case .otherDiffID:
      try write([ImageFixture.Layer(blob: gzip, diffID: digest)], fixture)
      return FaultyImage(
        message:
          "layer \(digest): the diffID is \(diffID), the image's configuration says \(digest)"
      )
    case .truncatedGzip:
      return try faulty(blob: Array(gzip.dropLast(100)), fixture) {
        "gzip: member at blob byte 0: truncated at blob byte \(gzip.count - 100 + $0)"
      }
    case .corruptGzip:
      var corrupt = gzip
      corrupt[gzip.count - 6] ^= 0xff
      return try faulty(blob: corrupt, fixture) { _ in
        "gzip: member at blob byte 0: wrong CRC-32"
      }
    case .badChecksum:
      return try faulty(entry: .file("c").editingChecked { $0[0] ^= 1 }, fixture) {
        "tar: header checksum does not match at tar byte 1024"
      }
    case .badPath:
      return try faulty(entry: .file("../../c"), fixture) {
        "../../c: path leaves the root (member at tar byte 1024)"
      }
    case .badNumber:
      // The field for the size is at byte 124 of the header.
      return try faulty(entry: .file("c").editingHeader { $0[124] = UInt8(ascii: "x") }, fixture) {
        "c: tar: size is not a number at tar byte \(1024 + 124)"
      }
    default: return try makeDocumentFault(fault, in: fixture, gzip, diffID: diffID)
    }
  }

  private func makeDocumentFault(
    _ fault: Fault,
    in fixture: ImageFixture,
    _ gzip: [UInt8],
    diffID: String
  ) throws -> FaultyImage {
    let digest = ImageFixture.sha256(gzip)
    let again = "copy the image into the layout again"
    var layer = ImageFixture.Layer(blob: gzip, diffID: diffID)
    switch fault {
    case .shortBlob:
      try write([layer], fixture)
      try fixture.replaceBlob(digest, with: Array(gzip.dropLast()))
      return FaultyImage(
        message: "layer \(digest): \(gzip.count - 1) bytes, expected \(gzip.count)",
        hint: again
      )
    case .missingBlob:
      try write([layer], fixture)
      try fixture.removeBlob(digest)
      return FaultyImage(
        message: "layer \(digest): missing",
        hint: again
      )
    case .xzLayer:
      return try faulty(blob: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] + gzip, fixture) { _ in
        "the blob is xz, which is not supported"
      }
    case .artifact:
      let config = try fixture.addBlob(Array("{}".utf8), mediaType: "application/vnd.chart+json")
      let entry = try fixture.addManifest(config: config, layers: [])
      try fixture.write(index: [entry])
      return FaultyImage(
        message: "blob \(entry.digest): not a file system image but an artifact of type "
          + "application/vnd.chart+json"
      )
    case .encryptedLayer:
      layer.mediaType += "+encrypted"
      let manifest = try write([layer], fixture)
      return FaultyImage(
        message: "blob \(manifest.digest): layers[0] is encrypted (\(layer.mediaType))"
      )
    default:
      let manifest = try write([layer], fixture)
      try fixture.replaceBlob(
        manifest.digest,
        with: [UInt8](repeating: UInt8(ascii: " "), count: manifest.size)
      )
      let actual = ImageFixture.sha256([UInt8](repeating: 0x20, count: manifest.size))
      return FaultyImage(message: "blob \(manifest.digest): content is \(actual)", hint: again)
    }
  }

  @discardableResult
  private func write(
    _ layers: [ImageFixture.Layer],
    _ fixture: ImageFixture
  ) throws -> ImageFixture.Entry {
    let image = try fixture.addImage(layers)
    try fixture.write(index: [image])
    return image
  }

  /// An image whose upper layer has this blob, with a digest that is right.
  private func faulty(
    blob: [UInt8],
    _ fixture: ImageFixture,
    _ message: (Int) -> String
  ) throws -> FaultyImage {
    let layer = ImageFixture.Layer(blob: blob, diffID: ImageFixture.sha256(Self.tar))
    try write([.plain(TarBytes.archive([.file("base")])), layer], fixture)
    return FaultyImage(message: "layer \(ImageFixture.sha256(blob)): \(message(0))")
  }

  /// An image with a layer whose second member, at byte 1024, is `entry`.
  private func faulty(
    entry: TarEntry,
    _ fixture: ImageFixture,
    _ message: () -> String
  ) throws -> FaultyImage {
    let tar = TarBytes.archive([.file("a", "first"), entry.dialect(.ustar)])
    let gzip = CompressedBytes.gzip(tar)
    try write([ImageFixture.Layer(blob: gzip, diffID: ImageFixture.sha256(tar))], fixture)
    return FaultyImage(message: "layer \(ImageFixture.sha256(gzip)): \(message())")
  }

  @Test(arguments: Fault.allCases)
  func `an invalid image is refused by every command alike`(_ fault: Fault) throws {
    let place = try Workplace(Role.all.last ?? .ordinary)
    let image = try make(fault, in: try ImageFixture(at: place.appending("image")))
    try place.makeDirectory("home/mnt")
    let expected = Outcome.failure(image.status, image.message, hint: image.hint)
    let reference = "oci:../image"
    expect(try place.run("ls", reference), is: expected)
    expect(try place.run("mount", reference, "mnt"), is: expected)
    expect(try place.run("mount", "-f", reference, "mnt"), is: expected)
    expect(try place.run("materialize", reference, "out.ext4"), is: expected)
    #expect(try place.mounts() == [])
    #expect(try place.servers() == [])
    #expect(try place.names().filter { $0 != "cache" } == ["mnt"])
  }
}
