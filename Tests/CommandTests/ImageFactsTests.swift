// layers and inspect: whole outputs, as text and as JSON.

import TestKit
import Testing

struct ImageFactsTests {
  private static let types = (
    gzip: "application/vnd.oci.image.layer.v1.tar+gzip",
    plain: "application/vnd.oci.image.layer.v1.tar"
  )

  private func run(_ command: String...) throws -> (image: SmallImage, outcome: Outcome) {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    return (image, try place.start(command + [image.reference]).finish())
  }

  @Test(arguments: Role.all)
  func `layers prints a line for each layer, base first`(_ role: Role) throws {
    let place = try Workplace(role)
    let image = try SmallImage(in: place)
    let digests = [0, 1].map { image.digest(ofLayer: $0).prefix(19) }
    let size = "\(image.layers[0].blob.count) B"
    let padding = String(repeating: " ", count: 10 - size.count)
    let expected = """
      LAYER  DIGEST               COMPRESSED      SIZE  ENTRIES  WHITEOUTS  POINTS  WARNINGS  CREATED BY
          0  \(digests[0])  \(padding)\(size)  17.0 KiB       22          0       1         1  -
          1  \(digests[1])     299 KiB   299 KiB        4          1       1         0  -

      """
    expect(try place.run("layers", image.reference), is: .success(expected))
    expect(
      try place.run("layers", "--warnings", image.reference),
      is: .success(
        "layer 0 \(digests[0]): link-attributes-ignored: owner, mode, time or "
          + "attributes of a hard link ignored, first at tar byte 3072, /bin/again\n"
      )
    )
  }

  @Test func `layers as JSON has whole digests and counts`() throws {
    let (image, outcome) = try run("layers", "--format", "json")
    let document = try JSONText.object(outcome.output)
    let layers = try #require(document["layers"] as? [[String: Any]])
    #expect(document.keys.sorted() == ["layers", "schemaVersion"])
    #expect(layers.count == 2)
    #expect(
      layers[0].keys.sorted() == [
        "codec", "compressedBytes", "diffID", "digest", "entries", "indexBytes", "layer",
        "mediaType", "seekPoints", "tarBytes", "warnings", "whiteouts",
      ]
    )
    for (number, codec) in ["gzip", "plain"].enumerated() {
      #expect(layers[number]["digest"] as? String == image.digest(ofLayer: number))
      #expect(layers[number]["diffID"] as? String == image.layers[number].diffID)
      #expect(layers[number]["codec"] as? String == codec)
      #expect(layers[number]["compressedBytes"] as? Int == image.layers[number].blob.count)
      #expect(layers[number]["entries"] as? Int == [22, 4][number])
      #expect(layers[number]["whiteouts"] as? Int == number)
    }
  }

  @Test func `layers --warnings says what was tolerated and where`() throws {
    let place = try Workplace()
    let tar = TarBytes.archive([
      .paxHeader([("mtime", "1")], type: "g"),
      .file("a", "1"), .file("a", "2"), .whiteout("gone/b"),
    ])
    let fixture = try ImageFixture.image([.plain(tar)], at: place.appending("image"))
    let digest = ImageFixture.sha256(tar).prefix(19)
    let expected = """
      layer 0 \(digest): global-header-ignored: global pax header ignored, first at tar byte 512
      layer 0 \(digest): duplicate-entry: the same path again; the last one counts, first at tar \
      byte 2048, /a
      layer 0 \(digest): whiteout-without-directory: whiteout below a path that is gone or no \
      directory, first at tar byte 3072, /gone/.wh.b

      """
    expect(try place.run("layers", "--warnings", "oci:\(fixture.path)"), is: .success(expected))
  }

  @Test(arguments: Role.all)
  func `inspect shows the documents and escapes what they say`(_ role: Role) throws {
    let place = try Workplace(role)
    let image = try SmallImage(in: place)
    let outcome = try place.run("inspect", image.reference)
    let lines = outcome.text.split(separator: "\n", omittingEmptySubsequences: false)
    let config = try #require(lines.first { $0.hasPrefix("config: ") })
    let expected = """
      reference: \(image.reference)
      digest: \(image.manifest.digest)
      media type: application/vnd.oci.image.manifest.v1+json
      platform: linux/amd64
      \(config)
      environment: PATH=/bin
      label: title=small\\x1b[31m
      layer 0: \(image.digest(ofLayer: 0)) \(Self.types.gzip) \(image.layers[0].blob.count) B
      layer 1: \(image.digest(ofLayer: 1)) \(Self.types.plain) 299 KiB

      """
    expect(outcome, is: .success(expected))
  }

  @Test func `inspect as JSON says the same`() throws {
    let (image, outcome) = try run("inspect", "--format", "json")
    let document = try JSONText.object(outcome.output)
    #expect(
      document.keys.sorted() == [
        "configDigest", "digest", "environment", "labels", "layers", "mediaType", "platform",
        "reference", "schemaVersion",
      ]
    )
    #expect(document["reference"] as? String == image.reference)
    #expect(document["digest"] as? String == image.manifest.digest)
    #expect(document["labels"] as? [String: String] == ["title": "small\u{1B}[31m"])
    let layers = try #require(document["layers"] as? [[String: Any]])
    #expect(layers.map { $0["digest"] as? String } == [0, 1].map(image.digest(ofLayer:)))
  }

  @Test func `inspect prints the documents as they are stored`() throws {
    let (image, manifest) = try run("inspect", "--raw-manifest")
    #expect(ImageFixture.sha256(manifest.output) == image.manifest.digest)
    #expect((manifest.status, manifest.errors) == (0, ""))
    let (_, configuration) = try run("inspect", "--raw-config")
    let config = try JSONText.object(manifest.output)["config"] as? [String: Any]
    #expect(ImageFixture.sha256(configuration.output) == config?["digest"] as? String)
    #expect((configuration.status, configuration.errors) == (0, ""))
  }

  @Test func `inspect reads no layer and needs no cache`() throws {
    let place = try Workplace()
    let image = try SmallImage(in: place)
    for number in 0..<2 { try image.fixture.removeBlob(image.digest(ofLayer: number)) }
    let outcome = try place.run("inspect", image.reference)
    #expect((outcome.status, outcome.errors) == (0, ""))
    #expect(!place.exists(place.cache))
  }
}
