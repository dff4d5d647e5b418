// The manifest.json of Docker archives.

import OCISpec
import Testing

struct DockerArchiveManifestTests {
  typealias Image = DockerArchiveManifest.Image

  private func parse(_ text: String) throws(SpecError) -> [Image] {
    try DockerArchiveManifest(parsing: Array(text.utf8)).images
  }

  @Test func `images are read with their members and names`() throws {
    let text = #"""
      [{"Config":"a.json","RepoTags":["debian:12","ghcr.io/x/y"],"Layers":["1/layer.tar","é"]},
       {"Config":"b","RepoTags":null,"Layers":null,"Parent":"sha256:0"},
       {"Config":"c","RepoTags":["<none>:<none>","localhost:5000/x:y","A:b",""]}]
      """#
    #expect(
      try parse(text) == [
        Image(
          configuration: Array("a.json".utf8),
          layers: [Array("1/layer.tar".utf8), Array("é".utf8)],
          names: ["docker.io/library/debian:12", "ghcr.io/x/y:latest"]
        ),
        Image(configuration: [0x62], layers: [], names: []),
        Image(configuration: [0x63], layers: [], names: ["localhost:5000/x:y"]),
      ]
    )
    #expect(try parse(" [ ] \n") == [])
  }

  static let faults: [(text: String, error: SpecError)] = [
    ("", .badJSON(.notAnArray, at: 0)),
    ("{}", .badJSON(.notAnArray, at: 0)),
    (#"["#, .badJSON(.unterminated, at: 1)),
    ("[] []", .badJSON(.trailingBytes, at: 3)),
    ("[{}]", .missingField("[0].Config")),
    (#"[{"Config":""}]"#, .missingField("[0].Config")),
    (#"[{"Config":"a"},{"Layers":[]}]"#, .missingField("[1].Config")),
    (#"[{"Config":"a","Layers":[],"layers":["x"]}]"#, .badJSON(.duplicateKey("layers"), at: 27)),
    (
      #"[{"Config":"a","RepoTags":[],"RepoTags":["x"]}]"#,
      .badJSON(.duplicateKey("RepoTags"), at: 29)
    ),
    (#"[{"Config":"a","config":"b"}]"#, .badJSON(.duplicateKey("config"), at: 15)),
  ]

  @Test(arguments: faults)
  func `a document that is none is refused with its place`(text: String, error: SpecError) {
    #expect(throws: error) { try parse(text) }
  }

  @Test func `an image has no more layers than any image`() {
    let layers = [String](repeating: #""l""#, count: 1001).joined(separator: ",")
    #expect(throws: SpecError.tooManyLayers(count: 1001, limit: 1000)) {
      try parse(#"[{"Config":"c","Layers":[\#(layers)]}]"#)
    }
  }

  @Test func `the manifest of an image is that of Docker's schema 2`() throws {
    let digest = try Digest("sha256:" + String(repeating: "0a", count: 32))
    let configuration = Descriptor(
      mediaType: DockerArchiveManifest.configurationType,
      digest: digest,
      byteCount: 2
    )
    let layers = [MediaType.Compression.none, .gzip, .zstd].map { compression in
      Descriptor(
        mediaType: DockerArchiveManifest.layerType(compression),
        digest: digest,
        byteCount: 3
      )
    }
    let bytes = DockerArchiveManifest.schema2(configuration: configuration, layers: layers)
    let manifest = try ImageManifest(parsing: bytes, as: DockerArchiveManifest.mediaType)
    #expect(manifest.configuration == configuration)
    #expect(manifest.layers == layers)
    let none = DockerArchiveManifest.schema2(configuration: configuration, layers: [])
    #expect(
      String(decoding: none, as: UTF8.self)
        == #"{"schemaVersion":2,"#
        + #""mediaType":"application/vnd.docker.distribution.manifest.v2+json","#
        + #""config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":2,"#
        + #""digest":"\#(digest)"},"layers":[]}"#
    )
  }
}
