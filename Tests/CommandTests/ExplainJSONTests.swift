// stat --explain --format json: whole histories as programs read them.

import Foundation
import TestKit
import Testing

struct ExplainJSONTests {
  private func json(_ text: String) throws -> NSDictionary {
    NSDictionary(dictionary: try JSONText.object(Array(text.utf8)))
  }

  private func history(_ outcome: Outcome) throws -> NSDictionary {
    let document = try JSONText.object(outcome.output)
    #expect(document["schemaVersion"] as? Int == 1)
    return try #require(document["history"] as? NSDictionary)
  }

  /// Layers of an image, its reference, and their digests.
  private func image(
    _ layers: [[TarEntry]],
    in place: Workplace
  ) throws -> (reference: String, digests: [String]) {
    let blobs = layers.map { ImageFixture.Layer.plain(TarBytes.archive($0)) }
    _ = try ImageFixture.image(blobs, at: place.appending("image"))
    return ("oci:" + place.appending("image"), blobs.map(\.diffID))
  }

  @Test func `a file's history stands beside its other fields`() throws {
    let place = try Workplace()
    let (reference, digests) = try image(
      [
        [.file("d/x", "1").modified(5, nanoseconds: 6)],
        [.symlink("l", to: "/d"), .hardLink("l/x", to: "d/y"), .file("d/y", "22").owner(7, 8)],
      ],
      in: place
    )
    let outcome = try place.run("stat", "--explain", "--format", "json", reference, "d/x")
    let document = try JSONText.object(outcome.output)
    #expect(document["type"] as? String == "regular")
    #expect(document["size"] as? Int == 2)
    let old = """
      {"type": "regular", "mode": "0644", "uid": 0, "gid": 0, "size": 1, "layer": 0,
       "mtimeSeconds": 5, "mtimeNanoseconds": 6}
      """
    let expected = try json(
      """
      {"path": "d/x", "events": [
        {"layer": 0, "layerDigest": "\(digests[0])", "path": "d/x", "change": "put", "rules": [],
         "member": {"name": "d/x", "type": "regular", "offset": 0}, "content": \(old)},
        {"layer": 1, "layerDigest": "\(digests[1])", "path": "d/x", "change": "replaced",
         "rules": ["U22", "H3", "H7", "U14"],
         "member": {"name": "l/x", "type": "hard-link", "target": "d/y", "offset": 512},
         "links": [{"path": "l", "target": "/d", "layer": 1}],
         "replaced": \(old),
         "content": {"type": "regular", "mode": "0644", "uid": 7, "gid": 8, "size": 2, "layer": 1,
                     "mtimeSeconds": 0, "mtimeNanoseconds": 0}}
      ]}
      """
    )
    #expect(try history(outcome) == expected)
  }

  @Test
  func `a history of what is gone is the whole document, with bytes of names that are no text`()
    throws
  {
    let place = try Workplace()
    let link = TarText([0xFF])
    let (reference, digests) = try image(
      [
        [.file("d/x")],
        [.symlink(link, to: "d"), .whiteout(TarText(link.bytes + Array("/x".utf8)))],
      ],
      in: place
    )
    let outcome = try place.run("stat", "--explain", "--format", "json", reference, "d/x")
    #expect(outcome.status == 66)
    #expect(outcome.errors == "banger-fs: d/x: no such file or directory in the image\n")
    let document = try JSONText.object(outcome.output)
    #expect(document.keys.sorted() == ["history", "schemaVersion"])
    let expected = try json(
      #"""
      {"path": "d/x", "events": [
        {"layer": 0, "layerDigest": "\#(digests[0])", "path": "d/x", "change": "put", "rules": [],
         "member": {"name": "d/x", "type": "regular", "offset": 0},
         "content": {"type": "regular", "mode": "0644", "uid": 0, "gid": 0, "size": 0, "layer": 0,
                     "mtimeSeconds": 0, "mtimeNanoseconds": 0}},
        {"layer": 1, "layerDigest": "\#(digests[1])", "path": "d/x", "change": "hidden",
         "rules": ["U12", "U1"],
         "links": [{"path": "\\xff", "pathBase64": "/w==", "target": "d", "layer": 1}],
         "member": {"name": "\\xff/.wh.x", "nameBase64": "/y8ud2gueA==", "type": "whiteout",
                    "offset": 512}}
      ]}
      """#
    )
    #expect(try history(outcome) == expected)
  }

  @Test func `a history tells members that count for nothing, and added layers`() throws {
    let place = try Workplace()
    let (reference, digests) = try image([[.file("x"), .fifo("x")]], in: place)
    try place.write("home/x", "22", mode: 0o600)
    let outcome = try place.run(
      "stat",
      "--explain",
      "--format",
      "json",
      reference,
      "x",
      "--inject",
      "x:/x"
    )
    let events = try #require(try history(outcome)["events"] as? [NSDictionary])
    try #require(events.count == 3)
    let overtaken = try json(
      """
      {"layer": 0, "layerDigest": "\(digests[0])", "path": "x", "change": "overtaken",
       "rules": ["U16"], "member": {"name": "x", "type": "regular", "offset": 0},
       "overtakenBy": {"name": "x", "type": "fifo", "offset": 512}}
      """
    )
    #expect(events[0] == overtaken)
    #expect(events[2]["layer"] == nil)
    #expect(events[2]["addedBy"] as? String == "--inject x:/x")
    #expect(events[2]["member"] as? NSDictionary == ["name": "x", "type": "regular"])
    #expect((events[2]["replaced"] as? NSDictionary)?["type"] as? String == "fifo")
  }
}
