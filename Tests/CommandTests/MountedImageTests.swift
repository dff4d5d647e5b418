// One text, three witnesses: the program's own dump of an image, a walk of its mount by system calls, and
// its ext4 file as debugfs reads it, are the same. What may differ, and why, is spelled out here and
// nowhere else.

import FileTree
import Foundation
import TestKit
import Testing

/// The suites that mount images.
///
/// One test at a time: they share the processors and one /dev/fuse.
@Suite(.serialized) enum MountedImageTests {}

/// How a layer's blob is written.
enum LayerEncoding: String, CaseIterable, Sendable {
  case plain
  case gzip
  case gzipOfManyMembers
  case zstdOfManyFrames
  case zstdOfOneFrame

  /// Decoded bytes per member or frame: some of each in every layer of any size.
  private static let partByteCount = 200 << 10

  func layer(_ entries: [TarEntry]) -> ImageFixture.Layer {
    let tar = TarBytes.archive(entries)
    let diffID = ImageFixture.sha256(tar)
    let zstd = "application/vnd.oci.image.layer.v1.tar+zstd"
    switch self {
    case .plain: return .plain(tar)
    case .gzip:
      return ImageFixture.Layer(blob: CompressedBytes.gzip(tar), diffID: diffID)
    case .gzipOfManyMembers:
      let shape = CompressedBytes.GzipShape { $0.memberByteCount = Self.partByteCount }
      return ImageFixture.Layer(blob: CompressedBytes.gzip(tar, shape), diffID: diffID)
    case .zstdOfManyFrames:
      let shape = CompressedBytes.ZstdShape { $0.frameByteCount = Self.partByteCount }
      let blob = CompressedBytes.zstd(tar, shape)
      return ImageFixture.Layer(blob: blob, mediaType: zstd, diffID: diffID)
    case .zstdOfOneFrame:
      let blob = CompressedBytes.zstd(tar)
      return ImageFixture.Layer(blob: blob, mediaType: zstd, diffID: diffID)
    }
  }
}

extension Workplace {
  /// Writes an image of these layers, base first, and returns its reference.
  func image(_ layers: [[TarEntry]], _ encoding: LayerEncoding = .gzip) throws -> String {
    let path = appending("image-\(UUID().uuidString)")
    let fixture = try ImageFixture.image(layers.map(encoding.layer), at: path)
    return "oci:\(fixture.path):latest"
  }
}

extension DumpText {
  /// What a user is shown of attributes: `trusted.` ones are root's, by the kernel's rule.
  ///
  /// The kernel would list them to everyone and hand them out to nobody but root.
  func shown(to role: Role) -> DumpText {
    role == .root ? self : withoutAttributes(in: "trusted")
  }
}

extension MountedImageTests {
  @Suite struct Witnesses {
    /// A user with a way to write the layers, so that both have all of them.
    struct Case: Sendable, CustomTestStringConvertible {
      var role: Role
      var encoding: LayerEncoding
      var testDescription: String { "\(role), \(encoding)" }
    }

    static let cases = Role.all.flatMap { role in
      LayerEncoding.allCases.map { Case(role: role, encoding: $0) }
    }

    @Test(arguments: cases)
    func `an image of everything is the same in tree, mount and ext4`(test: Case) throws {
      try expectOneText(FixtureImage.everything.layers, test)
    }

    @Test func `the witnesses are shown what they may differ in`() throws {
      let place = try Workplace()
      let tree = try place.dump(of: try place.image(FixtureImage.everything.layers))
      #expect(tree.shown(to: .ordinary).differences(from: tree).count == 2 * 5)
      #expect(tree.shown(to: .root) == tree)
    }

    @Test(arguments: [FixtureImage.withoutAttributes, .nothing], Role.all)
    func `an image without attributes is the same in tree, mount and ext4`(
      image: FixtureImage,
      role: Role
    ) throws {
      try expectOneText(image.layers, Case(role: role, encoding: .gzip))
    }

    private func expectOneText(_ layers: [[TarEntry]], _ test: Case) throws {
      let place = try Workplace(test.role)
      let reference = try place.image(layers, test.encoding)
      let tree = try place.dump(of: reference)

      let mount = try MountedImage(reference, in: place)
      #expect(try mount.dump().differences(from: tree.shown(to: test.role)) == [])
      try mount.end()

      let file = place.home + "/image.ext4"
      try place.materialize(reference, to: file)
      // Not what this user may see: debugfs reads all there is.
      let ext4 = DumpText(try Ext4Witness.rows(of: URL(fileURLWithPath: file)))
      #expect(ext4.differences(from: tree) == [])
      #expect(try place.mounts() == [])
    }
  }
}
