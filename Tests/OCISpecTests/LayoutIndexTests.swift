// JSON that is changed in one place and kept in all others; the index of a layout, and manifests, that are
// changed so.

import OCISpec
import Testing

private let hex = String(repeating: "ab", count: 32)

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

struct JSONValueTests {
  @Test(
    arguments: [
      #"{}"#, #"{"a":[]}"#, #"{"b":1,"a":2,"B":3}"#,
      #"{"n":[1.0,1e5,-0,12345678901234567890123,0.10,1E+2]}"#,
      #"{"s":["\u00e9","é","\/","\ud800","\"\\\b\f\n\r\t"],"t":true,"f":false,"z":null}"#,
      #"{"\u0061":{"":{" ":[[[{}]]]}}}"#,
    ]
  )
  func `what is read is written as it was`(document: String) throws {
    #expect(text(try JSONValue(parsing: bytes(document)).bytes) == document)
  }

  @Test func `white space between tokens is all that goes`() throws {
    let spaced = " {\n\t\"a b\" : [ 1 , \" c \" ] , \"d\":{ } }\r\n "
    #expect(text(try JSONValue(parsing: bytes(spaced)).bytes) == #"{"a b":[1," c "],"d":{}}"#)
  }

  @Test(
    arguments: [
      ("", .notAnObject, 0), ("[]", .notAnObject, 0), (#"{"a"}"#, .unexpectedByte(0x7D), 4),
      (#"{"a":}"#, .unexpectedByte(0x7D), 5), (#"{"a":1 2}"#, .unexpectedByte(0x32), 7),
      (#"{a:1}"#, .unexpectedByte(0x61), 1), (#"{"a":01}"#, .unexpectedByte(0x31), 6),
      (#"{"a":1.}"#, .unexpectedByte(0x7D), 7), (#"{"a":+1}"#, .unexpectedByte(0x2B), 5),
      (#"{"a":.5}"#, .unexpectedByte(0x2E), 5), (#"{"a":1e}"#, .unexpectedByte(0x7D), 7),
      (#"{"a":-}"#, .unexpectedByte(0x7D), 6), (#"{"a":tru}"#, .unexpectedByte(0x74), 5),
      (#"{"a":truex}"#, .unexpectedByte(0x78), 9), (#"{"a":"\x"}"#, .unexpectedByte(0x78), 7),
      (#"{"a":"\u12g4"}"#, .unexpectedByte(0x67), 10), (#"{"a":[1 2]}"#, .unexpectedByte(0x32), 8),
      (#"{"a":1}x"#, .trailingBytes, 7), (#"{"a":["#, .unterminated, 6),
      (#"{"a":1,"b"}"#, .unexpectedByte(0x7D), 10), (#"{"a":1:2}"#, .unexpectedByte(0x3A), 6),
    ] as [(String, JSONFault, Int)]
  )
  func `what is no JSON is refused where it goes wrong`(
    document: String,
    fault: JSONFault,
    position: Int
  ) {
    #expect(throws: SpecError.badJSON(fault, at: position)) {
      try JSONValue(parsing: bytes(document))
    }
  }

  @Test(
    arguments: [
      (#""\u0041\u00e9\ud83d\ude00é😀""#, "Aé😀é😀"),
      (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
      (#""\ud800x""#, "\u{FFFD}x"), (#""""#, ""),
    ]
  )
  func `strings are read with their escapes`(spelling: String, expected: String) throws {
    #expect(try JSONValue(parsing: bytes(#"{"k":\#(spelling)}"#))["k"]?.text == expected)
  }

  @Test func `every string can be written and read again`() throws {
    let hard = "\u{0}\u{1f}\"\\/é😀\u{2028}\n"
    let document = JSONValue([(name: hard, value: JSONValue(hard))])
    #expect(try JSONValue(parsing: document.bytes)[hard]?.text == hard)
  }

  @Test func `members are changed where they stand, added at the end, and removed`() throws {
    var value = try JSONValue(parsing: bytes(#"{"a":1,"\u0062":2,"c":3}"#))
    #expect(value["a"] == .scalar(bytes("1")))
    value["b"] = JSONValue("two")
    value["d"] = JSONValue(18_446_744_073_709_551_615)
    #expect(text(value.bytes) == #"{"a":1,"\u0062":"two","c":3,"d":18446744073709551615}"#)
    value["a"] = nil
    #expect(text(value.bytes) == #"{"\u0062":"two","c":3,"d":18446744073709551615}"#)
    var number = JSONValue(1)
    number["a"] = JSONValue(2)
    #expect(number == JSONValue(1))
  }

  @Test func `X30: a name that stands twice is refused`() {
    #expect(throws: SpecError.badJSON(.duplicateKey("b"), at: 13)) {
      try JSONValue(parsing: bytes(#"{"b":1,"a":2,"\u0062":3}"#))
    }
  }

  @Test func `nesting and size are bounded`() {
    let deep = String(repeating: #"{"a":"#, count: 33) + "1" + String(repeating: "}", count: 33)
    #expect(throws: SpecError.badJSON(.tooDeep(limit: 32), at: 32 * 5)) {
      try JSONValue(parsing: bytes(deep))
    }
    let limit = SpecLimits().documentByteCount
    let large = [UInt8](repeating: 0x20, count: Int(limit) + 1)
    #expect(throws: SpecError.documentTooLarge(byteCount: limit + 1, limit: limit)) {
      try JSONValue(parsing: large)
    }
  }
}

struct LayoutIndexEditorTests {
  private func entry(_ name: String, _ more: String = "") -> String {
    #"{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:\#(hex)","#
      + #""size":7\#(more),"annotations":{"org.opencontainers.image.ref.name":"\#(name)"}}"#
  }

  private func index(_ entries: [String]) -> String {
    #"{"x":1.50,"schemaVersion":2,"manifests":[\#(entries.joined(separator: ","))],"y":{"z":[]}}"#
  }

  private func new(_ name: String) throws -> Descriptor {
    Descriptor(
      mediaType: MediaType("application/vnd.oci.image.manifest.v1+json"),
      digest: try Digest("sha256:" + hex),
      byteCount: 9,
      annotations: ["org.opencontainers.image.ref.name": name, "a": "\"b\""],
      platform: Platform(os: "linux", architecture: "arm64")
    )
  }

  private let newText =
    #"{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:\#(hex)","#
    + #""size":9,"platform":{"architecture":"arm64","os":"linux","variant":"v8"},"#
    + #""annotations":{"a":"\"b\"","org.opencontainers.image.ref.name":"n"}}"#

  @Test(
    arguments: [
      ([], "q", [], "*"), (["a", "b"], "q", [], "a b *"), (["a", "b"], "b", [], "a * b"),
      (["a", "b", "b", "c"], "b", ["b"], "a * c"), (["a", "b", "c"], "b", ["a"], "* b c"),
      (["a", "b"], "q", ["a", "b"], "*"), (["b", "a", "b"], "b", ["a"], "* b b"),
    ] as [([String], String, [String], String)]
  )
  func `entries go in front of those with their name, and others stay as they are`(
    names: [String],
    successor: String,
    replaced: [String],
    expected: String
  ) throws {
    let strange = #","odd":[1.0,{"\u0041":null}]"#
    var editor = try LayoutIndexEditor(
      parsing: bytes(index(names.map { entry($0, strange) }))
    )
    editor.insert(
      [try new("n")],
      before: { $0.referenceName == successor },
      replacing: { replaced.contains($0.referenceName ?? "") }
    )
    let entries = expected.split(separator: " ").map {
      $0 == "*" ? newText : entry(String($0), strange)
    }
    #expect(text(try editor.bytes()) == index(entries))
    #expect(editor.entries.count == entries.count)
    // What was written is what is read.
    #expect(try ImageIndex(parsingLayoutIndex: editor.bytes()).manifests == editor.entries)
  }

  @Test func `entries are removed, and how many is told`() throws {
    var editor = try LayoutIndexEditor(parsing: bytes(index(["a", "b", "a"].map { entry($0) })))
    #expect(editor.remove { $0.referenceName == "a" } == 2)
    #expect(editor.remove { $0.referenceName == "a" } == 0)
    #expect(text(try editor.bytes()) == index([entry("b")]))
  }

  @Test func `an empty index is one, with null for a list too`() throws {
    #expect(try LayoutIndexEditor(parsing: LayoutIndexEditor.empty).entries.isEmpty)
    var editor = try LayoutIndexEditor(parsing: bytes(#"{"schemaVersion":2,"manifests":null}"#))
    editor.insert([try new("n")], before: { _ in true }, replacing: { _ in false })
    #expect(text(try editor.bytes()) == #"{"schemaVersion":2,"manifests":[\#(newText)]}"#)
  }

  @Test func `an index is not made larger than anybody reads`() throws {
    var editor = try LayoutIndexEditor(parsing: LayoutIndexEditor.empty)
    let limit = SpecLimits().documentByteCount
    let long = String(repeating: "n", count: Int(limit))
    editor.insert([try new(long)], before: { _ in true }, replacing: { _ in false })
    let error = #expect(throws: SpecError.self) { try editor.bytes() }
    guard case .documentTooLarge(_, limit) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }
}

struct ManifestConversionTests {
  @Test func `a manifest of Docker's is said in OCI's words`() throws {
    func document(_ manifest: String, _ config: String, _ layers: [String]) -> String {
      let layers = layers.map { #"{"mediaType":"\#($0)","size":1.0,"urls":["u"],"digest":"d"}"# }
      return #"{"schemaVersion":2,"mediaType":"\#(manifest)","config":{"mediaType":"\#(config)","#
        + #""size":3},"layers":[\#(layers.joined(separator: ","))],"odd":"\u0041"}"#
    }
    let docker = "application/vnd.docker."
    let oci = "application/vnd.oci.image."
    let from = document(
      docker + "distribution.manifest.v2+json",
      docker + "container.image.v1+json",
      [
        docker + "image.rootfs.diff.tar.gzip", docker + "image.rootfs.diff.tar",
        docker + "image.rootfs.diff.tar.zstd", docker + "image.rootfs.foreign.diff.tar.gzip",
        oci + "layer.v1.tar+gzip", "application/x-odd",
      ]
    )
    let to = document(
      oci + "manifest.v1+json",
      oci + "config.v1+json",
      [
        oci + "layer.v1.tar+gzip", oci + "layer.v1.tar", oci + "layer.v1.tar+zstd",
        oci + "layer.nondistributable.v1.tar+gzip", oci + "layer.v1.tar+gzip", "application/x-odd",
      ]
    )
    #expect(text(try ManifestConversion.convert(bytes(from))) == to)
    #expect(text(try ManifestConversion.convert(bytes(to))) == to)
  }

  @Test(
    arguments: [
      ("application/vnd.docker.distribution.manifest.v2+json", true),
      ("application/vnd.oci.image.manifest.v1+json", false),
      ("application/vnd.docker.distribution.manifest.list.v2+json", false), ("x", false),
    ]
  )
  func `only manifests of Docker's are converted`(type: String, isNeeded: Bool) {
    #expect(ManifestConversion.isNeeded(for: MediaType(type)) == isNeeded)
  }

  @Test func `every descriptor of a document is found, whatever it is`() throws {
    let other = String(repeating: "cd", count: 64)
    let document =
      #"{"config":{"mediaType":"c","digest":"sha256:\#(hex)","size":1},"x":[[{"digest":"#
      + #""sha512:\#(other)","size":2}]],"no":[{"digest":"sha256:00","size":1},{"digest":1,"size":1},"#
      + #"{"digest":"sha256:\#(hex)","size":-1},{"digest":"sha256:\#(hex)"}]}"#
    let found = try DescriptorSearch.descriptors(in: bytes(document))
    #expect(
      found == [
        Descriptor(mediaType: MediaType("c"), digest: try Digest("sha256:" + hex), byteCount: 1),
        Descriptor(mediaType: MediaType(""), digest: try Digest("sha512:" + other), byteCount: 2),
      ]
    )
  }
}
