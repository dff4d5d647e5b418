// JSON made to break or to mislead: sizes, depth, duplicate keys, odd encodings, and seeded damage.

import OCISpec
import Testing

private let index = MediaType("application/vnd.oci.image.index.v1+json")
private let digest = "sha256:" + String(repeating: "cd", count: 32)

struct HostileJSONTests {
  static let faults: [(String, JSONFault, Int)] = [
    ("", .notAnObject, 0),
    ("  []", .notAnObject, 2),
    ("\u{feff}{}", .notAnObject, 0),
    ("{", .unterminated, 1),
    (#"{"a"#, .unterminated, 3),
    (#"{"a\"#, .unterminated, 4),
    (#"{"a":[}"#, .unbalanced, 6),
    (#"{"a":1,}"#, .unexpectedByte(0x7D), 7),
    (#"{"a":[1, ]}"#, .unexpectedByte(0x5D), 9),
    ("{,}", .unexpectedByte(0x7D), 2),
    ("{} {}", .trailingBytes, 3),
    ("{}\0", .trailingBytes, 2),
    ("{\0}", .unexpectedByte(0), 1),
    ("{\"a\0\":1}", .unexpectedByte(0), 3),
    ("{\"a\nb\":1}", .unexpectedByte(0x0A), 3),
    ("{\u{e9}}", .unexpectedByte(0xC3), 1),
    (#"{"layers":[],"layers":[]}"#, .duplicateKey("layers"), 13),
    (#"{"layers":[],"Layers":[]}"#, .duplicateKey("Layers"), 13),
    (#"{"layers":[],"layer\u0073":[]}"#, .duplicateKey("layers"), 13),
    (#"{"layers":[],"layer\u017f":[]}"#, .duplicateKey("layer\u{17f}"), 13),
    (#"{"layers":[],"layerſ":[]}"#, .duplicateKey("layerſ"), 13),
    (#"{"manifests":1,"MANIFESTS":2}"#, .duplicateKey("MANIFESTS"), 15),
    (#"{"config":{"digest":1,"x":[{}],"digest":2}}"#, .duplicateKey("digest"), 31),
    (#"{"config":1,"config":2}"#, .duplicateKey("config"), 12),
    (#"{"rootfs":{},"rootfs":{}}"#, .duplicateKey("rootfs"), 13),
    (#"{"rootfs":{"diff_ids":[],"diff_ids":[]}}"#, .duplicateKey("diff_ids"), 25),
    (#"{"mediaType":"a","mediaType":"b"}"#, .duplicateKey("mediaType"), 17),
    (#"{"m":[{"size":1,"size":2}]}"#, .duplicateKey("size"), 16),
    (#"{"annotations":{"a":"evil","a":"good"}}"#, .duplicateKey("a"), 27),
    (#"{"x":[{"k\/":1,"b":{},"\u006b\u002F":2}]}"#, .duplicateKey("k/"), 22),
    (#"{"\ud83d\ude00":1, "😀":2}"#, .duplicateKey("😀"), 19),
    (#"{"x":1,"x":1}"#, .duplicateKey("x"), 7),
  ]

  @Test(arguments: faults)
  func `X30: a structural fault is named with its byte`(text: String, fault: JSONFault, at: Int) {
    #expect(throws: SpecError.badJSON(fault, at: at)) {
      try ImageIndex(parsing: Array(text.utf8), as: index)
    }
  }

  @Test func `invalid UTF-8 is refused`() {
    #expect(throws: SpecError.badJSON(.notUTF8, at: 2)) {
      try ImageIndex(parsing: [0x7B, 0x22, 0xFF, 0x22, 0x7D], as: index)
    }
  }

  @Test func `UTF-16 is refused`() {
    let text = #"{"schemaVersion":2,"manifests":[]}"#
    let little = text.utf16.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
    #expect(throws: SpecError.badJSON(.unexpectedByte(0), at: 1)) {
      try ImageIndex(parsing: little, as: index)
    }
  }

  @Test(arguments: [
    #"{"schemaVersion":2,"manifests":[],"x":{"digest":1},"y":{"digest":2}}"#,
    #"{"schemaVersion":2,"manifests":[],"annotations":{"a":"layers","b":"layers"}}"#,
    #"{"schemaVersion":2,"manifests":[],"x":["digest","digest"]}"#,
    #"{"schemaVersion":2,"manifests":[],"x":1,"X":2,"layers\"":1}"#,
    #"{"schemaVersion":2,"manifests":[],"x":1.5,"y":{"size":"1.5"},"z":{"size":true}}"#,
    #"{"schemaVersion":2,"manifests":[],"x":{"OS":1,"os":2}}"#,
  ])
  func `equal keys of different objects, equal values and other keys are no duplicates`(
    text: String
  ) throws {
    #expect(try ImageIndex(parsing: Array(text.utf8), as: index).manifests.isEmpty)
  }

  @Test func `X30: of very many keys each is looked at once`() throws {
    let keys = (0..<50_000).map { #""\#($0)":0"# }.joined(separator: ",")
    let text = #"{"schemaVersion":2,"manifests":[],"x":{\#(keys)"#
    #expect(try ImageIndex(parsing: Array((text + "}}").utf8), as: index).manifests.isEmpty)
    #expect(throws: SpecError.badJSON(.duplicateKey("0"), at: text.utf8.count + 1)) {
      try ImageIndex(parsing: Array((text + #","0":1}}"#).utf8), as: index)
    }
  }

  @Test func `I13: nesting is allowed to the limit and refused beyond it`() throws {
    func nested(_ depth: Int) -> [UInt8] {
      let open = String(repeating: "[", count: depth - 1)
      let close = String(repeating: "]", count: depth - 1)
      return Array(#"{"schemaVersion":2,"manifests":[],"x":\#(open)\#(close)}"#.utf8)
    }
    #expect(try ImageIndex(parsing: nested(32), as: index).manifests.isEmpty)
    #expect(throws: SpecError.badJSON(.tooDeep(limit: 32), at: 38 + 31)) {
      try ImageIndex(parsing: nested(33), as: index)
    }
    #expect(throws: SpecError.badJSON(.tooDeep(limit: 32), at: 38 + 31)) {
      try ImageIndex(parsing: nested(1_000_000), as: index)
    }
  }

  @Test func `I13: a document is allowed 4 MiB and no more`() throws {
    let text = #"{"schemaVersion":2,"manifests":[]}"#
    let padding = String(repeating: " ", count: (4 << 20) - text.utf8.count)
    #expect(try ImageIndex(parsing: Array((text + padding).utf8), as: index).manifests.isEmpty)
    #expect(throws: SpecError.documentTooLarge(byteCount: (4 << 20) + 1, limit: 4 << 20)) {
      try ImageIndex(parsing: Array((text + padding + " ").utf8), as: index)
    }
  }

  static let ungrammatical: [(String, UInt8, Int)] = [
    (#"{"schemaVersion":2 "manifests":[]}"#, 0x22, 19), (#"{schemaVersion:2}"#, 0x73, 1),
    (#"{"schemaVersion":2,"manifests":[1 2]}"#, 0x32, 34),
    (#"{"schemaVersion":2,"manifests":[],"\q":1}"#, 0x71, 36),
    (#"{"schemaVersion":2,"manifests":[]/**/}"#, 0x2F, 33),
    (#"{"schemaVersion":2,"manifests":[],"x":nul}"#, 0x6E, 38), ("{:}", 0x3A, 1),
    (#"{"a"}"#, 0x7D, 4), (#"{"a":}"#, 0x7D, 5), (#"{"schemaVersion":02}"#, 0x32, 18),
    // In what no reader of ours asks for.
    (#"{"schemaVersion":2,"manifests":[],"x":{"y":"\a"}}"#, 0x61, 45),
    (#"{"schemaVersion":2,"manifests":[],"x":[01]}"#, 0x31, 40),
  ]

  @Test(arguments: ungrammatical)
  func `what is balanced but no JSON is refused with its byte`(text: String, byte: UInt8, at: Int) {
    #expect(throws: SpecError.badJSON(.unexpectedByte(byte), at: at)) {
      try ImageIndex(parsing: Array(text.utf8), as: index)
    }
  }

  /// SplitMix64: the same damage for the same seed everywhere.
  struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  static let documents = [
    """
    {"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json",\
    "digest":"\(digest)","size":2,"data":"e30="},"layers":[{"mediaType":\
    "application/vnd.oci.image.layer.v1.tar+gzip","digest":"\(digest)","size":-0}]}
    """,
    """
    {"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json",\
    "digest":"\(digest)","size":12,"platform":{"os":"linux","architecture":"arm"},\
    "annotations":{"a\\u00e9":"\\ud83d\\ude00"}}]}
    """,
    """
    {"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["\(digest)"]},\
    "config":{"Env":["A=1"],"Labels":{"x":"y"}},"history":[{"empty_layer":true}]}
    """,
  ]

  @Test(arguments: 0..<24)
  func `damaged documents are accepted or refused but never crash`(seed: Int) {
    var generator = SeededGenerator(state: UInt64(seed))
    let splices = [
      "{", "}", "[", "]", "\"", "\\", "\\u", "\0", "-", "1e999", "null", "\u{ff}", ",",
    ]
    var refused = 0
    for _ in 0..<150 {
      var bytes = Array(Self.documents[seed % Self.documents.count].utf8)
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let position = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: bytes[position] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes.remove(at: position)
        case 2: bytes.removeSubrange(position..<min(bytes.count, position + 20))
        case 3: bytes.insert(contentsOf: bytes[position...].prefix(30), at: position)
        default:
          let splice = splices[Int.random(in: 0..<splices.count, using: &generator)]
          bytes.insert(contentsOf: splice.utf8, at: position)
        }
        if bytes.isEmpty { bytes = [0x7B] }
      }
      refused += Self.parse(bytes)
    }
    #expect(refused > 150, "seed \(seed): too few damaged documents were refused")
  }

  /// Reads the bytes as every document; the number of times they were refused, out of 4.
  private static func parse(_ bytes: [UInt8]) -> Int {
    let manifest = MediaType("application/vnd.oci.image.manifest.v1+json")
    var refused = 0
    do { _ = try ImageManifest(parsing: bytes, as: manifest) } catch { refused += 1 }
    do { _ = try ImageIndex(parsing: bytes, as: index) } catch { refused += 1 }
    do { _ = try ImageConfiguration(parsing: bytes) } catch { refused += 1 }
    do { _ = try LayoutVersion(parsing: bytes) } catch { refused += 1 }
    return refused
  }
}
