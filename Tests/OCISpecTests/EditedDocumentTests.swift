// Seeded damage to what is not only read but changed: the index of a layout, manifests that are said
// again, the manifest.json of Docker archives. Whatever is accepted must come out as JSON that says the
// same; nothing may crash.

import OCISpec
import Testing

private let digest = "sha256:" + String(repeating: "cd", count: 32)

struct EditedDocumentTests {
  private static let index = """
    {"schemaVersion":2,"x":{"y":[1.50,"\\u00e9\\/"]},"manifests":[{"mediaType":\
    "application/vnd.oci.image.manifest.v1+json","digest":"\(digest)","size":12,"platform":\
    {"os":"linux","architecture":"arm"},"annotations":{"org.opencontainers.image.ref.name":"a"}},\
    {"mediaType":"application/vnd.example","digest":"\(digest)","size":0,"data":""}]}
    """
  private static let manifest = """
    {"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",\
    "config":{"mediaType":"application/vnd.docker.container.image.v1+json","digest":"\(digest)",\
    "size":2},"layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip",\
    "digest":"\(digest)","size":3,"urls":["http://a"]}]}
    """
  private static let archive = """
    [{"Config":"c.json","RepoTags":["debian:12","<none>:<none>",null],"Layers":["a/layer.tar"]},\
    {"Config":"\\u0063","RepoTags":null,"Layers":null}]
    """

  /// SplitMix64: the same damage for the same seed everywhere.
  private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  private static let splices = [
    "{", "}", "[", "]", "\"", "\\", "\\ud800", "\0", "-", "1e999", "18446744073709551616", "null",
    "\u{ff}", ",", ":", #","manifests":null"#, #","size":-1"#, String(repeating: "[", count: 40),
  ]

  private static func damaged(_ text: String, _ generator: inout SeededGenerator) -> [UInt8] {
    var bytes = Array(text.utf8)
    for _ in 0..<Int.random(in: 1...3, using: &generator) {
      let position = Int.random(in: 0..<max(bytes.count, 1), using: &generator)
      let rest = bytes[min(position, bytes.count)...]
      switch Int.random(in: 0..<5, using: &generator) {
      case 0: if let byte = bytes.indices.randomElement(using: &generator) { bytes[byte] ^= 1 }
      case 1: bytes.removeSubrange(rest.startIndex..<(rest.startIndex + min(rest.count, 1)))
      case 2: bytes.removeSubrange(rest.startIndex..<(rest.startIndex + min(rest.count, 25)))
      case 3: bytes.insert(contentsOf: rest.prefix(60), at: rest.startIndex)
      default:
        let splice = splices.randomElement(using: &generator) ?? ""
        bytes.insert(contentsOf: splice.utf8, at: rest.startIndex)
      }
    }
    return bytes
  }

  @Test(arguments: 0..<20)
  func `a damaged index is refused, or changed without harm`(seed: UInt64) throws {
    var generator = SeededGenerator(state: seed)
    var accepted = 0
    for _ in 0..<200 {
      let bytes = Self.damaged(Self.index, &generator)
      guard var editor = try? LayoutIndexEditor(parsing: bytes) else { continue }
      accepted += 1
      let before = editor.entries
      let new = Descriptor(
        mediaType: MediaType("a/b"),
        digest: try Digest(digest),
        byteCount: 7,
        annotations: ["n\"\n": "\u{1}\\"]
      )
      editor.insert([new], before: { _ in true }, replacing: { _ in false })
      let written = try editor.bytes()
      let after = try LayoutIndexEditor(parsing: written)
      #expect(after.entries == [new] + before, "seed \(seed)")
      var last = after
      last.remove { $0 == new }
      #expect(last.entries == before.filter { $0 != new }, "seed \(seed)")
    }
    #expect(accepted > 2, "seed \(seed)")
  }

  @Test(arguments: 0..<20)
  func `a damaged manifest is refused, or said again as JSON`(seed: UInt64) throws {
    var generator = SeededGenerator(state: seed)
    for _ in 0..<200 {
      let bytes = Self.damaged(Self.manifest, &generator)
      let found = try? DescriptorSearch.descriptors(in: bytes)
      guard let converted = try? ManifestConversion.convert(bytes) else {
        #expect(found == nil, "seed \(seed)")
        continue
      }
      #expect(try ManifestConversion.convert(converted) == converted, "seed \(seed)")
      let digests = try DescriptorSearch.descriptors(in: converted).map(\.digest)
      #expect(digests == found?.map(\.digest), "seed \(seed)")
    }
  }

  @Test(arguments: 0..<20)
  func `a damaged list of images is refused or read`(seed: UInt64) {
    var generator = SeededGenerator(state: seed)
    for _ in 0..<200 {
      let bytes = Self.damaged(Self.archive, &generator)
      guard let list = try? DockerArchiveManifest(parsing: bytes) else { continue }
      #expect(list.images.allSatisfy { !$0.configuration.isEmpty }, "seed \(seed)")
    }
  }
}
