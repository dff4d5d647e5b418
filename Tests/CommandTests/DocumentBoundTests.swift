// Documents that are too much, and what is optional in them and often wrong: rows I11 and I13 of
// docs/SEMANTICS.md.

import Foundation
import TestKit
import Testing

struct DocumentBoundTests {
  /// The build steps that `layers` shows for an image of two layers with this history.
  private func steps(_ history: String) throws -> [String?] {
    let place = try Workplace()
    let fixture = try ImageFixture(at: place.appending("image"))
    let layers = ["a", "b"].map(ImageFixture.layer)
    let blobs = try layers.map { try fixture.addBlob($0.blob, mediaType: $0.mediaType) }
    let config = try fixture.addConfiguration(of: layers, history)
    try fixture.write(index: [try fixture.addManifest(config: config, layers: blobs)])
    let outcome = try place.run("layers", "--format", "json", "oci:../image")
    #expect((outcome.status, outcome.errors) == (0, ""))
    let list = try #require(try JSONText.object(outcome.output)["layers"] as? [[String: Any]])
    return list.map { $0["createdBy"] as? String }
  }

  static let histories: [(row: String, history: String, steps: [String?])] = [
    ("I11: no history", "", [nil, nil]),
    ("I11: history that is null", #","history":null"#, [nil, nil]),
    (
      "I11: a step for each layer, and one that made none",
      #","history":[{"created_by":"1"},{"created_by":"x","empty_layer":true},{"created_by":"2"}]"#,
      ["1", "2"]
    ),
    ("I11: fewer steps than layers", #","history":[{"created_by":"1"}]"#, [nil, nil]),
    (
      "I11: more steps than layers",
      #","history":[{"created_by":"1"},{"created_by":"2"},{"created_by":"3"}]"#, [nil, nil]
    ),
  ]

  @Test(arguments: histories)
  func `steps are shown where they account for the layers`(
    row: String,
    history: String,
    steps: [String?]
  ) throws {
    #expect(try self.steps(history) == steps, "\(row)")
  }

  /// What `ls` says of an image with this configuration; it exits with 65.
  private func refusal(_ place: Workplace, _ write: (ImageFixture) throws -> Void) throws -> String
  {
    let fixture = try ImageFixture(at: place.appending("image"))
    try write(fixture)
    let outcome = try place.run("ls", "oci:../image")
    #expect((outcome.status, outcome.text) == (65, ""))
    return outcome.errors
  }

  @Test func `I13: a configuration of more than 4 MiB`() throws {
    let labels = String(repeating: " ", count: 4 << 20)
    let errors = try refusal(Workplace()) { fixture in
      let config = try fixture.addConfiguration(of: [], labels)
      try fixture.write(index: [try fixture.addManifest(config: config, layers: [])])
    }
    #expect(errors.contains(" bytes, more than 4194304"))
  }

  @Test func `I13: a manifest that says it has gigabytes`() throws {
    let errors = try refusal(Workplace()) { fixture in
      var image = try fixture.image("a")
      image.size = 5_000_000_000
      try fixture.write(index: [image])
    }
    #expect(errors.contains("5000000000 bytes, more than 4194304"))
  }

  @Test func `I13: brackets without end`() throws {
    let errors = try refusal(Workplace()) { fixture in
      let deep = #","x":"# + String(repeating: "[", count: 100_000)
      let config = try fixture.addConfiguration(of: [], deep)
      try fixture.write(index: [try fixture.addManifest(config: config, layers: [])])
    }
    #expect(errors.contains(": nesting deeper than 32 at byte "))
  }

  @Test func `I13: more layers than any image has`() throws {
    let errors = try refusal(Workplace()) { fixture in
      let layer = try fixture.addBlob([0], mediaType: ImageFixture.layer("a").mediaType)
      let list = Array(repeating: layer.text, count: 1001).joined(separator: ",")
      let config = try fixture.addConfiguration(of: [])
      try fixture.write(index: [try fixture.addManifest(config: config, layers: list)])
    }
    #expect(errors.contains("1001 layers, more than 1000"))
  }
}
