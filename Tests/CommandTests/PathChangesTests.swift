// layers REF PATH: every layer that has to do with a path.

import TestKit
import Testing

struct PathChangesTests {
  private static let layers: [[TarEntry]] = [
    [.directory("d/"), .file("d/x", "one"), .file("y", "y")],
    [.whiteout("d/x")],
    [.file("d/x", "three").mode(0o600).owner(5, 6)],
    [.opaque("d/"), .hardLink("d/x", to: "y"), .symlink("l", to: "d")],
  ]

  private func place() throws -> (Workplace, image: String, digests: [String]) {
    let place = try Workplace()
    let blobs = Self.layers.map { ImageFixture.Layer.plain(TarBytes.archive($0)) }
    _ = try ImageFixture.image(blobs, at: place.appending("image"))
    return (place, "oci:" + place.appending("image"), blobs.map { String($0.diffID.prefix(19)) })
  }

  @Test(arguments: ["d/x", "/d//x", "l/x"])
  func `a path's changes are told layer by layer`(path: String) throws {
    let (place, image, digests) = try place()
    let outcome = try place.run("layers", image, path)
    let expected = """
      LAYER  DIGEST               CHANGE  OFFSET  WHAT                  MEMBER          CREATED BY
          0  \(digests[0])  put        512  regular 0644 0:0 3    d/x             -
          1  \(digests[1])  hidden       0  -                     d/.wh.x         -
          2  \(digests[2])  put          0  regular 0600 5:6 5    d/x             -
          3  \(digests[3])  hidden       0  -                     d/.wh..wh..opq  -
          3  \(digests[3])  linked     512  regular 0644 0:0 1    d/x -> y        -

      """
    // The width of a column follows from what is in it.
    #expect(Self.words(outcome.text) == Self.words(expected))
    #expect((outcome.status, outcome.errors) == (0, ""))
  }

  private static func words(_ text: String) -> [[Substring]] {
    text.split(separator: "\n").map { $0.split(separator: " ") }
  }

  @Test func `changes as JSON are a history`() throws {
    let (place, image, _) = try place()
    let changes = try place.run("layers", "--format", "json", image, "d/x")
    let document = try JSONText.object(changes.output)
    let events = try #require(document["events"] as? [[String: Any]])
    #expect(events.map { $0["change"] as? String } == ["put", "hidden", "put", "hidden", "put"])
    #expect(events.map { $0["layer"] as? Int } == [0, 1, 2, 3, 3])
    let members = events.map { ($0["member"] as? [String: Any])?["offset"] as? Int }
    #expect(members == [512, 0, 0, 0, 512])
  }

  @Test(arguments: [
    (["nope"], 66, "nope: no layer has anything to do with it"),
    ([""], 64, "the path is empty"),
  ])
  func `what no layer knows is refused`(path: [String], status: Int32, message: String) throws {
    let (place, image, _) = try place()
    expect(try place.start(["layers", image] + path).finish(), is: .failure(status, message))
  }

  @Test func `warnings of layers and changes of a path are two questions`() throws {
    let (place, image, _) = try place()
    #expect(try place.run("layers", "--warnings", image, "y").status == 64)
  }
}
