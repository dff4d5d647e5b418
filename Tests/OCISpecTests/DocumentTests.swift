// Documents accepted and refused: manifests, indexes, configurations, the layout marker.

import OCISpec
import Testing

private let digestA = "sha256:" + String(repeating: "aa", count: 32)
private let digestB = "sha256:" + String(repeating: "bb", count: 32)
private let ociManifest = MediaType("application/vnd.oci.image.manifest.v1+json")
private let dockerManifest = MediaType("application/vnd.docker.distribution.manifest.v2+json")
private let ociIndex = MediaType("application/vnd.oci.image.index.v1+json")

private let config = """
  {"mediaType":"application/vnd.oci.image.config.v1+json","digest":"\(digestA)","size":2}
  """

private func layer(
  _ type: String = "application/vnd.oci.image.layer.v1.tar+gzip",
  size: String = "3",
  digest: String = digestB
) -> String {
  #"{"mediaType":"\#(type)","digest":"\#(digest)","size":\#(size)}"#
}

private func manifest(_ layers: String, config: String = config, extra: String = "") -> String {
  #"{"schemaVersion":2,\#(extra)"config":\#(config),"layers":[\#(layers)]}"#
}

struct ImageManifestTests {
  @Test func `a manifest keeps its configuration and its layers in order`() throws {
    let text = manifest(
      layer() + "," + layer("application/vnd.oci.image.layer.v1.tar", size: "9223372036854775807"),
      extra: #""mediaType":"\#(ociManifest.rawValue)","annotations":{"a":"b"},"#
    )
    let parsed = try ImageManifest(parsing: Array(text.utf8), as: ociManifest)
    #expect(
      parsed.configuration
        == Descriptor(
          mediaType: MediaType("application/vnd.oci.image.config.v1+json"),
          digest: try Digest(digestA),
          byteCount: 2
        )
    )
    #expect(
      parsed.layers == [
        Descriptor(
          mediaType: MediaType("application/vnd.oci.image.layer.v1.tar+gzip"),
          digest: try Digest(digestB),
          byteCount: 3
        ),
        Descriptor(
          mediaType: MediaType("application/vnd.oci.image.layer.v1.tar"),
          digest: try Digest(digestB),
          byteCount: 9_223_372_036_854_775_807
        ),
      ]
    )
    #expect(parsed.annotations == ["a": "b"])
  }

  @Test(arguments: [
    "application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
  ])
  func `every tar layer type is accepted`(type: String) throws {
    let parsed = try ImageManifest(parsing: Array(manifest(layer(type)).utf8), as: ociManifest)
    #expect(parsed.layers.map(\.mediaType.rawValue) == [type])
  }

  @Test func `I9: no layers, written as an empty list or as null, make an empty image`() throws {
    #expect(
      try ImageManifest(parsing: Array(manifest("").utf8), as: dockerManifest).layers.isEmpty
    )
    let null = #"{"schemaVersion":2,"config":\#(config),"layers":null}"#
    #expect(try ImageManifest(parsing: Array(null.utf8), as: ociManifest).layers.isEmpty)
  }

  @Test func `B14: embedded content is decoded`() throws {
    let text = manifest(
      "",
      config: """
        {"mediaType":"application/vnd.oci.image.config.v1+json","digest":"\(digestA)","size":2,\
        "data":"e30="}
        """
    )
    let parsed = try ImageManifest(parsing: Array(text.utf8), as: ociManifest)
    #expect(parsed.configuration.data == Array("{}".utf8))
  }

  private static let encrypted = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted"
  private static let empty = """
    {"mediaType":"application/vnd.oci.empty.v1+json","digest":"\(digestA)","size":2}
    """
  private static let helm = """
    {"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":"\(digestA)","size":2}
    """

  static let refused: [(String, SpecError)] = [
    ("{}", .missingField("schemaVersion")),
    (#"{"schemaVersion":1,"name":"x","fsLayers":[]}"#, .schema1Manifest),
    (#"{"schemaVersion":3}"#, .unsupportedSchemaVersion(3)),
    (#"{"schemaVersion":2}"#, .missingField("config")),
    (#"{"schemaVersion":2,"config":\#(config)}"#, .missingField("layers")),
    (manifest("", extra: #""manifests":[],"#), .layersAndManifests),
    (manifest("", extra: #""manifests":null,"#), .layersAndManifests),
    (
      manifest("", extra: #""mediaType":"\#(ociIndex)","#),
      .mediaTypeMismatch(expected: ociManifest.rawValue, actual: ociIndex.rawValue)
    ),
    (
      manifest("", extra: #""mediaType":"application/vnd.docker.distribution.manifest.v1+json","#),
      .schema1Manifest
    ),
    (manifest("", config: empty), .artifact(type: "application/vnd.oci.empty.v1+json")),
    (
      manifest("", config: empty, extra: #""artifactType":"text/x-sbom","#),
      .artifact(type: "text/x-sbom")
    ),
    (manifest("", config: helm), .artifact(type: "application/vnd.cncf.helm.config.v1+json")),
    (
      manifest(layer("text/plain"), extra: #""artifactType":"text/x-sbom","#),
      .artifact(type: "text/x-sbom")
    ),
    (
      manifest(layer() + "," + layer("text/plain")),
      .unsupportedLayer(index: 1, mediaType: "text/plain")
    ),
    (manifest(layer(encrypted)), .encryptedLayer(index: 0, mediaType: encrypted)),
    (manifest(layer(size: "-1")), .negativeSize(field: "layers[0].size", size: -1)),
    (
      manifest(layer(digest: "sha256:../../etc")),
      .badField("layers[0].digest", reason: "\"sha256:../../etc\" is not a digest")
    ),
    (
      manifest(layer() + "," + layer(digest: "md5:12")),
      .badField("layers[1].digest", reason: "digest algorithm md5 is not supported")
    ),
    (manifest(#"{"digest":"\#(digestA)","size":1}"#), .missingField("layers[0].mediaType")),
    (manifest(#"{"mediaType":"","digest":"x"}"#), .missingField("layers[0].mediaType")),
    (manifest(#"{"mediaType":"x","size":1}"#), .missingField("layers[0].digest")),
    (
      manifest(layer() + #",{"mediaType":"x","digest":"\#(digestA)"}"#),
      .missingField("layers[1].size")
    ),
    (
      manifest("", config: #"{"mediaType":"x","digest":"\#(digestA)","size":1,"data":"?"}"#),
      .badField("config.data", reason: "not base64")
    ),
  ]

  @Test(arguments: refused)
  func `another manifest is refused with its reason`(text: String, error: SpecError) {
    #expect(throws: error) { try ImageManifest(parsing: Array(text.utf8), as: ociManifest) }
  }

  @Test(arguments: [-1, -9_223_372_036_854_775_808] as [Int64])
  func `I16: a negative size is refused with its field`(size: Int64) {
    let text = manifest(layer() + "," + layer(size: "\(size)"))
    #expect(throws: SpecError.negativeSize(field: "layers[1].size", size: size)) {
      try ImageManifest(parsing: Array(text.utf8), as: ociManifest)
    }
  }

  @Test(arguments: ["", "+gzip", "+zstd"])
  func `B12: an encrypted layer is refused with its place and type`(compression: String) {
    for kind in ["layer", "layer.nondistributable"] {
      let type = "application/vnd.oci.image.\(kind).v1.tar\(compression)+encrypted"
      let text = manifest(layer() + "," + layer(type))
      #expect(throws: SpecError.encryptedLayer(index: 1, mediaType: type)) {
        try ImageManifest(parsing: Array(text.utf8), as: ociManifest)
      }
    }
  }

  @Test(arguments: [
    (manifest(layer(size: "\"3\"")), "layers[0].size"),
    (#"{"schemaVersion":2.5}"#, "schemaVersion"),
    (#"{"schemaVersion":2.0}"#, "schemaVersion"),
    (manifest(layer() + "," + layer(size: "1e3")), "layers[1].size"),
    (manifest(layer(size: "1E3")).replacing("\"size\"", with: #""s\u0069ze""#), "layers[0].size"),
    (manifest(layer(size: "1.5")), "layers[0].size"),
    (manifest(layer(size: "9223372036854775808")), "layers[0].size"),
    (manifest(layer(size: "1e400")), "layers[0].size"),
    (manifest("7"), "layers[0]"),
    (manifest("", extra: #""annotations":{"a":1},"#), "annotations.a"),
    (#"{"schemaVersion":"2"}"#, "schemaVersion"),
  ])
  func `a value of the wrong kind names its field`(text: String, field: String) {
    let error = #expect(throws: SpecError.self) {
      try ImageManifest(parsing: Array(text.utf8), as: ociManifest)
    }
    guard case .badField(let named, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(named == field)
  }

  @Test func `I13: a thousand layers are accepted and one more is refused`() throws {
    func layers(_ count: Int) -> [UInt8] {
      Array(manifest(Array(repeating: layer(), count: count).joined(separator: ",")).utf8)
    }
    #expect(try ImageManifest(parsing: layers(1_000), as: ociManifest).layers.count == 1_000)
    #expect(throws: SpecError.tooManyLayers(count: 1_001, limit: 1_000)) {
      try ImageManifest(parsing: layers(1_001), as: ociManifest)
    }
  }

  @Test func `I2: a descriptor that calls itself schema 1 is refused by name`() {
    let signed = MediaType("application/vnd.docker.distribution.manifest.v1+prettyjws")
    #expect(throws: SpecError.schema1Manifest) {
      try ImageManifest(parsing: Array(manifest("").utf8), as: signed)
    }
  }
}

struct ImageIndexTests {
  @Test func `an index keeps platforms, annotations and types it does not know`() throws {
    let text = """
      {"schemaVersion":2,"manifests":[
        {"mediaType":"\(ociManifest)","digest":"\(digestA)","size":1,
         "platform":{"os":"linux","architecture":"arm64","os.features":["x"]},
         "annotations":{"org.opencontainers.image.ref.name":"v1"}},
        {"mediaType":"text/odd","digest":"\(digestB)","size":0,"artifactType":"text/x"},
        {"mediaType":"\(ociManifest)","digest":"\(digestB)","size":0,
         "platform":{"os":"unknown","architecture":"unknown"}}]}
      """
    let index = try ImageIndex(parsing: Array(text.utf8), as: ociIndex)
    #expect(
      index.manifests == [
        Descriptor(
          mediaType: ociManifest,
          digest: try Digest(digestA),
          byteCount: 1,
          annotations: ["org.opencontainers.image.ref.name": "v1"],
          platform: Platform(os: "linux", architecture: "arm64")
        ),
        Descriptor(
          mediaType: MediaType("text/odd"),
          digest: try Digest(digestB),
          byteCount: 0,
          artifactType: "text/x"
        ),
        Descriptor(
          mediaType: ociManifest,
          digest: try Digest(digestB),
          byteCount: 0,
          platform: Platform(os: "unknown", architecture: "unknown")
        ),
      ]
    )
    #expect(index.manifests.map(\.referenceName) == ["v1", nil, nil])
    #expect(index.manifests.map(\.isAttestation) == [false, false, true])
  }

  @Test(arguments: [
    (#"{"schemaVersion":2}"#, SpecError.missingField("manifests")),
    (#"{"schemaVersion":2,"manifests":[],"layers":[]}"#, .layersAndManifests),
    (#"{"schemaVersion":2,"manifests":[{}]}"#, .missingField("manifests[0].mediaType")),
    (#"{"manifests":[]}"#, .missingField("schemaVersion")),
    (
      #"{"schemaVersion":2,"mediaType":"\#(ociManifest)","manifests":[]}"#,
      .mediaTypeMismatch(expected: ociIndex.rawValue, actual: ociManifest.rawValue)
    ),
  ])
  func `another index is refused with its reason`(text: String, error: SpecError) {
    #expect(throws: error) { try ImageIndex(parsing: Array(text.utf8), as: ociIndex) }
    #expect(throws: error) { try ImageIndex(parsingLayoutIndex: Array(text.utf8)) }
  }

  @Test func `index json may be a Docker manifest list`() throws {
    let text = """
      {"schemaVersion":2,"manifests":[],
       "mediaType":"application/vnd.docker.distribution.manifest.list.v2+json"}
      """
    #expect(try ImageIndex(parsingLayoutIndex: Array(text.utf8)).manifests.isEmpty)
  }
}

struct ImageConfigurationTests {
  @Test func `a configuration keeps platform, diffIDs, defaults and history`() throws {
    let text = """
      {"created":"2024-01-01T00:00:00Z","architecture":"aarch64","os":"linux","variant":"v8",
       "config":{"User":"1","Env":["A=b"],"Cmd":["sh"],"Entrypoint":null,"WorkingDir":"/w",
                 "Labels":{"architecture":"x","Architecture":"y"}},
       "rootfs":{"type":"layers","diff_ids":["\(digestA)","\(digestB)"]},
       "history":[{"created_by":"one"},{"created_by":"env","empty_layer":true},
                  {"created_by":"two","comment":"c"}]}
      """
    let parsed = try ImageConfiguration(parsing: Array(text.utf8))
    #expect(parsed.platform == Platform(os: "linux", architecture: "arm64"))
    #expect(parsed.created == "2024-01-01T00:00:00Z")
    #expect(
      parsed.execution
        == ImageConfiguration.Execution(
          user: "1",
          environment: ["A=b"],
          entrypoint: nil,
          command: ["sh"],
          workingDirectory: "/w",
          labels: ["architecture": "x", "Architecture": "y"],
          stopSignal: nil
        )
    )
    #expect(parsed.diffIDs == [try Digest(digestA), try Digest(digestB)])
    #expect(parsed.historyByLayer()?.map(\.createdBy) == ["one", "two"])
    #expect(parsed.history.map(\.isEmptyLayer) == [false, true, false])
  }

  @Test func `I11: history that does not account for the layers is not paired with them`() throws {
    let text = """
      {"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["\(digestA)"]},
       "history":[{},{}]}
      """
    #expect(try ImageConfiguration(parsing: Array(text.utf8)).historyByLayer() == nil)
  }

  @Test(arguments: [
    ("{}", SpecError.missingField("architecture")),
    (#"{"architecture":"amd64","os":""}"#, .missingField("os")),
    (#"{"architecture":"amd64","os":"linux"}"#, .missingField("rootfs")),
    (#"{"architecture":"amd64","os":"linux","rootfs":{}}"#, .missingField("rootfs.type")),
    (
      #"{"architecture":"amd64","os":"linux","rootfs":{"type":"x\u0007"}}"#,
      .unsupportedRootFSType("x\\u{7}")
    ),
    (
      #"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["x"]}}"#,
      .badField("rootfs.diff_ids[0]", reason: "\"x\" is not a digest")
    ),
  ])
  func `another configuration is refused with its reason`(text: String, error: SpecError) {
    #expect(throws: error) { try ImageConfiguration(parsing: Array(text.utf8)) }
  }
}

struct LayoutVersionTests {
  @Test(arguments: ["1.0.0", "1.1.0", "1.9"])
  func `every version 1 is accepted`(version: String) throws {
    let text = #"{"imageLayoutVersion":"\#(version)"}"#
    #expect(try LayoutVersion(parsing: Array(text.utf8)).text == version)
  }

  @Test(arguments: [
    ("{}", SpecError.missingField("imageLayoutVersion")),
    (#"{"imageLayoutVersion":"2.0.0"}"#, .unsupportedLayoutVersion("2.0.0")),
    (#"{"imageLayoutVersion":"10.0"}"#, .unsupportedLayoutVersion("10.0")),
    (#"{"imageLayoutVersion":"1"}"#, .unsupportedLayoutVersion("1")),
  ])
  func `another version is refused`(text: String, error: SpecError) {
    #expect(throws: error) { try LayoutVersion(parsing: Array(text.utf8)) }
  }
}
