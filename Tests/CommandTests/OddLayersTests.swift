// Random layers in every odd form, through the whole program: tree, mount and ext4 are what the naive
// reference makes of what was meant, to the last byte of every file.

import FileTree
import Foundation
import TestKit
import Testing

extension MountedImageTests {
  @Suite struct OddLayers {
    private func image(
      _ stack: [[LayerMember]],
      seed: UInt64,
      in place: Workplace
    ) throws -> String {
      let encodings = TestKit.LayerEncoding.allCases
      let layers = OddArchives.tars(of: stack, seed: seed).enumerated().map { number, tar in
        let encoding = encodings[(Int(truncatingIfNeeded: seed) + number) % encodings.count]
        return ImageFixture.Layer(blob: encoding.blob(of: tar), diffID: ImageFixture.sha256(tar))
      }
      let path = place.appending("image-\(seed)")
      return "oci:" + (try ImageFixture.image(layers, at: path)).path
    }

    /// By turns as each user, and with either reading of links.
    @Test(arguments: 0..<24)
    func `random layers in odd forms are the same in tree, mount and ext4`(number: Int) throws {
      let seed = UInt64(number)
      let lowerLinks: LowerLinkPolicy = number % 4 < 2 ? .replace : .follow
      let stack = RandomLayers.mergeableStack(
        seed: seed,
        layerCount: 5,
        memberCount: 30,
        lowerLinks: lowerLinks
      )
      let role = Role.all[number % Role.all.count]
      let place = try Workplace(role)
      let reference = try image(stack, seed: seed, in: place)
      let options = lowerLinks == .follow ? ["--follow-dirlinks"] : []
      let tree = try place.dump(of: reference, options)
      let expected = try ReferenceMerge.dump(of: stack, lowerLinks: lowerLinks)
      #expect(tree.differences(from: expected) == [], "seed \(seed)")

      let mount = try MountedImage(reference, options, in: place)
      #expect(try mount.dump().differences(from: tree.shown(to: role)) == [], "seed \(seed)")
      try mount.end()

      let file = place.home + "/image.ext4"
      try place.materialize(reference, to: file, options)
      // Not what this user may see: debugfs reads all there is.
      let ext4 = DumpText(try Ext4Witness.rows(of: URL(fileURLWithPath: file)))
      #expect(ext4.differences(from: tree) == [], "seed \(seed)")
    }

    /// Four times twelve more, as trees alone.
    @Test(arguments: 0..<4)
    func `random layers in odd forms have the right bytes in every file`(batch: Int) throws {
      let place = try Workplace()
      for seed in UInt64(100 + batch * 12)..<UInt64(112 + batch * 12) {
        let stack = RandomLayers.mergeableStack(seed: seed, layerCount: 4, memberCount: 25)
        let tree = try place.dump(of: try image(stack, seed: seed, in: place))
        let expected = try ReferenceMerge.dump(of: stack)
        #expect(tree.differences(from: expected) == [], "seed \(seed)")
      }
    }
  }
}
