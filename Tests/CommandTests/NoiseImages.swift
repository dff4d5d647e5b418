// Images that are made fast, however many a test needs: their layers are files that are parts of one
// stretch of noise.

import TestKit
import TestRegistry

enum NoiseImages {
  /// 1 MiB; layers that reach beyond its end go on at its beginning.
  private static let noise = GeneratedBytes.noise(byteCount: 1 << 20, seed: 7).all

  /// A layer of one file, which no other `number` has the like of.
  static func layer(_ number: Int, byteCount: Int, isCompressed: Bool) -> Layer {
    let start = number &* 7919 % noise.count
    var content = Array("\(number) ".utf8)
    content.reserveCapacity(byteCount + noise.count)
    content += noise[start...]
    while content.count < byteCount { content += noise }
    content.removeLast(content.count - byteCount)
    let tar = TarBytes.archive([.file("file\(number)", TarText(content))])
    let diffID = ImageFixture.sha256(tar)
    let blob = isCompressed ? CompressedBytes.gzip(tar) : tar
    let part = TestImage.Part(
      digest: isCompressed ? ImageFixture.sha256(blob) : diffID,
      bytes: GeneratedBytes(blob),
      mediaType: isCompressed ? ImageFixture.MediaTypes.oci.gzipLayer : TestImage.plainLayer
    )
    return Layer(part: part, diffID: diffID)
  }

  /// A layer and what its configuration says of it.
  struct Layer {
    let part: TestImage.Part
    let diffID: String
  }

  static func image(_ layers: [Layer]) -> TestImage {
    TestImage(layers: layers.map(\.part), diffIDs: layers.map(\.diffID))
  }
}
