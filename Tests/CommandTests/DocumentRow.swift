// A row of the table of documents: a layout that is made as the row says, and what the program answers.

import Foundation
import TestKit
import Testing

/// One row; its description begins with its name in docs/SEMANTICS.md.
struct DocumentRow: Sendable, CustomTestStringConvertible {
  let testDescription: String
  /// What hashes the layout's blobs.
  var algorithm = ImageFixture.Algorithm.sha256
  /// Writes the layout; tells how it is asked for, and what is answered.
  let make: @Sendable (ImageFixture) throws -> Question

  init(
    _ name: String,
    algorithm: ImageFixture.Algorithm = .sha256,
    make: @escaping @Sendable (ImageFixture) throws -> Question
  ) {
    testDescription = name
    self.algorithm = algorithm
    self.make = make
  }

  /// How an image is asked for, and the answer.
  struct Question {
    /// Behind the layout's directory in the reference.
    var suffix = ""
    var options: [String] = []
    var answer: Answer
  }

  enum Answer {
    /// The names at the top of the tree.
    case names([String])
    case refused(Int32, String, hint: String? = nil)
  }

  /// Asks what only looks at the image, and what writes something.
  func check() throws {
    let place = try Workplace(Role.all.last ?? .ordinary)
    let fixture = try ImageFixture(at: place.appending("image"), algorithm: algorithm)
    let question = try make(fixture)
    let arguments = question.options + ["oci:../image" + question.suffix]
    switch question.answer {
    case .names(let names):
      let text = names.map { $0 + "\n" }.joined()
      expect(try place.start(["ls"] + arguments).finish(), is: .success(text))
    case .refused(let status, let message, let hint):
      let expected = Outcome.failure(status, message, hint: hint)
      expect(try place.start(["ls"] + arguments).finish(), is: expected)
      expect(try place.start(["materialize"] + arguments + ["out"]).finish(), is: expected)
      #expect(try place.names().filter { $0 != "cache" } == [])
    }
  }
}

// MARK: - Documents by hand

extension ImageFixture {
  /// A plain layer with one empty file.
  static func layer(_ name: String) -> Layer {
    .plain(TarBytes.archive([.file(TarText(Array(name.utf8)))]))
  }

  /// An image of one layer with one empty file.
  func image(_ name: String, platform: String = "linux/amd64") throws -> Entry {
    try addImage([Self.layer(name)], platform: platform)
  }

  /// A document as it is written.
  func add(_ text: String, _ mediaType: String) throws -> Entry {
    try addBlob(Array(text.utf8), mediaType: mediaType)
  }

  /// The configuration of an image of these layers, with members added as they are written.
  func addConfiguration(of layers: [Layer], _ extras: String = "") throws -> Entry {
    let digests = layers.map { "\"\($0.diffID)\"" }.joined(separator: ",")
    return try add(
      #"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[\#(digests)]}"#
        + extras + "}",
      MediaTypes.oci.configuration
    )
  }

  /// A manifest whose layers, and whatever else is in it, are text.
  func addManifest(
    config: Entry,
    layers: String,
    _ extras: String = "",
    mediaType: String = MediaTypes.oci.manifest
  ) throws -> Entry {
    try add(
      #"{"schemaVersion":2,"config":\#(config.text),"layers":[\#(layers)]\#(extras)}"#,
      mediaType
    )
  }
}

extension ImageFixture.Entry {
  /// The descriptor as it stands in a document.
  var text: String {
    #"{"mediaType":"\#(mediaType)","digest":"\#(digest)","size":\#(size)}"#
  }
}
