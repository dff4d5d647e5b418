// Which image is meant, and whether it is one: the rows I1 to I17 of docs/SEMANTICS.md, and the rows B that
// documents decide, through whole commands.

import Foundation
import TestKit
import Testing

private typealias Types = ImageFixture.MediaTypes
private typealias Question = DocumentRow.Question

private func refusal(_ message: String, hint: String? = nil) -> Question {
  Question(answer: .refused(65, message, hint: hint))
}

struct DocumentRowTests {
  @Test(
    arguments: manifestRows + artifactRows + contradictionRows + digestRows
      + platformRows + nameRows
  )
  func `an image is found, or refused with the reason`(
    _ row: DocumentRow
  ) throws {
    try row.check()
  }

  // MARK: Manifests

  static let manifestRows = [
    DocumentRow("I1: the manifest and the list of Docker") { fixture in
      var layer = ImageFixture.layer("a")
      layer.blob = CompressedBytes.gzip(layer.blob)
      layer.mediaType = Types.docker.gzipLayer
      let image = try fixture.addImage([layer], types: .docker).forPlatform("linux/amd64")
      let list = try fixture.addIndex([image], mediaType: Types.docker.index)
      try fixture.write(index: [list])
      return Question(answer: .names(["a"]))
    },
    DocumentRow("I2: schema 1 by its media type") { fixture in
      let old = try fixture.add(
        #"{"schemaVersion":1,"fsLayers":[],"history":[]}"#,
        "application/vnd.docker.distribution.manifest.v1+prettyjws"
      )
      try fixture.write(index: [old])
      return refusal("blob \(old.digest): Docker schema 1 manifests are not supported")
    },
    DocumentRow("I2: schema 1 by what is in it") { fixture in
      let old = try fixture.add(#"{"schemaVersion":1,"fsLayers":[]}"#, Types.oci.manifest)
      try fixture.write(index: [old])
      return refusal("blob \(old.digest): Docker schema 1 manifests are not supported")
    },
    DocumentRow("I3: an index in an index") { fixture in
      var entry = try fixture.image("a")
      for _ in 0..<4 { entry = try fixture.addIndex([entry, entry]) }
      try fixture.write(index: [entry])
      return Question(answer: .names(["a"]))
    },
    DocumentRow("I3: more indexes in each other than any builder writes") { fixture in
      var entry = try fixture.image("a")
      var innermost = entry
      for depth in 0..<5 {
        entry = try fixture.addIndex([entry])
        if depth == 0 { innermost = entry }
      }
      try fixture.write(index: [entry])
      return refusal("index \(innermost.digest): nested deeper than 4")
    },
    DocumentRow("I4: media types that nobody knows yet") { fixture in
      let unknown = try fixture.add("{}", "application/vnd.example.new+json")
        .forPlatform("linux/amd64")
      let image = try fixture.image("a").forPlatform("linux/amd64")
      try fixture.write(index: [unknown, try fixture.addIndex([unknown, image])])
      return Question(answer: .names(["a"]))
    },
    DocumentRow("I5: attestations beside an image") { fixture in
      let image = try fixture.image("a").forPlatform("linux/amd64")
      let index = try fixture.addIndex([try fixture.addAttestation(of: image), image])
      try fixture.write(index: [index])
      return Question(answer: .names(["a"]))
    },
    DocumentRow("I5: an attestation that says so, first, and for the same platform") { fixture in
      let image = try fixture.image("a").forPlatform("linux/amd64")
      let attestation = try fixture.image("evil").forPlatform("linux/amd64")
        .annotated("vnd.docker.reference.type", "attestation-manifest")
        .annotated("vnd.docker.reference.digest", image.digest)
      try fixture.write(index: [try fixture.addIndex([attestation, image])])
      return Question(answer: .names(["a"]))
    },
    DocumentRow("I5: an entry for no platform, beside an image that names none") { fixture in
      let unknown = try fixture.image("evil").forPlatform("unknown/unknown")
      try fixture.write(index: [try fixture.addIndex([unknown, try fixture.image("a")])])
      return Question(answer: .names(["a"]))
    },
    DocumentRow("I10: more diffIDs than layers") { fixture in
      let layers = ["a", "b"].map(ImageFixture.layer)
      let config = try fixture.addConfiguration(of: layers)
      let layer = try fixture.addBlob(layers[0].blob, mediaType: layers[0].mediaType)
      try fixture.write(index: [try fixture.addManifest(config: config, layers: [layer])])
      return refusal("blob \(config.digest): 1 layers but 2 diff_ids")
    },
    DocumentRow("I10: fewer diffIDs than layers") { fixture in
      let config = try fixture.addConfiguration(of: [])
      let layer = ImageFixture.layer("a")
      let blob = try fixture.addBlob(layer.blob, mediaType: layer.mediaType)
      try fixture.write(index: [try fixture.addManifest(config: config, layers: [blob])])
      return refusal("blob \(config.digest): 1 layers but 0 diff_ids")
    },
    DocumentRow("B13: a layer that registries do not hand on, in a layout") { fixture in
      var layer = ImageFixture.layer("a")
      layer.mediaType = "application/vnd.oci.image.layer.nondistributable.v1.tar"
      try fixture.write(index: [try fixture.addImage([layer])])
      return Question(answer: .names(["a"]))
    },
    DocumentRow("B13: a layer that registries do not hand on, and that is nowhere") { fixture in
      var layer = ImageFixture.layer("a")
      layer.mediaType = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
      try fixture.write(index: [try fixture.addImage([layer], types: .docker)])
      try fixture.removeBlob(layer.diffID)
      return refusal(
        "layer \(layer.diffID): missing",
        hint: "copy the image into the layout again"
      )
    },
    DocumentRow("X10: an annotation that stands twice") { fixture in
      let (one, two) = (try fixture.image("one"), try fixture.image("two"))
      let key = "org.opencontainers.image.ref.name"
      func entry(_ image: ImageFixture.Entry, _ first: String, _ second: String) -> String {
        String(image.text.dropLast())
          + #","annotations":{"\#(key)":"\#(first)","\#(key)":"\#(second)"}}"#
      }
      let entries = [entry(one, "evil", "good"), entry(two, "good", "evil")]
      let text = #"{"schemaVersion":2,"manifests":[\#(entries.joined(separator: ","))]}"#
      try fixture.write(file: "index.json", Array(text.utf8))
      let place = text.utf8.count - text.drop(until: #""\#(key)":"good""#).utf8.count
      return Question(
        suffix: ":good",
        answer: .refused(65, "../image/index.json: duplicate key \"\(key)\" at byte \(place)")
      )
    },
    DocumentRow("B14: documents that stand in their descriptors") { fixture in
      let (image, documents) = try fixture.embeddedImage()
      for document in documents { try fixture.removeBlob(document) }
      try fixture.write(index: [image])
      return Question(answer: .names(["a"]))
    },
    DocumentRow("B14: a document in a descriptor that is another one") { fixture in
      var (image, _) = try fixture.embeddedImage()
      image.data?.append(0x0A)
      try fixture.write(index: [image])
      return refusal(
        "blob \(image.digest): the data in its descriptor is something else"
      )
    },
    DocumentRow("B14: a layer that stands in its descriptor, and is nowhere else") { fixture in
      let layer = ImageFixture.layer("a")
      let image = try fixture.image(embedding: layer.blob, in: layer)
      try fixture.removeBlob(layer.diffID)
      try fixture.write(index: [image])
      return refusal(
        "layer \(layer.diffID): missing",
        hint: "copy the image into the layout again"
      )
    },
    DocumentRow("B14: a layer in whose descriptor is another one") { fixture in
      let other = ImageFixture.layer("other").blob
      try fixture.write(index: [try fixture.image(embedding: other, in: ImageFixture.layer("a"))])
      return Question(answer: .names(["a"]))
    },
  ]

  // MARK: What is no image

  static let artifactRows = [
    DocumentRow("I8: an artifact that says its type") { fixture in
      let config = try fixture.add("{}", "application/vnd.oci.empty.v1+json")
      let entry = try fixture.addManifest(
        config: config,
        layers: [try fixture.add("{}", "application/spdx+json")],
        artifactType: "application/spdx+json"
      )
      try fixture.write(index: [entry])
      return refusal(
        "blob \(entry.digest): not a file system image but an artifact of type "
          + "application/spdx+json"
      )
    },
    DocumentRow("I8: an artifact that is known by its configuration") { fixture in
      let config = try fixture.add("{}", "application/vnd.cncf.helm.config.v1+json")
      let entry = try fixture.addManifest(config: config, layers: [])
      try fixture.write(index: [entry])
      return refusal(
        "blob \(entry.digest): not a file system image but an artifact of type "
          + "application/vnd.cncf.helm.config.v1+json"
      )
    },
    DocumentRow("I8: a layer that is no tar stream") { fixture in
      let layer = ImageFixture.Layer(
        blob: Array("\0asm".utf8),
        mediaType: "application/wasm",
        diffID: ImageFixture.sha256(Array("\0asm".utf8))
      )
      let entry = try fixture.addImage([layer])
      try fixture.write(index: [entry])
      return refusal(
        "blob \(entry.digest): layers[0] is not a tar layer (application/wasm)"
      )
    },
    DocumentRow("B12: an encrypted layer") { fixture in
      var layer = ImageFixture.layer("secret")
      layer.mediaType = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted"
      let entry = try fixture.addImage([ImageFixture.layer("a"), layer])
      try fixture.write(index: [entry])
      return refusal("blob \(entry.digest): layers[1] is encrypted (\(layer.mediaType))")
    },
  ]

  // MARK: Documents that contradict themselves

  static let contradictionRows = [
    DocumentRow("I12: a manifest with manifests in it") { fixture in
      let layer = ImageFixture.layer("a")
      let blob = try fixture.addBlob(layer.blob, mediaType: layer.mediaType)
      let entry = try fixture.addManifest(
        config: try fixture.addConfiguration(of: [layer]),
        layers: blob.text,
        #","manifests":[]"#
      )
      try fixture.write(index: [entry])
      return refusal("blob \(entry.digest): both layers and manifests are present")
    },
    DocumentRow("I12: an index with layers in it") { fixture in
      let image = try fixture.image("a")
      let entry = try fixture.add(
        #"{"schemaVersion":2,"manifests":[\#(image.text)],"layers":[]}"#,
        Types.oci.index
      )
      try fixture.write(index: [entry])
      return refusal("blob \(entry.digest): both layers and manifests are present")
    },
    DocumentRow("I12: an index that its descriptor calls a manifest") { fixture in
      var entry = try fixture.addIndex([try fixture.image("a")])
      entry.mediaType = Types.oci.manifest
      try fixture.write(index: [entry])
      return refusal(
        "blob \(entry.digest): media type \(Types.oci.index), expected \(Types.oci.manifest)"
      )
    },
    DocumentRow("I12: two lists of layers in one manifest") { fixture in
      let layer = ImageFixture.layer("a")
      let blob = try fixture.addBlob(layer.blob, mediaType: layer.mediaType)
      let config = try fixture.addConfiguration(of: [layer])
      let entry = try fixture.addManifest(config: config, layers: blob.text, #","Layers":[]"#)
      try fixture.write(index: [entry])
      // A key is found where its string begins.
      let place = entry.size - #""Layers":[]}"#.utf8.count
      return refusal("blob \(entry.digest): duplicate key \"Layers\" at byte \(place)")
    },
    DocumentRow("I16: a size below nothing") { fixture in
      let entry = try fixture.addManifest(
        config: try fixture.addConfiguration(of: [ImageFixture.layer("a")]),
        layers: #"{"mediaType":"x","digest":"\#(ImageFixture.sha256([]))","size":-1}"#
      )
      try fixture.write(index: [entry])
      return refusal("blob \(entry.digest): layers[0].size is negative (-1)")
    },
    DocumentRow("I16: a size that no number of ours holds") { fixture in
      let entry = try fixture.addManifest(
        config: try fixture.addConfiguration(of: [ImageFixture.layer("a")]),
        layers:
          #"{"mediaType":"x","digest":"\#(ImageFixture.sha256([]))","size":9223372036854775808}"#
      )
      try fixture.write(index: [entry])
      return refusal("blob \(entry.digest): layers[0].size: not a 64-bit integer")
    },
  ]
}

extension ImageFixture {
  /// An image whose manifest and configuration are in their descriptors too; and their digests.
  fileprivate func embeddedImage() throws -> (image: Entry, documents: [String]) {
    let layer = Self.layer("a")
    let blob = try addBlob(layer.blob, mediaType: layer.mediaType)
    var config = try addConfiguration(of: [layer])
    config.data = try read(config)
    var image = try addManifest(config: config, layers: [blob])
    image.data = try read(image)
    return (image, [config.digest, image.digest])
  }

  /// An image of one layer, in whose descriptor stands `data`.
  fileprivate func image(embedding data: [UInt8], in layer: Layer) throws -> Entry {
    var blob = try addBlob(layer.blob, mediaType: layer.mediaType)
    blob.data = data
    return try addManifest(config: try addConfiguration(of: [layer]), layers: [blob])
  }

  private func read(_ entry: Entry) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: path + "/" + Self.blobName(entry.digest))))
  }
}

extension String {
  /// The text from the first `start` on.
  fileprivate func drop(until start: String) -> Substring {
    range(of: start).map { self[$0.lowerBound...] } ?? self[...]
  }
}
