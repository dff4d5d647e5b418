// What is in a real image, as other programs say it and as we do: skopeo of its documents, find of the
// tree that umoci unpacks.

import Foundation
import TestKit
import Testing

struct OracleTests {
  @Test func `inspect and layers say what skopeo says`() throws {
    let place = try Workplace()
    let image = try place.reference(of: .debian)
    let said = try JSONText.object(
      Program.succeed(["skopeo", "inspect", "oci:" + RealImage.debian.layout + ":debian"])
    )
    let inspected = try JSONText.object(
      try place.run("inspect", "--format", "json", image).output
    )
    #expect(inspected["digest"] as? String == said["Digest"] as? String)
    #expect(inspected["created"] as? String == said["Created"] as? String)
    #expect(inspected["environment"] as? [String] ?? [] == said["Env"] as? [String] ?? [])
    let platform = ["Os", "Architecture"].compactMap { said[$0] as? String }
    #expect(inspected["platform"] as? String == platform.joined(separator: "/"))

    let raw = try JSONText.object(
      Program.succeed(["skopeo", "inspect", "--raw", "oci:" + RealImage.debian.layout + ":debian"])
    )
    let data = try #require(raw["layers"] as? [[String: Any]])
    let listed = try JSONText.object(try place.run("layers", "--format", "json", image).output)
    let layers = try #require(listed["layers"] as? [[String: Any]])
    #expect(layers.count >= 3)
    #expect(layers.compactMap { $0["digest"] as? String } == said["Layers"] as? [String])
    #expect(layers.map { $0["digest"] as? String } == data.map { $0["digest"] as? String })
    #expect(layers.map { $0["compressedBytes"] as? Int } == data.map { $0["size"] as? Int })
    #expect(layers.map { $0["mediaType"] as? String } == data.map { $0["mediaType"] as? String })
  }

  @Test func `names are those that find has in what umoci unpacks`() throws {
    let place = try Workplace()
    let unpacked = try UnpackedImage(.debian)
    let found = try AsRoot.succeed(["find", unpacked.path, "-mindepth", "1", "-printf", "/%P\\0"])
    let ours = try place.run("ls", "-0R", try place.reference(of: .debian)).output
    let expected = found.split(separator: 0) + [Array("/".utf8)[...]]
    #expect(expected.count > 10_000)
    #expect(Set(ours.split(separator: 0)) == Set(expected))
    #expect(ours.split(separator: 0).count == expected.count)
  }
}
